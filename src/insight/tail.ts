import type { TailEntry } from './insight.ts'
import type { Observation } from './observation.ts'

/** How many decisions are kept. */
export const TAIL_LENGTH = 1000
const DEFAULT_LIMIT = 100

export interface TailAsked {
  /** A sequence: the first ones after it; absent: the newest there are. */
  readonly after?: number
  /** Default 100, at most 1,000. */
  readonly limit?: number
  readonly consumer?: string
  readonly refusedOnly?: boolean
}
/** The newest decisions, in the memory of one object. */
export interface Tail {
  add(observations: readonly Observation[]): void
  /** Newest last. */
  read(asked: TailAsked): readonly TailEntry[]
}

/** `startedAt`: sequences of a later tail are higher, though it begins anew, for a thousand decisions a millisecond. */
export function createTail(startedAt: number): Tail {
  let entries: readonly TailEntry[] = []
  let sequence = startedAt * 1000
  return {
    add(observations) {
      const added = observations.slice(-TAIL_LENGTH).map((observation): TailEntry => ({ sequence: ++sequence, observation }))
      entries = [...entries, ...added].slice(-TAIL_LENGTH)
    },
    read({ after, limit = DEFAULT_LIMIT, consumer, refusedOnly = false }) {
      const most = Math.min(TAIL_LENGTH, Math.max(1, limit))
      const found = entries.filter(
        ({ sequence: own, observation }) =>
          own > (after ?? 0) && (consumer === undefined || observation.consumer === consumer) && (!refusedOnly || isRefused(observation)),
      )
      return after === undefined ? found.slice(-most) : found.slice(0, most)
    },
  }
}

/** By the gate: what the origin answered is no refusal. */
function isRefused({ code, status }: Observation): boolean {
  return status >= 400 && code !== 'forwarded'
}
