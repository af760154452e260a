import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LEASE_LIFE_MS, type Books } from '../../src/limits/account.ts'
import { emptyBooks, grantAll, refundOne } from '../../src/limits/ledger.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import { createPurse, type Purse, type Spent } from '../../src/limits/purse.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
/** How far each isolate's clock is off: it must not matter. */
const SKEWS = [0, 7, -3600_000, 86_400_000, -3]

const steps = array(
  record({
    isolate: integer({ min: 0, max: SKEWS.length - 1 }),
    afterMs: constantFrom(0, 0, 0, 1, 10, 100, 500, 2000, 7999, 8000, 10_001),
    requests: constantFrom(1, 1, 2, 5, 20, 100),
    /** At most what the limit admits at once. */
    cost: constantFrom(1, 1, 2, 3, 7, 50),
    /** Whether these requests fail, and what they cost is given back. */
    isGivenBack: constantFrom(false, false, false, true),
    /** What becomes of the next call: its answer comes, or is lost on the way; or the isolate has been evicted before it. */
    fate: constantFrom('answered', 'answered', 'answered', 'lost', 'evicted'),
  }),
  { maxLength: 60 },
)

/** Plays the steps and gives the time and the cost of every request that was let in and not given back. */
function play(limit: LimitPolicy, books: Books, moves: readonly Step[]): Passed[] {
  const most = Math.min(limit.rate?.burst ?? Infinity, limit.quota?.count ?? Infinity)
  const purses: Purse[] = SKEWS.map(() => createPurse(limit))
  const passed: Passed[] = []
  let at = NOW
  for (const { isolate, afterMs, requests, fate, isGivenBack, ...move } of moves) {
    const cost = Math.min(move.cost, most)
    at += afterMs
    if (fate === 'evicted') purses[isolate] = createPurse(limit)
    const purse = purses[isolate] ?? createPurse(limit)
    const now = at + (SKEWS[isolate] ?? 0)
    for (let sent = 0; sent < requests; sent += 1) {
      const call = { at, now, cost, holder: `i${isolate}`, isLost: fate === 'lost' }
      const spent = purse.has(now, cost) ? [purse.spend(now, cost)] : ask(purse, limit, books, call)
      if (spent === undefined) continue
      expect(spent.reduce((sum, { amount }) => sum + amount, 0)).toBe(cost)
      if (!isGivenBack) passed.push({ at, cost })
      else
        refundOne(
          books,
          spent.flatMap((one) => purse.putBack(one)),
          at,
        )
    }
  }
  return passed
}

interface Call {
  /** By the ledger's clock. */
  readonly at: number
  /** By the isolate's. */
  readonly now: number
  readonly cost: number
  readonly holder: string
  readonly isLost: boolean
}
/** What is there is taken out, and the rest asked for. */
function ask(purse: Purse, limit: LimitPolicy, books: Books, { at, now, cost, holder, isLost }: Call): Spent[] | undefined {
  const settled = purse.takeSettled(now)
  const taken = purse.take(now, cost)
  const needed = cost - taken.amount
  const answer = grantAll(books, { holder, asks: [{ limit, mode: 'lease', want: purse.wanted(now, needed), needed }], settled }, at)
  purse.endTaking(taken)
  if (answer.status === 'granted' && !isLost && answer.grants[0] !== undefined) {
    purse.add(answer.grants[0], now)
    return [taken, purse.spend(now, needed)]
  }
  purse.askedInVain()
  refundOne(books, purse.putBack(taken), at)
  return undefined
}

interface Passed {
  readonly at: number
  readonly cost: number
}

interface Step {
  readonly isolate: number
  readonly afterMs: number
  readonly requests: number
  readonly cost: number
  readonly isGivenBack: boolean
  readonly fate: string
}

const sumOf = (passed: readonly Passed[]): number => passed.reduce((sum, { cost }) => sum + cost, 0)

describe('leases, whatever isolates do', () => {
  test('over any window W at most burst + rate × (W + life) pass', () => {
    assert(
      property(
        integer({ min: 1, max: 50 }),
        integer({ min: 1, max: 20 }),
        integer({ min: 1, max: 200 }),
        steps,
        (count, seconds, burst, moves) => {
          const limit = limitOf({ name: 'l', rate: { count, seconds, burst }, chargeOn: 'request' })
          const passed = play(limit, emptyBooks(), moves)
          let beyond = Number.NEGATIVE_INFINITY
          for (const [first, from] of passed.entries()) {
            let sum = 0
            for (const { at, cost } of passed.slice(first)) {
              sum += cost
              beyond = Math.max(beyond, sum - burst - (count * (at - from.at + LEASE_LIFE_MS)) / (seconds * 1000))
            }
          }
          expect(beyond).toBeLessThanOrEqual(0.001)
        },
      ),
      { numRuns: 150 },
    )
  })

  test('a quota is never exceeded', () => {
    assert(
      property(integer({ min: 1, max: 200 }), steps, (count, moves) => {
        const limit = limitOf({ name: 'l', quota: { count, period: 'day' }, chargeOn: 'request' })
        const passed = play(limit, emptyBooks(), moves)
        const days = Map.groupBy(passed, ({ at }) => Math.floor(at / 86_400_000))
        for (const ofDay of days.values()) expect(sumOf(ofDay)).toBeLessThanOrEqual(count)
      }),
      { numRuns: 150 },
    )
  })

  test('one isolate that loses nothing is lent all there is', () => {
    assert(
      property(integer({ min: 1, max: 2000 }), steps, (count, before) => {
        const limit = limitOf({ name: 'l', quota: { count, period: 'year' }, chargeOn: 'request' })
        // Every lease is settled in time; then the rest is taken one by one.
        const first = before.map(({ afterMs, requests, cost, isGivenBack }): Step => ({
          isolate: 0,
          afterMs: Math.min(afterMs, 100),
          requests,
          cost,
          isGivenBack,
          fate: 'answered',
        }))
        const rest = Array.from({ length: 30 }, () => ({
          isolate: 0,
          afterMs: 0,
          requests: 100,
          cost: 1,
          isGivenBack: false,
          fate: 'answered',
        }))
        expect(sumOf(play(limit, emptyBooks(), [...first, ...rest]))).toBe(count)
      }),
      { numRuns: 60 },
    )
  })

  test('waiting as long as the ledger says succeeds, with leases out', () => {
    assert(
      property(
        integer({ min: 1, max: 100 }),
        integer({ min: 1, max: 30 }),
        array(record({ want: integer({ min: 1, max: 50 }), cost: integer({ min: 1, max: 30 }) }), { minLength: 1, maxLength: 12 }),
        (count, burst, wants) => {
          const limit = limitOf({ name: 'l', rate: { count, seconds: 10, burst }, chargeOn: 'request' })
          const books = emptyBooks()
          let at = NOW
          for (const [index, { want, cost }] of wants.entries()) {
            const needed = Math.min(cost, burst)
            const request = { holder: `i${index}`, asks: [{ limit, mode: 'lease' as const, want, needed }], settled: [] }
            let answer = grantAll(books, request, at)
            if (answer.status === 'refused') {
              at += Math.ceil(answer.waitMs)
              answer = grantAll(books, request, at)
            }
            expect(answer.status === 'granted' ? answer.grants[0]?.amount : 0).toBeGreaterThanOrEqual(needed)
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
