import { canonicalize, type CanonicalUrl } from './http/canonical-url.ts'
import { preflightMethodOf, preflightResponse, shareResponse } from './http/cors.ts'
import type { QuotaWatch } from './insight/quota-watch.ts'
import type { Admission, Charge, Limiter } from './limits/limiter.ts'
import { rateLimitFields } from './limits/rate-limit-fields.ts'
import { chargesOf } from './limits/subject.ts'
import type { AssertionSigner } from './origin/assertion.ts'
import { attachedToken } from './origin/attached-token.ts'
import { forward, originPath } from './origin/forward.ts'
import type { Refusal } from './policy/denial.ts'
import type { Caller, ConsumeOne, EvaluateContext, Requirement } from './policy/evaluate.ts'
import type { LinkedPolicy, LinkedRoute } from './policy/link.ts'
import { createDecide } from './decide.ts'
import { holdPermits, messageOf, runDeferred, settle, type Outcome, type Passage } from './passage.ts'
import type { Route } from './policy/policy.ts'
import { createShield, type ShieldParts } from './shield.ts'
import { allowedMethods, exceededCap } from './request-checks.ts'
import { createRouter } from './policy/router.ts'
import { replacementFields } from './policy/apply-changes.ts'
import type { Revocations } from './revocation/revocations.ts'
import type { DeferredTask } from './schemes/authenticator.ts'
import type { Directory } from './directory/directory.ts'
import type { SessionLookup } from './sessions/session-lookup.ts'

/** What the data path of one isolate works with. */
export interface GatewayParts extends Pick<ShieldParts, 'isLocal' | 'names' | 'wait'> {
  readonly linked: LinkedPolicy
  readonly directory: Directory
  readonly limiter: Limiter
  readonly revocations: Revocations
  readonly assertions: AssertionSigner
  /** Absent: nobody is told of requests. */
  readonly observe?: Passage['observe']
  /** Absent: nobody is told of quotas. */
  readonly quotas?: QuotaWatch | undefined
  /** Absent where nobody signs in. */
  readonly sessions?: SessionLookup | undefined
  /** Authorities answered besides the policy's hosts: the listeners of `portcullis dev`. */
  readonly localAuthorities: ReadonlySet<string>
  readonly fetch: typeof fetch
  readonly now: () => number
  readonly log: (line: string) => void
}

export interface Gateway {
  /** Decides, forwards, answers and records. Never rejects, and never lets through what it could not decide on. */
  handle(request: Request, lifetime: Pick<ExecutionContext, 'waitUntil'>): Promise<Response>
  /** Evaluates a request to the gate itself by requirements of its own, with the same revocations, one-time parts and refusals. */
  identify(request: Request, requirements: readonly Requirement[], lifetime: Pick<ExecutionContext, 'waitUntil'>): Promise<Identified>
}
export type Identified =
  | {
      readonly caller: Caller
      /** Which of the requirements holds. */
      readonly alternative: number
      readonly requestId: string
      /** Of the request, which a signature may have been checked against. */
      readonly content: () => ReadableStream<Uint8Array> | Uint8Array | null
    }
  | { readonly response: Response }

export function createGateway(parts: GatewayParts): Gateway {
  const { linked, limiter, revocations, now } = parts
  const decide = createDecide({ ...parts, plans: linked.limitsOfPlan })
  const { policy } = linked
  const shield = createShield(parts)
  const router = createRouter(policy.routes)
  const hosts = new Set([...policy.hosts, ...parts.localAuthorities])

  /** What its sender did before comes first, and how it ended is noted. */
  async function passShield(passage: Passage): Promise<Outcome> {
    let refusal = shield.refuse(passage, revocations)
    if (refusal instanceof Promise) refusal = await refusal
    const outcome: Outcome = refusal === undefined ? await pass(passage) : { refusal }
    shield.note(passage, outcome)
    return outcome
  }

  /** The data path, from the raw target to the origin's answer. */
  async function pass(passage: Passage): Promise<Outcome> {
    const { request } = passage
    const canonical = canonicalize(request.url)
    if (canonical.status === 'refused') return { refusal: { at: 'target', fault: canonical.fault } }
    const target = canonical.url
    if (policy.hosts.length > 0 && !hosts.has(target.authority)) return { refusal: { at: 'host' } }
    const match = router.match(target.path)
    if (match === undefined) return passUnknownPath(passage, target)
    const preflightMethod = preflightMethodOf(request)
    const linkedRoute = routeFor(match.byMethod, preflightMethod ?? request.method)
    if (linkedRoute === undefined) return { refusal: { at: 'method', allow: allowedMethods(match.byMethod) } }
    passage.linkedRoute = linkedRoute
    passage.parameters = match.parameters
    if (preflightMethod !== undefined) return preflight(linkedRoute, request, preflightMethod)
    const exceeded = exceededCap(request, linkedRoute.route.maxBodyBytes)
    if (exceeded !== undefined) return { refusal: { at: 'content', maxBodyBytes: exceeded } }
    const decided = await decide(passage, target, linkedRoute.requirements, match.parameters)
    if ('refusal' in decided) return decided
    const { decision, context, snapshot } = decided
    let restricted = shield.restrict(passage, decided, snapshot)
    if (restricted instanceof Promise) restricted = await restricted
    if (restricted !== undefined) return { refusal: restricted }
    if (decision.outcome === 'deny') return { refusal: { at: 'evaluate', tried: decision.tried, context } }
    passage.caller = decision.caller
    return admit(passage, linkedRoute, decision.caller, decision.consume, context)
  }

  /** HEAD follows GET unless the document has its own (GW-7). */
  function routeFor(byMethod: ReadonlyMap<string, Route>, method: string): LinkedRoute | undefined {
    const route = byMethod.get(method) ?? (method === 'HEAD' ? byMethod.get('GET') : undefined)
    return route === undefined ? undefined : linked.routes.get(route)
  }

  /** Refuse early, consume, admit, forward: in this order a replay costs no quota and a known 429 no nonce. */
  async function admit(
    passage: Passage,
    linkedRoute: LinkedRoute,
    caller: Caller,
    consume: readonly ConsumeOne[],
    context: EvaluateContext,
  ): Promise<Outcome> {
    const { address } = passage
    const countable = {
      principals: caller.principals,
      routeId: linkedRoute.route.id,
      ...(caller.consumer === undefined ? {} : { consumer: caller.consumer }),
      ...(address === undefined ? {} : { address }),
    }
    const limits = linked.limitsOfConsumer(limitsFor(linkedRoute, caller), caller.consumer)
    const counted = chargesOf(limits, countable, linkedRoute.route.cost)
    if (counted.status === 'unsatisfiable') return { refusal: { at: 'uncountable', limit: counted.limit.name } }
    const { charges } = counted
    const early = charges.length === 0 ? undefined : limiter.refuseEarly(charges, context.now)
    if (early !== undefined) return { refusal: { at: 'limit', admission: early } }
    const attached = await attachedToken(linkedRoute, caller, parts.sessions, context.now)
    if (attached.status === 'refused') return { refusal: { at: 'evaluate', tried: attached.tried, context } }
    if (attached.status === 'fault') return { refusal: { at: 'exchange', detail: attached.detail } }
    if (attached.status === 'token') passage.originToken = attached.token
    for (const { authenticator, run } of consume) {
      const consumed = await run()
      if (consumed.status !== 'consumed') return { refusal: { at: 'consume', authenticator, shortfall: consumed, context } }
    }
    if (charges.length === 0) return send(passage, linkedRoute, caller, context, address, undefined)
    const admission = await countAll(charges, caller, context)
    if ('at' in admission) return { refusal: admission }
    const { release } = admission
    const sending = async (): Promise<Outcome> => send(passage, linkedRoute, caller, context, address, admission)
    return release === undefined ? sending() : holdPermits(passage, async () => release(now()), sending)
  }

  /** By all limits or none. */
  async function countAll(
    charges: readonly Charge[],
    { consumer }: Caller,
    context: EvaluateContext,
  ): Promise<Extract<Admission, { status: 'admitted' }> | Refusal> {
    const defer = (task: DeferredTask): void => context.defer(task)
    let admission: Admission
    try {
      admission = await limiter.admit(charges, context.now, defer)
    } catch (error) {
      return { at: 'dependency', dependency: 'limits', detail: messageOf(error) }
    }
    parts.quotas?.note(charges, admission, consumer, context.now, defer)
    return admission.status === 'refused' ? { at: 'limit', admission } : admission
  }

  async function send(
    passage: Passage,
    { route, origin, stripped }: LinkedRoute,
    caller: Caller,
    { target, body, now: decidedAt }: EvaluateContext,
    address: string | undefined,
    admission: Extract<Admission, { status: 'admitted' }> | undefined,
  ): Promise<Outcome> {
    const { request, requestId, originToken: token } = passage
    const asserted = {
      audience: origin.base,
      method: request.method,
      path: originPath(target, route, origin),
      route: route.id,
      caller,
    }
    const assertion = await parts.assertions.sign(asserted, decidedAt)
    const sent = {
      request,
      target,
      route,
      origin,
      stripped,
      body,
      assertion,
      requestId,
      address,
      ...(token === undefined ? {} : { token }),
    }
    const answer = await forward(sent, parts.fetch)
    const hasFailed = answer.status !== 'answered' || answer.response.status >= 400
    const refund = admission?.refund
    if (hasFailed && refund !== undefined) passage.deferred.push({ name: 'limit refund', run: async () => refund(now()) })
    if (answer.status === 'failed') return { refusal: { at: 'origin', failure: answer.failure, detail: answer.detail } }
    if (answer.status === 'too_large') return { refusal: { at: 'content', maxBodyBytes: answer.maxBodyBytes } }
    if (admission !== undefined) for (const [name, value] of rateLimitFields(admission.states)) answer.response.headers.set(name, value)
    return { response: answer.response }
  }

  async function passUnknownPath(passage: Passage, target: CanonicalUrl): Promise<Outcome> {
    if (policy.unknownPaths === 'not-found' || linked.anyScheme.length === 0) return { refusal: { at: 'path' } }
    const decided = await decide(passage, target, linked.anyScheme)
    if ('refusal' in decided) return decided
    const { decision, context } = decided
    return { refusal: decision.outcome === 'allow' ? { at: 'path' } : { at: 'evaluate', tried: decision.tried, context } }
  }

  function limitsFor({ limits }: LinkedRoute, caller: Caller): LinkedRoute['limits'] {
    const plan = caller.plan ?? (caller.consumer === undefined ? undefined : parts.directory.consumer(caller.consumer)?.plan)
    if (plan === undefined) return limits
    const planned = linked.limitsOfPlan.get(plan)
    // Whoever was let in is on a plan of the policy; never unlimited.
    if (planned === undefined) throw new Error(`the policy has no plan ${plan}`)
    return [...new Set([...limits, ...planned])]
  }

  const begin = (request: Request, address: string | undefined, observe?: Passage['observe']): Passage => ({
    request,
    requestId: crypto.randomUUID(),
    address,
    now: now(),
    deferred: [],
    observe,
  })

  return {
    async handle(request, lifetime) {
      const passage = begin(request, request.headers.get('cf-connecting-ip') ?? undefined, parts.observe)
      const answering = settle(passage, async () => passShield(passage), parts.log)
      // At once: a client that leaves before its answer takes neither the record nor a refund with it.
      lifetime.waitUntil(answering.then(async () => runDeferred(passage.deferred, parts.log)))
      const response = await answering
      if (response.webSocket === null || response.webSocket === undefined) {
        for (const [name, value] of replacementFields(passage.caller)) response.headers.set(name, value)
        shareResponse(passage.linkedRoute?.route.cors, request, response)
      }
      return response
    },
    async identify(request, requirements, lifetime) {
      const passage = begin(request, undefined)
      let identified: Identified | undefined
      const response = await settle(
        passage,
        async () => {
          const canonical = canonicalize(request.url)
          if (canonical.status === 'refused') return { refusal: { at: 'target', fault: canonical.fault } }
          const decided = await decide(passage, canonical.url, requirements)
          if ('refusal' in decided) return decided
          const { decision, context } = decided
          if (decision.outcome === 'deny') return { refusal: { at: 'evaluate', tried: decision.tried, context } }
          const { caller, alternative } = decision
          passage.caller = caller
          for (const { authenticator, run } of decision.consume) {
            const consumed = await run()
            if (consumed.status !== 'consumed') return { refusal: { at: 'consume', authenticator, shortfall: consumed, context } }
          }
          identified = { caller, alternative, requestId: passage.requestId, content: () => context.body.forward() }
          return { response: new Response(null, { status: 204 }), code: 'granted' }
        },
        parts.log,
      )
      lifetime.waitUntil(runDeferred(passage.deferred, parts.log))
      return identified ?? { response }
    },
  }
}

function preflight({ route }: LinkedRoute, request: Request, method: string): Outcome {
  const response = preflightResponse(route.cors, request, method)
  return response === undefined ? { refusal: { at: 'preflight' } } : { response, code: 'preflight' }
}
