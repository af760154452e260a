import { createRateBaseline, type EncodedRate } from './rate-baseline.ts'
import type { Watch } from './use-watch.ts'

/** This many times the most that is usual, and at least so many requests, in half a minute. */
const SURGE = { times: 8, atLeast: 60 } as const

/** Far more requests than are usual at this hour. Alone it blocks only what is extreme: limits are for the rest. */
export function createRateWatch(known?: EncodedRate): Watch<EncodedRate> {
  const baseline = createRateBaseline(known)
  return {
    encode: () => baseline.encode(),
    judge({ at }, isLearning) {
      baseline.count(at)
      const { seen, usual } = baseline.at(at)
      if (isLearning || seen < SURGE.atLeast / 2 || seen < 2 * usual) return undefined
      const threshold = Math.max(SURGE.atLeast, SURGE.times * usual)
      return {
        code: 'rate-surge',
        points: Math.min(1.2, seen / threshold),
        evidence: { requests: seen, seconds: 30, usual: Math.round(usual) },
      }
    },
  }
}
