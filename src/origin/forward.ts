import type { CanonicalUrl } from '../http/canonical-url.ts'
import type { RequestBody } from '../http/request-body.ts'
import type { OriginConfig, Route } from '../policy/policy.ts'
import { foldedName, withoutCookies, withoutQueries, type StrippedCarriers } from './carriers.ts'
import { isStripped } from './stripped-fields.ts'

/** An origin with its URL taken apart once. */
export interface Origin extends OriginConfig {
  /** Scheme, host and port. */
  readonly base: string
  /** Without the slash at its end. */
  readonly pathPrefix: string
}

export function originOf(config: OriginConfig): Origin {
  const { origin, pathname } = new URL(config.url)
  return { ...config, base: origin, pathPrefix: pathname.replace(/\/$/u, '') }
}

/** A request that was let in, with all that decides what the origin sees of it. */
export interface Forwarded {
  readonly request: Request
  readonly target: CanonicalUrl
  readonly route: Route
  readonly origin: Origin
  readonly stripped: StrippedCarriers
  readonly body: RequestBody
  readonly assertion: string
  /** Access token of a session that the origin is given; absent: none. */
  readonly token?: string
  readonly requestId: string
  /** The client's address as the edge saw it. */
  readonly address: string | undefined
}

export type OriginAnswer =
  | { readonly status: 'answered'; readonly response: Response }
  | { readonly status: 'failed'; readonly failure: 'unreachable' | 'timeout'; readonly detail: string }
  | { readonly status: 'too_large'; readonly maxBodyBytes: number }

/** Path and query as the origin receives them, appended to the origin's own URL. */
export function originPath(target: CanonicalUrl, route: Route, origin: Origin): string {
  const path = origin.stripBasePath ? withoutSegments(target.path, route.basePath.split('/').length - 1) : target.path
  return origin.pathPrefix + path
}

/** By segments, since `/%40a` is the base path `/@a` too, and longer. */
function withoutSegments(path: string, count: number): string {
  return `/${path
    .split('/')
    .slice(count + 1)
    .join('/')}`
}

/** Sends the request on and gives the origin's answer as a stream; redirects are the client's to follow. */
export async function forward(forwarded: Forwarded, fetcher: typeof fetch): Promise<OriginAnswer> {
  const { request, target, route, origin, stripped, body, requestId } = forwarded
  const url = origin.base + originPath(target, route, origin) + withoutQueries(target.query, stripped.queries)
  const capped = capBody(body, route.maxBodyBytes)
  try {
    const answering = fetcher(url, {
      method: request.method,
      headers: originHeaders(forwarded),
      body: capped.body,
      redirect: 'manual',
      // What the origin answers to one caller may not come to another from the platform's cache: its key knows no caller.
      cache: 'no-store',
    })
    const response = await inTime(answering, origin.timeouts.headersSeconds)
    if (response === LATE) {
      discard(answering)
      return { status: 'failed', failure: 'timeout', detail: 'no response header in time' }
    }
    return { status: 'answered', response: answerOf(response, requestId, stripped.cookies) }
  } catch (error) {
    if (capped.isOver()) return { status: 'too_large', maxBodyBytes: route.maxBodyBytes ?? 0 }
    return { status: 'failed', failure: 'unreachable', detail: error instanceof Error ? error.message : 'unknown' }
  }
}

const LATE = 'late'

/** Not by a signal: it would cost more than all the rest of this. A fetch that comes late ends with its request. */
async function inTime(answering: Promise<Response>, seconds: number): Promise<Response | typeof LATE> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(LATE), seconds * 1000)
    void answering.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function discard(answering: Promise<Response>): void {
  void answering.then(
    async (response) => response.body?.cancel(),
    () => undefined,
  )
}

function originHeaders({ request, target, stripped, assertion, token, requestId, address }: Forwarded): Headers {
  const headers = new Headers()
  const nominated = connectionNominated(request.headers.get('connection'))
  for (const [name, value] of request.headers) {
    if (isStripped(name) || stripped.headers.has(foldedName(name)) || nominated.has(name)) continue
    if (name === 'cookie' && stripped.cookies.size > 0) {
      const kept = withoutCookies(value, stripped.cookies)
      if (kept !== undefined) headers.append(name, kept)
    } else {
      headers.append(name, value)
    }
  }
  if (isWebSocket(request)) headers.set('upgrade', 'websocket')
  headers.set(
    'forwarded',
    `${address === undefined ? '' : `for=${forwardedNode(address)};`}host="${target.authority}";proto=${target.scheme}`,
  )
  headers.set('portcullis-assertion', assertion)
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
  headers.set('portcullis-request-id', requestId)
  return headers
}

export function isWebSocket(request: Request): boolean {
  return request.headers.get('upgrade')?.toLowerCase() === 'websocket'
}

const NONE: ReadonlySet<string> = new Set()

/** RFC 9110 §7.6.1: fields that the client bound to its own hop. */
function connectionNominated(connection: string | null): ReadonlySet<string> {
  if (connection === null || connection === 'keep-alive') return NONE
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}

/** RFC 7239 §6: IPv6 in brackets and quotes. */
function forwardedNode(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

/** The response may be changed: fields are added by `gateway.ts`. */
function answerOf(response: Response, requestId: string, ownCookies: ReadonlySet<string>): Response {
  const { webSocket } = response
  const isUpgrade = webSocket !== null && webSocket !== undefined
  const answer = isUpgrade
    ? new Response(null, { status: 101, headers: response.headers, webSocket })
    : new Response(response.body, response)
  answer.headers.set('portcullis-request-id', requestId)
  if (ownCookies.size > 0 && answer.headers.has('set-cookie')) keepOwnCookies(answer.headers, ownCookies)
  return answer
}

/** An origin that could set a cookie which is a credential here could sign a visitor in as somebody else (BF-7). */
function keepOwnCookies(headers: Headers, ownCookies: ReadonlySet<string>): void {
  const cookies = headers.getSetCookie()
  const kept = cookies.filter((cookie) => !ownCookies.has((cookie.split(/[=;]/u, 1)[0] ?? '').trim()))
  if (kept.length === cookies.length) return
  headers.delete('set-cookie')
  for (const cookie of kept) headers.append('set-cookie', cookie)
}

interface CappedBody {
  readonly body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null
  isOver(): boolean
}

/** Lets at most `maxBodyBytes` through; a longer content breaks the request to the origin off. */
function capBody(body: RequestBody, maxBodyBytes: number | undefined): CappedBody {
  const content = body.forward() as ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null
  if (maxBodyBytes === undefined || !(content instanceof ReadableStream)) return { body: content, isOver: () => false }
  let seen = 0
  let isOver = false
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      seen += chunk.byteLength
      if (seen > maxBodyBytes) {
        isOver = true
        controller.error(new Error('content over the cap'))
      } else {
        controller.enqueue(chunk)
      }
    },
  })
  return { body: content.pipeThrough(counter), isOver: () => isOver }
}
