/** Methods that a page of another site can send without asking first, yet that change nothing by their definition (RFC 9110 §9.2.1). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** A page of another origin can send it only after a preflight that the route's `cors` allows (BF-4). */
const CSRF_FIELD = 'x-portcullis-csrf'

/**
 * Whether a request that brings a session's cookie may be one that another site made the browser send (BF-4). `SameSite` keeps out
 * other sites; this keeps out sibling hosts of the same site, and WebSockets, on which browsers set no such field. `origin`: ours.
 */
export function isForgeable(request: Request, origin: string): boolean {
  const { method, headers } = request
  if (headers.get('upgrade')?.toLowerCase() === 'websocket') return headers.get('origin') !== origin
  if (SAFE.has(method) || headers.get(CSRF_FIELD) === '1') return false
  const site = headers.get('sec-fetch-site')
  return site === null ? headers.get('origin') !== origin : site !== 'same-origin'
}
