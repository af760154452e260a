import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTVerifyOptions, type JWTVerifyResult } from 'jose'
import { describe, expect, test } from 'vitest'
import { parseRootSecret, type RootSecret } from '../../src/credentials/root-secret.ts'
import { encodeBase64Url } from '../../src/http/base64url.ts'
import { type AssertedRequest, type AssertionSigner, createAssertionSigner } from '../../src/origin/assertion.ts'
import type { Caller } from '../../src/policy/evaluate.ts'
import type { Principal } from '../../src/schemes/authenticator.ts'
import { NOW, principal } from '../support/authenticators.ts'

const SECONDS = NOW / 1000
const [G1, G2] = ['g1', 'g2'].map((generation) => `${generation}:${encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`) as [
  string,
  string,
]
const rootOf = (text: string, gateway = 'edge', environment = 'test'): RootSecret => parseRootSecret(text, { gateway, environment })
const signer = (text = G1): AssertionSigner => createAssertionSigner(rootOf(text), 'edge')

function caller(overrides: Partial<Principal> = {}, more: Partial<Caller> = {}): Caller {
  const one = principal('app', { subject: 'acme', scopes: new Set(['read', 'write']), expiresAt: NOW + 3_600_000, ...overrides })
  return { principals: [one], consumer: 'acme', plan: 'gold', expiresAt: one.expiresAt, ...more }
}
const request = (overrides: Partial<AssertedRequest> = {}): AssertedRequest => ({
  audience: 'https://orders.internal.example',
  method: 'GET',
  path: '/v1/orders/1',
  route: 'getOrder',
  caller: caller(),
  ...overrides,
})

/** As an origin verifies it (docs/origin.md). */
async function verify(token: string, made: AssertionSigner, now = NOW, overrides: JWTVerifyOptions = {}): Promise<JWTVerifyResult> {
  return jwtVerify(token, createLocalJWKSet({ keys: [...(await made.jwks()).keys] as never[] }), {
    issuer: 'edge',
    audience: 'https://orders.internal.example',
    typ: 'portcullis-assertion+jwt',
    algorithms: ['EdDSA'],
    maxTokenAge: 60,
    currentDate: new Date(now),
    ...overrides,
  })
}
const failure = async (result: Promise<unknown>): Promise<unknown> => result.catch((error: unknown) => error)

describe('createAssertionSigner()', () => {
  test('GW-2: jose verifies it, and it says who was let in to do what', async () => {
    const made = signer()
    const { payload, protectedHeader } = await verify(await made.sign(request(), NOW), made)
    const [key] = (await made.jwks()).keys as readonly { kid?: string }[]
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'portcullis-assertion+jwt', kid: key?.kid })
    expect(payload).toEqual({
      iss: 'edge',
      aud: 'https://orders.internal.example',
      iat: SECONDS,
      exp: SECONDS + 60,
      method: 'GET',
      path: '/v1/orders/1',
      route: 'getOrder',
      consumer: 'acme',
      plan: 'gold',
      principals: [{ scheme: 'app', kind: 'api-key', iss: 'test', sub: 'acme', id: 'app-1', scope: 'read write', exp: SECONDS + 3600 }],
    })
  })

  test('an anonymous caller has no principal, no consumer and no plan', async () => {
    const made = signer()
    const anonymous: Caller = { principals: [], expiresAt: Number.POSITIVE_INFINITY }
    const { payload } = await verify(await made.sign(request({ caller: anonymous }), NOW), made)
    expect(payload).toMatchObject({ principals: [], exp: SECONDS + 60 })
    expect(payload).not.toHaveProperty('consumer')
    expect(payload).not.toHaveProperty('plan')
  })

  test.each([
    ['with its end', NOW + 7_200_999, SECONDS + 7200],
    ['without one', Number.POSITIVE_INFINITY, undefined],
  ])('GW-6: a credential %s', async (_name, expiresAt, exp) => {
    const { principals } = decodeJwt(await signer().sign(request({ caller: caller({ expiresAt }) }), NOW))
    expect((principals as readonly { exp?: number }[])[0]?.exp).toBe(exp)
  })

  test('two principals in their order', async () => {
    const made = signer()
    const both = caller({}, { principals: [principal('user', { kind: 'jwt', scopes: new Set() }), principal('app')] })
    const { principals } = decodeJwt(await made.sign(request({ caller: both }), NOW))
    expect(principals).toMatchObject([
      { scheme: 'user', kind: 'jwt', scope: '' },
      { scheme: 'app', kind: 'api-key' },
    ])
  })

  test('claims of a token and members of a principal that the origin has no need of stay here', async () => {
    const token = await signer().sign(request({ caller: caller({ claims: { email: 'someone@example.com' } }) }), NOW)
    expect(JSON.stringify(decodeJwt(token))).not.toMatch(/email|someone@|expiresAt|generation/u)
  })

  describe('of a person who has signed in', () => {
    const session = (claims: Readonly<Record<string, unknown>>, more: Partial<Principal> = {}) =>
      request({ caller: caller({ kind: 'session', subject: 'ada', person: 'p-1', claims, ...more }) })
    const told = async (claims: Readonly<Record<string, unknown>>): Promise<unknown> =>
      (decodeJwt(await signer().sign(session(claims), NOW))['principals'] as readonly unknown[])[0]

    test('says the person, the groups, and how and when they signed in; no other claim', async () => {
      const claims = {
        email: 'ada@example.com',
        groups: ['staff'],
        acr: 'mfa',
        amr: ['otp'],
        auth_time: SECONDS - 10,
        access_token: 'secret',
      }
      expect(await told(claims)).toEqual({
        scheme: 'app', kind: 'session', iss: 'test', sub: 'ada', id: 'app-1', scope: 'read write', exp: SECONDS + 3600,
        person: 'p-1', groups: ['staff'], acr: 'mfa', amr: ['otp'], auth_time: SECONDS - 10,
      }) // prettier-ignore
      expect(JSON.stringify(decodeJwt(await signer().sign(request({ caller: caller({ claims }) }), NOW)))).not.toMatch(/staff|mfa/u)
    })

    test.each([
      ['as many groups as there is room for', 100, 1, true],
      ['one more', 101, 1, false],
      ['groups as long as there is room for', 2, 2047, true],
      ['one letter more', 2, 2048, false],
    ])('%s', async (_name, count, length, areThere) => {
      const groups = Array.from({ length: count }, () => 'g'.repeat(length))
      const one = await told({ groups })
      expect(one).toMatchObject(areThere ? { groups } : { groups_omitted: true })
      expect(one).not.toHaveProperty(areThere ? 'groups_omitted' : 'groups')
    })

    test.each([
      ['groups', { groups: ['other'] }, {}],
      ['strength', { groups: ['staff'], acr: 'mfa' }, {}],
      ['time', { groups: ['staff'], auth_time: SECONDS }, {}],
      ['person', { groups: ['staff'] }, { person: 'p-2' }],
    ])('one of other %s gets an assertion of its own', async (_name, claims, more) => {
      const made = signer()
      const first = await made.sign(session({ groups: ['staff'] }), NOW)
      expect(made.sign(session({ groups: ['staff'] }), NOW)).toBe(first)
      expect(await made.sign(session(claims, more), NOW)).not.toBe(first)
    })
  })

  test.each([
    ['another origin', { audience: 'https://other.internal.example' }],
    ['another gate', { issuer: 'other' }],
    ['another type', { typ: 'JWT' }],
    ['another algorithm', { algorithms: ['ES256'] }],
  ])('is refused by %s', async (_, overrides) => {
    const made = signer()
    const token = await made.sign(request(), NOW)
    expect(await failure(verify(token, made, NOW, overrides))).toBeInstanceOf(errors.JOSEError)
    await expect(verify(token, made)).resolves.toBeDefined()
  })

  test('GW-2: lives for 60 seconds', async () => {
    const made = signer()
    const token = await made.sign(request(), NOW)
    await expect(verify(token, made, NOW + 59_999)).resolves.toBeDefined()
    expect(await failure(verify(token, made, NOW + 60_000))).toBeInstanceOf(errors.JWTExpired)
  })

  test('does not outlive the credential', async () => {
    const exp = async (expiresAt: number): Promise<number | undefined> =>
      decodeJwt(await signer().sign(request({ caller: caller({ expiresAt }) }), NOW)).exp
    expect(await exp(NOW + 59_000)).toBe(SECONDS + 59)
    expect(await exp(NOW + 60_000)).toBe(SECONDS + 60)
    expect(await exp(NOW + 61_000)).toBe(SECONDS + 60)
    expect(await exp(NOW + 1)).toBe(SECONDS + 1)
  })

  test('a changed word, or a key that is not the gate’s, does not verify', async () => {
    const made = signer()
    const token = await made.sign(request(), NOW)
    const [header = '', , signature = ''] = token.split('.')
    const evil = encodeBase64Url(new TextEncoder().encode(JSON.stringify({ ...decodeJwt(token), consumer: 'evil' })))
    expect(await failure(verify(`${header}.${evil}.${signature}`, made))).toBeInstanceOf(errors.JWSSignatureVerificationFailed)
    expect(await failure(verify(token, signer(G2)))).toBeInstanceOf(errors.JWKSNoMatchingKey)
    const elsewhere = createAssertionSigner(rootOf(G1, 'edge', 'production'), 'edge')
    expect(await failure(verify(token, elsewhere))).toBeInstanceOf(errors.JWKSNoMatchingKey)
  })
})

describe('an assertion that is used again', () => {
  test('is the same for 30 seconds of its `iat`, then a new one', async () => {
    const made = signer()
    const first = await made.sign(request(), NOW)
    expect(made.sign(request(), NOW + 29_999)).toBe(first)
    const second = await made.sign(request(), NOW + 30_000)
    expect(decodeJwt(second).iat).toBe(SECONDS + 30)
    expect(made.sign(request(), NOW + 30_000)).toBe(second)
  })

  test('always has 30 seconds to live, whatever the millisecond it was made in', async () => {
    const made = signer()
    const first = await made.sign(request(), NOW + 999)
    expect(made.sign(request(), NOW + 29_999)).toBe(first)
    const second = await made.sign(request(), NOW + 30_000)
    expect(decodeJwt(second).exp).toBe(SECONDS + 90)
  })

  test('is not used past the end of its credential', async () => {
    const made = signer()
    const soon = request({ caller: caller({ expiresAt: NOW + 10_000 }) })
    const first = await made.sign(soon, NOW)
    expect(made.sign(soon, NOW + 9_999)).toBe(first)
    expect(made.sign(soon, NOW + 10_000)).toBeInstanceOf(Promise)
  })

  test.each([
    ['origin', { audience: 'https://other.internal.example' }],
    ['method', { method: 'POST' }],
    ['path', { path: '/v1/orders/2' }],
    ['route', { route: 'other' }],
    ['consumer', { caller: caller({}, { consumer: 'other' }) }],
    ['plan', { caller: caller({}, { plan: 'free' }) }],
    ['scheme', { caller: caller({ scheme: 'other' }) }],
    ['issuer', { caller: caller({ issuer: 'other' }) }],
    ['subject', { caller: caller({ subject: 'other' }) }],
    ['credential', { caller: caller({ credentialId: 'other' }) }],
    ['scopes under the same `jti`', { caller: caller({ scopes: new Set(['read']) }) }],
    ['end of the credential', { caller: caller({ expiresAt: NOW + 20_000 }) }],
    ['second principal', { caller: caller({}, { principals: [...caller().principals, principal('user')] }) }],
    ['no principal', { caller: caller({}, { principals: [] }) }],
  ])('never speaks of another request: %s', async (_, overrides) => {
    const made = signer()
    const first = await made.sign(request(), NOW)
    const other = await made.sign(request(overrides), NOW)
    expect(decodeJwt(other)).not.toEqual(decodeJwt(first))
    expect(made.sign(request(), NOW)).toBe(first)
  })

  test('memory is bounded: 4096 are kept, one more starts anew', async () => {
    const made = signer()
    const first = await made.sign(request(), NOW)
    const sign = async (from: number, to: number): Promise<unknown> =>
      Promise.all(Array.from({ length: to - from }, async (_, index) => made.sign(request({ path: `/${from + index}` }), NOW)))
    await sign(1, 4096)
    expect(made.sign(request(), NOW)).toBe(first)
    await sign(4096, 4097)
    expect(made.sign(request(), NOW)).toBeInstanceOf(Promise)
  })
})

describe('jwks()', () => {
  test('holds the public key of every generation and nothing private', async () => {
    const { keys } = await signer(`${G2},${G1}`).jwks()
    expect(keys).toHaveLength(2)
    for (const key of keys) {
      expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
      expect(key).toMatchObject({ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA' })
    }
  })

  test('rotation: signed by the newest, and what an older one signed still verifies', async () => {
    const before = signer(G1)
    const old = await before.sign(request(), NOW)
    const during = signer(`${G2},${G1}`)
    const fresh = await during.sign(request(), NOW)
    expect(decodeProtectedHeader(fresh).kid).not.toBe(decodeProtectedHeader(old).kid)
    await expect(verify(old, during)).resolves.toBeDefined()
    await expect(verify(fresh, during)).resolves.toBeDefined()
    expect(await failure(verify(fresh, before))).toBeInstanceOf(errors.JWKSNoMatchingKey)
    expect(await failure(verify(old, signer(G2)))).toBeInstanceOf(errors.JWKSNoMatchingKey)
  })
})
