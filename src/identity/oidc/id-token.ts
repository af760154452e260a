import { encodeBase64Url } from '../../http/base64url.ts'
import { ProviderFault } from './fault.ts'
import type { SignedToken } from './signed-token.ts'

/** What an ID token must say to be believed (OpenID Connect Core §3.1.3.7). */
export interface IdTokenExpectation {
  readonly issuer: string
  readonly clientId: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** At a sign-in; a refresh has none. */
  readonly nonce?: string
  /** At a refresh: whose token it must be (OC-8). */
  readonly subject?: string
  readonly accessToken?: string
  /** One of them must be in `acr`; empty: none was asked for. */
  readonly acrValues?: readonly string[]
  readonly maxAgeSeconds?: number
}

export interface IdTokenClaims extends Readonly<Record<string, unknown>> {
  readonly sub: string
  readonly iat: number
}

/** How far the clocks may disagree, in seconds. */
export const CLOCK_TOLERANCE_SECONDS = 30
const MAX_SUBJECT = 255
type Claims = Readonly<Record<string, unknown>>

/** The claims, of which every rule holds. Throws `ProviderFault`. */
export async function checkIdToken({ header, claims }: SignedToken, expected: IdTokenExpectation): Promise<IdTokenClaims> {
  const { sub, iat } = claims
  const { typ } = header
  if (typ !== undefined && (typeof typ !== 'string' || typ.toLowerCase() !== 'jwt')) throw broken('typ', 'is of another kind of token')
  checkParties(claims, expected)
  const subject = checkSubject(sub, expected.subject)
  const issuedAt = checkTimes(claims, iat, expected.now)
  if (expected.nonce !== undefined && claims['nonce'] !== expected.nonce) throw broken('nonce', 'is not the one that was sent')
  const { at_hash: hash } = claims
  if (hash !== undefined && hash !== (await hashOf(expected.accessToken ?? '', header['alg'])))
    throw broken('at_hash', 'is of another access token')
  checkStrength(claims, expected)
  return { ...claims, sub: subject, iat: issuedAt }
}

/** `iss`, `aud` and `azp` of tokens for us. Also a logout token's (OpenID Connect Back-Channel Logout §2.6). */
export function checkParties(claims: Claims, { issuer, clientId }: Pick<IdTokenExpectation, 'issuer' | 'clientId'>): void {
  const { iss, aud, azp } = claims
  if (iss !== issuer) throw broken('iss', 'names another issuer')
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!audiences.includes(clientId)) throw broken('aud', 'does not name this client')
  if (audiences.length > 1 && azp === undefined) throw broken('azp', 'is missing beside several audiences')
  if (azp !== undefined && azp !== clientId) throw broken('azp', 'names another client')
}

/** `exp` and `iat`, and `nbf` where there is one; gives `iat`. Also a logout token's. */
export function checkTimes({ exp, nbf }: Claims, iat: unknown, now: number): number {
  const seconds = now / 1000
  if (typeof exp !== 'number' || seconds >= exp + CLOCK_TOLERANCE_SECONDS) throw broken('exp', 'is missing or past')
  if (typeof iat !== 'number' || iat > seconds + CLOCK_TOLERANCE_SECONDS) throw broken('iat', 'is missing or in the future')
  if (nbf !== undefined && (typeof nbf !== 'number' || nbf > seconds + CLOCK_TOLERANCE_SECONDS)) throw broken('nbf', 'is in the future')
  return iat
}

function checkSubject(sub: unknown, expected: string | undefined): string {
  if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT) throw broken('sub', 'is missing or too long')
  if (expected !== undefined && sub !== expected) throw broken('sub', 'is somebody else than before')
  return sub
}

function checkStrength({ auth_time: at, acr }: Claims, { now, acrValues = [], maxAgeSeconds }: IdTokenExpectation): void {
  if (at !== undefined && typeof at !== 'number') throw broken('auth_time', 'is no time')
  if (maxAgeSeconds !== undefined && (at === undefined || now / 1000 > at + maxAgeSeconds + CLOCK_TOLERANCE_SECONDS))
    throw new ProviderFault('authentication-insufficient', 'auth_time is missing or older than max_age')
  if (acrValues.length > 0 && !(typeof acr === 'string' && acrValues.includes(acr)))
    throw new ProviderFault('authentication-insufficient', 'acr is none of those that were asked for')
}

/** The left half of the hash that belongs to the algorithm (OpenID Connect Core §3.1.3.6). Ed25519 goes with SHA-512. */
async function hashOf(accessToken: string, algorithm: unknown): Promise<string> {
  const bits = /(?:256|384|512)$/u.exec(String(algorithm))?.[0] ?? '512'
  const digest = new Uint8Array(await crypto.subtle.digest(`SHA-${bits}`, new TextEncoder().encode(accessToken)))
  return encodeBase64Url(digest.subarray(0, digest.byteLength / 2))
}

function broken(claim: string, what: string): ProviderFault {
  return new ProviderFault('provider-answer-invalid', `the token's ${claim} ${what}`)
}
