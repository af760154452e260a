import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createLedgerLimiter, createLimiter, type LedgerCalls } from '../../src/limits/ledger-limiter.ts'
import type { Charge, Limiter, LimitPolicy } from '../../src/limits/limiter.ts'
import { createMemoryLimiter } from '../../src/limits/memory-limiter.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const { LEDGER } = env as unknown as Bindings
const calls: LimitPolicy = { name: 'calls', by: [['consumer']], rate: { count: 2, seconds: 1, burst: 2 }, chargeOn: 'request' }
const monthly: LimitPolicy = { name: 'monthly', by: [['consumer']], quota: { count: 100, period: 'month' }, chargeOn: 'success' }
const one: LimitPolicy = { ...monthly, name: 'one', quota: { count: 1, period: 'month' } }
const chargeOf = (limit: LimitPolicy, subject: string): Charge => ({ limit, subject })
const newSubject = (): string => `consumer=${crypto.randomUUID()}`

const limiters: readonly (readonly [name: string, create: () => Limiter])[] = [
  ['createMemoryLimiter()', createMemoryLimiter],
  ['createLedgerLimiter()', () => createLedgerLimiter(LEDGER)],
]

describe.each(limiters)('%s', (_name, create) => {
  test('of 300 parallel calls on a quota of 100 exactly 100 pass', async () => {
    const [limiter, charge] = [create(), chargeOf(monthly, newSubject())]
    const answers = await Promise.all(Array.from({ length: 300 }, async () => limiter.admit([charge], NOW)))
    expect(answers.filter(({ status }) => status === 'admitted')).toHaveLength(100)
  })

  test('two subjects of one request: where one refuses, the other is charged nothing', async () => {
    const limiter = create()
    const [narrow, wide] = [chargeOf(one, newSubject()), chargeOf(monthly, newSubject())]
    await limiter.admit([narrow, wide], NOW)
    const refused = await limiter.admit([narrow, wide], NOW)
    expect(refused).toMatchObject({ status: 'refused', state: { limit: { name: 'one' } } })
    expect(await limiter.admit([wide], NOW)).toMatchObject({ status: 'admitted', states: [{ remaining: 98 }] })
  })

  test('a failed request gets back what is charged on success, and nothing else', async () => {
    const [limiter, subject] = [create(), newSubject()]
    const admission = await limiter.admit([chargeOf(calls, subject), chargeOf(one, subject)], NOW)
    if (admission.status !== 'admitted') throw new Error('refused')
    await admission.refund?.(NOW)
    const next = await limiter.admit([chargeOf(calls, subject), chargeOf(one, subject)], NOW)
    expect(next).toMatchObject({ status: 'admitted', states: [{ remaining: 0 }, { remaining: 0 }] })
  })

  test('nothing to give back, no refund', async () => {
    const admission = await create().admit([chargeOf(calls, newSubject())], NOW)
    expect('refund' in admission).toBe(false)
  })

  test('a known refusal comes from memory until one more may fit', async () => {
    const [limiter, charge] = [create(), chargeOf(calls, newSubject())]
    for (let sent = 0; sent < 3; sent += 1) await limiter.admit([charge], NOW)
    expect(limiter.refuseEarly([charge], NOW + 499)).toMatchObject({ status: 'refused', retryAfterSeconds: 1 })
    expect(limiter.refuseEarly([charge], NOW + 500)).toBeUndefined()
    expect((await limiter.admit([charge], NOW + 500)).status).toBe('admitted')
  })

  test('a limit that gives back is refused from memory for a second at most', async () => {
    const [limiter, charge] = [create(), chargeOf(one, newSubject())]
    for (let sent = 0; sent < 2; sent += 1) await limiter.admit([charge], NOW)
    expect(limiter.refuseEarly([charge], NOW + 999)).toBeDefined()
    expect(limiter.refuseEarly([charge], NOW + 1000)).toBeUndefined()
  })
})

describe('createLimiter()', () => {
  test('a ledger that is down throws, and what another one charged is given back', async () => {
    const refunds: string[] = []
    const working: LedgerCalls = {
      admit: async (limits) => ({ status: 'admitted', states: [], receipts: limits.map((limit) => ({ limit, kind: 'quota', mark: 0 })) }),
      refund: async (receipts) => {
        refunds.push(...receipts.map(({ limit }) => limit.name))
      },
    }
    const broken: LedgerCalls = {
      admit: async () => {
        throw new Error('down')
      },
      refund: async () => undefined,
    }
    const limiter = createLimiter((subject) => (subject === 'broken' ? broken : working))
    await expect(limiter.admit([chargeOf(monthly, 'broken'), chargeOf(calls, 'working')], NOW)).rejects.toThrow('did not answer')
    expect(refunds).toEqual(['calls'])
  })
})

describe('Ledger', () => {
  const stubOf = () => LEDGER.getByName(crypto.randomUUID())

  test('eviction between two calls forgets nothing', async () => {
    const stub = stubOf()
    await stub.admit([calls, one], NOW)
    await evictDurableObject(stub)
    expect(await stub.admit([one], NOW)).toMatchObject({ status: 'refused' })
    expect(await stub.admit([calls], NOW)).toMatchObject({ states: [{ remaining: 0 }] })
  })

  test('a refund survives eviction', async () => {
    const stub = stubOf()
    const answer = await stub.admit([one], NOW)
    if (answer.status !== 'admitted') throw new Error('refused')
    await stub.refund(answer.receipts, NOW)
    await evictDurableObject(stub)
    expect((await stub.admit([one], NOW)).status).toBe('admitted')
  })

  test('the alarm keeps what still counts and forgets a subject that is settled', async () => {
    const stub = stubOf()
    await stub.admit([one], Date.now())
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect((await stub.admit([one], Date.now())).status).toBe('refused')
    await runInDurableObject(stub, async (_object, { storage }) => {
      storage.sql.exec('update spent set drop_at = 0')
    })
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect((await stub.admit([one], Date.now())).status).toBe('admitted')
    expect(await runDurableObjectAlarm(stub)).toBe(true)
  })
})
