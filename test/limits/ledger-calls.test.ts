import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createLedgerLimiter } from '../../src/limits/ledger-calls.ts'
import { emptyBooks, grantAll, refundOne, type LedgerRequest, type Receipt } from '../../src/limits/ledger.ts'
import type { Admission } from '../../src/limits/limiter.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const quota = limitOf({ name: 'q', quota: { count: 2, period: 'month' }, chargeOn: 'request', consistency: 'strict' })

/** A ledger whose calls fail as the platform says, before or after they did their work. */
function faulty(faults: readonly { readonly when: 'before' | 'after'; readonly error: object }[]) {
  const books = emptyBooks()
  const names: string[] = []
  let calls = 0
  const stub = {
    async grant(request: LedgerRequest) {
      const fault = faults[calls++]
      if (fault?.when === 'before') throw Object.assign(new Error('fault'), fault.error)
      const answer = grantAll(books, request, NOW)
      if (fault?.when === 'after') throw Object.assign(new Error('fault'), fault.error)
      return answer
    },
    refund: async (receipts: readonly Receipt[]) => refundOne(books, receipts, NOW),
  }
  const namespace = {
    getByName(name: string) {
      names.push(name)
      return stub
    },
  } as unknown as Bindings['LEDGER']
  return { limiter: createLedgerLimiter(namespace), names, calls: () => calls }
}
const admit = async ({ limiter }: ReturnType<typeof faulty>): Promise<Admission> =>
  limiter.admit([{ limit: quota, subject: 'consumer=acme', cost: 1 }], NOW, () => undefined)

describe('createLedgerLimiter(), when calls fail', () => {
  test('a retryable failure is tried once more, with a new stub', async () => {
    const ledger = faulty([{ when: 'before', error: { retryable: true } }])
    expect((await admit(ledger)).status).toBe('admitted')
    expect([ledger.calls(), ledger.names.length]).toEqual([2, 2])
  })

  test.each([
    ['overloaded', { retryable: true, overloaded: true }],
    ['not retryable', {}],
    ['reset', { durableObjectReset: true }],
  ])('%s: not tried again, and closed', async (_what, error) => {
    const ledger = faulty([{ when: 'before', error }])
    await expect(admit(ledger)).rejects.toThrow('did not answer')
    expect(ledger.calls()).toBe(1)
  })

  test('twice in a row: closed', async () => {
    const error = { retryable: true }
    await expect(
      admit(
        faulty([
          { when: 'before', error },
          { when: 'before', error },
        ]),
      ),
    ).rejects.toThrow('did not answer')
  })

  test('an answer that is lost counts as spent: one too many, never one too few', async () => {
    const ledger = faulty([{ when: 'after', error: { retryable: true } }])
    expect(await admit(ledger)).toMatchObject({ status: 'admitted', states: [{ remaining: 0 }] })
    expect((await admit(ledger)).status).toBe('refused')
  })

  test('names of objects say nothing of their subjects', async () => {
    const ledger = faulty([])
    await admit(ledger)
    expect(ledger.names[0]).toMatch(/^[0-9a-f]{32}$/u)
  })
})
