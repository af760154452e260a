import type { RejectionReason } from '../authenticator.ts'
import type { JwtConfig, JwtIssuer } from './config.ts'

type Claims = Readonly<Record<string, unknown>>

/** What every access token says (RFC 9068 §2.2); an issuer that sets no `typ` is held to the least that makes it one (AT-6). */
const REQUIRED = { 'at+jwt': ['sub', 'client_id', 'jti'], any: [] } as const
const TYPES = { 'at+jwt': ['at+jwt'], any: ['at+jwt', 'jwt'] } as const
/** Last whole second of the year 9999: later instants are mistakes. */
const MAX_SECONDS = 253_402_300_799

/** `typ` in the header, without regard to case and with or without `application/` (RFC 7515 §4.1.9, AT-1, JB-9). */
export function isAccessTokenType(typ: unknown, tokenType: JwtConfig['tokenType']): boolean {
  if (typ === undefined) return tokenType === 'any'
  if (typeof typ !== 'string') return false
  const name = typ.toLowerCase().replace(/^application\//u, '')
  return (TYPES[tokenType] as readonly string[]).includes(name)
}

/** The first fault that does not depend on the time. The issuer was compared before. */
export function faultOfClaims(claims: Claims, issuer: JwtIssuer, tokenType: JwtConfig['tokenType']): RejectionReason | undefined {
  const { aud, exp, nbf, iat, sub, cnf } = claims
  if (!isAudience(aud, issuer.audiences)) return aud === undefined ? 'claim_missing' : 'audience_mismatch'
  if (exp === undefined || (tokenType === 'at+jwt' && iat === undefined)) return 'claim_missing'
  if (![exp, nbf, iat].every(isNumericDateOrAbsent)) return 'claim_invalid'
  const texts = REQUIRED[tokenType].map((name) => claims[name])
  if (texts.includes(undefined)) return 'claim_missing'
  if (![...texts, sub, claims['jti'], clientOf(claims)].every(isNameOrAbsent)) return 'claim_invalid'
  if (sub === undefined && clientOf(claims) === undefined) return 'claim_missing'
  // A token that is bound to a key is nothing without the proof of it (RFC 9449 §7.1, RFC 8705 §3).
  return cnf === undefined ? undefined : 'binding_missing'
}

/** Asked on every request, also for a token that is known (JW-10). `now` in milliseconds. */
export function faultOfTimes({ exp, nbf, iat }: Claims, now: number, toleranceSeconds: number): RejectionReason | undefined {
  const seconds = now / 1000
  if (seconds >= Number(exp) + toleranceSeconds) return 'expired'
  const earliest = Math.max(Number(nbf ?? 0), Number(iat ?? 0))
  return seconds < earliest - toleranceSeconds ? 'not_yet_valid' : undefined
}

/** Who asked for the token: `client_id` (RFC 9068 §2.2), else `azp` (OpenID Connect Core §2). */
export function clientOf(claims: Claims): unknown {
  return claims['client_id'] ?? claims['azp']
}

/** Space-delimited or a list (AT-4). */
export function scopesOf(claims: Claims, scopeClaim: string): ReadonlySet<string> {
  const value = Object.hasOwn(claims, scopeClaim) ? claims[scopeClaim] : undefined
  const list: readonly unknown[] = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : []
  return new Set(list.filter((scope): scope is string => typeof scope === 'string' && scope !== ''))
}

/** Exact, no prefix (JW-11). */
function isAudience(aud: unknown, audiences: readonly string[]): boolean {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  return named.some((name) => typeof name === 'string' && audiences.includes(name))
}

function isNumericDateOrAbsent(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && value >= 0 && value <= MAX_SECONDS)
}

function isNameOrAbsent(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && value !== '' && value.length <= 512)
}
