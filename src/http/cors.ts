/** Cross-origin sharing as a policy writes it for a route (docs/policy.md, "cors"). */
export interface CorsPolicy {
  /** Exact origins, or `*` alone. */
  readonly origins: readonly string[]
  readonly allowHeaders: readonly string[]
  readonly exposeHeaders: readonly string[]
  readonly credentials: boolean
  readonly maxAgeSeconds: number
}

/** The method that a CORS preflight (Fetch §4.8) asks about; any other OPTIONS is an ordinary method. */
export function preflightMethodOf(request: Request): string | undefined {
  if (request.method !== 'OPTIONS' || !request.headers.has('origin')) return undefined
  return request.headers.get('access-control-request-method') ?? undefined
}

/** `undefined`: that origin may not. With `credentials` an origin is named, never `*` (OW-8). */
function allowedOrigin(cors: CorsPolicy, origin: string | null): string | undefined {
  if (origin === null) return undefined
  if (cors.origins.includes(origin)) return origin
  return cors.origins.includes('*') && !cors.credentials ? '*' : undefined
}

/** The answer to a preflight, or `undefined` where the route does not share with that origin. */
export function preflightResponse(cors: CorsPolicy | undefined, request: Request, method: string): Response | undefined {
  const origin = cors === undefined ? undefined : allowedOrigin(cors, request.headers.get('origin'))
  if (cors === undefined || origin === undefined) return undefined
  const headers = new Headers({ 'access-control-allow-origin': origin, 'access-control-allow-methods': method, vary: 'Origin' })
  if (cors.allowHeaders.length > 0) headers.set('access-control-allow-headers', cors.allowHeaders.join(', '))
  if (cors.credentials) headers.set('access-control-allow-credentials', 'true')
  headers.set('access-control-max-age', String(cors.maxAgeSeconds))
  return new Response(null, { status: 204, headers })
}

const GRANTS = ['access-control-allow-origin', 'access-control-allow-credentials', 'access-control-expose-headers'] as const

/** Adds what lets a browser's script read an answer, refusals included. The gate's word replaces the origin's. */
export function shareResponse(cors: CorsPolicy | undefined, request: Request, response: Response): void {
  if (cors === undefined) return
  response.headers.append('vary', 'Origin')
  for (const name of GRANTS) response.headers.delete(name)
  const origin = allowedOrigin(cors, request.headers.get('origin'))
  if (origin === undefined) return
  response.headers.set('access-control-allow-origin', origin)
  if (cors.credentials) response.headers.set('access-control-allow-credentials', 'true')
  const exposed = [...cors.exposeHeaders, 'WWW-Authenticate', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'Portcullis-Request-Id']
  response.headers.set('access-control-expose-headers', exposed.join(', '))
}
