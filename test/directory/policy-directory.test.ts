import { describe, expect, test } from 'vitest'
import type { Directory } from '../../src/directory/directory.ts'
import { createPolicyDirectory } from '../../src/directory/policy-directory.ts'
import { encodeBase64, encodeBase64Url } from '../../src/http/base64url.ts'
import type { ConsumerConfig, PlanConfig, Policy } from '../../src/policy/policy.ts'

const DIGEST = '0123456789abcdef'.repeat(4)
const JWK = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => 255 - index)

const consumer = (name: string, overrides: Partial<ConsumerConfig> = {}): ConsumerConfig => ({
  name,
  limits: [],
  clients: [],
  certificates: [],
  keys: [],
  signingKeys: [],
  ...overrides,
})
function directory(consumers: readonly ConsumerConfig[] | undefined, plans: readonly PlanConfig[] = []): Directory {
  const policy: Policy = {
    title: 'Test',
    hosts: [],
    unknownPaths: 'not-found',
    schemes: [],
    origins: [],
    limits: [],
    plans,
    consumers,
    routes: [],
    revocation: { boundSeconds: 5, graceSeconds: 0 },
    identityProviders: [],
    sessions: { idleSeconds: 3600, absoluteSeconds: 43_200, sameSite: 'lax' },
    control: undefined,
    abuse: { answers: {}, blockSeconds: { first: 900, most: 86_400 }, allow: { networks: [], consumers: [], keys: [] } },
  }
  return createPolicyDirectory(policy)
}
const withSecret = (secret: string): Directory => directory([consumer('acme', { signingKeys: [{ keyid: 'acme-1', secret }] })])

describe('createPolicyDirectory()', () => {
  test('plans: declared ones alone; without scopes a plan bounds none, with an empty list all', () => {
    const made = directory(undefined, [
      { name: 'gold', limits: ['calls'], scopes: ['read', 'write'] },
      { name: 'open', limits: [] },
      { name: 'none', limits: [], scopes: [] },
    ])
    expect(made.plan('gold')).toEqual({ name: 'gold', limits: ['calls'], scopes: new Set(['read', 'write']) })
    expect(made.plan('open')).toEqual({ name: 'open', limits: [] })
    expect(made.plan('none')).toEqual({ name: 'none', limits: [], scopes: new Set() })
    for (const name of ['Gold', 'gold ', '', 'constructor', '__proto__']) expect(made.plan(name)).toBeUndefined()
  })

  test('a policy that declares consumers knows those alone', () => {
    const made = directory([consumer('acme', { plan: 'gold' }), consumer('solo')])
    expect(made.consumer('acme')).toEqual({ name: 'acme', plan: 'gold' })
    expect(made.consumer('solo')).toEqual({ name: 'solo' })
    for (const name of ['Acme', '', 'constructor', '__proto__']) expect(made.consumer(name)).toBeUndefined()
  })

  test('a policy without consumers knows every name; one with an empty list knows nobody', () => {
    expect(directory(undefined).consumer('anyone')).toEqual({ name: 'anyone' })
    expect(directory([]).consumer('anyone')).toBeUndefined()
  })

  test('a client is known by issuer and id together', () => {
    const made = directory([
      consumer('acme', { clients: [{ issuer: 'https://a.example', clientId: 'app' }] }),
      consumer('other', { clients: [{ issuer: 'https://b.example', clientId: 'app' }] }),
    ])
    expect(made.consumerOfClient('https://a.example', 'app')).toBe('acme')
    expect(made.consumerOfClient('https://b.example', 'app')).toBe('other')
    expect(made.consumerOfClient('https://c.example', 'app')).toBeUndefined()
    expect(made.consumerOfClient('https://a.example', 'App')).toBeUndefined()
  })

  test('issuer and client id do not run into each other', () => {
    const made = directory([consumer('acme', { clients: [{ issuer: 'a","b', clientId: 'c' }] })])
    expect(made.consumerOfClient('a', 'b","c')).toBeUndefined()
    expect(made.consumerOfClient('a","b', 'c')).toBe('acme')
  })

  test('certificates are bound to their consumers', () => {
    const made = directory([
      consumer('acme', { certificates: [{ uri: 'spiffe://a' }, { dns: 'a.example', subject: 'CN=a' }] }),
      consumer('other', { certificates: [{ sha256: DIGEST }] }),
    ])
    expect(made.certificates()).toEqual([
      { identity: { uri: 'spiffe://a' }, consumer: 'acme' },
      { identity: { dns: 'a.example', subject: 'CN=a' }, consumer: 'acme' },
      { identity: { sha256: DIGEST }, consumer: 'other' },
    ])
    expect(directory(undefined).certificates()).toEqual([])
  })

  test('AK-3: an imported key is found by its digest alone', () => {
    const other = 'f'.repeat(64)
    const made = directory([
      consumer('acme', { keys: [{ id: 'old', hash: `hmac-sha256:${DIGEST}`, scopes: ['read'], plan: 'free' }] }),
      consumer('other', { keys: [{ id: 'plain', hash: `hmac-sha256:${other.toUpperCase()}` }] }),
    ])
    expect(made.importedKey(DIGEST)).toEqual({ id: 'old', consumer: 'acme', scopes: ['read'], plan: 'free' })
    expect(made.importedKey(other)).toEqual({ id: 'plain', consumer: 'other' })
    for (const digest of [`hmac-sha256:${DIGEST}`, DIGEST.slice(1), '', 'old']) expect(made.importedKey(digest)).toBeUndefined()
  })

  test('a signing key is a secret or a public key', () => {
    const secret = bytes(32)
    const made = directory([
      consumer('acme', {
        signingKeys: [
          { keyid: 'mac', secret: encodeBase64Url(secret), scopes: ['read'] },
          { keyid: 'public', jwk: JWK },
        ],
      }),
    ])
    expect(made.signingKey('mac')).toEqual({
      keyid: 'mac',
      consumer: 'acme',
      scopes: ['read'],
      material: { algorithm: 'hmac-sha256', secret },
    })
    expect(made.signingKey('public')).toEqual({
      keyid: 'public',
      consumer: 'acme',
      material: { algorithm: 'ed25519', publicJwk: JWK },
    })
    expect(made.signingKey('Mac')).toBeUndefined()
  })

  test.each([
    ['base64url', encodeBase64Url(bytes(32))],
    ['base64', encodeBase64(bytes(32))],
    ['more than 32 bytes', encodeBase64Url(bytes(64))],
  ])('takes a secret in %s', (_, secret) => {
    const { material } = withSecret(secret).signingKey('acme-1') ?? {}
    expect(material).toMatchObject({ algorithm: 'hmac-sha256' })
    expect(Array.from((material as { secret: Uint8Array }).secret.subarray(0, 32))).toEqual(Array.from(bytes(32)))
  })

  test.each([
    ['31 bytes', encodeBase64Url(bytes(31))],
    ['nothing', ''],
    ['no base64', 'correct horse battery staple, and a good deal more of it'],
    ['both alphabets at once', `-${'A'.repeat(41)}/`],
    ['white space after it', `${encodeBase64Url(bytes(32))}\n`],
  ])('refuses a secret of %s, and does not repeat it', (_, secret) => {
    let message = 'accepted'
    try {
      withSecret(secret)
    } catch (error) {
      message = error instanceof Error ? error.message : 'not an Error'
    }
    expect(message).toBe('the secret of signing key acme-1 must be base64 or base64url of at least 32 bytes')
  })
})
