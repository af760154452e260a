import { env } from 'cloudflare:workers'
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { beforeEach, afterEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import type { Batch, UsageCount } from '../../src/insight/observation.ts'
import { TAIL_LENGTH } from '../../src/insight/tail.ts'
import { observation, usageCount } from '../support/observations.ts'

const { INSIGHT } = env as unknown as Bindings
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const START = Date.UTC(2026, 10, 25, 10)
const fresh = () => INSIGHT.getByName(crypto.randomUUID())
const batch = (sequence: number, usage: readonly UsageCount[], more: Partial<Batch> = {}): Batch => ({
  isolate: 'isolate-1',
  sequence,
  usage,
  observations: [],
  ...more,
})

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('InsightObject', () => {
  test('a batch told again counts once, also after an eviction and once it is added up', async () => {
    const stub = fresh()
    const told = batch(1, [usageCount({ minute: START, requests: 5 })])
    await stub.ingest(told)
    await stub.ingest(told)
    const total = async () => (await stub.usage({ from: START, to: START + MINUTE, step: 'minute' })).total.requests
    await evictDurableObject(stub)
    await stub.ingest(told)
    expect(await total()).toBe(5)
    await evictDurableObject(stub)
    await stub.ingest(told)
    expect(await total()).toBe(5)
    await stub.ingest(batch(2, [usageCount({ minute: START })]))
    await stub.ingest(batch(1, [usageCount({ minute: START })], { isolate: 'isolate-2' }))
    expect(await total()).toBe(7)
  })

  test('what was answered is there after an eviction, and a row is written for each call', async () => {
    const stub = fresh()
    const written = async () =>
      runInDurableObject(stub, (_, { storage }) => storage.sql.exec<{ count: number }>('select count(*) as count from pending').one().count)
    for (let sequence = 1; sequence <= 3; sequence += 1)
      await stub.ingest(
        batch(
          sequence,
          Array.from({ length: 100 }, (_, index) => usageCount({ minute: START, credential: `key-${index}` })),
        ),
      )
    expect(await written()).toBe(3)
    await evictDurableObject(stub)
    const { total } = await stub.usage({ from: START, to: START + MINUTE, step: 'minute' })
    expect([total.requests, await written()]).toEqual([300, 0])
  })

  test('minutes become hours and days, and are forgotten in their time', async () => {
    const stub = fresh()
    let sequence = 0
    const tell = async (at: number): Promise<void> => {
      vi.setSystemTime(at)
      await stub.ingest(batch((sequence += 1), [usageCount({ minute: Math.floor(at / MINUTE) * MINUTE })]))
    }
    const rowsOf = async (table: string) =>
      runInDurableObject(
        stub,
        (_, { storage }) => storage.sql.exec<{ count: number }>(`select count(*) as count from ${table}`).one().count,
      )
    for (let hour = 0; hour < 30; hour += 1) await tell(START + hour * HOUR)
    await runDurableObjectAlarm(stub)
    expect([await rowsOf('minute'), await rowsOf('hour'), await rowsOf('day')]).toEqual([30, 29, 1])
    const day = Date.UTC(2026, 10, 25)
    const hours = await stub.usage({ from: day, to: day + 2 * DAY, step: 'hour' })
    expect(hours.groups[0]?.series.filter((count) => count === 1)).toHaveLength(30)
    expect((await stub.usage({ from: day, to: day + 2 * DAY, step: 'day' })).groups[0]?.series).toEqual([14, 16])
    await tell(START + 100 * DAY)
    await runDurableObjectAlarm(stub)
    expect([await rowsOf('minute'), await rowsOf('hour')]).toEqual([1, 0])
    expect((await stub.usage({ from: day, to: day + 200 * DAY, step: 'day' })).total.requests).toBe(31)
    await tell(START + 500 * DAY)
    await runDurableObjectAlarm(stub)
    await tell(START + 502 * DAY)
    await runDurableObjectAlarm(stub)
    expect((await stub.usage({ from: day, to: day + 400 * DAY, step: 'day' })).total.requests).toBe(0)
    expect((await stub.usage({ from: day + 200 * DAY, to: day + 600 * DAY, step: 'day' })).total.requests).toBe(2)
  })

  test('what comes late is added to the hour and the day that it is of; what is from the future or long past is not lost', async () => {
    const stub = fresh()
    vi.setSystemTime(START + 26 * HOUR)
    await stub.ingest(batch(1, [usageCount({ minute: START + 26 * HOUR })]))
    await runDurableObjectAlarm(stub)
    await stub.ingest(batch(2, [usageCount({ minute: START + HOUR, requests: 4 })]))
    await stub.ingest(batch(3, [usageCount({ minute: START + 900 * HOUR }), usageCount({ minute: START - 900 * HOUR })]))
    const series = async (step: 'hour' | 'day') => {
      const usage = await stub.usage({ from: START - 2 * DAY, to: START + 2 * DAY, step })
      return [usage.total.requests, usage.total.series[step === 'hour' ? 49 : 2]]
    }
    expect([await series('hour'), await series('day')]).toEqual([
      [7, 4],
      [7, 4],
    ])
  })

  test('usage is split by at most two of what it is counted by, and filtered', async () => {
    const stub = fresh()
    await stub.ingest(
      batch(1, [
        usageCount({ minute: START, consumer: 'acme', requests: 3 }),
        usageCount({ minute: START + MINUTE, consumer: 'acme', status: 404, requests: 2 }),
        usageCount({ minute: START, consumer: 'globex', credential: 'key-2', route: 'POST /orders', requests: 10 }),
      ]),
    )
    vi.setSystemTime(START + 2 * MINUTE)
    const span = { from: START, to: START + 2 * MINUTE, step: 'minute' } as const
    const byConsumer = await stub.usage({ ...span, by: ['consumer'] })
    expect(byConsumer.groups.map(({ key, requests, errors, series }) => ({ key, requests, errors, series }))).toEqual([
      { key: { consumer: 'globex' }, requests: 10, errors: 0, series: [10, 0] },
      { key: { consumer: 'acme' }, requests: 5, errors: 2, series: [3, 2] },
    ])
    expect(byConsumer.total).toMatchObject({ requests: 15, errors: 2, series: [13, 2] })
    const own = await stub.usage({ ...span, consumers: ['acme'], by: ['status', 'route'] })
    expect(own.groups.map(({ key, requests }) => [key, requests])).toEqual([
      [{ status: '200', route: 'GET /orders' }, 3],
      [{ status: '404', route: 'GET /orders' }, 2],
    ])
    expect((await stub.usage({ ...span, credential: 'key-2' })).total.requests).toBe(10)
    expect((await stub.usage({ ...span, route: 'POST /orders', consumers: ['acme'] })).groups).toEqual([])
    expect((await stub.usage({ ...span, consumers: ["acme' or 1=1 --"] })).total.requests).toBe(0)
  })

  test('more groups than are told are one: the sum is the same', async () => {
    const stub = fresh()
    const counts = Array.from({ length: 250 }, (_, index) => usageCount({ minute: START, consumer: `c${index}`, requests: index + 1 }))
    await stub.ingest(batch(1, counts))
    const { groups, total } = await stub.usage({ from: START, to: START + MINUTE, step: 'minute', by: ['consumer'] })
    expect([groups.length, groups[0]?.key, groups[200]?.key]).toEqual([201, { consumer: 'c249' }, { consumer: 'other' }])
    expect([groups[200]?.requests, groups[200]?.series, total.requests]).toEqual([1275, [1275], 31_375])
  })

  test.each([
    ['minute', ['acme'], 1440, MINUTE],
    ['hour', ['acme'], 840, HOUR],
    ['day', ['acme'], 400, DAY],
    ['minute', undefined, 400, MINUTE],
    ['hour', undefined, 400, HOUR],
    ['day', undefined, 400, DAY],
  ] as const)('by %s and of %j so many steps are told, and none more', async (step, consumers, most, stepMs) => {
    const stub = fresh()
    const from = Math.floor(START / DAY) * DAY
    const asked = { from, step, ...(consumers === undefined ? {} : { consumers }) }
    expect((await stub.usage({ ...asked, to: from + most * stepMs })).total.series).toHaveLength(most)
    const refused = await runInDurableObject(stub, async (object) =>
      object.usage({ ...asked, to: from + most * stepMs + 1 }).catch((error: unknown) => (error as Error).name),
    )
    expect(refused).toBe('RangeError')
  })

  test('says when credentials were last used, to the minute, before and after hours are added up', async () => {
    const stub = fresh()
    await stub.ingest(batch(1, [usageCount({ minute: START, credential: 'old' }), usageCount({ minute: START, credential: 'both' })]))
    vi.setSystemTime(START + 3 * HOUR)
    await runDurableObjectAlarm(stub)
    await stub.ingest(batch(2, [usageCount({ minute: START + 3 * HOUR - MINUTE, credential: 'both' })]))
    const asked = ['old', 'both', 'never', ...Array.from({ length: 100 }, (_, index) => `key-${index}`)]
    expect(await stub.lastUsed(asked)).toEqual({ old: START, both: START + 3 * HOUR - MINUTE })
  })

  test('isolates come less often the more there are', async () => {
    const stub = fresh()
    const nextOf = async (calls: number): Promise<number> => {
      vi.setSystemTime(Date.now() + 10_000)
      let nextMs = 0
      for (let call = 0; call < calls; call += 1) ({ nextMs } = await stub.ingest(batch(1, [], { isolate: crypto.randomUUID() })))
      return nextMs
    }
    expect(await nextOf(600)).toBe(10_000)
    expect(await nextOf(1)).toBe(12_000)
  })
})

describe('the tail', () => {
  test('keeps the newest thousand, and goes on from a sequence', async () => {
    const stub = fresh()
    const many = Array.from({ length: TAIL_LENGTH + 5 }, (_, index) => observation({ requestId: `r${index}` }))
    await stub.ingest(batch(1, [], { observations: many.slice(0, 600) }))
    await stub.ingest(batch(2, [], { observations: many.slice(600) }))
    await stub.ingest(batch(2, [], { observations: many.slice(600) }))
    const all = await stub.newest({ limit: 5000 })
    expect([all.length, all[0]?.observation.requestId, all.at(-1)?.observation.requestId]).toEqual([TAIL_LENGTH, 'r5', 'r1004'])
    const newest = await stub.newest({})
    expect([newest.length, newest.at(-1)?.observation.requestId]).toEqual([100, 'r1004'])
    const next = await stub.newest({ after: all[9]?.sequence ?? 0, limit: 2 })
    expect(next.map(({ observation: { requestId } }) => requestId)).toEqual(['r15', 'r16'])
  })

  test('keeps to one consumer, and to what the gate refused', async () => {
    const stub = fresh()
    await stub.ingest(
      batch(1, [], {
        observations: [
          observation({ requestId: 'a', consumer: 'acme', status: 404 }),
          observation({ requestId: 'b', consumer: 'acme', status: 429, code: 'quota-exceeded' }),
          observation({ requestId: 'c', status: 401, code: 'credential-invalid' }),
        ],
      }),
    )
    const idsOf = async (asked: Parameters<typeof stub.newest>[0]) =>
      (await stub.newest(asked)).map(({ observation: { requestId } }) => requestId)
    expect([await idsOf({ consumer: 'acme' }), await idsOf({ refusedOnly: true })]).toEqual([
      ['a', 'b'],
      ['b', 'c'],
    ])
  })

  test('sequences rise over an eviction', async () => {
    const stub = fresh()
    await stub.ingest(batch(1, [], { observations: [observation()] }))
    const [before] = await stub.newest({})
    vi.setSystemTime(START + 1000)
    await evictDurableObject(stub)
    await stub.ingest(batch(2, [], { observations: [observation()] }))
    const [after] = await stub.newest({})
    expect(after?.sequence).toBeGreaterThan(before?.sequence ?? Number.POSITIVE_INFINITY)
  })
})
