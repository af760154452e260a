import { addressKey } from '../../http/address.ts'
import { clientName } from '../../revocation/restrictions.ts'
import { createAddressWatch } from './address-watch.ts'
import { createPlaceWatch, type EncodedPlace } from './place-watch.ts'
import { createKept } from './recent.ts'
import { ANSWERS, type Finding, type Reason, type Stage, type SubjectKind, type TrafficEvent } from './traffic.ts'
import { createUseWatch, type EncodedUse } from './use-watch.ts'

/** A credential is learnt for this long, and for so many requests, before what is new about its use is unusual. */
const LEARNING = { requests: 100, milliseconds: 1_800_000 } as const
/** For this long what it does much of may be its first such day, but that it has shown by so many requests how much is usual. */
const YOUNG = { milliseconds: 3 * 3_600_000, requests: 600 } as const
const MAX_CREDENTIALS = 6000
/** The same is not said again for this long, unless it got worse by a step. */
const QUIET_MS = 300_000
const MAX_SAID = 20_000

/** Judges decided requests as they come. Bounded memory; the order of time is the caller's. */
export interface Detector {
  /** What to say about this event, strongest first; mostly nothing. */
  observe(event: TrafficEvent): readonly Finding[]
  /** An operator says that it was fine: what is new about it counts as known, and it is learnt anew. */
  accept(kind: SubjectKind, subject: string): void
  /** What it knows of a credential, as plain data. */
  known(credential: string): KnownCredential | undefined
}

/** Of another version nothing is taken. */
export const KNOWN_VERSION = 1
/** All that is known of a credential: a detector that is given it judges as the one that gave it would. */
export interface KnownCredential {
  readonly version: typeof KNOWN_VERSION
  readonly requests: number
  readonly firstAt: number
  readonly place: EncodedPlace
  readonly use: EncodedUse
  /** What was said of it last, and when: it is not said again at once. */
  readonly said: readonly [step: number, at: number]
}

/** Where what is known is kept while it is not in memory. */
export interface Keeping {
  load(credential: string): KnownCredential | undefined
  /** It leaves the memory. */
  keep(credential: string, known: KnownCredential): void
}

interface Watched {
  place: ReturnType<typeof createPlaceWatch>
  use: ReturnType<typeof createUseWatch>
  requests: number
  firstAt: number
}

const makeWatched = (known?: KnownCredential): Watched => ({
  place: createPlaceWatch(known?.place),
  use: createUseWatch(known?.use),
  requests: known?.requests ?? 0,
  firstAt: known?.firstAt ?? 0,
})
function stageOf({ requests, firstAt }: Pick<Watched, 'requests' | 'firstAt'>, at: number): Stage {
  if (requests <= LEARNING.requests || at - firstAt < LEARNING.milliseconds) return 'new'
  if (at - firstAt >= YOUNG.milliseconds) return 'known'
  return requests <= YOUNG.requests ? 'young' : 'shown'
}

const saidOf = (credential: string): string => `credential ${credential}`

export function createDetector(keeping?: Keeping): Detector {
  const addresses = createAddressWatch()
  const said = createKept(MAX_SAID, () => ({ step: -1, at: 0 }))
  const encode = (credential: string, { place, use, requests, firstAt }: Watched): KnownCredential => {
    const { step, at } = said.known(saidOf(credential)) ?? { step: -1, at: 0 }
    return { version: KNOWN_VERSION, requests, firstAt, place: place.encode(), use: use.encode(), said: [step, at] }
  }
  const credentials = createKept(
    MAX_CREDENTIALS,
    (credential) => {
      const known = keeping?.load(credential)
      if (known !== undefined) Object.assign(said.of(saidOf(credential)), { step: known.said[0], at: known.said[1] })
      return makeWatched(known)
    },
    (credential, watched) => keeping?.keep(credential, encode(credential, watched)),
  )

  const judgeCredential = (event: TrafficEvent, address: string, credential: string): readonly Reason[] => {
    const watched = credentials.of(credential)
    if (watched.requests === 0) watched.firstAt = event.at
    watched.requests += 1
    const stage = stageOf(watched, event.at)
    return [...watched.place.judge(event, address, stage), ...watched.use.judge(event, stage)]
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
      const fingerprint = clientName(event.tls, event.userAgent)
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
      if (kind === 'credential') Object.assign(credentials.of(subject), makeWatched())
      Object.assign(said.of(`${kind} ${subject}`), { step: -1, at: 0 })
    },
    known(credential) {
      const watched = credentials.known(credential)
      return watched === undefined ? keeping?.load(credential) : encode(credential, watched)
    },
  }
}

/** Whether what a credential does is still taken for usual, whatever it is. */
export function isLearnt(known: Pick<KnownCredential, 'requests' | 'firstAt'>, at: number): boolean {
  return stageOf(known, at) !== 'new'
}
