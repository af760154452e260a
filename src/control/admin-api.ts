import { Hono } from 'hono'
import { problemResponse, type Problem } from '../http/problem.ts'
import type { RevocationFeed } from '../revocation/feed-object.ts'
import { parseRevocationRequest } from '../revocation/revocation-request.ts'

/** What an admin key must be allowed. */
export type AdminScope = 'revocations:write' | 'status:read'

export interface AdminApiParts {
  readonly feed: () => Pick<DurableObjectStub<RevocationFeed>, 'append' | 'status'>
  /** The feed has grown: the data centre that was asked need not wait for the bound. May fail. */
  readonly announce: (authority: string) => Promise<void>
  readonly gateway: string
  /** How long isolates may work with an older feed, in seconds. */
  readonly boundSeconds: number
  /** How much longer while they cannot read it, in seconds. */
  readonly graceSeconds: number
  readonly now: () => number
  /** `undefined`: it may. Else the refusal. */
  readonly authorize: (request: Request, scope: AdminScope) => Promise<Response | undefined>
  readonly policySummary: () => unknown
}

const REVOCATIONS = '/.portcullis/admin/v1/revocations'
const STATUS = '/.portcullis/admin/v1/status'
const MAX_BODY_BYTES = 64 * 1024

/** The gate's own API (docs/revocation.md), guarded by admin keys through the same evaluator as every route. */
export function createAdminApi(parts: AdminApiParts): Hono {
  const { feed, gateway, boundSeconds, graceSeconds, now, authorize } = parts
  const api = new Hono()

  api.post(REVOCATIONS, async ({ req }) => {
    const refusal = await authorize(req.raw, 'revocations:write')
    if (refusal !== undefined) return refusal
    const document = await readJson(req.raw)
    if ('problem' in document) return problemResponse(document.problem)
    const at = now()
    const parsed = parseRevocationRequest(document.value, at)
    if (parsed.status === 'invalid')
      return problemResponse({
        status: 422,
        code: 'revocation-invalid',
        title: 'The revocation is not valid',
        detail: 'See docs/revocation.md for what can be revoked.',
        extensions: { errors: parsed.errors },
      })
    try {
      const appended = await feed().append(parsed.entries, at)
      // From when it is durable: an isolate may have read the feed just before.
      const durableAt = now()
      await parts.announce(new URL(req.url).host).catch(() => undefined)
      const [effectiveBy, latestBy] = [boundSeconds, boundSeconds + graceSeconds].map((seconds) =>
        new Date(durableAt + seconds * 1000).toISOString(),
      )
      return json(201, { effectiveBy, latestBy, revocations: appended.map(describe) })
    } catch {
      return problemResponse(UNAVAILABLE)
    }
  })

  api.get(STATUS, async ({ req }) => {
    const refusal = await authorize(req.raw, 'status:read')
    if (refusal !== undefined) return refusal
    try {
      const revocations = { ...(await feed().status()), boundSeconds, graceSeconds }
      return json(200, { gateway, time: new Date(now()).toISOString(), policy: parts.policySummary(), revocations })
    } catch {
      return problemResponse(UNAVAILABLE)
    }
  })

  api.all(REVOCATIONS, () => problemResponse(methodNotAllowed('POST')))
  api.all(STATUS, () => problemResponse(methodNotAllowed('GET, HEAD')))
  api.notFound(() => problemResponse({ status: 404, code: 'route-unknown', title: 'No such route' }))
  return api
}

const UNAVAILABLE: Problem = {
  status: 503,
  code: 'dependency-unavailable',
  title: 'The gate cannot answer at the moment',
  detail: 'Nothing was changed for certain; send the request again.',
  fields: [['retry-after', '5']],
}

function methodNotAllowed(allow: string): Problem {
  return { status: 405, code: 'method-not-allowed', title: 'The route does not take this method', fields: [['allow', allow]] }
}

/** At most 64 KiB, whatever Content-Length says. */
async function readJson(request: Request): Promise<{ value: unknown } | { problem: Problem }> {
  let text = ''
  let bytes = 0
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    for await (const chunk of request.body ?? []) {
      const part = chunk as Uint8Array
      bytes += part.byteLength
      if (bytes > MAX_BODY_BYTES)
        return {
          problem: {
            status: 413,
            code: 'content-too-large',
            title: 'The content is too large',
            detail: `At most ${MAX_BODY_BYTES} bytes are taken here.`,
          },
        }
      text += decoder.decode(part, { stream: true })
    }
    return { value: JSON.parse(text + decoder.decode()) as unknown }
  } catch {
    return { problem: { status: 400, code: 'content-not-json', title: 'The content is not JSON' } }
  }
}

function json(status: number, value: unknown): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  })
}

function describe(revocation: {
  readonly sequence: number
  readonly target: object
  readonly before?: number
  readonly expiresAt: number
  readonly reason: string
}): object {
  const { sequence, target, before, expiresAt, reason } = revocation
  return {
    sequence,
    ...target,
    ...(before === undefined ? {} : { before: new Date(before).toISOString() }),
    expiresAt: new Date(expiresAt).toISOString(),
    reason,
  }
}
