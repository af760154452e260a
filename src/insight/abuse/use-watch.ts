import { createErrorWatch, type EncodedErrors } from './error-watch.ts'
import { createObjectWatch, type EncodedObjects } from './object-watch.ts'
import type { EncodedRate } from './rate-baseline.ts'
import { createRateWatch } from './rate-watch.ts'
import { createRouteWatch, type EncodedRoutes } from './route-watch.ts'
import type { Reason, TrafficEvent } from './traffic.ts'

/** One thing that a credential's use is judged by. `isLearning`: everything is new still, so nothing is said. */
export interface Watch<Encoded> {
  judge(event: TrafficEvent, isLearning: boolean): Reason | undefined
  /** All that it knows, as plain data: made from it, another one judges as this one would. */
  encode(): Encoded
}
export interface EncodedUse {
  readonly errors: EncodedErrors
  readonly rate: EncodedRate
  readonly routes: EncodedRoutes
  readonly objects: EncodedObjects
}

/** What one credential is used for: how often, on which routes, for which objects, and how much of it fails. */
export function createUseWatch(known?: EncodedUse): {
  judge(event: TrafficEvent, isLearning: boolean): readonly Reason[]
  encode(): EncodedUse
} {
  const errors = createErrorWatch(known?.errors)
  const rate = createRateWatch(known?.rate)
  const routes = createRouteWatch(known?.routes)
  const objects = createObjectWatch((now) => errors.failedShare(now), known?.objects)
  const watches = [errors, rate, routes, objects]
  return {
    judge: (event, isLearning) => watches.map((watch) => watch.judge(event, isLearning)).filter((reason) => reason !== undefined),
    encode: () => ({ errors: errors.encode(), rate: rate.encode(), routes: routes.encode(), objects: objects.encode() }),
  }
}
