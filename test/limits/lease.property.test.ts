import { array, assert, constantFrom, integer, oneof, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LEASE_LIFE_MS } from '../../src/limits/account.ts'
import { openJournal, type Entry, type Row } from '../../src/limits/journal.ts'
import { emptyBooks, grantAll, refundOne, type LedgerAnswer, type LedgerRequest, type Receipt } from '../../src/limits/ledger.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import { createPurse, type Purse, type Spent } from '../../src/limits/purse.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
/** How far each isolate's clock is off: it must not matter. */
const SKEWS = [0, 7, -3600_000, 86_400_000, -3]

const steps = array(
  record({
    isolate: integer({ min: 0, max: SKEWS.length - 1 }),
    afterMs: constantFrom(0, 0, 0, 1, 10, 100, 500, 2000, 9999, 17_999, 18_000, 20_001),
    requests: constantFrom(1, 1, 2, 5, 20, 100),
    /** At most what the limit admits at once. */
    cost: constantFrom(1, 1, 2, 3, 7, 50),
    /** Whether these requests fail, and what they cost is given back. */
    isGivenBack: constantFrom(false, false, false, true),
    /** What becomes of the next call: its answer comes, or is lost on the way; or the isolate has been evicted before it. */
    fate: constantFrom('answered', 'answered', 'answered', 'lost', 'evicted'),
    /** What happens to the ledger's object before: it is evicted, or its alarm rings. */
    ledger: constantFrom('stays', 'stays', 'stays', 'evicted', 'rings'),
  }),
  { maxLength: 60 },
)

/** A ledger of one limit with a disk. */
function ledgerOf(limit: LimitPolicy) {
  const disk = new Map<string, string>()
  let rows = 0
  const write = (written: readonly Row[]): void => {
    rows += written.length
    for (const { entry } of written) disk.set(limit.name, JSON.stringify(entry))
  }
  const open = (at: number) => openJournal(new Map([...disk].map(([name, entry]) => [name, JSON.parse(entry) as Entry])), at)
  let journal = open(NOW)
  return {
    rows: () => rows,
    grant(request: LedgerRequest, at: number): LedgerAnswer {
      const answer = grantAll(journal.books, request, at)
      write(journal.note([limit], answer.status === 'granted' ? answer.grants : [], at))
      return answer
    },
    refund(receipts: readonly Receipt[], at: number): void {
      refundOne(journal.books, receipts, at)
      write(journal.note([limit], [], at))
    },
    happens(what: string, at: number): void {
      if (what === 'evicted') journal = open(at)
      if (what === 'rings') write(journal.flush(at))
    },
  }
}
type TestLedger = ReturnType<typeof ledgerOf>

/** Plays the steps and gives the time and the cost of every request that was let in and not given back. */
function play(limit: LimitPolicy, ledger: TestLedger, moves: readonly Step[]): Passed[] {
  const most = Math.min(limit.rate?.burst ?? Infinity, limit.quota?.count ?? Infinity)
  const purses: Purse[] = SKEWS.map(() => createPurse(limit))
  const passed: Passed[] = []
  let at = NOW
  for (const { isolate, afterMs, requests, fate, isGivenBack, ...move } of moves) {
    const cost = Math.min(move.cost, most)
    at += afterMs
    ledger.happens(move.ledger, at)
    if (fate === 'evicted') purses[isolate] = createPurse(limit)
    const purse = purses[isolate] ?? createPurse(limit)
    const now = at + (SKEWS[isolate] ?? 0)
    for (let sent = 0; sent < requests; sent += 1) {
      const call = { at, now, cost, holder: `i${isolate}`, isLost: fate === 'lost' }
      const spent = purse.has(now, cost) ? [purse.spend(now, cost)] : ask(purse, limit, ledger, call)
      if (spent === undefined) continue
      expect(spent.reduce((sum, { amount }) => sum + amount, 0)).toBe(cost)
      if (!isGivenBack) passed.push({ at, cost })
      else
        ledger.refund(
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
function ask(purse: Purse, limit: LimitPolicy, ledger: TestLedger, { at, now, cost, holder, isLost }: Call): Spent[] | undefined {
  const settled = purse.takeSettled(now)
  const taken = purse.take(now, cost)
  const needed = cost - taken.amount
  const answer = ledger.grant({ holder, asks: [{ limit, mode: 'lease', want: purse.wanted(now, needed), needed }], settled }, at)
  purse.endTaking(taken)
  if (answer.status === 'granted' && !isLost && answer.grants[0] !== undefined) {
    purse.add(answer.grants[0], now)
    return [taken, purse.spend(now, needed)]
  }
  purse.askedInVain()
  ledger.refund(purse.putBack(taken), at)
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
  readonly ledger: string
}

const sumOf = (passed: readonly Passed[]): number => passed.reduce((sum, { cost }) => sum + cost, 0)

describe('leases, whatever isolates do', () => {
  test('over any window W at most burst + rate × (W + life) pass', () => {
    assert(
      property(
        integer({ min: 1, max: 200 }),
        integer({ min: 1, max: 20 }),
        integer({ min: 1, max: 400 }),
        steps,
        (count, seconds, burst, moves) => {
          const limit = limitOf({ name: 'l', rate: { count, seconds, burst }, chargeOn: 'request' })
          const passed = play(limit, ledgerOf(limit), moves)
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
      property(oneof(integer({ min: 1, max: 200 }), integer({ min: 2048, max: 10_000 })), steps, (count, moves) => {
        const limit = limitOf({ name: 'l', quota: { count, period: 'day' }, chargeOn: 'request' })
        const passed = play(limit, ledgerOf(limit), moves)
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
          ledger: 'stays',
        }))
        const rest = Array.from({ length: 30 }, () => ({
          isolate: 0,
          afterMs: 0,
          requests: 100,
          cost: 1,
          isGivenBack: false,
          fate: 'answered',
          ledger: 'stays',
        }))
        expect(sumOf(play(limit, ledgerOf(limit), [...first, ...rest]))).toBe(count)
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
