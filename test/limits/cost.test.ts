import { array, assert, asyncProperty, boolean, constantFrom, integer, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../src/limits/leased-limiter.ts'
import type { LedgerCalls } from '../../src/limits/ledger-calls.ts'
import type { Books } from '../../src/limits/account.ts'
import { emptyBooks, grantAll, refundOne } from '../../src/limits/ledger.ts'
import type { Admission, Charge, Limiter, LimitPolicy } from '../../src/limits/limiter.ts'
import { createMemoryLimiter } from '../../src/limits/memory-limiter.ts'
import { rateLimitFields } from '../../src/limits/rate-limit-fields.ts'
import { chargesOf } from '../../src/limits/subject.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
type Consistency = LimitPolicy['consistency']
const MODES: readonly Consistency[] = ['leased', 'strict', 'local']
const quota = (count: number, consistency: Consistency = 'leased'): LimitPolicy =>
  limitOf({ name: 'monthly', quota: { count, period: 'month' }, chargeOn: 'success', consistency })
const rate = (count: number, burst: number, consistency: Consistency = 'leased'): LimitPolicy =>
  limitOf({ name: 'calls', rate: { count, seconds: 1, burst }, chargeOn: 'request', consistency })
const admit = async (limiter: Limiter, cost: number, limits: readonly LimitPolicy[], now = NOW): Promise<Admission> =>
  limiter.admit(
    limits.map((limit): Charge => ({ limit, subject: 's', cost })),
    now,
    () => undefined,
  )
const ledgerOf = (books: Books): LedgerCalls => ({
  grant: async (request) => grantAll(books, request, NOW),
  refund: async (receipts) => refundOne(books, receipts, NOW),
})

test('chargesOf() charges the cost to every limit', () => {
  const counted = chargesOf(
    [limitOf({ ...quota(9), by: [['route']] }), limitOf({ ...rate(1, 9), by: [['route']] })],
    { principals: [], routeId: 'r' },
    5,
  )
  expect(counted).toMatchObject({ charges: [{ cost: 5 }, { cost: 5 }] })
})

describe.each(MODES)('a cost of 5, %s', (mode) => {
  test('a quota of 14 admits two, and then four of 1', async () => {
    const limiter = createMemoryLimiter(() => NOW)
    const statuses = [5, 5, 5, 1, 1, 1, 1, 1].map(async (cost) => (await admit(limiter, cost, [quota(14, mode)])).status)
    const [ok, no] = ['admitted', 'refused']
    // One after the other: `admit` charges in the order it is called.
    expect(await Promise.all(statuses)).toEqual([ok, ok, no, ok, ok, ok, ok, no])
  })

  test('a burst admits exactly what fits, and again once it has flowed off', async () => {
    let now = NOW
    const limiter = createMemoryLimiter(() => now)
    const limit = rate(10, 5, mode)
    expect(await admit(limiter, 5, [limit], now)).toMatchObject({ status: 'admitted', states: [{ remaining: 0 }] })
    now += 499
    expect(await admit(limiter, 5, [limit], now)).toMatchObject({ status: 'refused', retryAfterSeconds: 1 })
    now += 1
    expect((await admit(limiter, 5, [limit], now)).status).toBe('admitted')
  })

  test('where another limit refuses, nothing of the cost stays charged', async () => {
    const limiter = createMemoryLimiter(() => NOW)
    await admit(limiter, 3, [rate(1, 5, mode)])
    expect(await admit(limiter, 5, [quota(10, mode), rate(1, 5, mode)])).toMatchObject({
      status: 'refused',
      state: { limit: { name: 'calls' } },
    })
    expect(await admit(limiter, 1, [quota(10, mode)])).toMatchObject({ status: 'admitted', states: [{ remaining: 9 }] })
  })

  test('a failed request gets all of it back, whatever leases it was spent from', async () => {
    await assert(
      asyncProperty(
        integer({ min: 1, max: 60 }),
        array(record({ cost: constantFrom(1, 2, 3, 5, 9), isFailed: boolean() }), { maxLength: 40 }),
        boolean(),
        async (count, requests, isParallel) => {
          const limiter = createMemoryLimiter(() => NOW)
          const spent: number[] = []
          const send = async ({ cost, isFailed }: (typeof requests)[number]): Promise<void> => {
            const admission = await admit(limiter, Math.min(cost, count), [quota(count, mode)])
            if (admission.status === 'refused') return
            if (isFailed) await admission.refund?.(NOW)
            else spent.push(Math.min(cost, count))
          }
          if (isParallel) await Promise.all(requests.map(send))
          else for (const request of requests) await send(request)
          const used = spent.reduce((sum, cost) => sum + cost, 0)
          expect(used).toBeLessThanOrEqual(count)
          let rest = 0
          while ((await admit(limiter, 1, [quota(count, mode)])).status === 'admitted') rest += 1
          expect(used + rest).toBe(count)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('a cost and what memory holds', () => {
  /** An isolate that holds 3 of a quota, of which the ledger has `left` more. */
  const holding = async (left: number): Promise<{ limiter: Limiter; books: Books; limit: LimitPolicy; stop: () => void }> => {
    const books = emptyBooks()
    const limit = quota(100)
    let isBroken = false
    const ledger = ledgerOf(books)
    const grant: LedgerCalls['grant'] = async (request) => {
      if (isBroken) throw new Error('down')
      const [first] = request.asks
      return ledger.grant(first?.needed === 1 ? { ...request, asks: [{ ...first, want: 4 }] } : request)
    }
    const limiter = createLimiter(() => ({ ...ledger, grant }))
    await admit(limiter, 1, [limit])
    const rest = grantAll(books, { holder: 'other', asks: [{ limit, mode: 'spend', want: 1, needed: 96 - left }], settled: [] }, NOW)
    expect(rest.status).toBe('granted')
    return { limiter, books, limit, stop: () => void (isBroken = true) }
  }

  test('only the rest is asked for: 3 here and 2 there are 5', async () => {
    const { limiter, limit } = await holding(2)
    expect(await admit(limiter, 5, [limit])).toMatchObject({ status: 'admitted', states: [{ remaining: 0 }] })
    expect((await admit(limiter, 1, [limit])).status).toBe('refused')
  })

  test('3 here and 1 there are 4: refused, told as 4, and none of them is lost', async () => {
    const { limiter, limit } = await holding(1)
    const refused = await admit(limiter, 5, [limit])
    expect(refused).toMatchObject({ status: 'refused', state: { remaining: 4 } })
    expect((await admit(limiter, 4, [limit])).status).toBe('admitted')
  })

  test('what is taken out while the ledger is asked is nobody else’s, and comes back when it does not answer', async () => {
    const { limiter, limit, stop } = await holding(50)
    stop()
    const asked = admit(limiter, 5, [limit])
    await expect(admit(limiter, 1, [limit])).rejects.toThrow('did not answer')
    await expect(asked).rejects.toThrow('did not answer')
    expect((await admit(limiter, 3, [limit])).status).toBe('admitted')
  })

  test('what refuses 5 may admit 1, and what refuses 1 refuses 5', async () => {
    const limiter = createMemoryLimiter(() => NOW)
    const limit = quota(6)
    const early = (cost: number): boolean => limiter.refuseEarly([{ limit, subject: 's', cost }], NOW) !== undefined
    await admit(limiter, 5, [limit])
    await admit(limiter, 5, [limit])
    expect([early(5), early(4), early(1)]).toEqual([true, false, false])
    await admit(limiter, 1, [limit])
    await admit(limiter, 1, [limit])
    expect([early(5), early(1)]).toEqual([true, true])
  })

  test('RL-3: Retry-After of a request that does not fit is not earlier than t, and r is what is left', async () => {
    const limiter = createMemoryLimiter(() => NOW)
    const limit = limitOf({ name: 'slow', rate: { count: 1, seconds: 10, burst: 5 }, chargeOn: 'request', consistency: 'strict' })
    await admit(limiter, 3, [limit])
    const refused = await admit(limiter, 5, [limit])
    if (refused.status !== 'refused') throw new Error('admitted')
    expect(rateLimitFields(refused.states)).toEqual([
      ['ratelimit-policy', '"slow";q=5;w=50'],
      ['ratelimit', '"slow";r=2;t=30'],
    ])
    expect(refused.retryAfterSeconds).toBe(30)
  })

  test('a ledger of an older version that grants too little lets nothing in', async () => {
    const books = emptyBooks()
    const limiter = createLimiter(() => ({
      ...ledgerOf(books),
      grant: async (request) =>
        grantAll(books, { ...request, asks: request.asks.map(({ limit, mode }) => ({ limit, mode, want: 1 })) }, NOW),
    }))
    await expect(admit(limiter, 5, [quota(100, 'strict')])).rejects.toThrow('did not answer')
  })
})
