import type { Shortfall, VerifyContext } from '../authenticator.ts'

/** Longest path and query that a sign-in leads back to, in characters. */
const MAX_RETURN_TO = 1024
const LOGIN = '/.portcullis/login'

/** Where a browser signs in, and comes back from to what it asked for. Path and query on the host that was asked. */
export function loginUrl(
  provider: string | undefined,
  shortfall: Shortfall,
  { target, request }: Pick<VerifyContext, 'target' | 'request'>,
): string {
  const query = new URLSearchParams()
  const returnTo = target.path + target.query
  // After a sign-in the browser can repeat nothing but a GET.
  if ((request.method === 'GET' || request.method === 'HEAD') && returnTo.length <= MAX_RETURN_TO) query.set('return_to', returnTo)
  if (shortfall.status === 'insufficient_authentication') {
    if (shortfall.acrValues !== undefined) query.set('acr_values', shortfall.acrValues.join(' '))
    if (shortfall.maxAgeSeconds !== undefined) query.set('max_age', String(shortfall.maxAgeSeconds))
  }
  const path = provider === undefined ? LOGIN : `${LOGIN}/${provider}`
  return query.size === 0 ? path : `${path}?${query.toString()}`
}
