import type { Attempt, Authenticator, Consumed, Principal, Shortfall, Verdict, Verified, VerifyContext } from '../schemes/authenticator.ts'
import { RevocationOutage } from '../revocation/revocations.ts'
import { applyChanges } from './apply-changes.ts'
import { unmetCondition } from './conditions.ts'
import type { Conditions } from './policy.ts'

/** One scheme of an alternative, with what the policy asks of it. */
export interface Term {
  readonly authenticator: Authenticator
  readonly scopes: readonly string[]
  readonly require?: Conditions
  /** Its principals may name no consumer and still stand beside one that does. */
  readonly consumerOptional: boolean
}
/** AND of terms; empty: anonymous. */
export type Requirement = readonly Term[]

/** Who was let in. */
export interface Caller {
  /** One principal per scheme of the winning alternative, in its order; empty for anonymous. */
  readonly principals: readonly Principal[]
  readonly consumer?: string
  /** The plan a credential carries, else undefined: the consumer's plan counts. */
  readonly plan?: string
  /** Milliseconds since the epoch: the earliest end of any principal. */
  readonly expiresAt: number
}
export interface Tried {
  readonly alternative: number
  readonly authenticator: Authenticator
  readonly shortfall: Shortfall
}
/** The one-time part of one credential, with the scheme that it belongs to. */
export interface ConsumeOne {
  readonly authenticator: Authenticator
  readonly run: () => Promise<Consumed>
}
export type Decision =
  | { readonly outcome: 'allow'; readonly alternative: number; readonly caller: Caller; readonly consume: readonly ConsumeOne[] }
  | { readonly outcome: 'deny'; readonly tried: readonly Tried[] }

export interface EvaluateContext extends VerifyContext {
  /** Decoded path parameters of the matched route. */
  readonly parameters: Readonly<Record<string, string>>
  /** The policy's, by name. */
  readonly plans: Pick<ReadonlyMap<string, unknown>, 'has'>
}

/**
 * Decides by the first alternative that holds: OR in declared order over ANDs of terms (OA-2). Every scheme is read and
 * verified at most once. An alternative with an absent term verifies nothing. `{}` wins only where no credential of
 * another alternative was presented (OA-7). No alternative at all denies. A throw is a bug and passes through.
 */
export async function evaluate(alternatives: readonly Requirement[], context: EvaluateContext): Promise<Decision> {
  const readings = readAll(alternatives, context.request)
  const verdicts = new Map<Authenticator, Verdict>()
  const tried: Tried[] = []
  for (const [alternative, requirement] of alternatives.entries()) {
    if (requirement.length === 0) {
      if (!isAnythingPresented(readings)) return allow(alternative, [], [])
      continue
    }
    const absent = requirement.filter((term) => readings.get(term.authenticator) === undefined)
    if (absent.length > 0) {
      for (const term of absent) tried.push({ alternative, authenticator: term.authenticator, shortfall: { status: 'absent' } })
      continue
    }
    const outcome = await verifyAlternative(requirement, readings, verdicts, context)
    if (outcome.status === 'holds') return allow(alternative, outcome.principals, outcome.consume)
    tried.push({ alternative, authenticator: outcome.authenticator, shortfall: outcome.shortfall })
  }
  return { outcome: 'deny', tried }
}

type Readings = ReadonlyMap<Authenticator, Attempt | undefined>

function isAnythingPresented(readings: Readings): boolean {
  return [...readings.values()].some((attempt) => attempt !== undefined)
}

function readAll(alternatives: readonly Requirement[], request: Request): Readings {
  const readings = new Map<Authenticator, Attempt | undefined>()
  for (const requirement of alternatives) {
    for (const { authenticator } of requirement) {
      if (!readings.has(authenticator)) readings.set(authenticator, authenticator.read(request))
    }
  }
  return readings
}

type AlternativeOutcome =
  | { readonly status: 'holds'; readonly principals: readonly Principal[]; readonly consume: readonly ConsumeOne[] }
  | { readonly status: 'fails'; readonly authenticator: Authenticator; readonly shortfall: Shortfall }

async function verifyAlternative(
  requirement: Requirement,
  readings: Readings,
  verdicts: Map<Authenticator, Verdict>,
  context: EvaluateContext,
): Promise<AlternativeOutcome> {
  const principals: Principal[] = []
  const consume: ConsumeOne[] = []
  for (const term of requirement) {
    const { authenticator } = term
    const verdict = verdicts.get(authenticator) ?? (await verifyOnce(authenticator, readings, context))
    verdicts.set(authenticator, verdict)
    if (verdict.status !== 'verified') return { status: 'fails', authenticator, shortfall: verdict }
    const shortfall = shortfallOf(term, verdict.principal, context)
    if (shortfall !== undefined) return { status: 'fails', authenticator, shortfall }
    principals.push(verdict.principal)
    if (verdict.consume !== undefined) consume.push({ authenticator, run: verdict.consume })
    if (!isOneParty(requirement, principals)) return { status: 'fails', authenticator, shortfall: { status: 'credentials_disagree' } }
  }
  return { status: 'holds', principals, consume }
}

async function verifyOnce(authenticator: Authenticator, readings: Readings, context: EvaluateContext): Promise<Verdict> {
  const attempt = readings.get(authenticator)
  if (attempt === undefined) throw new Error(`scheme ${authenticator.name} was verified without a credential`)
  try {
    let verdict = attempt(context)
    if (verdict instanceof Promise) verdict = await verdict
    return verdict.status === 'verified' ? await asOfNow(verdict, context) : verdict
  } catch (error) {
    if (error instanceof RevocationOutage) return { status: 'unavailable', reason: 'revocation_unavailable', detail: error.message }
    throw error
  }
}

/** Asked on every request, whatever the scheme has cached: proof may not be cached. Nothing is awaited that is in memory. */
async function asOfNow(verdict: Verified, context: EvaluateContext): Promise<Verdict> {
  const { principal } = verdict
  if (principal.expiresAt <= context.now) return { status: 'rejected', reason: 'expired', authentic: true }
  let revoked = context.revoked(principal)
  if (revoked instanceof Promise) revoked = await revoked
  if (revoked !== undefined) return { status: 'rejected', reason: 'revoked', detail: revoked, authentic: true }
  let changes = context.changesOf(principal)
  if (changes instanceof Promise) changes = await changes
  const changed = applyChanges(principal, changes, context)
  return 'reason' in changed ? changed : { ...verdict, principal: changed }
}

function shortfallOf(term: Term, principal: Principal, context: EvaluateContext): Shortfall | undefined {
  if (!term.scopes.every((scope) => principal.scopes.has(scope))) return { status: 'insufficient_scope', required: term.scopes }
  return term.require === undefined ? undefined : unmetCondition(term.require, principal, context)
}

/** All principals so far name one consumer; one that names none is let stand only where its scheme says so. */
function isOneParty(requirement: Requirement, principals: readonly Principal[]): boolean {
  if (requirement.length === 1) return true
  const named = new Set<string>()
  for (const [index, principal] of principals.entries()) {
    if (principal.consumer !== undefined) named.add(principal.consumer)
    else if (requirement[index]?.consumerOptional !== true) return false
  }
  return named.size <= 1
}

function allow(alternative: number, principals: readonly Principal[], consume: readonly ConsumeOne[]): Decision {
  const consumer = principals.find((principal) => principal.consumer !== undefined)?.consumer
  const plan = principals.find((principal) => principal.plan !== undefined)?.plan
  const expiresAt = principals.reduce((earliest, principal) => Math.min(earliest, principal.expiresAt), Number.POSITIVE_INFINITY)
  return {
    outcome: 'allow',
    alternative,
    caller: { principals, expiresAt, ...(consumer === undefined ? {} : { consumer }), ...(plan === undefined ? {} : { plan }) },
    consume,
  }
}
