import { isRecord } from '../../schemes/jwt/strict-json.ts'
import { ProviderFault } from './fault.ts'
import { CLOCK_TOLERANCE_SECONDS, checkParties, checkTimes, type IdTokenExpectation } from './id-token.ts'
import type { SignedToken } from './signed-token.ts'

/** Whose sessions a provider has ended (OpenID Connect Back-Channel Logout §2.4). */
export interface LogoutNotice {
  readonly subject?: string
  readonly providerSession?: string
  readonly id: string
  /** Milliseconds since the epoch after which the token is taken by nobody. */
  readonly expiresAt: number
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** A token older than this is not taken, however late it says it ends: an id is remembered no longer than that. */
const MAX_AGE_SECONDS = 3600
/** Within what the replay memory and the session index take. */
const NAME = /^[\x20-\x7e]{1,255}$/u

/** OC-11. Throws `ProviderFault`. */
export function checkLogoutToken(
  { header, claims }: SignedToken,
  expected: Pick<IdTokenExpectation, 'issuer' | 'clientId' | 'now'>,
): LogoutNotice {
  const { typ } = header
  // `logout+jwt` is recommended, not required: what makes it a logout token is its event, and that it has no nonce.
  if (typ !== undefined && (typeof typ !== 'string' || !['jwt', 'logout+jwt', 'application/logout+jwt'].includes(typ.toLowerCase())))
    throw broken('typ', 'is of another kind of token')
  checkParties(claims, expected)
  const iat = checkTimes(claims, claims['iat'], expected.now)
  const endsAt = Math.min(Number(claims['exp']), iat + MAX_AGE_SECONDS) + CLOCK_TOLERANCE_SECONDS
  if (expected.now / 1000 >= endsAt) throw broken('iat', 'is more than an hour past')
  if (claims['nonce'] !== undefined) throw broken('nonce', 'makes it an ID token')
  const { events, jti } = claims
  if (!isRecord(events) || !isRecord(events[EVENT])) throw broken('events', 'do not say that somebody has signed out')
  const [subject, providerSession, id] = [claims['sub'], claims['sid'], jti].map(nameOf)
  if (id === undefined) throw broken('jti', 'is missing')
  if (subject === undefined && providerSession === undefined) throw broken('sub', 'and sid are missing')
  return {
    id,
    expiresAt: endsAt * 1000,
    ...(subject === undefined ? {} : { subject }),
    ...(providerSession === undefined ? {} : { providerSession }),
  }
}

function nameOf(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !NAME.test(value)) throw broken('sub, sid or jti', 'is no name')
  return value
}

function broken(claim: string, what: string): ProviderFault {
  return new ProviderFault('provider-answer-invalid', `the logout token's ${claim} ${what}`)
}
