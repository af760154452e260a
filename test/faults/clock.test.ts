import { describe, expect, test } from 'vitest'
import { NOW } from '../support/authenticators.ts'
import { createScene, createSigner, ISSUER, outcomeOf, SECONDS } from '../schemes/jwt/scene.ts'

const HOUR = 3_600_000
const [old, next] = await Promise.all([createSigner('Ed25519', 'k1'), createSigner('Ed25519', 'k2')])
const LONG = { iat: SECONDS - 7200, exp: SECONDS + 1_000_000 }

describe('the clock of an isolate is set back by an hour', () => {
  test('a key that the issuer added meanwhile is found: no 401 for our own clock', async () => {
    const scene = createScene({ [ISSUER]: [old.jwk] })
    expect(outcomeOf(await scene.verify(await old.sign(LONG), NOW))).toBe('verified')
    await scene.runDeferred()
    const issuer = scene.issuers[ISSUER]
    if (issuer !== undefined) issuer.keys = [old.jwk, next.jwk]
    expect(outcomeOf(await scene.verify(await next.sign({ ...LONG, jti: 'n' }), NOW - HOUR))).toBe('verified')
  })

  test('a key that the issuer withdrew is not good for an hour more', async () => {
    const scene = createScene({ [ISSUER]: [old.jwk, next.jwk] })
    expect(outcomeOf(await scene.verify(await old.sign(LONG), NOW))).toBe('verified')
    await scene.runDeferred()
    const issuer = scene.issuers[ISSUER]
    if (issuer !== undefined) issuer.keys = [next.jwk]
    expect(outcomeOf(await scene.verify(await old.sign({ ...LONG, jti: 'o' }), NOW - HOUR))).not.toBe('verified')
  })

  test('while the issuer is down, what is held goes on', async () => {
    const scene = createScene({ [ISSUER]: [old.jwk] })
    expect(outcomeOf(await scene.verify(await old.sign(LONG), NOW))).toBe('verified')
    await scene.runDeferred()
    const issuer = scene.issuers[ISSUER]
    if (issuer !== undefined) issuer.isDown = true
    for (const jti of ['a', 'b']) expect(outcomeOf(await scene.verify(await old.sign({ ...LONG, jti }), NOW - HOUR))).toBe('verified')
  })
})
