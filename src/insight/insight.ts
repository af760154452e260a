import type { Observation } from './observation.ts'
import type { Reason, SubjectKind } from './abuse/traffic.ts'

export interface UsageAsked {
  /** Milliseconds since the epoch; `to` is not part of it. */
  readonly from: number
  readonly to: number
  /** Minutes are kept for two days, hours for 35, days for 400. */
  readonly step: 'minute' | 'hour' | 'day'
  /** Any of these; absent: all. */
  readonly consumers?: readonly string[]
  readonly credential?: string
  readonly route?: string
  /** At most two of them split the counts; at most 200 groups are told, the largest first, the rest as `other`. */
  readonly by?: readonly ('consumer' | 'credential' | 'route' | 'status' | 'code')[]
}
export interface UsageGroup {
  /** Of each member of `by`. */
  readonly key: Readonly<Record<string, string>>
  readonly requests: number
  /** Answered 4xx and 5xx by the gate or the origin. */
  readonly errors: number
  /** Requests per step, from `from` on, without gaps. */
  readonly series: readonly number[]
  /** Per bucket of `LATENCY_BOUNDS`. */
  readonly latency: readonly number[]
}
export interface Usage {
  readonly from: number
  readonly to: number
  readonly step: UsageAsked['step']
  readonly groups: readonly UsageGroup[]
  readonly total: Omit<UsageGroup, 'key'>
}

/** A decision in the live tail. `sequence` rises; the newest 1,000 are kept, in memory alone. */
export interface TailEntry {
  readonly sequence: number
  readonly observation: Observation
}

export type FindingState = 'open' | 'answered' | 'accepted'
/** What the detector said of one subject, with what was done about it. */
export interface Anomaly {
  /** `ano_` and 20 letters and digits. */
  readonly id: string
  readonly firstAt: number
  readonly lastAt: number
  readonly kind: SubjectKind
  readonly subject: string
  readonly consumer?: string
  readonly score: number
  readonly reasons: readonly Reason[]
  /** The newest observations that led to it, at most 50: to read, and to replay. */
  readonly evidence: readonly Observation[]
  readonly state: FindingState
  /** What the gate did by itself or an operator by hand. */
  readonly answer: 'record' | 'slow' | 'limit' | 'step-up' | 'block'
  /** An operator answered it: nothing is done by itself any more. */
  readonly isByHand: boolean
  /** Of the answer. */
  readonly until?: number
}

/** What a consumer, key or address usually does, for an operator to read. */
export interface Baseline {
  readonly requests: number
  readonly firstAt: number
  readonly isLearning: boolean
  readonly countries: readonly string[]
  readonly networks: readonly string[]
  readonly clients: readonly string[]
  readonly routes: readonly string[]
  /** Usual most requests per half minute, by hour of the day (UTC). */
  readonly hourly: readonly number[]
}

/** The insight object as pages, the admin API and the command read it. Every method throws when it cannot answer: 503. */
export interface Insight {
  usage(asked: UsageAsked): Promise<Usage>
  /** Newest last, those after `after`; `consumer` keeps to one. */
  tail(asked: {
    readonly after?: number
    readonly limit?: number
    readonly consumer?: string
    readonly refusedOnly?: boolean
  }): Promise<readonly TailEntry[]>
  anomalies(asked: { readonly state?: FindingState; readonly consumer?: string; readonly limit?: number }): Promise<readonly Anomaly[]>
  anomaly(id: string): Promise<Anomaly | undefined>
  /** "This was fine": the subject is learnt anew, and what was done about it is lifted. */
  accept(id: string): Promise<Anomaly | undefined>
  /** An operator answered it by hand. */
  answered(id: string, answer: Anomaly['answer'], until: number | undefined): Promise<Anomaly | undefined>
  baseline(credential: string): Promise<Baseline | undefined>
  /** When credentials were last used, to the minute; those never seen are left out. */
  lastUsed(credentials: readonly string[]): Promise<Readonly<Record<string, number>>>
}
