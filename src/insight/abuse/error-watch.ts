import { createFading, createRecentSet, type EncodedFading, type EncodedRecent } from './recent.ts'
import type { Watch } from './use-watch.ts'

const MINUTE_MS = 60_000
const WINDOW_MS = 120_000
/** Distinct objects refused or not there within two minutes that are no mistake any more. */
const REFUSED_OBJECTS = 20
const FAILURES: ReadonlySet<number> = new Set([400, 403, 404])
/** Standard deviations above what is usual. */
const SURPRISE = 6
/** Part that the newest request has in what is usual. */
const WEIGHT = 0.005

export interface EncodedErrors {
  readonly all: EncodedFading
  readonly failed: EncodedFading
  readonly refusedObjects: EncodedRecent
  readonly usual: number
}

/** Refusals and misses on ever other objects, far more than this credential usually has. */
export function createErrorWatch(known?: EncodedErrors): Watch<EncodedErrors> & { failedShare(now: number): number } {
  const all = createFading(MINUTE_MS, known?.all)
  const failed = createFading(MINUTE_MS, known?.failed)
  const refusedObjects = createRecentSet(WINDOW_MS, 128, known?.refusedObjects)
  let usual = known?.usual ?? 0.02
  const failedShare = (now: number): number => failed.at(now) / Math.max(1, all.at(now))

  return {
    failedShare,
    encode: () => ({ all: all.encode(), failed: failed.encode(), refusedObjects: refusedObjects.encode(), usual }),
    judge({ at, status, route = '', objectId = '' }, stage) {
      const isLearning = stage === 'new'
      const isFailed = FAILURES.has(status)
      all.add(1, at)
      if (isFailed) failed.add(1, at)
      const share = failedShare(at)
      if (isLearning || share < 3 * usual + 0.1) usual += WEIGHT * ((isFailed ? 1 : 0) - usual)
      // 400 alone is a client with a mistake.
      if (!isFailed || status === 400) return undefined
      refusedObjects.add(`${route} ${objectId}`, at)
      const distinct = refusedObjects.sizeAt(at)
      const isOdd = isLearning ? isWrongForAnybody(distinct, share, status) : isWrongForIt(distinct, share, usual, all.at(at))
      if (!isOdd) return undefined
      return {
        code: 'error-shift',
        points: (distinct / REFUSED_OBJECTS) * Math.min(1, 1.4 * share),
        evidence: { refusedObjects: distinct, minutes: 2, percent: Math.round(100 * share), usualPercent: Math.round(100 * usual) },
      }
    },
  }
}

/** Whoever does hardly anything else does wrong from the start. */
const isWrongForAnybody = (distinct: number, share: number, status: number): boolean =>
  distinct >= REFUSED_OBJECTS / 2 && share >= (status === 403 ? 0.45 : 0.7)
const isWrongForIt = (distinct: number, share: number, usual: number, count: number): boolean =>
  distinct >= 8 && share >= 0.3 && isSurprising(share, usual, count)
const isSurprising = (share: number, usual: number, count: number): boolean =>
  (share - usual) * count >= SURPRISE * Math.sqrt(count * Math.max(usual, 0.01))
