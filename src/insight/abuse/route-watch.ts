import { createFading, createRecentSet, type EncodedFading, type EncodedRecent } from './recent.ts'
import type { Watch } from './use-watch.ts'

const MINUTE_MS = 60_000
const WINDOW_MS = 120_000
const MAX_ROUTES = 256
/** Routes that were never used before, within two minutes. One at a time is a new release. */
const NEW_ROUTES = 5

export interface EncodedRoutes {
  readonly known: readonly string[]
  readonly fresh: EncodedRecent
  readonly onFresh: EncodedFading
  readonly all: EncodedFading
}

/** Several routes at once that this credential never used. */
export function createRouteWatch(earlier?: EncodedRoutes): Watch<EncodedRoutes> {
  const known = new Set(earlier?.known)
  const fresh = createRecentSet(WINDOW_MS, 64, earlier?.fresh)
  const onFresh = createFading(MINUTE_MS, earlier?.onFresh)
  const all = createFading(MINUTE_MS, earlier?.all)
  return {
    encode: () => ({ known: [...known], fresh: fresh.encode(), onFresh: onFresh.encode(), all: all.encode() }),
    judge({ route, at, status }, stage) {
      const isLearning = stage === 'new'
      all.add(1, at)
      if (route === undefined || known.has(route)) return undefined
      const isAlone = fresh.sizeAt(at) === 0
      if ((isLearning || isAlone) && known.size < MAX_ROUTES) known.add(route)
      if (isLearning) return undefined
      fresh.add(route, at)
      onFresh.add(1, at)
      const distinct = fresh.sizeAt(at)
      if (distinct < 3) return undefined
      const share = onFresh.at(at) / Math.max(1, all.at(at))
      return {
        code: 'new-routes',
        points: (distinct / NEW_ROUTES) * (status >= 400 ? 1 : 0.6) * Math.min(1, 0.5 + share),
        evidence: { routes: distinct, minutes: 2, percent: Math.round(100 * share) },
      }
    },
  }
}
