import type { CanonicalUrl } from './http/canonical-url.ts'
import { createRequestBody } from './http/request-body.ts'
import { messageOf, type Passage } from './passage.ts'
import type { Refusal } from './policy/denial.ts'
import { evaluate, type Decision, type EvaluateContext, type Requirement } from './policy/evaluate.ts'
import type { Revocations, RevocationSnapshot } from './revocation/revocations.ts'
import type { DeferredTask } from './schemes/authenticator.ts'

/** Content is digested up to each scheme's own cap; this one bounds them all. */
const MAX_DIGESTED_BYTES = 10 * 1024 * 1024
/** A decision that took longer is made again: content may come as slowly as the client likes. */
const MAX_DECISION_MS = 1000

interface DecideParts extends Pick<EvaluateContext, 'plans'> {
  readonly revocations: Revocations
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly log: (line: string) => void
}

/**
 * Who is asking, and whether they may. A refusal: what was revoked cannot be known now, so nothing protected is decided, or the address
 * is blocked. What was allowed slowly must hold by the time that it is then, too: credentials end, nonces are forgotten, periods pass
 * and keys are revoked meanwhile.
 */
export type Decide = (
  passage: Passage,
  target: CanonicalUrl,
  requirements: readonly Requirement[],
  parameters?: Readonly<Record<string, string>>,
) => Promise<Decided | { readonly refusal: Refusal }>
export interface Decided {
  readonly decision: Decision
  readonly context: EvaluateContext
  /** What it was decided by; on open routes what is held, however old. */
  readonly snapshot: RevocationSnapshot | undefined
}

export function createDecide({ plans, revocations, now, log }: DecideParts): Decide {
  async function contextOf(
    passage: Passage,
    asked: Pick<EvaluateContext, 'target' | 'parameters' | 'body' | 'now'>,
    isProtected: boolean,
  ): Promise<Omit<Decided, 'decision'> | Refusal> {
    const { request, deferred } = passage
    const address = passage.address ?? request.headers.get('cf-connecting-ip') ?? undefined
    const defer = (task: DeferredTask): void => {
      deferred.push(task)
    }
    if (!isProtected) {
      revocations.keepFresh?.(asked.now, defer, asked.target.authority)
      const context = { ...asked, request, address, revoked: () => undefined, changesOf: () => ({}), plans, defer }
      return { context, snapshot: revocations.held?.() }
    }
    let snapshot: RevocationSnapshot | Promise<RevocationSnapshot>
    let blocked: string | undefined | Promise<string | undefined>
    try {
      snapshot = revocations.snapshot(asked.now, defer, asked.target.authority)
      if (snapshot instanceof Promise) snapshot = await snapshot
      blocked = passage.address === undefined ? undefined : snapshot.findAddress(passage.address, asked.now)
      if (blocked instanceof Promise) blocked = await blocked
    } catch (error) {
      log(JSON.stringify({ event: 'outage', dependency: 'revocations', detail: messageOf(error) }))
      return { at: 'dependency', dependency: 'revocations' }
    }
    const known = snapshot
    if (blocked !== undefined) return { at: 'address', detail: blocked }
    const context: EvaluateContext = {
      ...asked,
      request,
      address,
      revoked: (principal) => known.find(principal),
      changesOf: (credential) => known.changesOf(credential),
      plans,
      defer,
    }
    return { context, snapshot: known }
  }

  return async (passage, target, requirements, parameters = {}) => {
    const cap = passage.linkedRoute?.route.maxBodyBytes ?? MAX_DIGESTED_BYTES
    const body = createRequestBody(passage.request, Math.min(cap, MAX_DIGESTED_BYTES))
    const isProtected = requirements.some((requirement) => requirement.length > 0)
    const decideAt = async (at: number) => {
      const prepared = await contextOf(passage, { target, parameters, body, now: at }, isProtected)
      return 'at' in prepared ? { refusal: prepared } : { ...prepared, decision: await evaluate(requirements, prepared.context) }
    }
    const first = await decideAt(passage.now)
    const later = now()
    return 'decision' in first && first.decision.outcome === 'allow' && later - passage.now >= MAX_DECISION_MS ? decideAt(later) : first
  }
}
