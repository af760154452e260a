import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { emptyBooks, grantAll, LEASE_LIFE_MS, type Books } from '../../src/limits/ledger.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import { createPurse, type Purse } from '../../src/limits/purse.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
/** How far each isolate's clock is off: it must not matter. */
const SKEWS = [0, 7, -3600_000, 86_400_000, -3]

const steps = array(
  record({
    isolate: integer({ min: 0, max: SKEWS.length - 1 }),
    afterMs: constantFrom(0, 0, 0, 1, 10, 100, 500, 2000, 7999, 8000, 10_001),
    requests: constantFrom(1, 1, 2, 5, 20, 100),
    /** What becomes of the next call: its answer comes, or is lost on the way; or the isolate has been evicted before it. */
    fate: constantFrom('answered', 'answered', 'answered', 'lost', 'evicted'),
  }),
  { maxLength: 60 },
)

/** Plays the steps and gives the time of every request that was let in. */
function play(limit: LimitPolicy, books: Books, moves: readonly Step[]): number[] {
  const purses: Purse[] = SKEWS.map(() => createPurse(limit))
  const passed: number[] = []
  let at = NOW
  for (const { isolate, afterMs, requests, fate } of moves) {
    at += afterMs
    if (fate === 'evicted') purses[isolate] = createPurse(limit)
    const purse = purses[isolate] ?? createPurse(limit)
    const now = at + (SKEWS[isolate] ?? 0)
    for (let sent = 0; sent < requests; sent += 1) {
      if (!purse.has(now)) ask(purse, limit, books, { at, now, holder: `i${isolate}`, isLost: fate === 'lost' })
      if (!purse.has(now)) continue
      purse.spend(now)
      passed.push(at)
    }
  }
  return passed
}

/** `at`: by the ledger's clock, `now`: by the isolate's. */
function ask(purse: Purse, limit: LimitPolicy, books: Books, call: { at: number; now: number; holder: string; isLost: boolean }): void {
  const asks = [{ limit, mode: 'lease' as const, want: purse.wanted(call.now) }]
  const answer = grantAll(books, { holder: call.holder, asks, settled: purse.takeSettled(call.now) }, call.at)
  if (answer.status === 'granted' && !call.isLost && answer.grants[0] !== undefined) purse.add(answer.grants[0], call.now)
  else purse.askedInVain()
}

interface Step {
  readonly isolate: number
  readonly afterMs: number
  readonly requests: number
  readonly fate: string
}

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
          for (const [first, from] of passed.entries()) {
            for (let last = first; last < passed.length; last += 1) {
              const windowMs = (passed[last] ?? 0) - from
              expect(last - first + 1).toBeLessThanOrEqual(burst + (count * (windowMs + LEASE_LIFE_MS)) / (seconds * 1000) + 0.001)
            }
          }
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
        const days = Map.groupBy(passed, (at) => Math.floor(at / 86_400_000))
        for (const ofDay of days.values()) expect(ofDay.length).toBeLessThanOrEqual(count)
      }),
      { numRuns: 150 },
    )
  })

  test('one isolate that loses nothing is lent all there is', () => {
    assert(
      property(integer({ min: 1, max: 2000 }), (count) => {
        const limit = limitOf({ name: 'l', quota: { count, period: 'year' }, chargeOn: 'request' })
        const moves = Array.from({ length: 30 }, () => ({ isolate: 0, afterMs: 0, requests: 100, fate: 'answered' }))
        expect(play(limit, emptyBooks(), moves)).toHaveLength(count)
      }),
      { numRuns: 30 },
    )
  })

  test('waiting as long as the ledger says succeeds, with leases out', () => {
    assert(
      property(
        integer({ min: 1, max: 100 }),
        integer({ min: 1, max: 30 }),
        array(integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 }),
        (count, burst, wants) => {
          const limit = limitOf({ name: 'l', rate: { count, seconds: 10, burst }, chargeOn: 'request' })
          const books = emptyBooks()
          let at = NOW
          for (const [index, want] of wants.entries()) {
            const request = { holder: `i${index}`, asks: [{ limit, mode: 'lease' as const, want }], settled: [] }
            const answer = grantAll(books, request, at)
            if (answer.status === 'granted') continue
            at += Math.ceil(answer.waitMs)
            expect(grantAll(books, request, at).status).toBe('granted')
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
