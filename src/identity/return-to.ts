import { canonicalize } from '../http/canonical-url.ts'

/** Longest path and query that a sign-in leads back to, in characters: it travels in a cookie. */
export const MAX_RETURN_TO = 1024

/** The gate's own paths: to come back to one would sign in, or out, in circles. Its pages for people are none of these. */
const OWN = /^\/\.(?:portcullis(?!\/(?:portal|console|account)(?:[/?]|$))|well-known\/portcullis)(?:[/?;]|$)/iu

/**
 * Path and query on our own host, exactly as given, or `undefined`: an open redirect would lend the gate's name to anybody
 * (OB-4). Held to the one form that a route must have, so no parser of any browser reads a host into it.
 */
export function parseReturnTo(text: string, origin: string): string | undefined {
  if (text.length > MAX_RETURN_TO || !/^\/(?![/\\])/u.test(text) || OWN.test(text)) return undefined
  const canonical = canonicalize(origin + text)
  if (canonical.status === 'refused') return undefined
  const { path, query, href } = canonical.url
  return new URL(href).origin === new URL(origin).origin && path + query === text ? text : undefined
}
