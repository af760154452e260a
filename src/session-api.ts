import { problemResponse } from './http/problem.ts'
import type { Session, Sessions } from './sessions/session.ts'

export interface SessionApiParts {
  readonly sessions: Pick<Sessions, 'find'>
  /** As a route that takes a session of any provider would decide. `undefined`: it may. */
  readonly authorize: (request: Request) => Promise<Response | undefined>
  readonly now: () => number
}

export const SESSION_PATH = /^https?:\/\/[^/?#]+\/\.portcullis\/session(?:\?|$)/u

/** `GET /.portcullis/session`: who the browser is signed in as, and until when (docs/sessions.md). */
export async function sessionResponse({ sessions, authorize, now }: SessionApiParts, request: Request): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return problemResponse({
      status: 405,
      code: 'method-not-allowed',
      title: 'The route does not take this method',
      fields: [['allow', 'GET, HEAD']],
    })
  const refusal = await authorize(request)
  if (refusal !== undefined) return refusal
  let session: Session | undefined
  try {
    session = await sessions.find(request, now())
  } catch {
    return problemResponse({
      status: 503,
      code: 'dependency-unavailable',
      title: 'The gate cannot decide at the moment',
      fields: [['retry-after', '5']],
    })
  }
  if (session === undefined) return problemResponse({ status: 401, code: 'credential-expired', title: 'The credential has expired' })
  return Response.json(describe(session), {
    headers: { 'cache-control': 'no-store', 'cross-origin-resource-policy': 'same-origin', 'x-content-type-options': 'nosniff' },
  })
}

function describe({ id, signIn, startedAt, expiresAt }: Session): object {
  const { provider, issuer, subject, person, consumer, claims, groups, scopes } = signIn
  return {
    id,
    provider,
    issuer,
    subject,
    ...(person === undefined ? {} : { person }),
    ...(consumer === undefined ? {} : { consumer }),
    claims,
    groups,
    scopes,
    startedAt: new Date(startedAt).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
  }
}
