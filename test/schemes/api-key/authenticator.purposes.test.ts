import { describe, expect, test } from 'vitest'
import { importedKeyDigests } from '../../../src/credentials/imported-key.ts'
import type { ImportedKey } from '../../../src/directory/directory.ts'
import type { Authenticator, Shortfall } from '../../../src/schemes/authenticator.ts'
import { authenticator, foreign, G1, G2, issue, type Known, present, reasonOf, root, rootOf, scopesOf } from '../../support/api-keys.ts'
import { evaluateContext } from '../../support/authenticators.ts'

const answers = async (made: Authenticator, shortfall: Shortfall): Promise<unknown> => made.remedy(shortfall, evaluateContext())

describe('keys made elsewhere', () => {
  const THEIRS = 'sk-live-0123456789'
  const imported = async (key: string, entry: Partial<ImportedKey> = {}, by = root): Promise<Known> => {
    const digests = await importedKeyDigests(by, key)
    return { imported: { [digests.at(-1) ?? '']: { id: 'theirs', consumer: 'acme', ...entry } } }
  }

  test('AK-3: are known by their peppered hash', async () => {
    const verdict = await present(THEIRS, authenticator({}, await imported(THEIRS, { scopes: ['read', 'admin'] })))
    expect(verdict).toEqual({
      status: 'verified',
      principal: {
        scheme: 'app',
        kind: 'api-key',
        issuer: 'portcullis',
        subject: 'acme',
        consumer: 'acme',
        credentialId: 'theirs',
        scopes: new Set(['read']),
        claims: {},
        expiresAt: Number.POSITIVE_INFINITY,
      },
    })
  })

  test('one character more, less or other is unknown', async () => {
    const made = authenticator({}, await imported(THEIRS))
    for (const other of [`${THEIRS}0`, THEIRS.slice(1), THEIRS.toUpperCase(), 'sk'])
      expect(await present(other, made)).toEqual({ status: 'rejected', reason: 'unknown_key' })
  })

  test('the hash itself opens nothing', async () => {
    const known = await imported(THEIRS)
    const digest = Object.keys(known.imported ?? {})[0] ?? ''
    for (const text of [digest, `hmac-sha256:${digest}`])
      expect(reasonOf(await present(text, authenticator({}, known)))).toBe('unknown_key')
  })

  test('a hash of an older generation holds until that generation goes', async () => {
    const known = await imported(THEIRS)
    expect(reasonOf(await present(THEIRS, authenticator({}, known, rootOf(`${G2},${G1}`))))).toBe('verified')
    expect(reasonOf(await present(THEIRS, authenticator({}, known, rootOf(G2))))).toBe('unknown_key')
  })

  test('512 characters are hashed, 513 are not', async () => {
    const [under, over] = ['k'.repeat(512), 'k'.repeat(513)]
    expect(reasonOf(await present(under, authenticator({}, await imported(under))))).toBe('verified')
    expect(reasonOf(await present(over, authenticator({}, await imported(over))))).toBe('malformed')
  })

  test('their plan and consumer are asked like those of any key', async () => {
    expect(scopesOf(await present(THEIRS, authenticator({}, await imported(THEIRS, { plan: 'free' }))))).toEqual(['read'])
    expect(reasonOf(await present(THEIRS, authenticator({}, await imported(THEIRS, { plan: 'gone' }))))).toBe('unknown_plan')
    expect(reasonOf(await present(THEIRS, authenticator({}, await imported(THEIRS, { consumer: 'x' }))))).toBe('unknown_consumer')
  })

  test('one that looks like an issued key does not become one', async () => {
    const { key } = await issue({}, 'api', foreign)
    expect(reasonOf(await present(key, authenticator({}, await imported(key))))).toBe('unknown_key')
    expect(reasonOf(await present('pck_legacy', authenticator({}, await imported('pck_legacy'))))).toBe('verified')
  })

  test('never open the gate’s own API', async () => {
    expect(reasonOf(await present(THEIRS, authenticator({ purpose: 'admin' }, await imported(THEIRS))))).toBe('unknown_key')
  })
})

describe('admin keys', () => {
  const admin = (known: Known = {}) => authenticator({ name: 'admin', purpose: 'admin' }, known)

  test('open the gate’s own API with their own scopes; no plan or consumer of the policy counts', async () => {
    const { key, id } = await issue({ consumer: 'nobody', plan: 'gone', scopes: ['status:read'] }, 'admin')
    expect(await present(key, admin())).toMatchObject({
      status: 'verified',
      principal: { scheme: 'admin', credentialId: id, scopes: new Set(['status:read']) },
    })
    expect(scopesOf(await present((await issue({}, 'admin')).key, admin()))).toEqual([])
  })

  test('expire like any other, kept or not', async () => {
    const made = admin()
    const { key, expiresAt } = await issue({ expiresInSeconds: 60 }, 'admin')
    expect(reasonOf(await present(key, made, expiresAt - 1))).toBe('verified')
    expect(reasonOf(await present(key, made, expiresAt))).toBe('expired')
  })

  test('an API key is nothing to the gate’s own API, nor an admin key to the guarded one, under either prefix', async () => {
    const { key: api } = await issue({ scopes: ['status:read'] })
    const { key: own } = await issue({ scopes: ['read'] }, 'admin')
    for (const text of [api, api.replace('pck', 'pca')]) expect(reasonOf(await present(text, admin()))).toBe('unknown_key')
    for (const text of [own, own.replace('pca', 'pck')]) expect(reasonOf(await present(text))).toBe('unknown_key')
  })
})

describe('the remedy', () => {
  const rejected = { status: 'rejected', reason: 'unknown_key' } as const
  const lacking = { status: 'insufficient_scope', required: ['read', 'write'] } as const

  test.each([
    ['header', 'ApiKey realm="portcullis", header="k"'],
    ['query', 'ApiKey realm="portcullis", query="k"'],
    ['cookie', 'ApiKey realm="portcullis", cookie="k"'],
  ] as const)('names the place of a key in a %s', async (place, challenge) => {
    const made = authenticator({ carrier: { in: place, name: 'k' } })
    for (const shortfall of [{ status: 'absent' } as const, rejected, lacking])
      expect(await answers(made, shortfall)).toEqual({ challenges: [challenge] })
  })

  test('RFC 6750 §3: a bearer challenge has an error only where a key was sent', async () => {
    const made = authenticator({ carrier: { in: 'bearer' } })
    expect(await answers(made, { status: 'absent' })).toEqual({ challenges: ['Bearer realm="portcullis"'] })
    expect(await answers(made, rejected)).toEqual({ challenges: ['Bearer realm="portcullis", error="invalid_token"'] })
    expect(await answers(made, lacking)).toEqual({
      challenges: ['Bearer realm="portcullis", error="insufficient_scope", scope="read write"'],
    })
  })

  test('says the same of every key that was not accepted', async () => {
    const made = authenticator({ carrier: { in: 'bearer' } })
    const reasons = ['unknown_key', 'malformed', 'expired', 'revoked', 'unknown_consumer', 'unknown_plan'] as const
    const all = await Promise.all(reasons.map(async (reason) => JSON.stringify(await answers(made, { status: 'rejected', reason }))))
    expect(new Set(all).size).toBe(1)
  })
})
