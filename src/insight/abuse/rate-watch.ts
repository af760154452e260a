import { createRateBaseline, type EncodedRate } from './rate-baseline.ts'
import { YOUNG_POINTS } from './traffic.ts'
import type { Watch } from './use-watch.ts'

/** This many times the most that is usual, and at least so many requests, in half a minute. */
const SURGE = { times: 8, atLeast: 60 } as const

/** Far more requests than are usual at this hour. Alone it blocks only what is extreme: limits are for the rest. */
export function createRateWatch(known?: EncodedRate): Watch<EncodedRate> {
  const baseline = createRateBaseline(known)
  return {
    encode: () => baseline.encode(),
    judge({ at }, stage) {
      baseline.count(at)
      const { seen, usual } = baseline.at(at)
      if (stage === 'new' || seen < SURGE.atLeast / 2 || seen < 2 * usual) return undefined
      const threshold = Math.max(SURGE.atLeast, SURGE.times * usual)
      return {
        code: 'rate-surge',
        points: Math.min(stage === 'young' ? YOUNG_POINTS : 1.2, seen / threshold),
        evidence: { requests: seen, seconds: 30, usual: Math.round(usual) },
      }
    },
  }
}
