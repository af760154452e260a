import { FLUSH_MS } from './sink.ts'

/** Calls a second that the object is asked to bear: it could bear some hundreds, and has other work. */
const CALLS_PER_SECOND = 50
const LONGEST_MS = 60_000

/** How long isolates wait between their calls: the longer, the more there are. `now` in milliseconds. */
export interface Pacing {
  next(now: number): number
}

export function createPacing(): Pacing {
  let intervalMs = FLUSH_MS
  let calls = 0
  let since = Number.NEGATIVE_INFINITY
  return {
    next(now) {
      if (now - since >= intervalMs) {
        // About one call of each isolate.
        if (Number.isFinite(since)) intervalMs = Math.min(LONGEST_MS, Math.max(FLUSH_MS, (calls * 1000) / CALLS_PER_SECOND))
        calls = 0
        since = now
      }
      calls += 1
      return intervalMs
    },
  }
}
