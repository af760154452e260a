import { createErrorWatch, type EncodedErrors } from './error-watch.ts'
import { createObjectWatch, type EncodedObjects } from './object-watch.ts'
import type { EncodedRate } from './rate-baseline.ts'
import { createRateWatch } from './rate-watch.ts'
import { createRouteWatch, type EncodedRoutes } from './route-watch.ts'
import type { Reason, Stage, TrafficEvent } from './traffic.ts'

/** One thing that a credential's use is judged by. */
export interface Watch<Encoded> {
  judge(event: TrafficEvent, stage: Stage): Reason | undefined
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
  judge(event: TrafficEvent, stage: Stage): readonly Reason[]
  encode(): EncodedUse
} {
  const errors = createErrorWatch(known?.errors)
  const rate = createRateWatch(known?.rate)
  const routes = createRouteWatch(known?.routes)
  const objects = createObjectWatch((now) => errors.failedShare(now), known?.objects)
  const watches = [errors, rate, routes, objects]
  return {
    judge(event, stage) {
      const reasons = watches.map((watch) => watch.judge(event, stage)).filter((reason) => reason !== undefined)
      return stage === 'young' || stage === 'shown' ? strongestOfMuch(reasons) : reasons
    },
    encode: () => ({ errors: errors.encode(), rate: rate.encode(), routes: routes.encode(), objects: objects.encode() }),
  }
}

/** All of these say that it does much: of what may be its first such day one says enough. */
const MUCH: ReadonlySet<string> = new Set<Reason['code']>(['rate-surge', 'object-enumeration', 'object-sweep'])
function strongestOfMuch(reasons: readonly Reason[]): readonly Reason[] {
  const much = reasons.filter(({ code }) => MUCH.has(code))
  if (much.length < 2) return reasons
  const [strongest] = much.toSorted((one, other) => other.points - one.points)
  return reasons.filter((reason) => reason === strongest || !MUCH.has(reason.code))
}
