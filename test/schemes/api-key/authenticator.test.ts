import { describe, expect, test } from 'vitest'
import { encodeBase62 } from '../../../src/credentials/base62.ts'
import { issueKey } from '../../../src/credentials/key-format.ts'
import type { RootSecret } from '../../../src/credentials/root-secret.ts'
import type { ApiKeyConfig } from '../../../src/schemes/api-key/config.ts'
import { authenticator, foreign, G1, G2, issue, present, reasonOf, root, rootOf, scopesOf } from '../../support/api-keys.ts'
import { evaluateContext, NOW } from '../../support/authenticators.ts'

describe('createApiKeyAuthenticator()', () => {
  test('lets an issued key in as its consumer, without any read', async () => {
    const { key, id } = await issue({ plan: 'free' })
    expect(await present(key)).toEqual({
      status: 'verified',
      principal: {
        scheme: 'app',
        kind: 'api-key',
        issuer: 'portcullis',
        subject: 'acme',
        consumer: 'acme',
        plan: 'free',
        credentialId: id,
        generation: 'g1',
        scopes: new Set(['read']),
        claims: {},
        issuedAt: NOW,
        expiresAt: NOW + 365 * 86_400_000,
      },
    })
  })

  test('AK-7: declares its one carrier, so that the proxy can take the key off', () => {
    expect(authenticator().carriers).toEqual([{ in: 'header', name: 'X-Key' }])
    expect(authenticator({ carrier: { in: 'bearer' } }).carriers).toEqual([{ in: 'header', name: 'authorization' }])
    expect(authenticator({ carrier: { in: 'query', name: 'k' } }).carriers).toEqual([{ in: 'query', name: 'k' }])
    expect(authenticator({ carrier: { in: 'cookie', name: 'k' } }).carriers).toEqual([{ in: 'cookie', name: 'k' }])
  })

  test('finds the key in each carrier', async () => {
    const { key } = await issue()
    const cases: [ApiKeyConfig['carrier'], string, HeadersInit][] = [
      [{ in: 'bearer' }, '', { authorization: `Bearer ${key}` }],
      [{ in: 'query', name: 'k' }, `?k=${key}`, {}],
      [{ in: 'cookie', name: 'k' }, '', { cookie: `k=${key}` }],
    ]
    for (const [carrier, query, headers] of cases) {
      const attempt = authenticator({ carrier }).read(new Request(`https://api.example.com/${query}`, { headers }))
      expect(reasonOf((await attempt?.(evaluateContext())) ?? { status: 'unavailable', reason: 'secret_unavailable' })).toBe('verified')
    }
  })

  test('a key that is absent is no attempt; one that is sent twice is ambiguous', async () => {
    expect(authenticator().read(new Request('https://api.example.com/'))).toBeUndefined()
    const { key } = await issue()
    expect(await present(`${key},${key}`)).toEqual({ status: 'rejected', reason: 'ambiguous' })
    expect(await present(`${key} x`)).toEqual({ status: 'rejected', reason: 'malformed' })
  })

  test('AK-8: forged, unknown, other-purpose and unreadable keys are one answer', async () => {
    const { key } = await issue()
    const [prefix = '', payload = '', mac = ''] = key.split('_')
    const others = await Promise.all([
      issue({}, 'admin'),
      issue({}, 'api', foreign),
      issue({}, 'api', rootOf(G2)),
      issue({ consumer: 'someone' }, 'api', foreign),
      issueKey(foreign, 'api', { consumer: 'acme', expiresInSeconds: 1 }, NOW - 60_000),
    ])
    const texts = [
      `${prefix}_${payload}_${encodeBase62(new Uint8Array(32))}`,
      `${prefix}_${payload}`,
      `${prefix}_${mac}_${mac}`,
      `${key}x`,
      'pck_',
      'x',
      'their-key',
      ...others.map((other) => other.key),
    ]
    const verdicts = await Promise.all(texts.map(async (text) => present(text)))
    expect(verdicts).toEqual(texts.map(() => ({ status: 'rejected', reason: 'unknown_key' })))
  })

  test('expires to the millisecond, and says so, for the MAC held', async () => {
    const { key, expiresAt } = await issue({ expiresInSeconds: 60 })
    expect(reasonOf(await present(key, authenticator(), expiresAt - 1))).toBe('verified')
    expect(await present(key, authenticator(), expiresAt)).toEqual({ status: 'rejected', reason: 'expired', authentic: true })
  })

  test('who is no longer known is refused: no consumer, no plan is never unlimited', async () => {
    expect(await present((await issue({ consumer: 'nobody' })).key)).toEqual({
      status: 'rejected',
      reason: 'unknown_consumer',
      authentic: true,
    })
    const lostPlan = { status: 'rejected', reason: 'unknown_plan', authentic: true }
    expect(await present((await issue({ plan: 'gone' })).key)).toEqual(lostPlan)
    expect(await present((await issue({ consumer: 'lost' })).key)).toEqual(lostPlan)
    expect(reasonOf(await present((await issue({ consumer: 'lost', plan: 'free' })).key))).toBe('verified')
  })

  test.each([
    ['its own within its plan', { scopes: ['read', 'admin'], plan: 'free' }, ['read']],
    ['none that its plan lacks', { scopes: ['write'], plan: 'free' }, []],
    ['its own where the plan says nothing', { scopes: ['admin'], plan: 'open' }, ['admin']],
    ['its own without a plan', { scopes: ['admin'], consumer: 'solo' }, ['admin']],
    ['those of the plan where it says nothing', { plan: 'free' }, ['read']],
    ['those of the consumer’s plan', {}, ['read', 'write']],
    ['its own within the consumer’s plan', { scopes: ['write', 'admin'] }, ['write']],
    ['none of its own: none', { scopes: [] }, []],
    ['a plan of none: none', { scopes: ['read'], plan: 'none' }, []],
    ['nothing said at all: none', { consumer: 'solo' }, []],
    ['nothing said and an open plan: none', { plan: 'open' }, []],
  ])('scopes: %s', async (_, options, scopes) => {
    expect(scopesOf(await present((await issue(options)).key))).toEqual(scopes)
  })

  test('a retired generation takes its keys with it', async () => {
    const { key } = await issue()
    expect(reasonOf(await present(key, authenticator({}, {}, rootOf(`${G2},${G1}`))))).toBe('verified')
    expect(reasonOf(await present(key, authenticator({}, {}, rootOf(G2))))).toBe('unknown_key')
  })
})

describe('a key that verified before', () => {
  /** Counts how often a MAC key was needed. */
  function counting(): { readonly secret: RootSecret; readonly count: () => number } {
    let derivations = 0
    const derive: RootSecret['derive'] = async (purpose, generation) => {
      derivations++
      return root.derive(purpose, generation)
    }
    return { secret: { generations: root.generations, derive }, count: () => derivations }
  }

  test('costs no cryptography again; one that did not verify is never kept', async () => {
    const { secret, count } = counting()
    const made = authenticator({}, {}, secret)
    const { key } = await issue()
    const { key: forged } = await issue({}, 'api', foreign)
    await present(key, made)
    expect(count()).toBe(1)
    await present(key, made)
    expect(count()).toBe(1)
    await present(forged, made)
    expect(reasonOf(await present(forged, made))).toBe('unknown_key')
    expect(count()).toBe(3)
  })

  test('is still asked for its end, its consumer and its plan', async () => {
    const forgotten = new Set<string>()
    const made = authenticator({}, { forgotten })
    const { key, expiresAt } = await issue({ plan: 'free' })
    expect(reasonOf(await present(key, made, expiresAt - 1))).toBe('verified')
    expect(reasonOf(await present(key, made, expiresAt))).toBe('expired')
    forgotten.add('free')
    expect(reasonOf(await present(key, made))).toBe('unknown_plan')
    forgotten.add('acme')
    expect(reasonOf(await present(key, made))).toBe('unknown_consumer')
  })

  test('a changed key does not pass as one that is kept', async () => {
    const made = authenticator()
    const { key } = await issue()
    await present(key, made)
    expect(reasonOf(await present(key.slice(0, -1) + (key.endsWith('0') ? '1' : '0'), made))).toBe('unknown_key')
    expect(reasonOf(await present(`${key}0`, made))).toBe('unknown_key')
  })

  test('memory is bounded: over 2 MiB of keys it starts anew, and all stay good', async () => {
    const { secret, count } = counting()
    const made = authenticator({}, {}, secret)
    const scopes = Array.from({ length: 6 }, () => 's'.repeat(100))
    const { key: first } = await issue({ scopes })
    const keys = Math.ceil((2 * 1024 * 1024) / first.length)
    await present(first, made)
    for (let index = 1; index < keys - 1; index++) await present((await issue({ scopes })).key, made)
    expect(count()).toBe(keys - 1)
    await present(first, made)
    expect(count()).toBe(keys - 1)
    await present((await issue({ scopes })).key, made)
    expect(reasonOf(await present(first, made))).toBe('verified')
    expect(count()).toBe(keys + 1)
  })
})
