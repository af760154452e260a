import { describe, expect, test } from 'vitest'
import { checkIdToken, type IdTokenExpectation } from '../../../src/identity/oidc/id-token.ts'
import { ProviderFault } from '../../../src/identity/oidc/fault.ts'

const seconds = 1_800_000_000
const HEADER = { alg: 'RS256', kid: 'k1' }
const CLAIMS = { iss: 'https://idp.example', aud: 'gate', sub: 'ada', iat: seconds, exp: seconds + 300, nonce: 'n-1' }
const EXPECTED: IdTokenExpectation = {
  issuer: 'https://idp.example',
  clientId: 'gate',
  now: seconds * 1000,
  nonce: 'n-1',
  // OpenID Connect Core, Appendix A.3.
  accessToken: 'jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y',
}
async function check(claims: object, expected: Partial<IdTokenExpectation> = {}, header: object = {}): Promise<string> {
  try {
    await checkIdToken({ header: { ...HEADER, ...header }, claims: { ...CLAIMS, ...claims } }, { ...EXPECTED, ...expected })
    return 'holds'
  } catch (error) {
    if (error instanceof ProviderFault) return error.message
    throw error
  }
}

/** Without openid-client in front, which would find many of these first. */
describe('checkIdToken()', () => {
  test.each<[string, object, RegExp | 'holds', Partial<IdTokenExpectation>?]>([
    ['as it should be', {}, 'holds'],
    ['another issuer', { iss: 'https://idp.example/' }, /iss/u],
    ['no issuer', { iss: undefined }, /iss/u],
    ['another audience', { aud: 'gate2' }, /aud/u],
    ['no audience', { aud: [] }, /aud/u],
    ['one audience in a list', { aud: ['gate'] }, 'holds'],
    ['several audiences without azp', { aud: ['gate', 'x'] }, /azp/u],
    ['several audiences with our azp', { aud: ['x', 'gate'], azp: 'gate' }, 'holds'],
    ['several audiences with another azp', { aud: ['x', 'gate'], azp: 'x' }, /azp/u],
    ['the azp of another', { azp: 'x' }, /azp/u],
    ['another nonce', { nonce: 'n-2' }, /nonce/u],
    ['no nonce', { nonce: undefined }, /nonce/u],
    ['no nonce where none was sent', { nonce: undefined }, 'holds', { nonce: undefined as unknown as string }],
    ['expired just within the tolerance', { exp: seconds - 29 }, 'holds'],
    ['expired just beyond', { exp: seconds - 30 }, /exp/u],
    ['an end that is no number', { exp: String(seconds + 300) }, /exp/u],
    ['issued ahead just within the tolerance', { iat: seconds + 30 }, 'holds'],
    ['issued ahead just beyond', { iat: seconds + 31 }, /iat/u],
    ['issued at no number', { iat: '0' }, /iat/u],
    ['not before, just within the tolerance', { nbf: seconds + 30 }, 'holds'],
    ['not before, just beyond', { nbf: seconds + 31 }, /nbf/u],
    ['the right at_hash', { at_hash: '77QmUPtjPfzWtF2AnpK9RQ' }, 'holds'],
    ['another at_hash', { at_hash: '77QmUPtjPfzWtF2AnpK9RA' }, /at_hash/u],
    [
      'an at_hash without an access token',
      { at_hash: '77QmUPtjPfzWtF2AnpK9RQ' },
      /at_hash/u,
      { accessToken: undefined as unknown as string },
    ],
    ['nobody', { sub: undefined }, /sub/u],
    ['a subject of 255 characters', { sub: 's'.repeat(255) }, 'holds'],
    ['a subject of 256 characters', { sub: 's'.repeat(256) }, /sub/u],
    ['the same person as before', {}, 'holds', { subject: 'ada' }],
    ['somebody else than before', {}, /sub/u, { subject: 'eve' }],
    ['signed in as long ago as may be', { auth_time: seconds - 90 }, 'holds', { maxAgeSeconds: 60 }],
    ['signed in longer ago', { auth_time: seconds - 91 }, /max_age/u, { maxAgeSeconds: 60 }],
    ['signed in at no time', {}, /max_age/u, { maxAgeSeconds: 60 }],
    ['signed in at a text', { auth_time: 'now' }, /auth_time/u],
    ['one of the acr values', { acr: 'b' }, 'holds', { acrValues: ['a', 'b'] }],
    ['none of the acr values', { acr: 'c' }, /acr/u, { acrValues: ['a', 'b'] }],
    ['a list of acr values', { acr: ['a'] }, /acr/u, { acrValues: ['a'] }],
    ['no acr', {}, /acr/u, { acrValues: ['a'] }],
  ])('OC-5: %s', async (_, claims, outcome, expected) => {
    expect(await check(claims, expected)).toMatch(outcome)
  })

  test.each([
    ['ES256', 'SHA-256'],
    ['PS384', 'SHA-384'],
    ['ES384', 'SHA-384'],
    ['RS512', 'SHA-512'],
    ['EdDSA', 'SHA-512'],
    ['Ed25519', 'SHA-512'],
  ])('OC-5: at_hash with %s is the left half of %s', async (alg, hash) => {
    const digest = new Uint8Array(await crypto.subtle.digest(hash, new TextEncoder().encode('token')))
    const half = btoa(String.fromCodePoint(...digest.subarray(0, digest.length / 2)))
    const at_hash = half.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
    expect(await check({ at_hash }, { accessToken: 'token' }, { alg })).toBe('holds')
    expect(await check({ at_hash }, { accessToken: 'Token' }, { alg })).toMatch(/at_hash/u)
  })

  test.each([
    ['JWT', 'holds'],
    ['jwt', 'holds'],
    ['at+jwt', /another kind/u],
    ['logout+jwt', /another kind/u],
    [1, /another kind/u],
  ])('JB-9: typ %s', async (typ, outcome) => {
    expect(await check({}, {}, { typ })).toMatch(outcome)
  })
})
