import { addressKey } from '../../http/address.ts'
import { createAddressWatch } from './address-watch.ts'
import { createPlaceWatch } from './place-watch.ts'
import { createKept } from './recent.ts'
import { ANSWERS, type Finding, type Reason, type SubjectKind, type TrafficEvent } from './traffic.ts'
import { createUseWatch } from './use-watch.ts'

/** A credential is learnt for this long, and for so many requests, before anything about its use is unusual. */
const LEARNING = { requests: 100, milliseconds: 6 * 3_600_000 } as const
const MAX_CREDENTIALS = 20_000
/** The same is not said again for this long, unless it got worse by a step. */
const QUIET_MS = 300_000
const MAX_SAID = 20_000

/** Judges decided requests as they come. Bounded memory; the order of time is the caller's. */
export interface Detector {
  /** What to say about this event, strongest first; mostly nothing. */
  observe(event: TrafficEvent): readonly Finding[]
  /** An operator says that it was fine: what is new about it counts as known, and it is learnt anew. */
  accept(kind: SubjectKind, subject: string): void
}

interface Watched {
  place: ReturnType<typeof createPlaceWatch>
  use: ReturnType<typeof createUseWatch>
  requests: number
  firstAt: number
}

const makeWatched = (): Watched => ({ place: createPlaceWatch(), use: createUseWatch(), requests: 0, firstAt: Number.NaN })

export function createDetector(): Detector {
  const addresses = createAddressWatch()
  const credentials = createKept(MAX_CREDENTIALS, makeWatched)
  const said = createKept(MAX_SAID, () => ({ step: -1, at: Number.NEGATIVE_INFINITY }))

  const judgeCredential = (event: TrafficEvent, address: string, credential: string): readonly Reason[] => {
    const watched = credentials.of(credential)
    if (watched.requests === 0) watched.firstAt = event.at
    watched.requests += 1
    const isLearning = watched.requests <= LEARNING.requests || event.at - watched.firstAt < LEARNING.milliseconds
    return [...watched.place.judge(event, address, isLearning), ...watched.use.judge(event, isLearning)]
  }

  const findingOf = (at: number, kind: SubjectKind, subject: string, reasons: readonly Reason[]): Finding | undefined => {
    const score = reasons.reduce((sum, { points }) => sum + points, 0)
    const step = ANSWERS.findLastIndex((answer) => score >= answer.score)
    if (step < 0) return undefined
    const last = said.of(`${kind} ${subject}`)
    if (step <= last.step && at - last.at < QUIET_MS) return undefined
    last.step = step
    last.at = at
    return { at, kind, subject, score, reasons: reasons.toSorted((one, other) => other.points - one.points) }
  }

  return {
    observe(event) {
      const address = addressKey(event.address) ?? event.address
      const fingerprint = `${event.tls ?? ''} ${event.userAgent ?? ''}`
      const findings = [
        findingOf(event.at, 'address', address, addresses.address(event, address)),
        findingOf(event.at, 'fingerprint', fingerprint, addresses.fingerprint(event, address, fingerprint)),
        event.credential === undefined
          ? undefined
          : findingOf(event.at, 'credential', event.credential, judgeCredential(event, address, event.credential)),
      ]
      return findings.filter((finding) => finding !== undefined).toSorted((one, other) => other.score - one.score)
    },
    accept(kind, subject) {
      const watched = kind === 'credential' ? credentials.known(subject) : undefined
      if (watched !== undefined) Object.assign(watched, makeWatched())
      const last = said.known(`${kind} ${subject}`)
      if (last !== undefined) last.step = -1
    },
  }
}
