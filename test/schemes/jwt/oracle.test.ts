import { array, assert, asyncProperty, constant, constantFrom, double, integer, nat, oneof, option, record, string } from 'fast-check'
import { CompactSign, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { NOW } from '../../support/authenticators.ts'
import { AUDIENCE, claimsWith, createScene, ISSUER, outcomeOf, SECONDS, type Scene } from './scene.ts'

/** jose (another implementation of the same RFCs) signs, and where both judge, it judges as well. */
const ALGORITHMS = ['Ed25519', 'EdDSA', 'ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const
type Json = Readonly<Record<string, unknown>>
const signers = await Promise.all(
  ALGORITHMS.map(async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: `key-${alg}`, use: 'sig', alg }
    const header = { alg, typ: 'at+jwt', kid: jwk.kid }
    const sign = async (): Promise<string> => new SignJWT(claimsWith()).setProtectedHeader(header).sign(privateKey)
    /** `SignJWT` has an opinion of claims; this has none. */
    const signAny = async (claims: Json, more: Json): Promise<string> =>
      new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader({ ...header, ...more }).sign(privateKey)
    return { alg, jwk, sign, signAny }
  }),
)
const keys = signers.map(({ jwk }) => jwk)
const jwks = createLocalJWKSet({ keys })
const scene = (): Scene =>
  createScene({ [ISSUER]: keys }, { issuers: [{ issuer: ISSUER, audiences: [AUDIENCE], algorithms: [...ALGORITHMS] }] })
const signerFor = (alg: string) => {
  const found = signers.find((signer) => signer.alg === alg)
  if (found === undefined) throw new Error(`no signer for ${alg}`)
  return found
}
const joseVerifies = async (token: string): Promise<boolean> =>
  jwtVerify(token, jwks, { issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', clockTolerance: 30, currentDate: new Date(NOW) }).then(
    () => true,
    () => false,
  )

const time = oneof(integer({ min: SECONDS - 40, max: SECONDS + 40 }), double(), constantFrom<unknown>(String(SECONDS), null, undefined, -1))
const text = oneof({ weight: 4, arbitrary: string({ minLength: 1 }) }, constantFrom<unknown>('', null, undefined, 7, ['app']))
const audience = oneof(
  { weight: 6, arbitrary: constantFrom<unknown>(AUDIENCE, [AUDIENCE], ['x', AUDIENCE]) },
  array(string(), { maxLength: 2 }),
  constantFrom<unknown>(`${AUDIENCE}/`, undefined, null),
)
const CLAIMS = record(
  {
    iss: oneof({ weight: 6, arbitrary: constant<unknown>(ISSUER) }, constantFrom<unknown>(`${ISSUER}/`, [ISSUER], undefined)),
    aud: audience,
    exp: oneof({ weight: 3, arbitrary: constant<unknown>(SECONDS + 300) }, time),
    nbf: option(time, { nil: undefined }),
    iat: oneof({ weight: 3, arbitrary: constant<unknown>(SECONDS) }, time),
    sub: text,
    client_id: text,
    jti: text,
  },
  { requiredKeys: [] },
)
const HEADER = record(
  {
    typ: constantFrom<unknown>('at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT', '', null),
    kid: constantFrom<unknown>('key-EdDSA', 'key-ES256', undefined, 'none'),
  },
  { requiredKeys: [] },
)

describe('tokens that jose signs', () => {
  test.each(signers)('are verified: $alg', async ({ sign }) => {
    const token = await sign()
    expect(outcomeOf(await scene().verify(token))).toBe('verified')
    expect(await joseVerifies(token)).toBe(true)
  })

  test('are verified here only if jose verifies them', async () => {
    const made = scene()
    const seen = new Set<string>()
    const isNoMoreThanJose = asyncProperty(CLAIMS, HEADER, constantFrom('EdDSA', 'ES256'), async (claims, header, alg) => {
      const token = await signerFor(alg).signAny(claimsWith(claims), header)
      const outcome = outcomeOf(await made.verify(token))
      seen.add(outcome)
      return outcome !== 'verified' || joseVerifies(token)
    })
    await assert(isNoMoreThanJose, { numRuns: 1000 })
    // The comparison says something only if every kind of answer came up.
    expect([...seen]).toEqual(expect.arrayContaining(['verified', 'audience_mismatch', 'expired', 'claim_invalid', 'type_not_allowed']))
  })
})

describe('a token of which one character differs', () => {
  const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/~ '.split('')
  type Edit = (token: string, at: number, character: string) => string
  const EDITS: readonly Edit[] = [
    (token, at, character) => token.slice(0, at) + character + token.slice(at + 1),
    (token, at, character) => token.slice(0, at) + character + token.slice(at),
    (token, at) => token.slice(0, at) + token.slice(at + 1),
  ]
  /** White space at the ends of a field is the platform's to drop. */
  const isSame = (edited: string, token: string): boolean => edited.trim() === token

  test.each(['Ed25519', 'ES256', 'RS256', 'PS256'])('is never verified, although the original is known: %s', async (alg) => {
    const token = await signerFor(alg).sign()
    const warm = scene()
    expect(outcomeOf(await warm.verify(token))).toBe('verified')
    const place = nat(token.length - 1)
    const isRefused = asyncProperty(constantFrom(...EDITS), place, constantFrom(...CHARACTERS), async (edit, at, character) => {
      const edited = edit(token, at, character)
      return isSame(edited, token) || outcomeOf(await warm.verify(edited)) !== 'verified'
    })
    await assert(isRefused, { numRuns: 400 })
    expect(outcomeOf(await warm.verify(token))).toBe('verified')
  })

  test.each(['Ed25519', 'ES256'])('is never verified, whatever its last characters are: %s', async (alg) => {
    const token = await signerFor(alg).sign()
    const made = scene()
    const edited = CHARACTERS.flatMap((character) => [
      `${token.slice(0, -2)}${character}${token.slice(-1)}`,
      `${token.slice(0, -1)}${character}`,
      `${token}${character}`,
      `${token}.${character}`,
    ]).filter((candidate) => !isSame(candidate, token))
    expect(edited.length).toBeGreaterThan(250)
    const outcomes = await Promise.all(edited.map(async (candidate) => outcomeOf(await made.verify(candidate))))
    expect(outcomes).not.toContain('verified')
  })
})
