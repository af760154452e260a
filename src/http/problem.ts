/** One answer that the gate itself gives, in the words of RFC 9457. */
export interface Problem {
  readonly status: number
  /** Stable, documented in docs/errors.md; the last part of `type` unless that is registered elsewhere. */
  readonly code: string
  readonly title: string
  /** For the client; never holds a credential, a key id of somebody else, or a reason that helps a prober (PD-2). */
  readonly detail?: string
  /** A registered problem type, where one fits better than our own. */
  readonly type?: string
  readonly fields?: Iterable<readonly [name: string, value: string]>
  /** Extension members (RFC 9457 §3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>
  readonly requestId?: string
}

/** `type` of a problem of ours: a name, not an address; docs/errors.md explains each (RFC 9457 §3.1.1). */
export function problemType(code: string): string {
  return `urn:portcullis:error:${code}`
}

/** `application/problem+json`, never stored by a cache (RFC 6585 §4). */
export function problemResponse(problem: Problem): Response {
  const { status, code, title, detail, requestId } = problem
  const body = {
    type: problem.type ?? problemType(code),
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
    ...(requestId === undefined ? {} : { instance: `urn:uuid:${requestId}` }),
    ...problem.extensions,
  }
  const headers = new Headers(problem.fields === undefined ? [] : [...problem.fields].map(([name, value]) => [name, value]))
  headers.set('content-type', 'application/problem+json')
  headers.set('cache-control', 'no-store')
  headers.set('x-content-type-options', 'nosniff')
  if (requestId !== undefined) headers.set('portcullis-request-id', requestId)
  return new Response(`${JSON.stringify(body)}\n`, { status, headers })
}
