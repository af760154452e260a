import { array, assert, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { periodAt } from '../../src/limits/calendar-quota.ts'
import { emptyBooks, refundOne } from '../../src/limits/ledger.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import { limitOf, spendOne } from '../support/limits.ts'
import { rateLimitFields } from '../../src/limits/rate-limit-fields.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const rate = (count: number, seconds: number, burst: number): LimitPolicy =>
  limitOf({ name: 'calls', chargeOn: 'request', rate: { count, seconds, burst } })
const quota = (count: number, period: 'day' | 'month' = 'month'): LimitPolicy =>
  limitOf({ name: 'monthly', quota: { count, period }, chargeOn: 'success' })

describe('grantAll(), spending at once', () => {
  test('a burst passes whole and not one more; one interval later one more passes', () => {
    const books = emptyBooks()
    const limit = rate(3, 1, 3)
    const answers = [0, 0, 0, 0, 333, 334].map((ms) => spendOne(books, [limit], NOW + ms).status)
    expect(answers).toEqual(['admitted', 'admitted', 'admitted', 'refused', 'refused', 'admitted'])
  })

  test('a refused request costs nothing, on any of its limits', () => {
    const books = emptyBooks()
    const [narrow, wide] = [rate(1, 60, 1), quota(10)]
    spendOne(books, [narrow, wide], NOW)
    const refused = spendOne(books, [narrow, wide], NOW)
    expect(refused).toMatchObject({ status: 'refused', state: { limit: { name: 'calls' } }, waitMs: 60_000 })
    expect(books.get('monthly')?.used).toBe(1)
  })

  test('a quota is never exceeded, and starts anew with its period', () => {
    const books = emptyBooks()
    const answers = Array.from({ length: 5 }, () => spendOne(books, [quota(3)], NOW).status)
    expect(answers.filter((status) => status === 'admitted')).toHaveLength(3)
    const last = Date.UTC(2026, 11, 1) - 1
    expect(spendOne(books, [quota(3)], last)).toMatchObject({ status: 'refused', state: { kind: 'quota', resetSeconds: 1 }, waitMs: 1 })
    expect(spendOne(books, [quota(3)], last + 1).status).toBe('admitted')
  })

  test('over any window at most burst + rate × window pass', () => {
    assert(
      property(
        integer({ min: 1, max: 50 }),
        integer({ min: 1, max: 20 }),
        integer({ min: 1, max: 30 }),
        array(integer({ min: 0, max: 2000 }), { maxLength: 200 }),
        (count, seconds, burst, gaps) => {
          const books = emptyBooks()
          const limit = rate(count, seconds, burst)
          const passed: number[] = []
          let at = NOW
          for (const gap of gaps) {
            at += gap
            if (spendOne(books, [limit], at).status === 'admitted') passed.push(at)
          }
          for (const [first, from] of passed.entries()) {
            for (const [last, to] of passed.entries()) {
              if (last < first) continue
              expect(last - first + 1).toBeLessThanOrEqual(burst + (count * (to - from)) / (seconds * 1000) + 0.001)
            }
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('waiting as long as it says succeeds', () => {
    assert(
      property(integer({ min: 1, max: 1000 }), integer({ min: 1, max: 100 }), integer({ min: 1, max: 50 }), (count, seconds, burst) => {
        const books = emptyBooks()
        const limit = rate(count, seconds, burst)
        for (let sent = 0; sent < burst; sent += 1) expect(spendOne(books, [limit], NOW).status).toBe('admitted')
        const refused = spendOne(books, [limit], NOW)
        expect(refused.status === 'refused' && spendOne(books, [limit], NOW + Math.ceil(refused.waitMs)).status).toBe('admitted')
      }),
    )
  })
})

describe('refundOne()', () => {
  const admitted = (books: ReturnType<typeof emptyBooks>, limit: LimitPolicy, now: number) => {
    const answer = spendOne(books, [limit], now)
    if (answer.status !== 'admitted') throw new Error('refused')
    return answer.receipts
  }

  test('gives a request back', () => {
    const books = emptyBooks()
    const receipts = admitted(books, quota(1), NOW)
    expect(spendOne(books, [quota(1)], NOW).status).toBe('refused')
    refundOne(books, receipts, NOW)
    expect(spendOne(books, [quota(1)], NOW).status).toBe('admitted')
  })

  test('of a period that is over gives nothing back', () => {
    const books = emptyBooks()
    const receipts = admitted(books, quota(1), NOW)
    const next = Date.UTC(2026, 11, 1)
    admitted(books, quota(1), next)
    refundOne(books, receipts, next)
    expect(spendOne(books, [quota(1)], next).status).toBe('refused')
  })

  test('of what has flowed off already gives nothing back: the next burst stays a burst', () => {
    const books = emptyBooks()
    const limit = rate(1, 1, 1)
    const receipts = admitted(books, limit, NOW)
    admitted(books, limit, NOW + 2000)
    refundOne(books, receipts, NOW + 2000)
    expect(spendOne(books, [limit], NOW + 2000).status).toBe('refused')
  })
})

describe('periodAt()', () => {
  test.each([
    ['minute', '2026-11-25T12:34:00Z', '2026-11-25T12:35:00Z'],
    ['hour', '2026-11-25T12:00:00Z', '2026-11-25T13:00:00Z'],
    ['day', '2026-11-25T00:00:00Z', '2026-11-26T00:00:00Z'],
    ['week', '2026-11-23T00:00:00Z', '2026-11-30T00:00:00Z'],
    ['month', '2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z'],
    ['year', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ] as const)('a %s', (period, from, to) => {
    const { startsAt, endsAt } = periodAt(period, Date.parse('2026-11-25T12:34:56Z'))
    expect([startsAt, endsAt]).toEqual([Date.parse(from), Date.parse(to)])
    expect(periodAt(period, endsAt).startsAt).toBe(endsAt)
    expect(periodAt(period, endsAt - 1).startsAt).toBe(startsAt)
  })
})

describe('rateLimitFields()', () => {
  test('RL-1, RL-2: policy and standing in the words of the draft', () => {
    const books = emptyBooks()
    const answer = spendOne(
      books,
      [rate(50, 1, 100), quota(1_000_000), limitOf({ name: 'daily', chargeOn: 'request', quota: { count: 5, period: 'day' } })],
      NOW,
    )
    expect(rateLimitFields(answer.states)).toEqual([
      ['ratelimit-policy', '"calls";q=100;w=2, "monthly";q=1000000, "daily";q=5;w=86400'],
      ['ratelimit', '"calls";r=99;t=1, "monthly";r=999999;t=475200, "daily";r=4;t=43200'],
    ])
  })

  test('RL-3: Retry-After is not earlier than t', () => {
    const books = emptyBooks()
    const limit = rate(1, 10, 3)
    for (let sent = 0; sent < 3; sent += 1) spendOne(books, [limit], NOW)
    const refused = spendOne(books, [limit], NOW + 1)
    expect(refused).toMatchObject({ status: 'refused', waitMs: 9999, state: { remaining: 0, resetSeconds: 10 } })
  })

  test('nothing counted, no fields', () => {
    expect(rateLimitFields([])).toEqual([])
  })
})
