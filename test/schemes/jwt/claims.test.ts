import { describe, expect, test } from 'vitest'
import { NOW } from '../../support/authenticators.ts'
import { AUDIENCE, createScene, createSigner, ISSUER, OTHER, outcomeOf, SECONDS } from './scene.ts'

const [signer, stranger] = await Promise.all([createSigner('Ed25519'), createSigner('Ed25519')])
type Overrides = Parameters<typeof createScene>[1]
type Json = Readonly<Record<string, unknown>>
const scene = (overrides: Overrides = {}): ReturnType<typeof createScene> => createScene({ [ISSUER]: [signer.jwk], [OTHER]: [] }, overrides)
const outcome = async (claims: Json, header: Json = {}, overrides: Overrides = {}): Promise<string> =>
  outcomeOf(await scene(overrides).verify(await signer.sign(claims, header)))
const ANY = { tokenType: 'any' } as const

describe('the claims of an access token', () => {
  test.each<[unknown, string]>([
    [AUDIENCE, 'verified'],
    [[AUDIENCE], 'verified'],
    [['https://else.example', AUDIENCE], 'verified'],
    ['https://else.example', 'audience_mismatch'],
    [`${AUDIENCE}/`, 'audience_mismatch'],
    [AUDIENCE.slice(0, -1), 'audience_mismatch'],
    [`${AUDIENCE}.evil.example`, 'audience_mismatch'],
    [AUDIENCE.toUpperCase(), 'audience_mismatch'],
    [`${AUDIENCE} https://else.example`, 'audience_mismatch'],
    [[`${AUDIENCE}/v1`], 'audience_mismatch'],
    [[[AUDIENCE]], 'audience_mismatch'],
    [[], 'audience_mismatch'],
    [[7, AUDIENCE], 'verified'],
    [[7], 'audience_mismatch'],
    [{ 0: AUDIENCE }, 'audience_mismatch'],
    [null, 'audience_mismatch'],
    [undefined, 'claim_missing'],
  ])('JW-11: aud %j', async (aud, expected) => {
    expect(await outcome({ aud })).toBe(expected)
  })

  test.each([`${ISSUER}/`, ISSUER.toUpperCase(), 'https://idp.example.evil', 'http://idp.example', '', 'undefined'])(
    'JW-12: iss %j is another scheme’s token',
    async (iss) => {
      expect(await outcome({ iss })).toBe('absent')
    },
  )

  test.each([[undefined], [null], [7], [[ISSUER]], [{ toString: ISSUER }]])('JW-12: iss %j is nobody’s', async (iss) => {
    const made = scene()
    expect(outcomeOf(await made.verify(await signer.sign({ iss })))).toBe('unknown_issuer')
    expect(made.fetched).toEqual([])
  })

  test.each([
    [{ exp: SECONDS - 30 }, 'expired'],
    [{ exp: SECONDS - 29.999 }, 'verified'],
    [{ exp: SECONDS - 31 }, 'expired'],
    [{ nbf: SECONDS + 30 }, 'verified'],
    [{ nbf: SECONDS + 30.001 }, 'not_yet_valid'],
    [{ iat: SECONDS + 30 }, 'verified'],
    [{ iat: SECONDS + 30.001 }, 'not_yet_valid'],
    [{ iat: SECONDS + 31, nbf: SECONDS }, 'not_yet_valid'],
    [{ iat: SECONDS, nbf: SECONDS + 31 }, 'not_yet_valid'],
    [{ exp: 253_402_300_799 }, 'verified'],
    [{ exp: 253_402_300_800 }, 'claim_invalid'],
    [{ exp: -1 }, 'claim_invalid'],
    [{ exp: String(SECONDS + 300) }, 'claim_invalid'],
    [{ exp: null }, 'claim_invalid'],
    [{ exp: true }, 'claim_invalid'],
    [{ exp: [SECONDS + 300] }, 'claim_invalid'],
    [{ exp: undefined }, 'claim_missing'],
    [{ iat: undefined }, 'claim_missing'],
    [{ iat: 'today' }, 'claim_invalid'],
    [{ nbf: '0' }, 'claim_invalid'],
    [{ nbf: -1 }, 'claim_invalid'],
    [{ nbf: null }, 'claim_invalid'],
    [{ iat: null }, 'claim_invalid'],
    [{ iat: false }, 'claim_invalid'],
  ])('JW-10: %j', async (claims, expected) => {
    expect(await outcome(claims)).toBe(expected)
  })

  test('JW-10: the tolerance is the policy’s', async () => {
    expect(await outcome({ exp: SECONDS }, {}, { clockToleranceSeconds: 0 })).toBe('expired')
    expect(await outcome({ exp: SECONDS + 0.001 }, {}, { clockToleranceSeconds: 0 })).toBe('verified')
    expect(await outcome({ nbf: SECONDS + 0.001 }, {}, { clockToleranceSeconds: 0 })).toBe('not_yet_valid')
  })

  test.each(['sub', 'client_id', 'jti'])('AT-3: %s is needed, as a text of 1 to 512 characters', async (name) => {
    expect(await outcome({ [name]: undefined })).toBe('claim_missing')
    for (const value of ['', 7, null, ['app'], { a: 1 }, 'x'.repeat(513)]) expect(await outcome({ [name]: value })).toBe('claim_invalid')
    expect(await outcome({ [name]: 'x'.repeat(512) })).toBe('verified')
  })

  test.each([{ jkt: 'abc' }, { 'x5t#S256': 'abc' }, {}, null, 'text'])('cnf %j: a bound token is no bearer token', async (cnf) => {
    expect(await outcome({ cnf })).toBe('binding_missing')
    expect(await outcome({ cnf }, {}, ANY)).toBe('binding_missing')
  })

  test('only a token whose signature holds is told apart in public', async () => {
    expect(await scene().verify(await signer.sign({ exp: 1 }))).toEqual({ status: 'rejected', reason: 'expired', authentic: true })
    expect(await scene().verify(await signer.sign({ aud: 'x' }))).toMatchObject({ reason: 'audience_mismatch', authentic: true })
    expect(await scene().verify(await stranger.sign({ exp: 1 }))).toEqual({ status: 'rejected', reason: 'signature_invalid' })
    expect(await scene().verify(await signer.sign({ exp: 1 }, { typ: 'JWT' }))).toEqual({ status: 'rejected', reason: 'type_not_allowed' })
  })
})

describe('the type of the token', () => {
  test.each<[unknown, string, string]>([
    ['at+jwt', 'verified', 'verified'],
    ['AT+JWT', 'verified', 'verified'],
    ['application/at+jwt', 'verified', 'verified'],
    ['Application/At+Jwt', 'verified', 'verified'],
    ['JWT', 'type_not_allowed', 'verified'],
    [undefined, 'type_not_allowed', 'verified'],
    ['application/jwt', 'type_not_allowed', 'verified'],
    ['application/application/at+jwt', 'type_not_allowed', 'type_not_allowed'],
    ['text/at+jwt', 'type_not_allowed', 'type_not_allowed'],
    ['at+jwt ', 'type_not_allowed', 'type_not_allowed'],
    ['at+jwt; v=1', 'type_not_allowed', 'type_not_allowed'],
    ['dpop+jwt', 'type_not_allowed', 'type_not_allowed'],
    ['logout+jwt', 'type_not_allowed', 'type_not_allowed'],
    ['secevent+jwt', 'type_not_allowed', 'type_not_allowed'],
    ['token-introspection+jwt', 'type_not_allowed', 'type_not_allowed'],
    ['', 'type_not_allowed', 'type_not_allowed'],
    [null, 'type_not_allowed', 'type_not_allowed'],
    [['at+jwt'], 'type_not_allowed', 'type_not_allowed'],
  ])('AT-1, JB-9: typ %j is %s, and %s where any is allowed', async (typ, strict, lenient) => {
    expect(await outcome({}, { typ })).toBe(strict)
    expect(await outcome({}, { typ }, ANY)).toBe(lenient)
  })

  test('JB-10: an ID token opens no API, even where the type is not looked at', async () => {
    const idToken = { aud: 'app', azp: 'app', client_id: undefined, jti: undefined, scope: undefined, nonce: 'n' }
    expect(await outcome(idToken, { typ: 'JWT' })).toBe('type_not_allowed')
    expect(await outcome(idToken, { typ: 'JWT' }, ANY)).toBe('audience_mismatch')
  })

  test('JB-10: a logout token and a DPoP proof without a type of their own', async () => {
    const logout = { sub: undefined, client_id: undefined, events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, sid: 's' }
    expect(await outcome(logout, { typ: undefined })).toBe('type_not_allowed')
    expect(await outcome(logout, { typ: undefined }, ANY)).toBe('claim_missing')
    const proof = { iss: undefined, aud: undefined, exp: undefined, htm: 'GET', htu: AUDIENCE }
    expect(await outcome(proof, { typ: undefined }, ANY)).toBe('unknown_issuer')
  })

  test('AT-6: where any type is allowed, a subject or a client is needed and each must be a name', async () => {
    const bare = { jti: undefined, iat: undefined, client_id: undefined }
    expect(await outcome(bare, {}, ANY)).toBe('verified')
    expect(await outcome({ ...bare, sub: undefined }, {}, ANY)).toBe('claim_missing')
    expect(await outcome({ ...bare, sub: 7 }, {}, ANY)).toBe('claim_invalid')
    expect(await outcome({ ...bare, jti: 7 }, {}, ANY)).toBe('claim_invalid')
    expect(await outcome({ ...bare, azp: 7 }, {}, ANY)).toBe('claim_invalid')
    expect(await outcome({ ...bare, exp: undefined }, {}, ANY)).toBe('claim_missing')
  })
})

describe('the principal', () => {
  const principalOf = async (claims: Json, overrides: Overrides = {}) => {
    const verdict = await scene(overrides).verify(await signer.sign(claims))
    if (verdict.status !== 'verified') throw new Error(outcomeOf(verdict))
    return verdict.principal
  }

  test.each([
    ['scope', 'a b', ['a', 'b']],
    ['scope', ' a  b ', ['a', 'b']],
    ['scope', '', []],
    ['scope', undefined, []],
    ['scope', ['a', 'b', 7, ''], ['a', 'b']],
    ['scope', { a: 1 }, []],
    ['scp', ['a'], ['a']],
    ['toString', undefined, []],
  ])('AT-4: scopes from %s: %j', async (scopeClaim, value, expected) => {
    expect((await principalOf({ scope: undefined, [scopeClaim]: value }, { scopeClaim })).scopes).toEqual(new Set(expected))
  })

  test('AT-4: scp is not read unless the policy says so', async () => {
    expect((await principalOf({ scope: undefined, scp: ['admin'] })).scopes).toEqual(new Set())
  })

  test('AT-5: a client is looked up under its issuer, never by subject', async () => {
    expect((await principalOf({ client_id: 'app' })).consumer).toBe('acme')
    expect((await principalOf({ client_id: 'else', sub: 'app' })).consumer).toBeUndefined()
    expect((await principalOf({ client_id: undefined, azp: 'app' }, ANY)).consumer).toBe('acme')
  })

  test('without jti a token is named by its hash', async () => {
    const first = await principalOf({ jti: undefined }, ANY)
    expect(first.credentialId).toMatch(/^[A-Za-z0-9_-]{43}$/u)
    expect((await principalOf({ jti: undefined, sub: 'bob' }, ANY)).credentialId).not.toBe(first.credentialId)
  })

  test('expires with the tolerance that lets it in', async () => {
    expect((await principalOf({ exp: SECONDS + 10 })).expiresAt).toBe(NOW + 40_000)
  })
})
