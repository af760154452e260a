import type { Caller, Tried } from '../policy/evaluate.ts'
import type { LinkedRoute } from '../policy/link.ts'
import type { OriginConfig } from '../policy/policy.ts'
import type { Shortfall } from '../schemes/authenticator.ts'
import type { SessionLookup } from '../sessions/session-lookup.ts'

export type AttachedToken =
  | { readonly status: 'none' }
  | { readonly status: 'token'; readonly token: string }
  /** It cannot be had: as if the session had not been accepted. */
  | { readonly status: 'refused'; readonly tried: readonly Tried[] }
  /** The provider gives none for this origin, whoever asks. */
  | { readonly status: 'fault'; readonly detail: string }

/** The access token that goes along to the route's origin, where the caller is a session of the origin's scheme (BF-6). */
export async function attachedToken(
  { origin, requirements }: LinkedRoute,
  { principals }: Caller,
  sessions: SessionLookup | undefined,
  now: number,
): Promise<AttachedToken> {
  const { attachToken } = origin
  const session = attachToken === undefined ? undefined : principals.find(({ scheme }) => scheme === attachToken.scheme)
  if (session === undefined) return { status: 'none' }
  const found = await tokenOf(sessions, session.credentialId, attachToken, now)
  if (found?.status === 'token') return found
  if (found?.status === 'refused') return { status: 'fault', detail: found.detail }
  const authenticator = requirements.flat().find((term) => term.authenticator.name === session.scheme)?.authenticator
  if (authenticator === undefined) throw new Error(`no requirement of the route names the scheme ${session.scheme}`)
  const shortfall: Shortfall =
    found === undefined || found.status === 'unavailable'
      ? { status: 'unavailable', reason: 'session_unavailable', ...(found === undefined ? {} : { detail: found.detail }) }
      : { status: 'rejected', reason: 'expired', authentic: true, detail: 'its access token is over and cannot be renewed' }
  return { status: 'refused', tried: [{ alternative: 0, authenticator, shortfall }] }
}

function tokenOf(sessions: SessionLookup | undefined, id: string, attached: OriginConfig['attachToken'], now: number) {
  return attached !== undefined && 'exchange' in attached
    ? sessions?.accessToken(id, now, attached.exchange)
    : sessions?.accessToken(id, now)
}
