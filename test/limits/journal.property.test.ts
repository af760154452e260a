import { array, assert, constantFrom, integer, oneof, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { standOf, type Books } from '../../src/limits/account.ts'
import { openJournal, type Entry, type Row } from '../../src/limits/journal.ts'
import { grantAll, refundOne, type Receipt } from '../../src/limits/ledger.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 23, 59, 30)

const steps = array(
  record({
    afterMs: constantFrom(0, 0, 0, 1, 20, 200, 999, 5000, 10_000, 20_001),
    mode: constantFrom('lease', 'lease', 'spend'),
    holder: constantFrom('a', 'b', 'c'),
    want: constantFrom(1, 3, 10, 40, 200, 1000),
    /** What comes with the call or after it: the oldest lease is settled, a charge is given back, the alarm rings. */
    also: constantFrom('nothing', 'nothing', 'settles', 'gives back', 'rings'),
    /** When the object is looked at again, after an eviction. */
    sleptMs: constantFrom(0, 0, 1, 300, 2500, 9999, 10_000, 20_001),
  }),
  { maxLength: 40 },
)
const limits = oneof(
  record({ count: integer({ min: 1, max: 200 }), seconds: integer({ min: 1, max: 60 }), burst: integer({ min: 1, max: 400 }) }).map(
    (rate) => limitOf({ name: 'l', chargeOn: 'request', rate }),
  ),
  record({ count: integer({ min: 1, max: 20_000 }), period: constantFrom('minute' as const, 'day' as const) }).map((quota) =>
    limitOf({ name: 'l', chargeOn: 'request', quota }),
  ),
)

const lentOf = (books: Books, limit: LimitPolicy, now: number): number =>
  standOf(books, limit, now).account.leases.reduce((sum, { amount }) => sum + amount, 0)

describe('openJournal()', () => {
  test('after an eviction, whenever it is, no more is there and no less is lent than without one', () => {
    let [unwritten, looks] = [0, 0]
    assert(
      property(limits, steps, (limit, moves) => {
        const disk = new Map<string, string>()
        const write = (rows: readonly Row[]): void => {
          for (const { entry } of rows) disk.set(limit.name, JSON.stringify(entry))
        }
        const open = (at: number) => openJournal(new Map([...disk].map(([name, entry]) => [name, JSON.parse(entry) as Entry])), at)
        const journal = open(NOW)
        const leases: { readonly lease: string; readonly amount: number }[] = []
        const receipts: Receipt[] = []
        let now = NOW
        for (const { afterMs, mode, holder, want, also, sleptMs } of moves) {
          now += afterMs
          const [first] = also === 'settles' ? leases.splice(0, 1) : []
          const settled = first === undefined ? [] : [{ limit, lease: first.lease, unspent: Math.floor(first.amount / 2) }]
          const answer = grantAll(journal.books, { holder, asks: [{ limit, mode, want }], settled }, now)
          const granted = answer.status === 'granted' ? answer.grants : []
          const before = disk.get(limit.name)
          write(journal.note([limit], granted, now))
          if (granted.length > 0 && disk.get(limit.name) === before) unwritten += 1
          for (const { lease, amount, receipt } of granted) {
            if (lease === '') receipts.push(receipt)
            else leases.push({ lease, amount })
          }
          const [charge] = also === 'gives back' ? receipts.splice(0, 1) : []
          if (charge !== undefined) {
            refundOne(journal.books, [charge], now)
            write(journal.note([limit], [], now))
          }
          if (also === 'rings') write(journal.flush(now))

          const later = now + sleptMs
          const evicted = open(later).books
          expect(standOf(evicted, limit, later).available).toBeLessThanOrEqual(standOf(journal.books, limit, later).available)
          expect(lentOf(evicted, limit, later)).toBeGreaterThanOrEqual(lentOf(journal.books, limit, later))
          looks += 1
        }
      }),
      { numRuns: 400 },
    )
    // Else it says nothing.
    expect(unwritten).toBeGreaterThan(looks / 20)
  })

  test('an object that goes to sleep after its last call has lost nothing that was spent at once of a rate, and nothing of a quota once its alarm rang', () => {
    assert(
      property(limits, steps, (limit, moves) => {
        let journal = openJournal([], NOW)
        let disk: readonly (readonly [string, Entry])[] = []
        let now = NOW
        for (const { afterMs, holder, want } of moves) {
          now += afterMs
          const asks = [{ limit, mode: 'spend' as const, want, needed: Math.min(want, 40) }]
          const answer = grantAll(journal.books, { holder, asks, settled: [] }, now)
          for (const { entry } of journal.note([limit], answer.status === 'granted' ? answer.grants : [], now)) disk = [[limit.name, entry]]
        }
        expect(journal.flushAt() ?? now).toBeLessThanOrEqual(now + 5000)
        for (const { entry } of journal.flush(now + 5000)) disk = [[limit.name, entry]]
        const { available } = standOf(journal.books, limit, now + 10_000)
        journal = openJournal(disk, now + 10_000)
        expect(standOf(journal.books, limit, now + 10_000).available).toBe(available)
      }),
      { numRuns: 400 },
    )
  })
})
