import * as v from 'valibot'
import type { Accounts } from '../directory/accounts.ts'
import type { Sealer } from '../credentials/sealer.ts'
import { problemResponse, type Problem } from '../http/problem.ts'
import type { Limiter } from '../limits/limiter.ts'
import { messageOf } from '../passage.ts'
import { deny } from '../policy/denial.ts'
import { overAdminLimit } from './admin-limits.ts'
import { once, type IdempotencyStore } from './idempotency.ts'
import { json, lackingScope, methodNotAllowed, PRECONDITION_REQUIRED, readJson, stale, UNAVAILABLE } from './json-call.ts'
import type { Answer, Call, Operation } from './operation.ts'
import { ADMIN_PREFIX, createOperationTable } from './operation-table.ts'
import type { Operator, Operators } from './operators.ts'
import { createRun, parse } from './run-operation.ts'

export interface OperationRouterParts {
  readonly operations: readonly Operation[]
  readonly operators: Operators
  readonly accounts: Pick<Accounts, 'record'>
  readonly idempotency: { readonly store: IdempotencyStore; readonly sealer: Sealer }
  readonly limiter: Limiter
  readonly now: () => number
  readonly log: (line: string) => void
}
type Lifetime = Pick<ExecutionContext, 'waitUntil'>

const UNKNOWN: Problem = { status: 404, code: 'route-unknown', title: 'No such route' }

/** The admin API from its table: who may, what is valid, what is written down, and the answer's form (docs/admin-api.md). */
export function createOperationRouter(parts: OperationRouterParts): (request: Request, lifetime: Lifetime) => Promise<Response> {
  const match = createOperationTable(parts.operations)
  const run = createRun(parts)
  const outage = (error: unknown, actor?: Operator['actor']): Response => {
    parts.log(JSON.stringify({ event: 'outage', dependency: 'admin API', detail: messageOf(error) }))
    return problemResponse(actor === undefined ? UNAVAILABLE : { ...UNAVAILABLE, requestId: actor.requestId })
  }

  async function overLimit(
    which: 'address' | 'credential',
    countable: Parameters<typeof overAdminLimit>[2],
  ): Promise<Response | undefined> {
    const admission = await overAdminLimit(parts.limiter, which, countable, parts.now())
    return admission === undefined ? undefined : (await deny({ at: 'limit', admission }, crypto.randomUUID())).response
  }

  async function perform(operation: Operation, call: Call): Promise<Response> {
    const response = responseOf(await run(operation, call))
    response.headers.set('portcullis-request-id', call.actor.requestId)
    return response
  }

  async function admit(operation: Operation, request: Request, lifetime: Lifetime): Promise<Operator | { readonly response: Response }> {
    const operator = await parts.operators.identify(request, operation.scope, lifetime)
    if ('response' in operator) return operator
    const lacking = operation.needs?.find((scope) => !operator.scopes.has(scope))
    if (lacking !== undefined) return { response: problemResponse(lackingScope(lacking)) }
    const response = await overLimit('credential', operator)
    return response === undefined ? operator : { response }
  }

  async function answer(request: Request, lifetime: Lifetime): Promise<Response> {
    const found = match(request.method, new URL(request.url).pathname.slice(ADMIN_PREFIX.length))
    if (found.status === 'unknown') return problemResponse(UNKNOWN)
    if (found.status === 'method') return problemResponse(methodNotAllowed(found.allow))
    const { operation, params } = found
    const address = request.headers.get('cf-connecting-ip') ?? undefined
    const early = await overLimit('address', { principals: [], ...(address === undefined ? {} : { address }) })
    if (early !== undefined) return early
    const operator = await admit(operation, request, lifetime)
    if ('response' in operator) return operator.response
    try {
      const read = await readCall(operation, params, request, operator, parts.now())
      if ('problem' in read) return problemResponse(read.problem)
      const key = operation.method === 'GET' ? null : request.headers.get('idempotency-key')
      if (key === null) return await perform(operation, read)
      const { pathname, search } = new URL(request.url)
      const content = [pathname, search, request.headers.get('if-match'), read.body]
      const asked = { key, actor: operator.actor.id, operation: operation.id, content }
      const done = await once(parts.idempotency, asked, async () => perform(operation, read))
      return 'problem' in done ? problemResponse(done.problem) : done
    } catch (error) {
      return outage(error, operator.actor)
    }
  }

  return async (request, lifetime) => {
    const response = await answer(request, lifetime).catch(outage)
    return request.method === 'HEAD' ? new Response(null, response) : response
  }
}

async function readCall(
  operation: Operation,
  params: Call['params'],
  request: Request,
  { actor, content }: Operator,
  now: number,
): Promise<Call | { readonly problem: Problem }> {
  const version = versionOf(operation, request.headers.get('if-match'))
  if (typeof version === 'object') return version
  const query = parse(operation.query ?? v.object({}), queryOf(request))
  if (!query.ok) return query
  const call = { params, query: query.value as Call['query'], body: undefined, actor, version, now, request }
  if (operation.body === undefined) return call
  const document = await readJson(new Response(content()), operation.maxBodyBytes)
  if ('problem' in document) return document
  const body = parse(operation.body, document.value)
  return body.ok ? { ...call, body: body.value } : body
}

/** A parameter that is sent more than once is a list. */
function queryOf(request: Request): Record<string, unknown> {
  const { searchParams } = new URL(request.url)
  return Object.fromEntries(
    [...new Set(searchParams.keys())].map((name) => {
      const values = searchParams.getAll(name)
      return [name, values.length === 1 ? values[0] : values]
    }),
  )
}

/** Of `If-Match`. A weak or foreign tag matches nothing (RFC 9110 §13.1.1). */
function versionOf({ ifMatch }: Operation, field: string | null): number | undefined | { readonly problem: Problem } {
  if (ifMatch === undefined || field === '*') return undefined
  if (field === null) return ifMatch === 'required' ? { problem: PRECONDITION_REQUIRED } : undefined
  const version = /^"([0-9]{1,15})"$/u.exec(field)?.[1]
  return version === undefined ? { problem: stale() } : Number(version)
}

function responseOf(answer: Answer): Response {
  if (answer.status === 'sent') return answer.response
  if (answer.status === 'refused') return problemResponse(answer.problem)
  const { code, value, version, location } = answer
  const response = code === 204 ? new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } }) : json(code, value ?? {})
  if (version !== undefined) response.headers.set('etag', `"${version}"`)
  if (location !== undefined) response.headers.set('location', `${ADMIN_PREFIX}/${location}`)
  return response
}
