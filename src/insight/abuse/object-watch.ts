import { createFading, createKept, createRecentSet, type EncodedFading, type EncodedRecent } from './recent.ts'
import { YOUNG_POINTS, type Reason, type Stage, type TrafficEvent } from './traffic.ts'
import type { Watch } from './use-watch.ts'

const HALF_LIFE_MS = 120_000
/** Neighbouring objects, fading by half in two minutes, that no page of a list explains; more where more is usual. */
const NEIGHBOURS = { atLeast: 20, timesUsual: 3 } as const
/** Part of what is read that is neighbours, from which on it reads in rows. */
const READING = 0.25
/** Ids at most so far apart are neighbours. */
const APART = 3
/** Ids remembered of a route, and routes. */
const RECENT_IDS = 8
const MAX_ROUTES = 64
/** Objects that were not read just before, fading by half in five minutes: so many, and so many times what is usual. */
const SWEEP = { atLeast: 120, timesUsual: 5, halfLifeMs: 300_000, nowHalfLifeMs: 30_000, goesOn: 0.05 } as const
const RECENT_OBJECTS = 64
const USED_AGAIN_MS = 600_000
const USUAL_HALF_LIFE_MS = 7 * 86_400_000
const RAISE_EVERY_MS = 600_000
const RAISE = 1.5

export interface EncodedObjects {
  readonly recentIds: readonly (readonly [route: string, ids: readonly number[]])[]
  readonly neighbours: EncodedFading
  readonly numbered: EncodedFading
  readonly missed: EncodedFading
  readonly neighboursNow: EncodedFading
  readonly most: EncodedFading
  readonly recent: EncodedRecent
  readonly fresh: EncodedFading
  readonly justNow: EncodedFading
  readonly mostFresh: EncodedFading
}

/**
 * One object after another (OWASP API1:2023): ids in a row by somebody who usually does not read in rows, or far more objects than it
 * usually reads.
 */
export function createObjectWatch(failedShare: (now: number) => number, known?: EncodedObjects): Watch<EncodedObjects> {
  const rows = createRows(failedShare, known)
  const recent = createRecentSet(USED_AGAIN_MS, RECENT_OBJECTS, known?.recent)
  const fresh = createFading(SWEEP.halfLifeMs, known?.fresh)
  const justNow = createFading(SWEEP.nowHalfLifeMs, known?.justNow)
  const mostFresh = createMost(known?.mostFresh)
  const mayBeFirst = (stage: Stage, at: number): boolean =>
    stage === 'new' || stage === 'young' || (stage === 'shown' && rows.isReading(at))
  return {
    encode: () => ({
      ...rows.encode(),
      recent: recent.encode(),
      fresh: fresh.encode(),
      justNow: justNow.encode(),
      mostFresh: mostFresh.encode(),
    }),
    judge(event, stage) {
      const { route, objectId, at } = event
      if (route === undefined || objectId === undefined) return undefined
      const row = /^\d{1,15}$/u.test(objectId) ? rows.judge(Number(objectId), { ...event, route }, stage) : undefined
      if (!recent.add(`${route} ${objectId}`, at)) return row
      fresh.add(1, at)
      justNow.add(1, at)
      const [seen, usual] = [fresh.at(at), mostFresh.at(at)]
      const isFirst = mayBeFirst(stage, at)
      mostFresh.note(seen, at, isFirst)
      // What is over fades slowly, and is not said again.
      const goesOn = justNow.at(at) > seen * SWEEP.goesOn
      if (stage === 'new' || !goesOn || seen < SWEEP.atLeast / 2 || seen < 2 * usual) return row
      const points = seen / Math.max(SWEEP.atLeast, SWEEP.timesUsual * usual)
      const sweep: Reason = {
        code: 'object-sweep',
        points: Math.min(isFirst ? YOUNG_POINTS : 1.2, points),
        evidence: { objects: Math.round(seen), minutes: 5, usual: Math.round(usual) },
      }
      return row !== undefined && row.points >= sweep.points ? row : sweep
    },
  }
}

/** What may be its first such job does not block. */
const mostOf = (stage: Stage, points: number): number => (stage === 'known' ? points : Math.min(YOUNG_POINTS, points))

function createRows(failedShare: (now: number) => number, known: EncodedObjects | undefined) {
  const recentIds = createKept<number[]>(MAX_ROUTES, () => [])
  for (const [route, ids] of known?.recentIds ?? []) recentIds.of(route).push(...ids)
  const neighbours = createFading(HALF_LIFE_MS, known?.neighbours)
  const numbered = createFading(HALF_LIFE_MS, known?.numbered)
  const missed = createFading(HALF_LIFE_MS, known?.missed)
  const neighboursNow = createFading(SWEEP.nowHalfLifeMs, known?.neighboursNow)
  const most = createMost(known?.most)
  const shareOf = (at: number): number => neighbours.at(at) / Math.max(1, numbered.at(at))
  return {
    /** Whether much of what it reads now is in rows. */
    isReading: (at: number): boolean => shareOf(at) >= READING,
    encode: () => ({
      recentIds: recentIds.entries(),
      neighbours: neighbours.encode(),
      numbered: numbered.encode(),
      missed: missed.encode(),
      neighboursNow: neighboursNow.encode(),
      most: most.encode(),
    }),
    judge(id: number, { route, at, status }: TrafficEvent & { readonly route: string }, stage: Stage): Reason | undefined {
      const recent = recentIds.of(route)
      // Honest requests to the same route come in between.
      const isNeighbour = recent.some((one) => one !== id && Math.abs(one - id) <= APART)
      recent.push(id)
      if (recent.length > RECENT_IDS) recent.shift()
      numbered.add(1, at)
      if (!isNeighbour) return undefined
      neighbours.add(1, at)
      neighboursNow.add(1, at)
      if (status === 403 || status === 404) missed.add(1, at)
      const misses = missed.at(at)
      const refused = Math.max(failedShare(at), misses / neighbours.at(at))
      // Who counts through what is not there does not read its own.
      const isBlind = misses >= 2 && refused > 0.2
      const [seen, usual] = [neighbours.at(at), most.at(at)]
      most.note(seen, at, stage !== 'known' && !isBlind)
      const share = shareOf(at)
      const goesOn = neighboursNow.at(at) > seen * SWEEP.goesOn
      if ((stage === 'new' && !isBlind) || !goesOn || seen < NEIGHBOURS.atLeast / 2 || share < READING) return undefined
      const points = (seen / Math.max(NEIGHBOURS.atLeast, NEIGHBOURS.timesUsual * usual)) * Math.min(1, 0.5 + share) * (1 + refused)
      return {
        code: 'object-enumeration',
        points: isBlind ? points : mostOf(stage, points),
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
