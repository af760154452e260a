import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../src/limits/leased-limiter.ts'
import { emptyBooks, grantAll, refundOne } from '../../src/limits/ledger.ts'
import { limitOf } from '../support/limits.ts'
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

describe('the clock of an isolate was ahead by an hour and is set back', () => {
  test.each([
    ['request', 1],
    ['success', 1],
    ['request', 2],
  ] as const)('a refusal that it remembers does not outlast the limit: charged on %s, cost %i', async (chargeOn, cost) => {
    const books = emptyBooks()
    let ledgerNow = NOW
    const limiter = createLimiter(() => ({
      grant: async (request) => grantAll(books, request, ledgerNow),
      refund: async (receipts) => refundOne(books, receipts, ledgerNow),
    }))
    const charge = { limit: limitOf({ name: 'minute', quota: { count: 2, period: 'minute' }, chargeOn }), subject: 's', cost }
    const admit = async (now: number): Promise<string> => (await limiter.admit([charge], now, () => undefined)).status
    for (let sent = 0; sent < 2 / cost; sent += 1) expect(await admit(NOW + HOUR)).toBe('admitted')
    expect(await admit(NOW + HOUR)).toBe('refused')
    expect(limiter.refuseEarly([charge], NOW + HOUR)).toBeDefined()
    ledgerNow += 60_000
    expect(limiter.refuseEarly([charge], ledgerNow)).toBeUndefined()
    expect(await admit(ledgerNow)).toBe('admitted')
  })

  test('a flood is still refused from memory then', async () => {
    const books = emptyBooks()
    const limiter = createLimiter(() => ({ grant: async (request) => grantAll(books, request, NOW), refund: async () => undefined }))
    const limit = limitOf({ name: 'minute', quota: { count: 1, period: 'minute' }, chargeOn: 'request' })
    const charge = { limit, subject: 's', cost: 1 }
    for (const now of [NOW + HOUR, NOW + HOUR, NOW]) await limiter.admit([charge], now, () => undefined)
    expect(limiter.refuseEarly([charge], NOW)).toBeDefined()
  })
})
