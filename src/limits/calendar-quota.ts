import type { Quota, QuotaPeriod } from './limiter.ts'
import { momentOf, wallTimeAt } from './time-zone.ts'

/** One calendar period, in milliseconds since the epoch; the end is no longer part of it. */
export interface Period {
  readonly startsAt: number
  readonly endsAt: number
}

const FIXED_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const
/** 1970-01-01 was a Thursday; weeks begin on Monday (ISO 8601). */
const FIRST_MONDAY_MS = 4 * FIXED_MS.day
/** Periods that a time zone moves; minutes and hours are those of UTC everywhere. */
export type ZonedPeriod = Exclude<QuotaPeriod, 'minute' | 'hour'>
export const isZoned = (period: QuotaPeriod): period is ZonedPeriod => period !== 'minute' && period !== 'hour'

/** The last one found of each kind and zone: nearly always the next one asked for. */
const latest = new Map<string, Period>()

/** The period that holds `now`. Periods of one kind and zone follow each other without gap or overlap. */
export function periodAt(period: QuotaPeriod, now: number, timeZone = 'UTC'): Period {
  if (timeZone === 'UTC' || !isZoned(period)) return periodOfUtc(period, now)
  const key = `${period} ${timeZone}`
  const known = latest.get(key)
  if (known !== undefined && known.startsAt <= now && now < known.endsAt) return known
  const found = periodOfZone(period, now, timeZone)
  latest.set(key, found)
  return found
}

/**
 * Each period begins when the zone's clocks first show its beginning. Clocks may be put back over that moment, or leap over a
 * whole day: then the date they show is that of a neighbour.
 */
function periodOfZone(period: ZonedPeriod, now: number, timeZone: string): Period {
  let wall = periodOfUtc(period, wallTimeAt(timeZone, now))
  for (;;) {
    const [startsAt, endsAt] = [momentOf(timeZone, wall.startsAt), momentOf(timeZone, wall.endsAt)]
    if (startsAt <= now && now < endsAt) return { startsAt, endsAt }
    wall = periodOfUtc(period, now < startsAt ? wall.startsAt - 1 : wall.endsAt)
  }
}

function periodOfUtc(period: QuotaPeriod, now: number): Period {
  if (period === 'month' || period === 'year') {
    const date = new Date(now)
    const [year, month] = [date.getUTCFullYear(), period === 'month' ? date.getUTCMonth() : 0]
    const isMonth = period === 'month'
    return { startsAt: Date.UTC(year, month), endsAt: isMonth ? Date.UTC(year, month + 1) : Date.UTC(year + 1, 0) }
  }
  const length = FIXED_MS[period]
  const offset = period === 'week' ? FIRST_MONDAY_MS : 0
  const startsAt = Math.floor((now - offset) / length) * length + offset
  return { startsAt, endsAt: startsAt + length }
}

/** Length in seconds, where it is the same for every period of the kind: with daylight-saving time no two days need be alike. */
export function fixedSeconds({ period, timeZone = 'UTC' }: Quota): number | undefined {
  if (period === 'month' || period === 'year' || (timeZone !== 'UTC' && isZoned(period))) return undefined
  return FIXED_MS[period] / 1000
}
