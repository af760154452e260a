import { assert, constantFrom, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fixedSeconds, periodAt } from '../../src/limits/calendar-quota.ts'
import { emptyBooks, settledAt } from '../../src/limits/ledger.ts'
import type { QuotaPeriod } from '../../src/limits/limiter.ts'
import { rateLimitFields } from '../../src/limits/rate-limit-fields.ts'
import { isTimeZone } from '../../src/limits/time-zone.ts'
import { limitOf, spendOne } from '../support/limits.ts'

const HOUR = 3_600_000
const shown = (period: QuotaPeriod, now: string, zone?: string): string[] => {
  const { startsAt, endsAt } = periodAt(period, Date.parse(now), zone)
  return [startsAt, endsAt].map((at) => new Date(at).toISOString().replace(':00.000Z', 'Z'))
}

describe('periodAt() in a time zone', () => {
  test.each<[name: string, zone: string, period: QuotaPeriod, now: string, startsAt: string, endsAt: string]>([
    ['a day of 23 hours', 'Europe/Berlin', 'day', '2026-03-29T01:00Z', '2026-03-28T23:00Z', '2026-03-29T22:00Z'],
    ['a day of 25 hours', 'Europe/Berlin', 'day', '2026-10-25T01:00Z', '2026-10-24T22:00Z', '2026-10-25T23:00Z'],
    ['a week with a day of 23 hours', 'Europe/Berlin', 'week', '2026-03-29T12:00Z', '2026-03-22T23:00Z', '2026-03-29T22:00Z'],
    [
      'a month that begins in winter and ends in summer',
      'Europe/Berlin',
      'month',
      '2026-03-15T12:00Z',
      '2026-02-28T23:00Z',
      '2026-03-31T22:00Z',
    ],
    [
      'a month that begins in summer and ends in winter',
      'Europe/Berlin',
      'month',
      '2026-10-31T23:00:00Z',
      '2026-10-31T23:00Z',
      '2026-11-30T23:00Z',
    ],
    ['a year', 'Europe/Berlin', 'year', '2026-12-31T22:59:59.999Z', '2025-12-31T23:00Z', '2026-12-31T23:00Z'],
    ['the next year, a millisecond later', 'Europe/Berlin', 'year', '2026-12-31T23:00Z', '2026-12-31T23:00Z', '2027-12-31T23:00Z'],
    ['a day of 23 hours west of Greenwich', 'America/New_York', 'day', '2026-03-08T12:00Z', '2026-03-08T05:00Z', '2026-03-09T04:00Z'],
    ['a day of 25 hours west of Greenwich', 'America/New_York', 'day', '2026-11-01T12:00Z', '2026-11-01T04:00Z', '2026-11-02T05:00Z'],
    ['a week that begins in winter', 'America/New_York', 'week', '2026-03-08T12:00Z', '2026-03-02T05:00Z', '2026-03-09T04:00Z'],
    ['5:45 ahead', 'Asia/Kathmandu', 'day', '2026-11-25T18:14:59Z', '2026-11-24T18:15Z', '2026-11-25T18:15Z'],
    ['5:45 ahead, the next day', 'Asia/Kathmandu', 'day', '2026-11-25T18:15Z', '2026-11-25T18:15Z', '2026-11-26T18:15Z'],
    ['half an hour forward', 'Australia/Lord_Howe', 'day', '2026-10-04T00:00Z', '2026-10-03T13:30Z', '2026-10-04T13:00Z'],
    ['half an hour back', 'Australia/Lord_Howe', 'day', '2026-04-05T00:00Z', '2026-04-04T13:00Z', '2026-04-05T13:30Z'],
    ['midnight that is leapt over', 'Africa/Cairo', 'day', '2026-04-24T12:00Z', '2026-04-23T22:00Z', '2026-04-24T21:00Z'],
    ['midnight that comes twice', 'America/Havana', 'day', '2026-11-01T05:30Z', '2026-11-01T04:00Z', '2026-11-02T05:00Z'],
    ['the day before a day that is leapt over', 'Pacific/Apia', 'day', '2011-12-30T09:59Z', '2011-12-29T10:00Z', '2011-12-30T10:00Z'],
    ['the day after a day that is leapt over', 'Pacific/Apia', 'day', '2011-12-30T10:00Z', '2011-12-30T10:00Z', '2011-12-31T10:00Z'],
    [
      'clocks put back over midnight: the new day goes on',
      'America/St_Johns',
      'day',
      '2010-11-07T02:45Z',
      '2010-11-07T02:30Z',
      '2010-11-08T03:30Z',
    ],
    ['hours are those of UTC', 'Asia/Kathmandu', 'hour', '2026-11-25T18:20Z', '2026-11-25T18:00Z', '2026-11-25T19:00Z'],
  ])('%s: %s', (_name, zone, period, now, startsAt, endsAt) => {
    expect(shown(period, now, zone)).toEqual([startsAt, endsAt])
  })

  test('UTC by default', () => {
    expect(shown('week', '2026-11-25T12:00Z')).toEqual(['2026-11-23T00:00Z', '2026-11-30T00:00Z'])
    expect(shown('week', '2026-11-25T12:00Z', 'Etc/UTC')).toEqual(shown('week', '2026-11-25T12:00Z', 'UTC'))
  })

  test('periods tile time: none overlaps the next, and nothing lies between', () => {
    assert(
      property(
        constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Africa/Cairo', 'America/Havana', 'Pacific/Apia', 'America/St_Johns'), // prettier-ignore
        constantFrom<QuotaPeriod>('minute', 'hour', 'day', 'week', 'month', 'year'),
        integer({ min: Date.UTC(2000, 0), max: Date.UTC(2037, 0) }),
        (zone, kind, now) => {
          const period = periodAt(kind, now, zone)
          expect(period.startsAt).toBeLessThanOrEqual(now)
          expect(period.endsAt).toBeGreaterThan(now)
          const [before, after] = [periodAt(kind, period.startsAt - 1, zone), periodAt(kind, period.endsAt, zone)]
          expect(before.endsAt).toBe(period.startsAt)
          expect(after.startsAt).toBe(period.endsAt)
          // Found anew from its ends, the neighbours having been found since.
          expect(periodAt(kind, period.startsAt, zone)).toEqual(period)
          expect(periodAt(kind, after.startsAt, zone)).toEqual(after)
          expect(periodAt(kind, period.endsAt - 1, zone)).toEqual(period)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('every day of a year at every change follows the one before', () => {
    for (const zone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana']) {
      let [days, at] = [0, periodAt('year', Date.UTC(2026, 5), zone).startsAt]
      const end = periodAt('year', Date.UTC(2026, 5), zone).endsAt
      const lengths = new Set<number>()
      for (; at < end; days += 1) {
        const { startsAt, endsAt } = periodAt('day', at, zone)
        expect(startsAt).toBe(at)
        lengths.add((endsAt - startsAt) / HOUR)
        at = endsAt
      }
      expect([zone, days, at]).toEqual([zone, 365, end])
      const change = zone === 'Australia/Lord_Howe' ? 0.5 : 1
      expect([...lengths].toSorted((one, other) => one - other)).toEqual([24 - change, 24, 24 + change])
    }
  })
})

describe('a quota in a time zone', () => {
  const limit = limitOf({ name: 'daily', quota: { count: 1, period: 'day', timeZone: 'Europe/Berlin' }, chargeOn: 'request' })

  test('starts anew at midnight there, on a day of 25 hours too', () => {
    const books = emptyBooks()
    const midnight = Date.parse('2026-10-25T23:00Z')
    expect(spendOne(books, [limit], midnight - 25 * HOUR).status).toBe('admitted')
    expect(spendOne(books, [limit], midnight - HOUR)).toMatchObject({ status: 'refused', waitMs: HOUR, state: { resetSeconds: 3600 } })
    expect(settledAt(books, [limit], midnight - HOUR)).toBe(midnight)
    expect(spendOne(books, [limit], midnight - 1).status).toBe('refused')
    expect(spendOne(books, [limit], midnight).status).toBe('admitted')
  })

  test('a day without one length states no window', () => {
    expect(fixedSeconds({ count: 1, period: 'day', timeZone: 'Europe/Berlin' })).toBeUndefined()
    expect(fixedSeconds({ count: 1, period: 'day' })).toBe(86_400)
    expect(fixedSeconds({ count: 1, period: 'hour', timeZone: 'Europe/Berlin' })).toBe(3600)
    const fields = rateLimitFields([{ limit, kind: 'quota', remaining: 1, resetSeconds: 2 }])
    expect(fields[0]).toEqual(['ratelimit-policy', '"daily";q=1'])
  })
})

test('isTimeZone() takes names of the database alone', () => {
  expect(['Europe/Berlin', 'UTC', 'Asia/Kathmandu'].filter((name) => !isTimeZone(name))).toEqual([])
  expect(['', 'Europe/Bremen', '+01:00', '-0100', 'Europe/Berlin ', '__proto__'].filter(isTimeZone)).toEqual([])
})
