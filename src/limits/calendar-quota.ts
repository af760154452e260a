import type { QuotaPeriod } from './limiter.ts'

/** One calendar period in UTC, in milliseconds since the epoch; the end is no longer part of it. */
export interface Period {
  readonly startsAt: number
  readonly endsAt: number
}

const FIXED_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const
/** 1970-01-01 was a Thursday; weeks begin on Monday (ISO 8601). */
const FIRST_MONDAY_MS = 4 * FIXED_MS.day

/** The period that holds `now`. */
export function periodAt(period: QuotaPeriod, now: number): Period {
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

/** Length in seconds, where it is the same for every period of the kind. */
export function fixedSeconds(period: QuotaPeriod): number | undefined {
  return period === 'month' || period === 'year' ? undefined : FIXED_MS[period] / 1000
}
