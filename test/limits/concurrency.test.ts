import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../src/limits/leased-limiter.ts'
import { emptyBooks, grantAll, refundOne } from '../../src/limits/ledger.ts'
import type { Admission, Limiter, LimitPolicy } from '../../src/limits/limiter.ts'
import { IDLE_MS } from '../../src/limits/permit-pool.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const HOLD_MS = 30_000
/** How long a lease of permits may be used for new requests, and how much longer than those the ledger waits for it. */
const [USABLE_MS, LIFE_MS] = [8000, 10_000]
const limitOfCount = (count: number, parts: Partial<LimitPolicy> = {}): LimitPolicy =>
  limitOf({ name: 'c', concurrency: { count, holdSeconds: HOLD_MS / 1000 }, chargeOn: 'request', ...parts })

/** One ledger, a clock for all, and how often the ledger was called. */
function world() {
  const books = emptyBooks()
  const clock = { at: NOW }
  const waiting: { readonly until: number; readonly wake: () => void }[] = []
  let calls = 0
  const pause = async (ms: number): Promise<void> =>
    new Promise((wake) => {
      waiting.push({ until: clock.at + ms, wake })
    })
  const create = (): Limiter =>
    createLimiter(
      () => ({
        grant: async (request) => {
          calls += 1
          return grantAll(books, request, clock.at)
        },
        refund: async (receipts) => {
          calls += 1
          refundOne(books, receipts, clock.at)
        },
      }),
      pause,
    )
  return {
    create,
    clock,
    calls: () => calls,
    lent: () => (books.get('c')?.leases ?? []).reduce((sum, { amount, expiresAt }) => (expiresAt > clock.at ? sum + amount : sum), 0),
    pass: async (ms: number): Promise<void> => {
      await turns()
      clock.at += ms
      for (let index = waiting.length - 1; index >= 0; index -= 1)
        if ((waiting[index]?.until ?? 0) <= clock.at) for (const { wake } of waiting.splice(index, 1)) wake()
      await turns()
    },
    start: async (limiter: Limiter, limit: LimitPolicy): Promise<Admission> =>
      limiter.admit([{ limit, subject: 's', cost: 1 }], clock.at, () => undefined),
  }
}
/** What can go on goes on. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}
type World = ReturnType<typeof world>

const end = (admission: Admission | undefined, { clock }: World): void => {
  if (admission?.status === 'admitted') void admission.release?.(clock.at)
}

describe('permits that an isolate was lent', () => {
  test('serve a busy isolate: a call in a hundred requests at most, at a hundred a second, five at a time', async () => {
    const one = world()
    const [limiter, limit] = [one.create(), limitOfCount(20)]
    const flying: Admission[] = []
    let refused = 0
    for (let sent = 0; sent < 6000; sent += 1) {
      await one.pass(10)
      const admission = await one.start(limiter, limit)
      if (admission.status === 'refused') refused += 1
      flying.push(admission)
      if (flying.length > 5) end(flying.shift(), one)
    }
    expect([refused, one.calls() <= 60]).toEqual([0, true])
  })

  test('strict asks, and tells the end, for each', async () => {
    const one = world()
    const [limiter, limit] = [one.create(), limitOfCount(20, { consistency: 'strict' })]
    for (let sent = 0; sent < 10; sent += 1) {
      end(await one.start(limiter, limit), one)
      await one.pass(10)
    }
    expect(one.calls()).toBe(20)
  })

  test('are another isolate’s a second after the last request, and not before', async () => {
    const one = world()
    const [first, second, limit] = [one.create(), one.create(), limitOfCount(1)]
    end(await one.start(first, limit), one)
    await one.pass(IDLE_MS - 1)
    expect((await one.start(second, limit)).status).toBe('refused')
    await one.pass(1)
    expect(one.lent()).toBe(0)
    expect((await one.start(second, limit)).status).toBe('admitted')
  })

  test('go back also where another limit refuses the request', async () => {
    const one = world()
    const [limiter, limit] = [one.create(), limitOfCount(1)]
    const none = limitOf({ name: 'none', credits: 0, chargeOn: 'request', consistency: 'strict' })
    const charges = [
      { limit, subject: 's', cost: 1 },
      { limit: none, subject: 'other', cost: 1 },
    ]
    const tasks: (() => Promise<void>)[] = []
    const refused = await limiter.admit(charges, one.clock.at, ({ run }) => void tasks.push(run))
    expect(refused).toMatchObject({ status: 'refused', state: { limit: { name: 'none' } }, retryAfterSeconds: Number.POSITIVE_INFINITY })
    for (const run of tasks) void run()
    await one.pass(IDLE_MS)
    expect(one.lent()).toBe(0)
  })

  test('of an isolate that is lost are back when the last request could have ended', async () => {
    const one = world()
    const limit = limitOfCount(1)
    await one.start(one.create(), limit)
    await one.pass(HOLD_MS + LIFE_MS - 1)
    expect((await one.start(one.create(), limit)).status).toBe('refused')
    await one.pass(1)
    expect((await one.start(one.create(), limit)).status).toBe('admitted')
  })

  test('are not used once their lease is too old for the ledger to wait as long', async () => {
    const one = world()
    const [limiter, limit] = [one.create(), limitOfCount(1)]
    end(await one.start(limiter, limit), one)
    const before = one.calls()
    one.clock.at += USABLE_MS - 1
    end(await one.start(limiter, limit), one)
    expect(one.calls()).toBe(before)
    one.clock.at += 1
    expect((await one.start(limiter, limit)).status).toBe('admitted')
    expect(one.calls()).toBe(before + 1)
  })

  test('a request that takes longer than it may is no longer counted, and its end gives nothing twice', async () => {
    const one = world()
    const [limiter, limit] = [one.create(), limitOfCount(1, { consistency: 'local' })]
    const slow = await one.start(limiter, limit)
    await one.pass(HOLD_MS - 1)
    expect((await one.start(limiter, limit)).status).toBe('refused')
    await one.pass(1)
    const next = await one.start(limiter, limit)
    expect(next.status).toBe('admitted')
    end(slow, one)
    expect((await one.start(limiter, limit)).status).toBe('refused')
  })

  test('a refusal is repeated from memory for a quarter of a second, and not once a permit is back', async () => {
    const one = world()
    const [limiter, limit] = [one.create(), limitOfCount(1)]
    const charges = [{ limit, subject: 's', cost: 1 }]
    const held = await one.start(limiter, limit)
    await one.start(limiter, limit)
    expect(limiter.refuseEarly(charges, NOW + 249)).toMatchObject({ retryAfterSeconds: 1 })
    expect(limiter.refuseEarly(charges, NOW + 250)).toBeUndefined()
    await one.start(limiter, limit)
    end(held, one)
    expect(limiter.refuseEarly(charges, NOW)).toBeUndefined()
  })

  test('of many subjects one that has requests at work is not forgotten', { timeout: 20_000 }, async () => {
    const one = world()
    const [limiter, limit] = [one.create(), limitOfCount(20)]
    const held = await one.start(limiter, limit)
    end(await one.start(limiter, limit), one)
    for (let other = 0; other < 10_010; other += 1) {
      const limits = [{ limit: limitOfCount(20, { name: `c${other}` }), subject: 's', cost: 1 }]
      const admission = await limiter.admit(limits, one.clock.at, () => undefined)
      end(admission, one)
    }
    const before = one.calls()
    await one.start(limiter, limit)
    expect([held.status, one.calls() - before]).toEqual(['admitted', 0])
  })
})
