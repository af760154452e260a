import { createErrorWatch } from './error-watch.ts'
import { createObjectWatch } from './object-watch.ts'
import { createRateWatch } from './rate-watch.ts'
import { createRouteWatch } from './route-watch.ts'
import type { Reason, TrafficEvent } from './traffic.ts'

/** One thing that a credential's use is judged by. `isLearning`: everything is new still, so nothing is said. */
export interface Watch {
  judge(event: TrafficEvent, isLearning: boolean): Reason | undefined
}

/** What one credential is used for: how often, on which routes, for which objects, and how much of it fails. */
export function createUseWatch(): { judge(event: TrafficEvent, isLearning: boolean): readonly Reason[] } {
  const errors = createErrorWatch()
  const watches: readonly Watch[] = [errors, createRateWatch(), createRouteWatch(), createObjectWatch((now) => errors.failedShare(now))]
  return {
    judge: (event, isLearning) => watches.map((watch) => watch.judge(event, isLearning)).filter((reason) => reason !== undefined),
  }
}
