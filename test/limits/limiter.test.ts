import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createLimiter } from '../../src/limits/leased-limiter.ts'
import { createLedgerLimiter, type LedgerCalls } from '../../src/limits/ledger-calls.ts'
import { emptyBooks, grantAll, LEASE_USABLE_MS, refundOne } from '../../src/limits/ledger.ts'
import type { Admission, Charge, Limiter, LimitPolicy } from '../../src/limits/limiter.ts'
import { createMemoryLimiter } from '../../src/limits/memory-limiter.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const { LEDGER } = env as unknown as Bindings
const calls = limitOf({ name: 'calls', rate: { count: 2, seconds: 1, burst: 2 }, chargeOn: 'request' })
const monthly = limitOf({ name: 'monthly', quota: { count: 100, period: 'month' }, chargeOn: 'success' })
const one = limitOf({ name: 'one', quota: { count: 1, period: 'month' }, chargeOn: 'success' })
const chargeOf = (limit: LimitPolicy, subject: string, cost = 1): Charge => ({ limit, subject, cost })
const newSubject = (): string => `consumer=${crypto.randomUUID()}`
const ignore = (): void => undefined
const admit = async (limiter: Limiter, charges: readonly Charge[], now = Date.now()): Promise<Admission> =>
  limiter.admit(charges, now, ignore)

// Objects and tests share one isolate, and so its clock.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOW }))
afterEach(() => void vi.useRealTimers())

const limiters: readonly (readonly [name: string, create: () => Limiter])[] = [
  ['createMemoryLimiter()', () => createMemoryLimiter(Date.now)],
  ['createLedgerLimiter()', () => createLedgerLimiter(LEDGER)],
]

describe.each(limiters)('%s', (_name, create) => {
  test('of 300 parallel calls on a quota of 100 exactly 100 pass', async () => {
    const [limiter, charge] = [create(), chargeOf(monthly, newSubject())]
    const answers = await Promise.all(Array.from({ length: 300 }, async () => admit(limiter, [charge])))
    expect(answers.filter(({ status }) => status === 'admitted')).toHaveLength(100)
  })

  test.each(['leased', 'strict'] as const)(
    '%s: two subjects of one request: where one refuses, the other is charged nothing',
    async (consistency) => {
      const limiter = create()
      const [narrow, wide] = [chargeOf({ ...one, consistency }, newSubject()), chargeOf({ ...monthly, consistency }, newSubject())]
      await admit(limiter, [narrow, wide])
      const refused = await admit(limiter, [narrow, wide])
      expect(refused).toMatchObject({ status: 'refused', state: { limit: { name: 'one' } } })
      expect(await admit(limiter, [wide])).toMatchObject({ status: 'admitted', states: [{ remaining: 98 }] })
    },
  )

  test.each(['leased', 'strict', 'local'] as const)(
    '%s: a failed request gets back what is charged on success, and nothing else',
    async (consistency) => {
      const [limiter, subject] = [create(), newSubject()]
      const charges = [chargeOf({ ...calls, consistency }, subject), chargeOf({ ...one, consistency }, subject)]
      const admission = await admit(limiter, charges)
      if (admission.status !== 'admitted') throw new Error('refused')
      await admission.refund?.(NOW)
      expect(await admit(limiter, charges)).toMatchObject({ status: 'admitted', states: [{ remaining: 0 }, { remaining: 0 }] })
      expect(await admit(limiter, charges)).toMatchObject({ status: 'refused' })
    },
  )

  test('nothing to give back, no refund', async () => {
    const admission = await admit(create(), [chargeOf(calls, newSubject())])
    expect('refund' in admission).toBe(false)
  })

  test('a known refusal comes from memory until one more may fit', async () => {
    const [limiter, charge] = [create(), chargeOf(calls, newSubject())]
    for (let sent = 0; sent < 3; sent += 1) await admit(limiter, [charge])
    expect(limiter.refuseEarly([charge], NOW + 499)).toMatchObject({ status: 'refused', retryAfterSeconds: 1 })
    expect(limiter.refuseEarly([charge], NOW + 500)).toBeUndefined()
    vi.setSystemTime(NOW + 500)
    expect((await admit(limiter, [charge])).status).toBe('admitted')
  })

  test('a limit that gives back is refused from memory for a second at most', async () => {
    const [limiter, charge] = [create(), chargeOf(one, newSubject())]
    for (let sent = 0; sent < 2; sent += 1) await admit(limiter, [charge])
    expect(limiter.refuseEarly([charge], NOW + 999)).toBeDefined()
    expect(limiter.refuseEarly([charge], NOW + 1000)).toBeUndefined()
  })
})

describe('createLimiter()', () => {
  /** One ledger, and how often it was called. */
  const counted = (): { ledger: LedgerCalls; calls: () => number } => {
    const books = emptyBooks()
    let count = 0
    return {
      calls: () => count,
      ledger: {
        grant: async (request) => {
          count += 1
          return grantAll(books, request, Date.now())
        },
        refund: async (receipts) => refundOne(books, receipts, Date.now()),
      },
    }
  }
  const broken: LedgerCalls = { grant: async () => Promise.reject(new Error('down')), refund: async () => undefined }
  const wide = limitOf({ name: 'wide', rate: { count: 1000, seconds: 1, burst: 10_000 }, chargeOn: 'request' })

  test('a hot subject is spent from memory: few calls, none waited for, and never more than the limit', async () => {
    const { ledger, calls: made } = counted()
    const limiter = createLimiter(() => ledger)
    let [admitted, waited] = [0, 0]
    const tasks: (() => Promise<void>)[] = []
    for (let sent = 0; sent < 8000; sent += 1) {
      if (sent % 10 === 0) vi.setSystemTime(NOW + sent / 2)
      const answer = limiter.admit([chargeOf(wide, 's')], Date.now(), ({ run }) => void tasks.push(run))
      if (answer instanceof Promise) waited += 1
      if ((await answer).status === 'admitted') admitted += 1
      for (const run of tasks.splice(0)) await run()
    }
    expect(admitted).toBe(8000)
    expect(made()).toBeLessThan(8000 * 0.03)
    expect(waited).toBeLessThan(10)
  })

  test('of many subjects a busy one is not forgotten', async () => {
    const { ledger, calls: made } = counted()
    const limiter = createLimiter((subject) => (subject === 'busy' ? ledger : counted().ledger))
    for (let sent = 0; sent < 200; sent += 1) await admit(limiter, [chargeOf(wide, 'busy')])
    const before = made()
    for (let other = 0; other < 10_010; other += 1) await admit(limiter, [chargeOf(wide, `other-${other}`)])
    for (let sent = 0; sent < 20; sent += 1) await admit(limiter, [chargeOf(wide, 'busy')])
    expect(made() - before).toBeLessThanOrEqual(1)
  })

  test('a refused subject floods without a call', async () => {
    const { ledger, calls: made } = counted()
    const limiter = createLimiter(() => ledger)
    const charge = chargeOf(limitOf({ name: 'narrow', rate: { count: 1, seconds: 60, burst: 1 }, chargeOn: 'request' }), 's')
    for (let sent = 0; sent < 2; sent += 1) await admit(limiter, [charge])
    for (let sent = 0; sent < 1000; sent += 1) expect(limiter.refuseEarly([charge], NOW + 50 * sent)).toBeDefined()
    expect(made()).toBe(2)
  })

  test('an isolate that is lent less and less of an empty bucket refuses from memory for its turn, and is let in after it', async () => {
    const { ledger, calls: made } = counted()
    const shared = chargeOf(limitOf({ name: 'shared', rate: { count: 320, seconds: 1, burst: 320 }, chargeOn: 'request' }), 's')
    const limits = Array.from({ length: 40 }, () => createLimiter(() => ledger))
    let at = NOW
    /** Every isolate is asked four times every 50 milliseconds: ten times as much as the limit lets in. */
    const flood = async (seconds: number): Promise<number> => {
      const [before, end] = [made(), at + seconds * 1000]
      for (; at < end; at += 50) {
        vi.setSystemTime(at)
        for (const limiter of limits.flatMap((each) => Array.from({ length: 4 }, () => each)))
          if (limiter.refuseEarly([shared], at) === undefined) await admit(limiter, [shared], at)
      }
      return made() - before
    }
    await flood(10)
    // 3,200 of 32,000 requests are let in.
    expect(await flood(10)).toBeLessThan(32_000 * 0.03)
    const waits = limits.map((limiter) => limiter.refuseEarly([shared], at)?.retryAfterSeconds ?? 0)
    expect(Math.max(...waits)).toBeLessThanOrEqual(8)
    for (const [index, limiter] of limits.entries()) {
      const later = at + 1000 * (waits[index] ?? 0)
      vi.setSystemTime(Math.max(later, at + 8000))
      expect(limiter.refuseEarly([shared], later)).toBeUndefined()
      expect((await admit(limiter, [shared], later)).status).toBe('admitted')
    }
  })

  test('strict asks for every request, local for none', async () => {
    const { ledger, calls: made } = counted()
    const limiter = createLimiter(() => ledger)
    for (let sent = 0; sent < 20; sent += 1) await admit(limiter, [chargeOf({ ...wide, consistency: 'strict' }, 's')])
    expect(made()).toBe(20)
    for (let sent = 0; sent < 20; sent += 1) await admit(limiter, [chargeOf({ ...wide, name: 'own', consistency: 'local' }, 's')])
    expect(made()).toBe(20)
  })

  test('unspent credit of a lease whose time is over is not spent, but given back: nothing of the quota is lost', async () => {
    const books = emptyBooks()
    const quota = limitOf({ name: 'q', quota: { count: 100, period: 'month' }, chargeOn: 'request' })
    const limiter = createLimiter(() => ({ grant: async (request) => grantAll(books, request, Date.now()), refund: async () => undefined }))
    let admitted = 0
    for (let sent = 0; sent < 200; sent += 1) {
      if (sent === 20) vi.setSystemTime(NOW + LEASE_USABLE_MS)
      const tasks: (() => Promise<void>)[] = []
      const { status } = await limiter.admit([chargeOf(quota, 's')], Date.now(), ({ run }) => void tasks.push(run))
      if (status === 'admitted') admitted += 1
      for (const run of tasks) await run()
    }
    expect(admitted).toBe(100)
  })

  test('a ledger that is down: closed throws and gives back, local counts here', async () => {
    const { ledger } = counted()
    const limiter = createLimiter((subject) => (subject === 'broken' ? broken : ledger))
    await expect(admit(limiter, [chargeOf(monthly, 'broken'), chargeOf({ ...one, consistency: 'strict' }, 'working')])).rejects.toThrow(
      'did not answer',
    )
    expect((await admit(limiter, [chargeOf({ ...one, consistency: 'strict' }, 'working')])).status).toBe('admitted')
    const lax = chargeOf({ ...calls, onOutage: 'local' }, 'broken')
    const answers = [await admit(limiter, [lax]), await admit(limiter, [lax]), await admit(limiter, [lax])]
    expect(answers.map(({ status }) => status)).toEqual(['admitted', 'admitted', 'refused'])
  })
})

describe('Ledger', () => {
  const stubOf = () => LEDGER.getByName(crypto.randomUUID())
  const ask = (limits: readonly LimitPolicy[], mode: 'spend' | 'lease' = 'spend', want = 1) => ({
    holder: 'h',
    asks: limits.map((limit) => ({ limit, mode, want })),
    settled: [],
  })

  test('eviction between two calls forgets nothing: neither what was spent nor what is lent', async () => {
    const stub = stubOf()
    await stub.grant(ask([calls, one]))
    await stub.grant(ask([monthly], 'lease', 100))
    await evictDurableObject(stub)
    expect(await stub.grant(ask([one]))).toMatchObject({ status: 'refused' })
    expect(await stub.grant(ask([calls]))).toMatchObject({ grants: [{ states: [{ remaining: 0 }] }] })
    expect(await stub.grant(ask([monthly]))).toMatchObject({ grants: [{ states: [{ remaining: 49 }] }] })
  })

  /** What is on disk of a limit. */
  const rowOf = async (stub: ReturnType<typeof stubOf>, limit: LimitPolicy): Promise<string> =>
    runInDurableObject(
      stub,
      (_object, { storage }) =>
        storage.sql.exec<{ account: string }>('select account from accounts where name = ?', limit.name).one().account,
    )
  const fast = limitOf({ name: 'fast', rate: { count: 100, seconds: 1, burst: 200 }, chargeOn: 'request' })
  const large = limitOf({ name: 'large', quota: { count: 1_000_000, period: 'month' }, chargeOn: 'request' })

  test('most grants of a rate write nothing; an eviction between them costs half a burst at most, and lets none too many in', async () => {
    const stub = stubOf()
    await stub.grant(ask([fast], 'spend', 1))
    const row = await rowOf(stub, fast)
    for (let sent = 1; sent < 100; sent += 1) await stub.grant(ask([fast]))
    expect(await rowOf(stub, fast)).toBe(row)
    await stub.grant(ask([fast]))
    await stub.grant(ask([fast]))
    expect(await rowOf(stub, fast)).not.toBe(row)
    await evictDurableObject(stub)
    expect((await stub.grant(ask([fast]))).status).toBe('refused')
    vi.setSystemTime(NOW + 1000)
    let later = 0
    while ((await stub.grant(ask([fast]))).status === 'granted') later += 1
    // 300 in a second and a burst, less the 102 that were granted and the 100 that the last row allowed.
    expect(later).toBe(98)
  })

  test('an object that slept has lost nothing of a rate', async () => {
    const stub = stubOf()
    for (let sent = 0; sent < 50; sent += 1) await stub.grant(ask([fast]))
    await evictDurableObject(stub)
    vi.setSystemTime(NOW + 10_000)
    let granted = 0
    while ((await stub.grant(ask([fast]))).status === 'granted') granted += 1
    expect(granted).toBe(200)
  })

  test('leases that were granted without a row count as lent after an eviction, and settling them gives nothing back', async () => {
    const stub = stubOf()
    const first = await stub.grant(ask([fast], 'lease', 10))
    const second = await stub.grant(ask([fast], 'lease', 60))
    await evictDurableObject(stub)
    const [known, unknown] = [first, second].map((answer) => (answer.status === 'granted' ? (answer.grants[0]?.lease ?? '') : ''))
    const settled = [known, unknown].map((lease = '') => ({ limit: fast, lease, unspent: 60 }))
    const answer = await stub.grant({ ...ask([fast]), settled })
    // 200, less 100 that may have been granted without a row, less one; the first lease gave back its 10.
    expect(answer).toMatchObject({ status: 'granted', grants: [{ states: [{ remaining: 99 }] }] })
  })

  test('a busy quota is written ahead, and made exact before the object sleeps; an eviction costs a part in 256 at most', async () => {
    const [stub, evicted] = [stubOf(), stubOf()]
    for (const busy of [stub, evicted])
      for (let sent = 0; sent < 20; sent += 1) await busy.grant({ ...ask([large], 'lease', 100), holder: `h${sent}` })
    await evictDurableObject(evicted)
    const left = await evicted.grant(ask([large]))
    const remaining = left.status === 'granted' ? (left.grants[0]?.states[0]?.remaining ?? 0) : 0
    expect(remaining).toBeLessThan(1_000_000 - 2001)
    expect(remaining).toBeGreaterThanOrEqual(1_000_000 - 2001 - 1_000_000 / 256)
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect(JSON.parse(await rowOf(stub, large))).toHaveProperty('ahead')
    vi.setSystemTime(NOW + 5000)
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect(JSON.parse(await rowOf(stub, large))).not.toHaveProperty('ahead')
    await evictDurableObject(stub)
    expect(await stub.grant(ask([large]))).toMatchObject({ grants: [{ states: [{ remaining: 1_000_000 - 2001 }] }] })
  })

  test('a refund survives eviction', async () => {
    const stub = stubOf()
    const answer = await stub.grant(ask([one]))
    if (answer.status !== 'granted') throw new Error('refused')
    await stub.refund(answer.grants.map(({ receipt }) => receipt))
    await evictDurableObject(stub)
    expect((await stub.grant(ask([one]))).status).toBe('granted')
  })

  test('the alarm keeps what still counts and forgets a subject that is settled', async () => {
    const stub = stubOf()
    await stub.grant(ask([one]))
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect((await stub.grant(ask([one]))).status).toBe('refused')
    await runInDurableObject(stub, async (_object, { storage }) => {
      storage.sql.exec('update accounts set drop_at = 0')
    })
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect((await stub.grant(ask([one]))).status).toBe('granted')
    expect(await runDurableObjectAlarm(stub)).toBe(true)
  })

  test('a call that comes twice, because its answer was lost, counts once', async () => {
    const stub = stubOf()
    const request = { ...ask([monthly]), id: 'call-1' }
    const first = await stub.grant(request)
    expect(await stub.grant(request)).toEqual(first)
    expect(await stub.grant({ ...request, id: 'call-2' })).toMatchObject({ grants: [{ states: [{ remaining: 98 }] }] })
  })
})

describe('Ledger, of credits', () => {
  const stubOf = () => LEDGER.getByName(crypto.randomUUID())
  const prepaid = limitOf({ name: 'prepaid', credits: 10, chargeOn: 'success', consistency: 'strict' })
  const spend = (amount: number) => ({
    holder: 'h',
    asks: [{ limit: prepaid, mode: 'spend' as const, want: amount, needed: amount }],
    settled: [],
  })

  test('a top-up counts once for its key, after an eviction too; another number under that key is refused', async () => {
    const stub = stubOf()
    const topUp = { limit: prepaid, credits: 5, key: 'invoice-1' }
    expect(await stub.addCredits(topUp)).toEqual({ status: 'added', balance: { available: 15, lent: 0 } })
    await evictDurableObject(stub)
    expect(await stub.addCredits(topUp)).toEqual({ status: 'repeated', balance: { available: 15, lent: 0 } })
    expect(await stub.addCredits({ ...topUp, credits: 6 })).toEqual({ status: 'conflict' })
    expect(await stub.addCredits({ ...topUp, key: 'invoice-2' })).toMatchObject({ balance: { available: 20 } })
  })

  test('of 20 parallel calls with one key exactly one adds', async () => {
    const stub = stubOf()
    const answers = await Promise.all(Array.from({ length: 20 }, async () => stub.addCredits({ limit: prepaid, credits: 1, key: 'k' })))
    expect(answers.filter(({ status }) => status === 'added')).toHaveLength(1)
    expect(await stub.balance(prepaid)).toEqual({ available: 11, lent: 0 })
  })

  test('a key is known for 400 days, and no longer', async () => {
    const stub = stubOf()
    const topUp = { limit: prepaid, credits: 1, key: 'k' }
    await stub.addCredits(topUp)
    vi.setSystemTime(NOW + 400 * 86_400_000 - 1)
    expect((await stub.addCredits(topUp)).status).toBe('repeated')
    vi.setSystemTime(NOW + 400 * 86_400_000)
    expect((await stub.addCredits(topUp)).status).toBe('added')
  })

  test('neither years nor an alarm bring credits back, or forget them', async () => {
    const stub = stubOf()
    await stub.grant(spend(8))
    vi.setSystemTime(NOW + 50 * 366 * 86_400_000)
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    await evictDurableObject(stub)
    expect(await stub.balance(prepaid)).toEqual({ available: 2, lent: 0 })
    expect(await stub.grant(spend(3))).toMatchObject({ status: 'refused', waitMs: Number.POSITIVE_INFINITY })
    expect((await stub.grant(spend(2))).status).toBe('granted')
  })

  test('the balance at first stays what it was when the policy gives another one later', async () => {
    const stub = stubOf()
    await stub.grant(spend(4))
    expect(await stub.balance({ ...prepaid, credits: 1000 })).toEqual({ available: 6, lent: 0 })
  })
})
