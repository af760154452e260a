import { addressKey } from './http/address.ts'
import { createFailureBudget } from './insight/abuse/failure-budget.ts'
import { createKept } from './insight/abuse/recent.ts'
import { tlsOf } from './insight/observe.ts'
import type { createWatchedNames, WatchedNames } from './insight/watched-names.ts'
import type { Outcome, Passage } from './passage.ts'
import type { Refusal } from './policy/denial.ts'
import type { Decision, EvaluateContext } from './policy/evaluate.ts'
import type { LinkedPolicy } from './policy/link.ts'
import { createPresentedDigest } from './presented.ts'
import { clientName, restrictedName, type FoundRestriction } from './revocation/restrictions.ts'
import type { Revocations, RevocationSnapshot } from './revocation/revocations.ts'
import type { Authenticator, Principal } from './schemes/authenticator.ts'

/** What is slowed down waits this long, at most so many at a time in one isolate; more are limited. */
const SLOW_MS = 1000
const MAX_SLOWED = 200
/** What is limited gets through this often in one isolate. */
const LIMITED = { everyMs: 2000, atOnce: 5 } as const
const MAX_LIMITED = 10_000
/** A client told to come back does not learn when a restriction ends. */
const LONGEST_RETRY_SECONDS = 60

/** What stops or slows a request for what its sender did before. In the memory of one isolate; costs comparisons while nobody did anything. */
export interface Shield {
  /**
   * Before its target is read and anything verified: as far as is held. What an old copy says of a restriction is asked again: it may
   * have been lifted.
   */
  refuse(passage: Passage, revocations: Revocations): Refusal | undefined | Promise<Refusal | undefined>
  /** Before it is said what was decided: as of the snapshot that it was decided by. */
  restrict(
    passage: Passage,
    decided: { readonly decision: Decision; readonly context: EvaluateContext },
    snapshot: RevocationSnapshot | undefined,
  ): Refusal | undefined | Promise<Refusal | undefined>
  /** How it ended: failures are counted. */
  note(passage: Passage, outcome: Outcome): void
}

export interface ShieldParts {
  readonly linked: Pick<LinkedPolicy, 'policy' | 'anyScheme'>
  /** By which findings are told. */
  readonly names: ReturnType<typeof createWatchedNames>
  /** `portcullis dev`: all requests come from one address. */
  readonly isLocal: boolean
  /** Resolves after so many milliseconds. */
  readonly wait: (milliseconds: number) => Promise<void>
}

const DEFAULT_BUDGET = { address: 60, network: 600 } as const

export function createShield({ linked, names: watched, isLocal, wait }: ShieldParts): Shield {
  const { failureBudget = isLocal ? false : DEFAULT_BUDGET } = linked.policy.abuse
  const budget = failureBudget === false ? undefined : createFailureBudget(failureBudget)
  const digestOf = createPresentedDigest(linked)
  const limited = createKept(MAX_LIMITED, () => ({ arrivesAt: 0 }))
  let slowed = 0

  function limit({ name, until }: FoundRestriction, now: number): Refusal | undefined {
    const standing = limited.of(name)
    const arrivesAt = Math.max(standing.arrivesAt, now) + LIMITED.everyMs
    if (arrivesAt - now > LIMITED.everyMs * LIMITED.atOnce) return abnormal(Math.min(until - now, arrivesAt - now - LIMITED.everyMs))
    standing.arrivesAt = arrivesAt
    return undefined
  }

  async function slow(found: FoundRestriction, now: number): Promise<Refusal | undefined> {
    if (slowed >= MAX_SLOWED) return limit(found, now)
    slowed += 1
    try {
      await wait(SLOW_MS)
    } finally {
      slowed -= 1
    }
    return undefined
  }

  function answer(
    passage: Passage,
    found: FoundRestriction,
    { decision, context }: { readonly decision: Decision; readonly context: EvaluateContext },
  ): Refusal | undefined | Promise<Refusal | undefined> {
    switch (found.answer) {
      case 'close':
      case 'block':
        return stopped(found, context.now)
      case 'slow':
        return slow(found, context.now)
      case 'limit':
        return limit(found, context.now)
      case 'step-up': {
        const person = whoSignsIn(passage, decision)
        return person === undefined ? limit(found, context.now) : stepUp(person, found, context)
      }
    }
  }

  function restrictBy(
    watchedNames: WatchedNames,
    passage: Passage,
    decided: Parameters<typeof answer>[2],
    snapshot: RevocationSnapshot | undefined,
  ): ReturnType<typeof answer> {
    const { decision, context } = decided
    const names = (): readonly string[] => [
      ...namesOfRequest(passage),
      ...(decision.outcome === 'allow' ? namesOfCaller(decision, watchedNames) : []),
    ]
    const found = snapshot?.findRestriction(names, context.now)
    if (found === undefined) return undefined
    if (!(found instanceof Promise)) return answer(passage, found, decided)
    return found.then(
      (known) => (known === undefined ? undefined : answer(passage, known, decided)),
      () => ({ at: 'dependency', dependency: 'revocations' }) as const,
    )
  }

  return {
    refuse(passage, revocations) {
      const { address, now } = passage
      const held = revocations.held?.()
      const reason = address === undefined ? undefined : held?.findAddress(address, now)
      if (reason !== undefined) return { at: 'address', detail: reason }
      const found = held?.findRestriction(() => namesOfRequest(passage), now)
      if (found !== undefined && isStop(found)) return stillStopped(passage, found, revocations)
      const seconds = address === undefined ? undefined : budget?.waits(address, () => digestOf(passage.request), now)
      return seconds === undefined ? undefined : { at: 'failures', retryAfterSeconds: seconds }
    },
    restrict(passage, decided, snapshot) {
      const known = watched.known()
      // Once in an isolate.
      return known === undefined
        ? watched.load().then(async (names) => restrictBy(names, passage, decided, snapshot))
        : restrictBy(known, passage, decided, snapshot)
    },
    note(passage, outcome) {
      const { address, request, now } = passage
      if (budget === undefined || address === undefined) return
      const failure = 'refusal' in outcome ? failureOf(outcome.refusal) : undefined
      if (failure !== undefined) budget.failed(address, failure === 'target' ? 0 : digestOf(request), failure !== 'mistake', now)
      else if (passage.caller !== undefined) budget.passed(address, () => digestOf(request), now)
    },
  }
}

const abnormal = (milliseconds: number): Refusal => ({ at: 'abnormal', retryAfterSeconds: Math.max(1, Math.ceil(milliseconds / 1000)) })

const isStop = ({ answer }: FoundRestriction): boolean => answer === 'close' || answer === 'block'

/** While the feed cannot be read, what is held counts. */
function stillStopped(
  passage: Passage,
  held: FoundRestriction,
  revocations: Revocations,
): Refusal | undefined | Promise<Refusal | undefined> {
  const { now, request, deferred } = passage
  const names = (): readonly string[] => namesOfRequest(passage)
  const refusalOf = (found: FoundRestriction | undefined): Refusal | undefined =>
    found !== undefined && isStop(found) ? stopped(found, now) : undefined
  const ask = async (): Promise<Refusal | undefined> => {
    const snapshot = await revocations.snapshot(now, (task) => deferred.push(task), new URL(request.url).host)
    return refusalOf(await snapshot.findRestriction(names, now))
  }
  return ask().catch(() => refusalOf(held))
}

function stopped({ answer, name, until, cause }: FoundRestriction, now: number): Refusal {
  if (name.startsWith('address:')) return { at: 'address', detail: cause }
  if (answer === 'block') return { at: 'blocked', detail: cause }
  const retryAfterSeconds = Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil((until - now) / 1000)))
  return { at: 'closed', what: name.startsWith('route:') ? 'route' : 'gate', retryAfterSeconds, detail: cause }
}

interface Person {
  readonly principal: Principal
  readonly authenticator: Authenticator
  readonly alternative: number
}
/** Whoever can sign in anew: by a session, or by a token that says when its owner last did (RFC 9470 §6.2). */
function whoSignsIn({ linkedRoute }: Passage, decision: Decision): Person | undefined {
  if (decision.outcome !== 'allow') return undefined
  const { alternative, caller } = decision
  const principal = caller.principals.find(
    ({ kind, claims }) => kind === 'session' || (kind === 'jwt' && typeof claims['auth_time'] === 'number'),
  )
  const terms = linkedRoute?.requirements[alternative] ?? []
  const authenticator = terms.find((term) => term.authenticator.name === principal?.scheme)?.authenticator
  return principal === undefined || authenticator === undefined ? undefined : { principal, authenticator, alternative }
}

/** Who signed in since goes on. What does not say when, such as a session by OAuth alone, counts from its beginning. */
function stepUp(
  { principal, authenticator, alternative }: Person,
  { since }: FoundRestriction,
  context: EvaluateContext,
): Refusal | undefined {
  const { claims, issuedAt = 0 } = principal
  const authTime = claims['auth_time']
  // Told in whole seconds.
  const signedInAt = typeof authTime === 'number' ? authTime * 1000 + 999 : issuedAt
  if (signedInAt >= since) return undefined
  const maxAgeSeconds = Math.max(0, Math.floor((context.now - since) / 1000))
  const shortfall = { status: 'insufficient_authentication', maxAgeSeconds } as const
  return { at: 'evaluate', tried: [{ alternative, authenticator, shortfall }], context }
}

function namesOfRequest({ address, request, linkedRoute }: Passage): readonly string[] {
  const tls = tlsOf(request)
  return [
    'everything:',
    restrictedName('fingerprint', clientName(tls, request.headers.get('user-agent') ?? undefined)),
    ...(address === undefined ? [] : [restrictedName('address', addressKey(address) ?? address)]),
    ...(linkedRoute === undefined ? [] : [restrictedName('route', linkedRoute.route.id)]),
  ]
}

/** Each credential by its own id, tokens and sessions also by whose they are. */
function namesOfCaller({ caller }: Extract<Decision, { outcome: 'allow' }>, watched: WatchedNames): readonly string[] {
  const ids = caller.principals.flatMap((principal) => [principal.credentialId, ...watched.of(principal)])
  return [
    ...[...new Set(ids)].map((id) => restrictedName('credential', id)),
    ...(caller.consumer === undefined ? [] : [restrictedName('consumer', caller.consumer)]),
  ]
}

/** `mistake`: nothing that was guessed. */
function failureOf(refusal: Refusal): 'guess' | 'mistake' | 'target' | undefined {
  switch (refusal.at) {
    case 'target':
    case 'host':
    case 'path':
      return 'target'
    case 'consume':
      return refusal.shortfall.status === 'rejected' ? 'mistake' : undefined
    case 'evaluate': {
      const rejected = refusal.tried.flatMap(({ shortfall }) => (shortfall.status === 'rejected' ? [shortfall] : []))
      if (rejected.length === 0) return undefined
      return rejected.some(({ authentic }) => authentic !== true) ? 'guess' : 'mistake'
    }
    default:
      return undefined
  }
}
