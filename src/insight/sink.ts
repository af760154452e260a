import { createBatchBook } from './batch-book.ts'
import type { Batch, Observation } from './observation.ts'

/** How often what was noted is sent, where the object does not say otherwise. */
export const FLUSH_MS = 10_000
/** A book that is full is sent before its time, though no sooner than this part of it. */
const EARLY = 0.1
/** A call of which nothing was heard for so long is made again: the request that made it may be gone. */
const LATE_MS = 15_000
/** After failures calls come this much later each time. */
const LONGEST_BACKOFF_MS = 60_000
/** The platform ends what a request left behind after 30 s, the last call included. */
const LONGEST_WAIT_MS = 20_000
/** Calls and waits of one request. */
const MAX_ROUNDS = 6

/** Tells the insight object of requests, many with one call. All it keeps are values: what is under way belongs to the request that began it. */
export interface InsightSink {
  /** At once, in memory. `credential`: what it is counted by; empty: none. */
  note(observation: Observation, credential: string): void
  /**
   * For after the response: sends what was noted, where that is due, or waits until it is, one request at a time. Never rejects: what
   * could not be sent is kept for the next time, as far as there is room.
   */
  flush(): Promise<void>
}
export interface InsightSinkParts {
  /** One call of the object; may be made again. */
  readonly send: (batch: Batch) => Promise<{ readonly nextMs: number }>
  readonly now: () => number
  readonly wait: (milliseconds: number) => Promise<void>
  readonly log: (line: string) => void
}

export function createInsightSink({ send, now, wait, log }: InsightSinkParts): InsightSink {
  const book = createBatchBook()
  /** Made within a request: there is no randomness before one. */
  let isolate: string | undefined
  let sequence = 0
  /** Cut, and not known to have arrived: sent again as it is, so that it counts once. */
  let unsure: Batch | undefined
  let sentAt = Number.NEGATIVE_INFINITY
  let isUnderWay = false
  let failures = 0
  let intervalMs = FLUSH_MS
  /** `undefined`: nothing was noted since the last call. */
  let dueAt: number | undefined
  let awaitedUntil = Number.NEGATIVE_INFINITY

  function dueIn(at: number): number {
    if (dueAt === undefined) return Number.POSITIVE_INFINITY
    const left = dueAt - at
    // The clock was set back.
    if (left > Math.max(intervalMs, LONGEST_BACKOFF_MS)) return 0
    return failures === 0 && book.isFull ? Math.min(left, sentAt + intervalMs * EARLY - at) : left
  }

  function cut(): Batch {
    sequence += 1
    isolate ??= crypto.randomUUID()
    return { isolate, sequence, ...book.cut() }
  }

  async function sendNow(at: number): Promise<void> {
    const batch = (unsure ??= cut())
    isUnderWay = true
    sentAt = at
    try {
      const { nextMs } = await send(batch)
      if (unsure === batch) unsure = undefined
      failures = 0
      intervalMs = nextMs
    } catch {
      failures += 1
      log(JSON.stringify({ event: 'outage', dependency: 'insight', detail: 'usage is kept for the next time' }))
    } finally {
      isUnderWay = false
      const later = now()
      dueAt = unsure === undefined && book.isEmpty ? undefined : later + Math.min(LONGEST_BACKOFF_MS, intervalMs * 2 ** failures)
    }
    const dropped = book.takeDropped()
    if (dropped > 0) log(JSON.stringify({ event: 'usage-dropped', requests: dropped }))
  }

  return {
    note(observation, credential) {
      book.note(observation, credential)
      dueAt ??= now() + intervalMs
    },
    async flush() {
      const beganAt = now()
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        const at = now()
        if (isUnderWay && Math.abs(at - sentAt) < LATE_MS) return
        const left = dueIn(at)
        if (left <= 0) {
          await sendNow(at)
          continue
        }
        const until = at + left
        const isAwaited = awaitedUntil > at && awaitedUntil <= at + LONGEST_WAIT_MS
        if (isAwaited || until - beganAt > LONGEST_WAIT_MS) return
        awaitedUntil = until
        await wait(left)
        if (awaitedUntil === until) awaitedUntil = Number.NEGATIVE_INFINITY
      }
    },
  }
}
