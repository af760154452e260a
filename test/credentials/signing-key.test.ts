import { describe, expect, test } from 'vitest'
import { encodeBase62 } from '../../src/credentials/base62.ts'
import { issueKey, MAX_KEY_LENGTH, MAX_KEY_LIFE_SECONDS, parseKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret, type RootSecret } from '../../src/credentials/root-secret.ts'
import { issueSigningKey, resolveSigningKey } from '../../src/credentials/signing-key.ts'
import { encodeBase64Url } from '../../src/http/base64url.ts'
import { NOW } from '../support/authenticators.ts'

const G1 = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
const G2 = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
const rootOf = (text: string, gateway = 'edge', environment = 'test'): RootSecret => parseRootSecret(text, { gateway, environment })
const root = rootOf(`g1:${G1}`)
const issue = async (by = root) => issueSigningKey(by, { consumer: 'acme', plan: 'gold', scopes: ['a'] }, NOW)

async function resolvedSecret(keyid: string, by = root): Promise<string | undefined> {
  const key = await resolveSigningKey(by, keyid)
  return key === undefined ? undefined : encodeBase64Url(key.secret)
}

describe('signing keys', () => {
  test('the id alone gives secret and claims back, in another isolate', async () => {
    const { keyid, secret, ...claims } = await issue()
    expect(keyid).toMatch(/^pcs_[0-9A-Za-z]+$/u)
    expect(secret).toMatch(/^[\w-]{43}$/u)
    const { secret: resolved, ...said } = (await resolveSigningKey(rootOf(`g1:${G1}`), keyid)) ?? {}
    expect(encodeBase64Url(resolved ?? new Uint8Array())).toBe(secret)
    expect(said).toEqual(claims)
    expect(claims).toMatchObject({ consumer: 'acme', plan: 'gold', scopes: ['a'], generation: 'g1', issuedAt: NOW })
  })

  test('the id does not hold the secret', async () => {
    const { keyid, secret } = await issue()
    expect(keyid).not.toContain(secret)
    const [one, two] = await Promise.all([issue(), issue()])
    expect(one.secret).not.toBe(two.secret)
  })

  test('a changed id never leads to the secret that was given out', async () => {
    const { keyid, secret } = await issue()
    const changed = Array.from(
      keyid,
      (character, index) => keyid.slice(0, index) + (character === 'A' ? 'B' : 'A') + keyid.slice(index + 1),
    )
    const secrets = await Promise.all(changed.map(async (text) => resolvedSecret(text)))
    expect(secrets).not.toContain(secret)
    expect(await resolvedSecret(keyid)).toBe(secret)
  })

  test('other claims are another secret: nobody promotes a key', async () => {
    const { keyid, secret, ...claims } = await issue()
    const fields = [1, 'g1', claims.id, 'evil', 'gold', 'a', claims.issuedAt / 1000, (claims.expiresAt - claims.issuedAt) / 1000]
    const forged = `pcs_${encodeBase62(new TextEncoder().encode(JSON.stringify(fields)))}`
    expect(forged).toHaveLength(keyid.length)
    const resolved = await resolvedSecret(forged)
    expect(resolved).toMatch(/^[\w-]{43}$/u)
    expect(resolved).not.toBe(secret)
  })

  test('generation, gateway and environment are part of the secret', async () => {
    const { keyid, secret } = await issue()
    expect(await resolvedSecret(keyid, rootOf(`g2:${G2},g1:${G1}`))).toBe(secret)
    expect(await resolvedSecret(keyid, rootOf(`g2:${G2}`))).toBeUndefined()
    for (const other of [rootOf(`g1:${G2}`), rootOf(`g1:${G1}`, 'other'), rootOf(`g1:${G1}`, 'edge', 'production')]) {
      const resolved = await resolvedSecret(keyid, other)
      expect(resolved).toBeDefined()
      expect(resolved).not.toBe(secret)
    }
  })

  test('new ones are of the newest generation', async () => {
    expect(await issue(rootOf(`g2:${G2},g1:${G1}`))).toMatchObject({ generation: 'g2' })
  })

  test('a signing key id is no API key, and an API key no signing key id', async () => {
    const { keyid } = await issue()
    expect(parseKey(keyid)).toBeUndefined()
    const { key } = await issueKey(root, 'api', { consumer: 'acme' }, NOW)
    expect(await resolvedSecret(key)).toBeUndefined()
    expect(await resolvedSecret(`pcs_${key.split('_')[1] ?? ''}`)).not.toContain(key.split('_')[2])
  })

  test.each([
    ['nothing', ''],
    ['the prefix alone', 'pcs_'],
    ['no base62', 'pcs_----'],
    ['a payload that is no claims', 'pcs_0000'],
    ['a name of the policy', 'acme-2027'],
    ['an upper-case prefix', 'PCS_00'],
  ])('%s is not such an id', async (_, keyid) => {
    expect(await resolveSigningKey(root, keyid)).toBeUndefined()
  })

  test('a second spelling of an id is none', async () => {
    const { keyid } = await issue()
    for (const text of [`${keyid} `, ` ${keyid}`, `${keyid}_`, `${keyid}00`, keyid.toUpperCase()])
      expect(await resolveSigningKey(root, text)).toBeUndefined()
  })

  test('options are bounded like those of a key', async () => {
    for (const options of [
      { consumer: '' },
      { consumer: 'a', expiresInSeconds: MAX_KEY_LIFE_SECONDS + 1 },
      { consumer: 'a', scopes: ['a b'] },
    ])
      await expect(issueSigningKey(root, options, NOW)).rejects.toBeInstanceOf(RangeError)
  })

  test('an id that is issued is short enough to be looked at; a longer one is not issued', async () => {
    const made = await Promise.all(
      Array.from({ length: 128 }, async (_, index) =>
        issueSigningKey(
          root,
          { consumer: 'acme', scopes: [...Array.from({ length: 6 }, () => 's'.repeat(100)), 's'.repeat(index + 1)] },
          NOW,
        ).catch((error: unknown) => error),
      ),
    )
    const ids = made.flatMap((one) => (one instanceof Error ? [] : [(one as { keyid: string }).keyid]))
    const refusals = made.filter((one) => one instanceof RangeError)
    expect(ids.length).toBeGreaterThan(0)
    expect(refusals.length).toBeGreaterThan(0)
    expect(ids.length + refusals.length).toBe(128)
    const longest = ids.at(-1) ?? ''
    expect(longest.length).toBeGreaterThan(MAX_KEY_LENGTH - 3)
    expect(await resolvedSecret(longest)).toBeDefined()
  })
})
