import { array, assert, asyncProperty, boolean, constantFrom, integer, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../src/limits/leased-limiter.ts'
import { emptyBooks, grantAll, refundOne } from '../../src/limits/ledger.ts'
import type { LedgerCalls } from '../../src/limits/ledger-calls.ts'
import type { Admission, Limiter, LimitPolicy } from '../../src/limits/limiter.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const HOLD_MS = 5000
/** How much longer than a request the ledger waits for a lease. */
const LEASE_MS = 10_000
/** How far each isolate's clock is off: it must not matter. */
const SKEWS = [0, 7, -3_600_000, 86_400_000]

const steps = array(
  record({
    isolate: integer({ min: 0, max: SKEWS.length - 1 }),
    afterMs: constantFrom(0, 0, 0, 1, 250, 400, 1000, 4999, 5000, 7999, 8000, 15_001),
    starts: integer({ min: 0, max: 6 }),
    /** How many of the isolate's requests end first, the oldest or the newest. */
    ends: constantFrom(0, 0, 1, 2, 8),
    order: constantFrom('oldest', 'newest'),
    /** Of the next calls: before it was done, after it, or the isolate is new. */
    /** Whether the isolate keeps what it was lent for its next request. */
    isKept: boolean(),
    fate: constantFrom('answered', 'answered', 'answered', 'failed', 'lost', 'evicted'),
  }),
  { maxLength: 50 },
)
interface Flight {
  readonly isolate: number
  readonly endsAt: number
  readonly release: () => Promise<void>
}

/** Isolates that share one ledger, each with its own clock, and the time at which all stand. */
function world(limit: LimitPolicy) {
  const books = emptyBooks()
  const clock = { at: NOW, fate: 'answered', isKept: false }
  const calls: LedgerCalls = {
    async grant(request) {
      if (clock.fate === 'failed') throw new Error('down')
      const answer = grantAll(books, request, clock.at)
      if (clock.fate === 'lost') throw new Error('lost')
      return answer
    },
    async refund(receipts) {
      if (clock.fate === 'failed') throw new Error('down')
      refundOne(books, receipts, clock.at)
    },
  }
  const create = (): Limiter =>
    createLimiter(
      () => calls,
      async () => {
        if (clock.isKept) throw new Error('cut off')
      },
    )
  const isolates = SKEWS.map(create)
  const nowOf = (isolate: number): number => clock.at + (SKEWS[isolate] ?? 0)
  return {
    clock,
    renew: (isolate: number) => void (isolates[isolate] = create()),
    start: async (isolate: number): Promise<Flight | undefined> => {
      const limiter = isolates[isolate] ?? create()
      const tasks: (() => Promise<void>)[] = []
      let admission: Admission
      try {
        admission = await limiter.admit([{ limit, subject: 's', cost: 1 }], nowOf(isolate), ({ run }) => void tasks.push(run))
      } catch {
        return undefined
      }
      if (admission.status === 'refused') return undefined
      const { release } = admission
      if (release === undefined) throw new Error('nothing to give back')
      const free = async (): Promise<void> => release(nowOf(isolate)).catch(() => undefined)
      return { isolate, endsAt: clock.at + HOLD_MS, release: free }
    },
  }
}

const modes = ['leased', 'strict'] as const

describe.each(modes)('a concurrency limit that is %s', (consistency) => {
  const limitOfCount = (count: number): LimitPolicy =>
    limitOf({ name: 'c', concurrency: { count, holdSeconds: HOLD_MS / 1000 }, chargeOn: 'request', consistency })

  test('never more at a time than it says, whatever is lost', async () => {
    await assert(
      asyncProperty(integer({ min: 1, max: 9 }), steps, async (count, moves) => {
        const { clock, renew, start } = world(limitOfCount(count))
        let flying: Flight[] = []
        for (const { isolate, afterMs, starts, ends, order, fate, isKept } of moves) {
          clock.at += afterMs
          clock.isKept = isKept
          clock.fate = fate
          // Those that took longer are no longer counted.
          flying = flying.filter(({ endsAt }) => endsAt > clock.at)
          const own = flying.filter((flight) => flight.isolate === isolate)
          const ending = order === 'oldest' ? own.slice(0, ends) : own.slice(-ends || own.length)
          for (const { release } of ending) await release()
          flying = flying.filter((flight) => !ending.includes(flight))
          if (fate === 'evicted') renew(isolate)
          for (let sent = 0; sent < starts; sent += 1) {
            const flight = await start(isolate)
            if (flight !== undefined) flying.push(flight)
            expect(flying.length).toBeLessThanOrEqual(count)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  test('whatever was lost, all permits are back when leases are over', async () => {
    await assert(
      asyncProperty(integer({ min: 1, max: 9 }), steps, async (count, moves) => {
        const { clock, start } = world(limitOfCount(count))
        for (const { isolate, afterMs, starts, fate } of moves) {
          clock.at += afterMs
          clock.fate = fate
          for (let sent = 0; sent < starts; sent += 1) await start(isolate)
        }
        clock.fate = 'answered'
        clock.at += HOLD_MS + LEASE_MS
        const flights = []
        for (let sent = 0; sent < count; sent += 1) flights.push(await start(sent % SKEWS.length))
        expect(flights).not.toContain(undefined)
        expect(await start(0)).toBeUndefined()
      }),
      { numRuns: 100 },
    )
  })

  test('where nothing is lost, what is free is found at once by any isolate', async () => {
    await assert(
      asyncProperty(integer({ min: 1, max: 9 }), steps, async (count, moves) => {
        const { clock, start } = world(limitOfCount(count))
        let flying: Flight[] = []
        for (const { isolate, afterMs, starts, ends } of moves) {
          // A refusal is remembered for a quarter of a second.
          clock.at += Math.max(250, afterMs)
          for (const { release } of [...flying.filter(({ endsAt }) => endsAt <= clock.at), ...flying.slice(0, ends)]) await release()
          flying = flying.slice(ends).filter(({ endsAt }) => endsAt > clock.at)
          for (let sent = 0; sent < Math.min(starts, count - flying.length); sent += 1) {
            const flight = await start(isolate)
            expect(flight).toBeDefined()
            if (flight !== undefined) flying.push(flight)
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})
