import { Hono } from 'hono'
import { CALL_MS, callObject, within } from '../http/object-call.ts'
import { problemResponse } from '../http/problem.ts'
import type { RevocationFeed } from '../revocation/feed-object.ts'
import { announceTo, type Announcing } from './in-force.ts'
import { changeRoute } from './changes-api.ts'
import { addCreditsRoute, balanceRoute, type CreditsParts } from './credits-api.ts'
import { json, methodNotAllowed, readJson, UNAVAILABLE } from './json-call.ts'
import { parseRevocationRequest } from '../revocation/revocation-request.ts'

/** What an admin key must be allowed. */
export type AdminScope = 'revocations:write' | 'changes:write' | 'credits:write' | 'credits:read' | 'status:read'

export interface AdminApiParts extends Announcing {
  readonly feed: () => Pick<DurableObjectStub<RevocationFeed>, 'append' | 'change' | 'status'>
  readonly gateway: string
  /** `undefined`: it may. Else the refusal. */
  readonly authorize: (request: Request, scope: AdminScope) => Promise<Response | undefined>
  /** Whether the policy has a plan of that name. */
  readonly hasPlan: (name: string) => boolean
  readonly credits: CreditsParts
  readonly policySummary: () => unknown
  /** What the replay memory holds of a scope. */
  readonly replayOf: (scope: string) => Promise<object>
}

const REVOCATIONS = '/.portcullis/admin/v1/revocations'
const CHANGES = '/.portcullis/admin/v1/changes'
const CREDITS = '/.portcullis/admin/v1/credits'
const STATUS = '/.portcullis/admin/v1/status'
const MAX_SCOPES = 8

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
      const appended = await within(feed().append(parsed.entries), CALL_MS, 'the revocation feed')
      const inForce = await announceTo(parts, req.raw)
      return json(201, { ...inForce, revocations: appended.map(describe) })
    } catch {
      return problemResponse(UNAVAILABLE)
    }
  })

  api.post(CHANGES, async ({ req }) => changeRoute(parts, req.raw))

  api.post(CREDITS, async ({ req }) => addCreditsRoute(parts, req.raw))
  api.get(CREDITS, async ({ req }) => balanceRoute(parts, req.raw))

  api.get(STATUS, async ({ req }) => {
    const refusal = await authorize(req.raw, 'status:read')
    if (refusal !== undefined) return refusal
    try {
      const revocations = { ...(await callObject(async () => feed().status())), boundSeconds, graceSeconds }
      const replay = await replayScopes(parts, new URL(req.url).searchParams.getAll('replay'))
      return json(200, { gateway, time: new Date(now()).toISOString(), policy: parts.policySummary(), revocations, ...replay })
    } catch {
      return problemResponse(UNAVAILABLE)
    }
  })

  api.all(REVOCATIONS, () => problemResponse(methodNotAllowed('POST')))
  api.all(CHANGES, () => problemResponse(methodNotAllowed('POST')))
  api.all(CREDITS, () => problemResponse(methodNotAllowed('GET, HEAD, POST')))
  api.all(STATUS, () => problemResponse(methodNotAllowed('GET, HEAD')))
  api.notFound(() => problemResponse({ status: 404, code: 'route-unknown', title: 'No such route' }))
  return api
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

/** Each scope costs a call to every object of it: the first few that are asked for. */
async function replayScopes({ replayOf }: Pick<AdminApiParts, 'replayOf'>, asked: readonly string[]): Promise<object> {
  const scopes = [...new Set(asked)].slice(0, MAX_SCOPES)
  if (scopes.length === 0) return {}
  const held = await Promise.all(scopes.map(async (scope) => Object.assign({ scope }, await replayOf(scope))))
  return { replay: { scopes: held } }
}
