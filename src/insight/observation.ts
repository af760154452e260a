import type { TrafficEvent } from './abuse/traffic.ts'

/** One decided request, as isolates tell the insight object of it: never a credential, a path or a query. */
export interface Observation extends TrafficEvent {
  readonly requestId: string
  readonly method: string
  /** Stable code of the refusal, or `forwarded`, `preflight`, `granted`. */
  readonly code: string
  readonly consumer?: string
  readonly plan?: string
  /** From the request's arrival until the answer's head, in milliseconds. */
  readonly durationMs: number
}

/** Upper bounds of the latency buckets, in milliseconds; the last bucket has none. */
export const LATENCY_BOUNDS = [10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const

/** Index of the bucket that `share` of all requests end in. `undefined`: nothing was counted. */
export function latencyBucket(latency: readonly number[], share: number): number | undefined {
  const all = latency.reduce((sum, count) => sum + count, 0)
  if (all === 0) return undefined
  let seen = 0
  return latency.findIndex((count) => (seen += count) >= all * share)
}

/** What requests are counted by. */
export interface UsageKey {
  /** Milliseconds since the epoch: the start of the minute. */
  readonly minute: number
  /** Empty: nobody in particular. */
  readonly consumer: string
  readonly credential: string
  /** Empty: the path is unknown. */
  readonly route: string
  readonly status: number
  readonly code: string
}
export interface UsageCount extends UsageKey {
  readonly requests: number
  /** One count per latency bucket: `LATENCY_BOUNDS.length + 1`. */
  readonly latency: readonly number[]
}

/** What one isolate tells at a time. The same sequence told again counts once. */
export interface Batch {
  /** Random, one per isolate. */
  readonly isolate: string
  readonly sequence: number
  /** Every request is in here. */
  readonly usage: readonly UsageCount[]
  /** At most `MAX_OBSERVATIONS`, refusals first; the rest were not told one by one. */
  readonly observations: readonly Observation[]
}
export const MAX_OBSERVATIONS = 1000
