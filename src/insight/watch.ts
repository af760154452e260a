import { within } from '../http/object-call.ts'
import type { AbuseConfig } from '../policy/policy.ts'
import type { ChangeRequest } from '../revocation/change-request.ts'
import { answerMs, answerOf, isJudged } from './abuse/answer.ts'
import { createDetector } from './abuse/detector.ts'
import type { Finding } from './abuse/traffic.ts'
import { baselineOf, eventOf, isInForce, isStronger, joinFinding, restrictionOf, toldOf, withAnswer } from './anomaly.ts'
import { createEvidence } from './evidence.ts'
import type { GateEvent } from './gate-event.ts'
import type { Anomaly, Insight } from './insight.ts'
import type { Observation } from './observation.ts'
import { createWatchStore, type StoredAnomaly } from './watch-store.ts'

/** What is found of one subject within this time is one anomaly. */
const SAME_MS = 3_600_000
const WEEK_MS = 7 * 86_400_000
/** Anomalies written in one minute; a flood of them is counted in the log. */
const MAX_PER_MINUTE = 300
/** Baselines are written this often, so many at a time: 500 a minute. */
const PERSIST_EVERY_MS = 30_000
const PERSISTED_AT_ONCE = 250
const TELL_MS = 5000
const TELL_AGAIN_MS = 5000
const TOLD_AT_ONCE = 50

export interface WatchParts {
  readonly storage: Pick<DurableObjectStorage, 'sql' | 'transactionSync'>
  /** The feed's `change`. */
  readonly restrict: (request: ChangeRequest, now: number) => Promise<unknown>
  /** The events object's `emit`: the same event twice is one. */
  readonly emit: (events: readonly GateEvent[]) => Promise<unknown>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly log: (line: string) => void
}

/** The detector at work in the insight object: judges what isolates tell, keeps what it finds, and answers by policy through the feed. */
export interface Watch extends Pick<Insight, 'anomalies' | 'anomaly' | 'accept' | 'answered' | 'baseline'> {
  /** In the order of time, as far as they come so. Answers are in the feed when it resolves, or are told again until they are. */
  observe(observations: readonly Observation[], abuse: AbuseConfig): Promise<void>
  /** When `alarm` is to be called, by the object's alarm; `undefined`: nothing waits. */
  dueAt(): number | undefined
  /** Writes baselines and tells what waits. Never rejects. */
  alarm(): Promise<void>
}

export function createWatch({ storage, restrict, emit, now, log }: WatchParts): Watch {
  const store = createWatchStore(storage)
  /** Used since their baseline was written, those that wait longest first. */
  const dirty = new Set<string>()
  let persistAt: number | undefined
  let tellAt: number | undefined = store.hasWaiting() ? 0 : undefined
  let written = { minute: 0, count: 0, dropped: 0 }
  const evidence = createEvidence()
  const detector = createDetector({
    load: (credential) => store.loadBaseline(credential),
    keep(credential, known) {
      if (dirty.delete(credential)) store.keepBaseline(credential, known, now())
    },
  })

  const hasRoom = (at: number): boolean => {
    const minute = Math.floor(at / 60_000)
    if (minute !== written.minute) {
      if (written.dropped > 0) log(JSON.stringify({ event: 'anomalies-dropped', anomalies: written.dropped }))
      written = { minute, count: 0, dropped: 0 }
    }
    if (written.count < MAX_PER_MINUTE) written.count += 1
    else written.dropped += 1
    return written.dropped === 0
  }

  function found(finding: Finding, last: Observation, abuse: AbuseConfig, at: number): void {
    const { kind, subject } = finding
    if (!hasRoom(at)) return
    const latest = store.latestOf(kind, subject)
    const known = latest !== undefined && latest.state !== 'accepted' && at - latest.lastAt < SAME_MS ? latest : undefined
    const consumer = kind === 'credential' ? last.consumer : undefined
    const joined = joinFinding(known, finding, evidence.of(kind, subject, known?.evidence ?? []), consumer, at)
    const answer = answerOf(finding, last, abuse)
    const isAnswered = isStronger(answer, known, at)
    const isAnother = !isInForce(known, at)
    // A stronger answer to what goes on is not another time.
    const until = at + answerMs(abuse, store.restrictionsSince(kind, subject, at - WEEK_MS) - (isAnother ? 0 : 1))
    const anomaly = isAnswered ? withAnswer(joined, { state: 'answered', answer, isByHand: false, until }, isAnother) : joined
    store.put(anomaly)
    store.tell([
      ...(known === undefined ? [eventOf('anomaly.found', anomaly, at)] : []),
      ...(isAnswered ? [restrictionOf(anomaly, at), eventOf('anomaly.answered', anomaly, at)] : []),
      ...(isAnswered && answer === 'block' ? [eventOf('block.set', anomaly, at)] : []),
    ])
  }

  /** By an operator. `until` absent: nothing is done, and what was done is lifted. */
  function decide(known: StoredAnomaly, change: Pick<Anomaly, 'state' | 'answer'>, until: number | undefined): Anomaly {
    const at = now()
    const anomaly = withAnswer(known, { ...change, isByHand: true, until }, !isInForce(known, at))
    const [was, is] = [isInForce(known, at), isInForce(anomaly, at)]
    store.atomically(() => {
      store.put(anomaly)
      store.tell([
        ...(was || is ? [restrictionOf(anomaly, at)] : []),
        eventOf('anomaly.answered', anomaly, at),
        ...(is && anomaly.answer === 'block' ? [eventOf('block.set', anomaly, at)] : []),
        ...(was && known.answer === 'block' && anomaly.answer !== 'block' ? [eventOf('block.lifted', anomaly, at)] : []),
      ])
    })
    return toldOf(anomaly)
  }

  async function tell(): Promise<void> {
    tellAt = undefined
    try {
      for (const { sequence, message } of store.waiting('restrict', TOLD_AT_ONCE)) {
        if (message.kind === 'restrict') await within(restrict(message.request, now()), TELL_MS, 'the revocation feed')
        store.told([sequence])
      }
      const events = store.waiting('event', TOLD_AT_ONCE)
      const bodies = events.flatMap(({ message }) => (message.kind === 'event' ? [message.event] : []))
      if (bodies.length > 0) await within(emit(bodies), TELL_MS, 'the events object')
      store.told(events.map(({ sequence }) => sequence))
      if (store.hasWaiting()) tellAt = now()
    } catch {
      tellAt = now() + TELL_AGAIN_MS
      log(JSON.stringify({ event: 'outage', dependency: 'revocations or events', detail: 'what was found is told again' }))
    }
  }

  function persist(): void {
    const at = now()
    store.atomically(() => {
      for (const credential of [...dirty].slice(0, PERSISTED_AT_ONCE)) {
        dirty.delete(credential)
        const known = detector.known(credential)
        if (known !== undefined) store.keepBaseline(credential, known, at)
      }
      store.trimBaselines()
    })
    persistAt = dirty.size > 0 ? at + PERSIST_EVERY_MS : undefined
  }

  return {
    async observe(observations, abuse) {
      const at = now()
      store.atomically(() => {
        for (const observation of observations.filter(isJudged)) {
          evidence.add(observation)
          if (observation.credential !== undefined) dirty.add(observation.credential)
          for (const finding of detector.observe(observation)) found(finding, observation, abuse, at)
        }
      })
      if (dirty.size > 0) persistAt ??= at + PERSIST_EVERY_MS
      if (store.hasWaiting()) await tell()
    },
    dueAt: () => (persistAt === undefined ? tellAt : Math.min(persistAt, tellAt ?? Number.POSITIVE_INFINITY)),
    async alarm() {
      if (persistAt !== undefined && persistAt <= now()) persist()
      if (tellAt !== undefined && tellAt <= now()) await tell()
    },
    anomalies: async (asked) => store.list(asked).map(toldOf),
    async anomaly(id) {
      const known = store.get(id)
      return known === undefined ? undefined : toldOf(known)
    },
    async accept(id) {
      const known = store.get(id)
      if (known === undefined) return undefined
      detector.accept(known.kind, known.subject)
      if (known.kind === 'credential') {
        const anew = detector.known(known.subject)
        if (anew !== undefined) store.keepBaseline(known.subject, anew, now())
      }
      const accepted = decide(known, { state: 'accepted', answer: 'record' }, undefined)
      await tell()
      return accepted
    },
    async answered(id, answer, until) {
      const known = store.get(id)
      if (known === undefined) return undefined
      const decided = decide(known, { state: 'answered', answer }, until)
      await tell()
      return decided
    },
    async baseline(credential) {
      const known = detector.known(credential)
      return known === undefined ? undefined : baselineOf(known, now())
    },
  }
}
