import { describe, expect, test, vi } from 'vitest'
import { evaluate } from '../../../src/policy/evaluate.ts'
import { evaluateContext, NOW, term } from '../../support/authenticators.ts'
import { createScene, createSigner, ISSUER, OTHER, outcomeOf, requestWith, SECONDS, type Scene } from './scene.ts'

const [signer, next, others] = await Promise.all([
  createSigner('Ed25519', 'k1'),
  createSigner('ES256', 'k2'),
  createSigner('Ed25519', 'k3'),
])
const METADATA = `${ISSUER}/.well-known/openid-configuration`
const JWKS = `${ISSUER}/jwks`
/** Outlives every test. */
const LONG = { exp: SECONDS + 1_000_000 }
const TOKEN = await signer.sign(LONG)
const AFTER = { fresh: NOW + 300_000, revalidation: NOW + 310_000, error: NOW + 300_000 + 3_600_000 }

const scene = (): Scene & { issuer: Scene['issuers'][string] } => {
  const made = createScene({ [ISSUER]: [signer.jwk] })
  const issuer = made.issuers[ISSUER]
  if (issuer === undefined) throw new Error('the scene has no such issuer')
  return { ...made, issuer }
}
async function warmed(): Promise<ReturnType<typeof scene>> {
  const made = scene()
  expect(outcomeOf(await made.verify(TOKEN))).toBe('verified')
  expect(made.fetched.splice(0)).toEqual([METADATA, JWKS])
  await made.runDeferred()
  return made
}
const at = async (made: Scene, now: number, token = TOKEN): Promise<string> => outcomeOf(await made.verify(token, now))

describe('a warm gate', () => {
  test('fetches nothing, for the same token and for another', async () => {
    const made = await warmed()
    for (const token of [TOKEN, await signer.sign({ jti: 'other' }), TOKEN]) expect(await at(made, NOW + 1, token)).toBe('verified')
    expect(made.fetched).toEqual([])
    expect(made.deferred).toEqual([])
  })

  test('verifies the signature of one token once', async () => {
    const made = await warmed()
    const verify = vi.spyOn(crypto.subtle, 'verify')
    try {
      expect(await at(made, NOW + 1)).toBe('verified')
      expect(verify).not.toHaveBeenCalled()
      expect(await at(made, NOW + 1, await signer.sign({ jti: 'other' }))).toBe('verified')
      expect(verify).toHaveBeenCalledTimes(1)
    } finally {
      verify.mockRestore()
    }
  })

  test('keeps what it knows when a refresh brings the same set again', async () => {
    const made = await warmed()
    expect(await at(made, AFTER.fresh)).toBe('verified')
    await made.runDeferred()
    expect(made.fetched).toEqual([JWKS])
    const verify = vi.spyOn(crypto.subtle, 'verify')
    try {
      expect(await at(made, AFTER.fresh + 1)).toBe('verified')
      expect(verify).not.toHaveBeenCalled()
    } finally {
      verify.mockRestore()
    }
  })

  test('JW-10: asks the time of a known token on every request', async () => {
    const made = await warmed()
    const token = await signer.sign({ nbf: SECONDS, exp: SECONDS + 10 })
    expect(await at(made, NOW, token)).toBe('verified')
    expect(await at(made, NOW + 39_999, token)).toBe('verified')
    expect(await at(made, NOW + 40_000, token)).toBe('expired')
    expect(await at(made, NOW - 30_000, token)).toBe('verified')
    expect(await at(made, NOW - 30_001, token)).toBe('not_yet_valid')
  })

  test('asks whether a known token is revoked on every request', async () => {
    const made = await warmed()
    const decide = async (revoked?: string) =>
      evaluate([[term(made.authenticator)]], evaluateContext({ request: requestWith(`Bearer ${TOKEN}`), revoked: () => revoked }))
    expect(await decide()).toMatchObject({ outcome: 'allow' })
    expect(await decide('stolen')).toMatchObject({ outcome: 'deny', tried: [{ shortfall: { reason: 'revoked', detail: 'stolen' } }] })
    expect(await decide()).toMatchObject({ outcome: 'allow' })
  })

  test('JC-4: a key that left the set verifies nothing more, not even a token that is known', async () => {
    const made = await warmed()
    made.issuer.keys = [next.jwk]
    expect(await at(made, AFTER.fresh - 1)).toBe('verified')
    expect(await at(made, AFTER.fresh)).toBe('verified')
    await made.runDeferred()
    expect(await at(made, AFTER.fresh + 1)).toBe('unknown_key')
    expect(await at(made, AFTER.fresh + 1, await next.sign(LONG))).toBe('verified')
    expect(made.fetched).toEqual([JWKS])
  })

  test('JC-4: a key that was exchanged under its kid verifies nothing more', async () => {
    const made = await warmed()
    made.issuer.keys = [{ ...others.jwk, kid: signer.kid }]
    expect(await at(made, AFTER.revalidation)).toBe('signature_invalid')
  })
})

describe('a key that the set does not hold', () => {
  test('JC-2: asks the issuer again once per 30 seconds, whatever the kid', async () => {
    const made = await warmed()
    const unknown = async (kid: string): Promise<string> => signer.sign(LONG, { kid })
    expect(await at(made, NOW + 29_999, await unknown('a'))).toBe('unknown_key')
    expect(made.fetched).toEqual([])
    for (const kid of ['a', 'b', 'c', 'a']) expect(await at(made, NOW + 30_000, await unknown(kid))).toBe('unknown_key')
    expect(made.fetched).toEqual([JWKS])
    expect(await at(made, NOW + 59_999, await unknown('d'))).toBe('unknown_key')
    expect(made.fetched).toEqual([JWKS])
    expect(await at(made, NOW + 60_000, await unknown('d'))).toBe('unknown_key')
    expect(made.fetched).toEqual([JWKS, JWKS])
  })

  test('JC-2: on a cold gate one look is enough', async () => {
    const made = scene()
    expect(await at(made, NOW, await signer.sign({}, { kid: 'new' }))).toBe('unknown_key')
    expect(made.fetched).toEqual([METADATA, JWKS])
  })

  test('JC-2: a token that fails for another reason asks nobody', async () => {
    const made = await warmed()
    const later = NOW + 60_000
    expect(await at(made, later, await others.sign(LONG, { kid: signer.kid }))).toBe('signature_invalid')
    expect(await at(made, later, await signer.sign(LONG, { alg: 'ES256' }))).toBe('unknown_key')
    expect(await at(made, later, await signer.sign(LONG, { alg: 'HS256', kid: 'new' }))).toBe('algorithm_not_allowed')
    expect(await at(made, later, await signer.sign(LONG, { typ: 'JWT', kid: 'new' }))).toBe('type_not_allowed')
    expect(made.fetched).toEqual([])
  })

  test('is found once the issuer publishes it', async () => {
    const made = await warmed()
    made.issuer.keys = [signer.jwk, next.jwk]
    const token = await next.sign(LONG)
    expect(await at(made, NOW + 30_000, token)).toBe('verified')
    expect(await at(made, NOW + 30_000)).toBe('verified')
    expect(made.fetched).toEqual([JWKS])
  })

  test('JC-3: may be a new one while the issuer is down: an outage, never a refusal', async () => {
    const made = await warmed()
    made.issuer.isDown = true
    const token = await next.sign(LONG)
    for (const now of [NOW + 30_000, NOW + 30_000, NOW + 59_999]) expect(await at(made, now, token)).toBe('key_set_unavailable')
    expect(made.fetched).toEqual([JWKS])
    expect(await at(made, NOW + 30_000)).toBe('verified')
  })

  test('JC-2: asks nobody within 30 seconds, although an earlier attempt ended last', async () => {
    const made = scene()
    const slow = Promise.withResolvers<undefined>()
    let asked = 0
    made.issuer.respond = (url) =>
      url === JWKS && ++asked === 1 ? slow.promise.then(() => Response.json({ keys: [signer.jwk] })) : undefined
    const first = at(made, NOW)
    await vi.waitUntil(() => asked === 1)
    expect(await at(made, NOW + 5)).toBe('verified')
    slow.resolve(undefined)
    expect(await first).toBe('verified')
    made.fetched.splice(0)
    expect(await at(made, NOW + 10, await signer.sign(LONG, { kid: 'new' }))).toBe('unknown_key')
    expect(made.fetched).toEqual([])
  })

  test('JC-4: stays gone, although an earlier attempt that still saw it ends last', async () => {
    const made = scene()
    const slow = Promise.withResolvers<undefined>()
    const published = [[signer.jwk], [next.jwk]]
    let asked = 0
    made.issuer.respond = (url) => {
      if (url !== JWKS) return undefined
      const keys = published[asked++]
      return asked === 1 ? slow.promise.then(() => Response.json({ keys })) : Response.json({ keys })
    }
    const first = at(made, NOW)
    await vi.waitUntil(() => asked === 1)
    expect(await at(made, NOW + 5)).toBe('unknown_key')
    slow.resolve(undefined)
    expect(await first).toBe('unknown_key')
    expect(await at(made, NOW + 10)).toBe('unknown_key')
    expect(await at(made, NOW + 10, await next.sign(LONG))).toBe('verified')
  })

  test('asked for by many at once, is asked for eight times at most', async () => {
    const made = await warmed()
    const tokens = await Promise.all(Array.from({ length: 12 }, async (_, index) => signer.sign(LONG, { kid: `guess-${index}` })))
    const outcomes = await Promise.all(tokens.map(async (token) => at(made, NOW + 30_000, token)))
    expect(made.fetched).toHaveLength(8)
    expect(outcomes.filter((outcome) => outcome === 'unknown_key')).toHaveLength(8)
    expect(outcomes.filter((outcome) => outcome === 'key_set_unavailable')).toHaveLength(4)
  })
})

describe('an issuer that cannot be reached', () => {
  test('JC-3: on a cold gate is an outage, and is asked once per 30 seconds', async () => {
    const made = scene()
    made.issuer.isDown = true
    expect(await made.verify(TOKEN)).toEqual({
      status: 'unavailable',
      reason: 'key_set_unavailable',
      retryAfterSeconds: 30,
      detail: 'no metadata document names this issuer and a key set',
    })
    const asked = made.fetched.length
    expect(await made.verify(TOKEN, NOW + 29_001)).toMatchObject({ status: 'unavailable', retryAfterSeconds: 1 })
    expect(made.fetched).toHaveLength(asked)
    made.issuer.isDown = false
    expect(await at(made, NOW + 30_000)).toBe('verified')
  })

  test('JC-3: is served stale for an hour, and not a millisecond more', async () => {
    const made = await warmed()
    made.issuer.isDown = true
    for (const now of [AFTER.fresh, AFTER.revalidation, AFTER.error - 1]) {
      expect(await at(made, now)).toBe('verified')
      await made.runDeferred()
    }
    expect(await at(made, AFTER.error)).toBe('key_set_unavailable')
  })

  test('JC-3: is served stale for an hour, although nobody asked in the meantime', async () => {
    for (const [now, expected] of [
      [AFTER.error - 1, 'verified'],
      [AFTER.error, 'key_set_unavailable'],
    ] as const) {
      const made = await warmed()
      made.issuer.isDown = true
      expect(await at(made, now)).toBe(expected)
    }
  })

  test.each(['not JSON', '[]', '{}', '{"keys":{}}', 'null', '<html>'])('is one that serves %s: the set in memory stays', async (text) => {
    const cold = scene()
    cold.issuer.respond = (url) => (url === JWKS ? new Response(text) : undefined)
    expect(await at(cold, NOW)).toBe('key_set_unavailable')
    const warm = await warmed()
    warm.issuer.respond = cold.issuer.respond
    expect(await at(warm, NOW + 30_000, await next.sign(LONG))).toBe('key_set_unavailable')
    expect(await at(warm, AFTER.revalidation)).toBe('verified')
  })

  test('takes no other issuer with it', async () => {
    const made = createScene({ [ISSUER]: [signer.jwk], [OTHER]: [others.jwk] })
    Object.assign(made.issuers[ISSUER] ?? {}, { isDown: true })
    expect(await at(made, NOW)).toBe('key_set_unavailable')
    expect(await at(made, NOW, await others.sign({ iss: OTHER }))).toBe('verified')
  })
})

describe('a key set past its freshness', () => {
  test('serves while it is refreshed after the response, once', async () => {
    const made = await warmed()
    for (const now of [AFTER.fresh, AFTER.fresh, AFTER.fresh + 29_999]) expect(await at(made, now)).toBe('verified')
    expect(made.deferred.map(({ name }) => name)).toEqual(['refresh key set'])
    expect(made.fetched).toEqual([])
    await made.runDeferred()
    expect(made.fetched).toEqual([JWKS])
    expect(await at(made, AFTER.fresh + 299_999)).toBe('verified')
    expect(made.deferred).toEqual([])
  })

  test.each([
    [AFTER.revalidation - 1, []],
    [AFTER.revalidation, [JWKS]],
  ])('is waited for once nobody has asked for 10 seconds: %i', async (now, expected) => {
    const made = await warmed()
    expect(await at(made, now)).toBe('verified')
    expect(made.fetched).toEqual(expected)
  })

  test.each([
    ['no-store', 30],
    ['max-age=0', 30],
    ['max-age=31', 31],
    ['max-age=99999999', 86_400],
  ])('JC-1: %s is fresh for %i seconds', async (cacheControl, seconds) => {
    const made = scene()
    made.issuer.headers = { 'cache-control': cacheControl }
    expect(await at(made, NOW)).toBe('verified')
    await made.runDeferred()
    expect(await at(made, NOW + seconds * 1000 - 1)).toBe('verified')
    expect(made.deferred).toHaveLength(0)
    expect(await at(made, NOW + seconds * 1000)).toBe('verified')
    expect(made.deferred).toHaveLength(1)
  })
})
