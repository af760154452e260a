import { createFading, createKept, type EncodedFading } from './recent.ts'
import type { Watch } from './use-watch.ts'

const HALF_LIFE_MS = 120_000
/** Neighbouring objects, fading by half in two minutes, that no page of a list explains; more where more is usual. */
const NEIGHBOURS = { atLeast: 20, timesUsual: 3 } as const
/** Ids at most so far apart are neighbours. */
const APART = 3
/** Ids remembered of a route, and routes. */
const RECENT_IDS = 8
const MAX_ROUTES = 64
const USUAL_HALF_LIFE_MS = 7 * 86_400_000
const RAISE_EVERY_MS = 600_000
const RAISE = 1.5

export interface EncodedObjects {
  readonly recentIds: readonly (readonly [route: string, ids: readonly number[]])[]
  readonly neighbours: EncodedFading
  readonly numbered: EncodedFading
  readonly most: EncodedFading
}

/** One object after another (OWASP API1:2023): ids in a row by somebody who usually does not read in rows. */
export function createObjectWatch(failedShare: (now: number) => number, known?: EncodedObjects): Watch<EncodedObjects> {
  const recentIds = createKept<number[]>(MAX_ROUTES, () => [])
  for (const [route, ids] of known?.recentIds ?? []) recentIds.of(route).push(...ids)
  const neighbours = createFading(HALF_LIFE_MS, known?.neighbours)
  const numbered = createFading(HALF_LIFE_MS, known?.numbered)
  const most = createMost(known?.most)
  return {
    encode: () => ({
      recentIds: recentIds.entries(),
      neighbours: neighbours.encode(),
      numbered: numbered.encode(),
      most: most.encode(),
    }),
    judge({ route, objectId, at }, isLearning) {
      if (route === undefined || objectId === undefined || !/^\d{1,15}$/u.test(objectId)) return undefined
      const id = Number(objectId)
      const recent = recentIds.of(route)
      // Honest requests to the same route come in between.
      const isNeighbour = recent.some((one) => one !== id && Math.abs(one - id) <= APART)
      recent.push(id)
      if (recent.length > RECENT_IDS) recent.shift()
      numbered.add(1, at)
      if (!isNeighbour) return undefined
      neighbours.add(1, at)
      const [seen, usual] = [neighbours.at(at), most.at(at)]
      most.note(seen, at, isLearning)
      const share = seen / Math.max(1, numbered.at(at))
      if (isLearning || seen < NEIGHBOURS.atLeast / 2 || share < 0.25) return undefined
      const refused = failedShare(at)
      return {
        code: 'object-enumeration',
        points: (seen / Math.max(NEIGHBOURS.atLeast, NEIGHBOURS.timesUsual * usual)) * Math.min(1, 0.5 + share) * (1 + refused),
        evidence: { neighbours: Math.round(seen), minutes: 2, usual: Math.round(usual), route, refusedPercent: Math.round(100 * refused) },
      }
    },
  }
}

/** The most that was seen, fading slowly; after learning it rises little by little, lest what is going on becomes its own baseline. */
function createMost([earlier, since]: EncodedFading = [0, 0]): {
  note(value: number, now: number, isLearning: boolean): void
  at(now: number): number
  encode(): EncodedFading
} {
  let most = earlier
  let from = since
  const at = (now: number): number => most * 0.5 ** (Math.max(0, now - from) / USUAL_HALF_LIFE_MS)
  return {
    note(value, now, isLearning) {
      const known = at(now)
      if (value <= known || (!isLearning && now - from < RAISE_EVERY_MS)) return
      most = isLearning ? value : Math.min(value, Math.max(1, RAISE * known))
      from = now
    },
    at,
    encode: () => [most, from],
  }
}
