import { canonicalize, type CanonicalUrl } from './http/canonical-url.ts'
import { isPreflight, preflightResponse, shareResponse } from './http/cors.ts'
import { createRequestBody } from './http/request-body.ts'
import { formatRecord } from './insight/record.ts'
import type { Admission, Limiter } from './limits/limiter.ts'
import { rateLimitFields } from './limits/rate-limit-fields.ts'
import { chargesOf } from './limits/subject.ts'
import type { AssertionSigner } from './origin/assertion.ts'
import { forward, originPath } from './origin/forward.ts'
import { deny, type Refusal } from './policy/denial.ts'
import { evaluate, type Caller, type ConsumeOne, type EvaluateContext, type Requirement, type Tried } from './policy/evaluate.ts'
import type { LinkedPolicy, LinkedRoute } from './policy/link.ts'
import { createRouter } from './policy/router.ts'
import type { Revocations, RevocationSnapshot } from './revocation/revocations.ts'
import type { Directory } from './directory/directory.ts'
import type { DeferredTask } from './schemes/authenticator.ts'

/** What the data path of one isolate works with. */
export interface GatewayParts {
  readonly linked: LinkedPolicy
  readonly directory: Directory
  readonly limiter: Limiter
  readonly revocations: Revocations
  readonly assertions: AssertionSigner
  /** Authorities answered besides the policy's hosts: the listeners of `portcullis dev`. */
  readonly localAuthorities: ReadonlySet<string>
  readonly fetch: typeof fetch
  readonly now: () => number
  readonly log: (line: string) => void
}

/** One request on its way: what is known of it, and what is to be done once it is answered. */
interface Passage {
  readonly request: Request
  readonly requestId: string
  readonly now: number
  readonly deferred: DeferredTask[]
  linkedRoute?: LinkedRoute
  caller?: Caller
}

export interface Gateway {
  /** Decides, forwards, answers and records. Never rejects, and never lets through what it could not decide on. */
  handle(request: Request, lifetime: Pick<ExecutionContext, 'waitUntil'>): Promise<Response>
  /**
   * Evaluates a request to the gate itself by requirements of its own, with the same revocations and refusals.
   * `undefined`: it may.
   */
  guard(request: Request, requirements: readonly Requirement[], lifetime: Pick<ExecutionContext, 'waitUntil'>): Promise<Response | undefined>
}

type Outcome = { readonly response: Response } | { readonly refusal: Refusal }
/** Content is digested up to each scheme's own cap; this one bounds them all. */
const MAX_DIGESTED_BYTES = 10 * 1024 * 1024
const NO_REVOCATIONS: RevocationSnapshot = { find: () => undefined }

export function createGateway(parts: GatewayParts): Gateway {
  const { linked, limiter, revocations, now } = parts
  const { policy } = linked
  const router = createRouter(policy.routes)
  const hosts = new Set([...policy.hosts, ...parts.localAuthorities])

  /** The data path, from the raw target to the origin's answer. */
  async function pass(passage: Passage): Promise<Outcome> {
    const { request } = passage
    const canonical = canonicalize(request.url)
    if (canonical.status === 'refused') return { refusal: { at: 'target', fault: canonical.fault } }
    const target = canonical.url
    if (policy.hosts.length > 0 && !hosts.has(target.authority)) return { refusal: { at: 'host' } }

    const match = router.match(target.path)
    if (match === undefined) return passUnknownPath(passage, target)
    const asked = isPreflight(request) ? (request.headers.get('access-control-request-method') ?? '') : request.method
    const route = match.byMethod.get(asked) ?? (asked === 'HEAD' ? match.byMethod.get('GET') : undefined)
    const linkedRoute = route === undefined ? undefined : linked.routes.get(route)
    if (linkedRoute === undefined) return { refusal: { at: 'method', allow: allowedMethods(match.byMethod) } }
    passage.linkedRoute = linkedRoute
    if (isPreflight(request) && !match.byMethod.has('OPTIONS')) {
      const preflight = preflightResponse(linkedRoute.route.cors, request, asked)
      return preflight === undefined ? { refusal: { at: 'preflight' } } : { response: preflight }
    }
    const declared = Number(request.headers.get('content-length') ?? 0)
    const { maxBodyBytes } = linkedRoute.route
    if (maxBodyBytes !== undefined && declared > maxBodyBytes) return { refusal: { at: 'content', maxBodyBytes } }

    const context = await contextOf(passage, target, match.parameters, linkedRoute.isProtected)
    if (context === undefined) return { refusal: { at: 'dependency', dependency: 'revocations' } }
    const decision = await evaluate(linkedRoute.requirements, context)
    if (decision.outcome === 'deny') return { refusal: { at: 'evaluate', tried: decision.tried, context } }
    passage.caller = decision.caller
    return admit(passage, linkedRoute, decision.caller, decision.consume, context)
  }

  /** Refuse early, consume, admit, forward: in this order a replay costs no quota and a known 429 no nonce. */
  async function admit(passage: Passage, linkedRoute: LinkedRoute, caller: Caller, consume: readonly ConsumeOne[], context: EvaluateContext): Promise<Outcome> {
    const address = passage.request.headers.get('cf-connecting-ip') ?? undefined
    const counted = chargesOf(limitsFor(linkedRoute, caller), {
      principals: caller.principals,
      routeId: linkedRoute.route.id,
      ...(caller.consumer === undefined ? {} : { consumer: caller.consumer }),
      ...(address === undefined ? {} : { address }),
    })
    if (counted.status === 'unsatisfiable') return { refusal: { at: 'uncountable', limit: counted.limit.name } }
    const { charges } = counted
    const early = charges.length === 0 ? undefined : limiter.refuseEarly(charges, passage.now)
    if (early !== undefined) return { refusal: { at: 'limit', admission: early } }
    for (const { authenticator, run } of consume) {
      const consumed = await run()
      if (consumed.status !== 'consumed') return { refusal: { at: 'consume', authenticator, shortfall: consumed, context } }
    }
    if (charges.length === 0) return send(passage, linkedRoute, caller, context, address, undefined)
    let admission: Admission
    try {
      admission = await limiter.admit(charges, passage.now)
    } catch (error) {
      return { refusal: { at: 'dependency', dependency: 'limits', detail: messageOf(error) } }
    }
    if (admission.status === 'refused') return { refusal: { at: 'limit', admission } }
    return send(passage, linkedRoute, caller, context, address, admission)
  }

  async function send(
    passage: Passage,
    { route, origin, stripped }: LinkedRoute,
    caller: Caller,
    { target, body }: EvaluateContext,
    address: string | undefined,
    admission: Extract<Admission, { status: 'admitted' }> | undefined,
  ): Promise<Outcome> {
    const { request, requestId } = passage
    const asserted = { audience: new URL(origin.url).origin, method: request.method, path: originPath(target, route, origin), route: route.id, caller }
    const assertion = await parts.assertions.sign(asserted, passage.now)
    const answer = await forward({ request, target, route, origin, stripped, body, assertion, requestId, address }, parts.fetch)
    const hasFailed = answer.status !== 'answered' || answer.response.status >= 400
    if (hasFailed && admission?.refund !== undefined) passage.deferred.push({ name: 'limit refund', run: admission.refund })
    if (answer.status === 'failed') return { refusal: { at: 'origin', failure: answer.failure } }
    if (answer.status === 'too_large') return { refusal: { at: 'content', maxBodyBytes: answer.maxBodyBytes } }
    if (admission !== undefined) for (const [name, value] of rateLimitFields(admission.states)) answer.response.headers.set(name, value)
    return { response: answer.response }
  }

  async function passUnknownPath(passage: Passage, target: CanonicalUrl): Promise<Outcome> {
    if (policy.unknownPaths === 'not-found' || linked.anyScheme.length === 0) return { refusal: { at: 'path' } }
    const context = await contextOf(passage, target, {}, true)
    if (context === undefined) return { refusal: { at: 'dependency', dependency: 'revocations' } }
    const decision = await evaluate(linked.anyScheme, context)
    return { refusal: decision.outcome === 'allow' ? { at: 'path' } : { at: 'evaluate', tried: decision.tried, context } }
  }

  /** `undefined`: what was revoked cannot be known now, so nothing protected is decided. */
  async function contextOf(passage: Passage, target: CanonicalUrl, parameters: Readonly<Record<string, string>>, isProtected: boolean): Promise<EvaluateContext | undefined> {
    const { request, deferred } = passage
    const defer = (task: DeferredTask): void => {
      deferred.push(task)
    }
    let snapshot: RevocationSnapshot | Promise<RevocationSnapshot>
    try {
      snapshot = isProtected ? revocations.snapshot(passage.now, defer) : NO_REVOCATIONS
      if (snapshot instanceof Promise) snapshot = await snapshot
    } catch (error) {
      parts.log(JSON.stringify({ event: 'outage', dependency: 'revocations', detail: messageOf(error) }))
      return undefined
    }
    const known = snapshot
    return {
      target,
      request,
      parameters,
      body: createRequestBody(request, MAX_DIGESTED_BYTES),
      now: passage.now,
      revoked: (principal) => known.find(principal),
      defer,
    }
  }

  function limitsFor({ limits }: LinkedRoute, caller: Caller): LinkedRoute['limits'] {
    const plan = caller.plan ?? (caller.consumer === undefined ? undefined : parts.directory.consumer(caller.consumer)?.plan)
    const planned = plan === undefined ? undefined : linked.limitsOfPlan.get(plan)
    return planned === undefined ? limits : [...new Set([...limits, ...planned])]
  }

  async function settle(passage: Passage, work: () => Promise<Outcome>): Promise<Response> {
    const outcome = await work().catch((error: unknown): Outcome => ({ refusal: { at: 'bug', detail: messageOf(error) } }))
    if ('response' in outcome) {
      record(passage, outcome.response.status, 'forwarded')
      return outcome.response
    }
    const { refusal } = outcome
    const { response, code } = await deny(refusal, passage.requestId).catch((error: unknown) => deny({ at: 'bug', detail: messageOf(error) }, passage.requestId))
    record(passage, response.status, code, refusal)
    return response
  }

  function record(passage: Passage, status: number, code: string, refusal?: Refusal): void {
    const { request, requestId, linkedRoute, caller } = passage
    const tried = refusal === undefined ? undefined : triedOf(refusal)
    const fault = refusal !== undefined && 'detail' in refusal ? refusal.detail : undefined
    const run = async (): Promise<void> => {
      parts.log(
        formatRecord({
          requestId,
          method: request.method,
          status,
          code,
          at: passage.now,
          ...(linkedRoute === undefined ? {} : { route: linkedRoute.route.id }),
          ...(caller === undefined ? {} : { caller }),
          ...(tried === undefined ? {} : { tried }),
          ...(fault === undefined ? {} : { fault }),
        }),
      )
    }
    passage.deferred.push({ name: 'record', run })
  }

  const begin = (request: Request): Passage => ({ request, requestId: crypto.randomUUID(), now: now(), deferred: [] })

  return {
    async handle(request, lifetime) {
      const passage = begin(request)
      const response = await settle(passage, async () => pass(passage))
      if (response.webSocket === null || response.webSocket === undefined) shareResponse(passage.linkedRoute?.route.cors, request, response)
      lifetime.waitUntil(runDeferred(passage.deferred, parts.log))
      return response
    },
    async guard(request, requirements, lifetime) {
      const passage = begin(request)
      const response = await settle(passage, async () => {
        const canonical = canonicalize(request.url)
        if (canonical.status === 'refused') return { refusal: { at: 'target', fault: canonical.fault } }
        const context = await contextOf(passage, canonical.url, {}, true)
        if (context === undefined) return { refusal: { at: 'dependency', dependency: 'revocations' } }
        const decision = await evaluate(requirements, context)
        if (decision.outcome === 'deny') return { refusal: { at: 'evaluate', tried: decision.tried, context } }
        passage.caller = decision.caller
        return { response: new Response(null, { status: 204 }) }
      })
      lifetime.waitUntil(runDeferred(passage.deferred, parts.log))
      return response.status === 204 ? undefined : response
    },
  }
}

function allowedMethods(byMethod: ReadonlyMap<string, unknown>): string[] {
  const methods = new Set(byMethod.keys())
  if (methods.has('GET')) methods.add('HEAD')
  return [...methods].sort()
}

function triedOf(refusal: Refusal): readonly Tried[] | undefined {
  if (refusal.at === 'evaluate') return refusal.tried
  if (refusal.at === 'consume') return [{ alternative: 0, authenticator: refusal.authenticator, shortfall: refusal.shortfall }]
  return undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'unknown'
}

/** After the response: a failure is logged by name and disturbs nothing else. */
async function runDeferred(tasks: readonly DeferredTask[], log: (line: string) => void): Promise<void> {
  const results = await Promise.allSettled(tasks.map(async ({ run }) => run()))
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected') log(JSON.stringify({ event: 'deferred-failure', task: tasks[index]?.name, detail: messageOf(result.reason) }))
  }
}
