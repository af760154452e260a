import { array, assert, asyncProperty, constantFrom, integer, record, tuple } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../src/limits/leased-limiter.ts'
import type { LedgerCalls } from '../../src/limits/ledger-calls.ts'
import { emptyBooks, grantAll, refundOne } from '../../src/limits/ledger.ts'
import type { Admission, Charge } from '../../src/limits/limiter.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const SUBJECTS = ['first', 'second', 'third'] as const

/** What becomes of one call: done and answered; not done; done, and the answer is lost. */
const fate = constantFrom('answered', 'answered', 'answered', 'before', 'after')
const fates = record({ grant: fate, cancel: fate })
type Fates = { readonly grant: string; readonly cancel: string }

function ledgers(counts: readonly number[]) {
  const order: string[] = []
  let current: readonly Fates[] = []
  const all = SUBJECTS.map((subject, index) => {
    const books = emptyBooks()
    const done = async <Answer>(what: 'grant' | 'cancel', work: () => Answer): Promise<Answer> => {
      order.push(`${what} ${subject}`)
      const end = current[index]?.[what]
      if (end === 'before') throw new Error('not done')
      const answer = work()
      if (end === 'after') throw new Error('answer lost')
      return answer
    }
    const calls: LedgerCalls = {
      grant: async (request) => done('grant', () => grantAll(books, request, NOW)),
      refund: async (receipts) => done('cancel', () => refundOne(books, receipts, NOW)),
    }
    return { calls, used: () => books.get(subject)?.used ?? 0 }
  })
  const charges = SUBJECTS.map((subject, index): Charge => {
    const quota = { count: counts[index] ?? 0, period: 'year' } as const
    return { subject, cost: 1, limit: limitOf({ name: subject, quota, chargeOn: 'request', consistency: 'strict' }) }
  })
  const limiter = createLimiter((subject) => {
    const found = all[SUBJECTS.findIndex((one) => one === subject)]
    if (found === undefined) throw new RangeError('no such ledger')
    return found.calls
  })
  return {
    used: () => all.map(({ used }) => used()),
    /** What one request came to, and the calls that it made. */
    send: async (
      next: readonly Fates[],
    ): Promise<{ readonly outcome: Admission['status'] | 'failed'; readonly calls: readonly string[] }> => {
      current = next
      order.length = 0
      const outcome = await Promise.resolve(limiter.admit(charges, NOW, () => undefined)).then(
        ({ status }) => status,
        () => 'failed' as const,
      )
      return { outcome, calls: [...order] }
    },
  }
}

/** The exact model: what each ledger counts after one request, the calls in order, and what the caller is told. */
function expected(used: readonly number[], counts: readonly number[], next: readonly Fates[]) {
  const after = [...used]
  const calls: string[] = []
  const cancel = (upTo: number): void => {
    for (const [index, subject] of SUBJECTS.slice(0, upTo).entries()) {
      calls.push(`cancel ${subject}`)
      if (next[index]?.cancel !== 'before') after[index] = (after[index] ?? 0) - 1
    }
  }
  for (const [index, subject] of SUBJECTS.entries()) {
    calls.push(`grant ${subject}`)
    const end = next[index]?.grant
    const fits = (used[index] ?? 0) < (counts[index] ?? 0)
    if (end !== 'before' && fits) after[index] = (after[index] ?? 0) + 1
    if (end !== 'answered' || !fits) {
      cancel(index)
      return { after, calls, outcome: end === 'answered' ? 'refused' : 'failed' }
    }
  }
  return { after, calls, outcome: 'admitted' }
}

describe('strict limits of several subjects', () => {
  test('are asked in declared order, cancelled where a later one refuses or fails, and cost at most one a ledger where a call is lost', async () => {
    const count = integer({ min: 0, max: 4 })
    await assert(
      asyncProperty(tuple(count, count, count), array(tuple(fates, fates, fates), { maxLength: 12 }), async (counts, requests) => {
        const { used, send } = ledgers(counts)
        const admitted: number[] = []
        for (const next of requests) {
          const before = used()
          const model = expected(before, counts, next)
          const { outcome, calls } = await send(next)
          expect({ outcome, calls, after: used() }).toEqual(model)
          if (outcome === 'admitted') admitted.push(1)
          for (const [index, after] of used().entries()) {
            expect(after - (before[index] ?? 0)).toBeLessThanOrEqual(1)
            expect(after).toBeGreaterThanOrEqual(admitted.length)
            expect(after).toBeLessThanOrEqual(counts[index] ?? 0)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})
