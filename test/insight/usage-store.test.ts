import { env } from 'cloudflare:workers'
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { array, asyncProperty, assert, constantFrom, integer, oneof, record } from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { LATENCY_BOUNDS, type UsageCount } from '../../src/insight/observation.ts'
import { fit, kindOf, pack, unpack } from '../../src/insight/usage-count.ts'
import { openUsage } from '../../src/insight/usage-store.ts'
import { usageCount } from '../support/observations.ts'

const { INSIGHT } = env as unknown as Bindings
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const START = Date.UTC(2026, 10, 25, 22)

const latency = (bucket: number, requests: number): number[] =>
  Array.from({ length: LATENCY_BOUNDS.length + 1 }, (_, index) => (index === bucket ? requests : 0))

interface Told {
  readonly sequence: number
  readonly usage: readonly UsageCount[]
}
const countOf = record({
  back: integer({ min: 0, max: 400 }),
  consumer: constantFrom('a', 'b', ''),
  credential: constantFrom('k1', 'k2', ''),
  status: constantFrom(200, 404, 503),
  requests: integer({ min: 1, max: 1000 }),
  bucket: integer({ min: 0, max: LATENCY_BOUNDS.length }),
})
const step = oneof(
  {
    weight: 6,
    arbitrary: record({
      kind: constantFrom('tell' as const),
      isolate: constantFrom('i1', 'i2', 'i3'),
      counts: array(countOf, { maxLength: 6 }),
    }),
  },
  { weight: 3, arbitrary: record({ kind: constantFrom('again' as const), isolate: constantFrom('i1', 'i2', 'i3') }) },
  { weight: 2, arbitrary: record({ kind: constantFrom('evict' as const) }) },
  { weight: 2, arbitrary: record({ kind: constantFrom('alarm' as const) }) },
  { weight: 2, arbitrary: record({ kind: constantFrom('pass' as const), minutes: integer({ min: 1, max: 300 }) }) },
)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('usage', () => {
  test('any split into batches, told again, in any order, with evictions and alarms between, has the sums of a list', async () => {
    await assert(
      asyncProperty(array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        vi.setSystemTime(START)
        const stub = INSIGHT.getByName(crypto.randomUUID())
        const all: UsageCount[] = []
        const last = new Map<string, Told>()
        for (const one of steps) {
          // One that is not awake has nothing to forget.
          if (one.kind === 'evict') await stub.newest({}).then(async () => evictDurableObject(stub))
          else if (one.kind === 'alarm') await runDurableObjectAlarm(stub)
          else if (one.kind === 'pass') vi.setSystemTime(Date.now() + one.minutes * MINUTE)
          else if (one.kind === 'again') {
            const told = last.get(one.isolate)
            if (told !== undefined) await stub.ingest({ isolate: one.isolate, observations: [], ...told })
          } else {
            const current = Math.floor(Date.now() / MINUTE) * MINUTE
            const usage = one.counts.map(({ back, consumer, credential, status, requests, bucket }) =>
              usageCount({ minute: current - back * MINUTE, consumer, credential, status, requests, latency: latency(bucket, requests) }),
            )
            const told = { sequence: (last.get(one.isolate)?.sequence ?? 0) + 1, usage }
            last.set(one.isolate, told)
            all.push(...usage)
            await stub.ingest({ isolate: one.isolate, observations: [], ...told })
          }
        }
        await expectSame(stub, all)
      }),
      { numRuns: 40 },
    )
  }, 120_000)
})

/** By hour, by day, and of one consumer. */
async function expectSame(stub: ReturnType<typeof INSIGHT.getByName>, all: readonly UsageCount[]): Promise<void> {
  const sumOf = (counts: readonly UsageCount[]): number => counts.reduce((sum, { requests }) => sum + requests, 0)
  const first = Math.floor(START / DAY) * DAY - DAY
  for (const [name, stepMs, steps] of [
    ['hour', HOUR, 240],
    ['day', DAY, 10],
  ] as const) {
    const told = await stub.usage({ from: first, to: first + steps * stepMs, step: name, by: ['status', 'credential'] })
    const expected = Array.from({ length: steps }, (_, index) =>
      sumOf(all.filter(({ minute }) => Math.floor((minute - first) / stepMs) === index)),
    )
    expect(told.total.series).toEqual(expected)
    expect([told.total.requests, told.total.errors]).toEqual([sumOf(all), sumOf(all.filter(({ status }) => status >= 400))])
    expect(told.total.latency).toEqual(
      Array.from({ length: LATENCY_BOUNDS.length + 1 }, (_, bucket) => all.reduce((sum, one) => sum + (one.latency[bucket] ?? 0), 0)),
    )
    for (const { key, requests } of told.groups)
      expect(requests).toBe(
        sumOf(all.filter(({ status, credential }) => String(status) === key['status'] && credential === key['credential'])),
      )
    const ofOne = await stub.usage({ from: first, to: first + steps * stepMs, step: name, consumers: ['a'] })
    expect(ofOne.total.requests).toBe(sumOf(all.filter(({ consumer }) => consumer === 'a')))
  }
  const used = await stub.lastUsed(['k1', 'k2'])
  for (const credential of ['k1', 'k2']) {
    const minutes = all.filter((one) => one.credential === credential).map(({ minute }) => minute)
    expect(used[credential]).toBe(minutes.length === 0 ? undefined : Math.max(...minutes))
  }
}

describe('fit()', () => {
  const kinds = (count: number, changes: (index: number) => Partial<UsageCount>) =>
    Array.from({ length: count }, (_, index) => usageCount({ requests: index + 1, ...changes(index) }))

  test('kinds beyond the room are counted by consumer and status, then by status; nothing is lost, and the largest keep their place', () => {
    const counts = kinds(30, (index) => ({ consumer: `c${index}` }))
    const fitted = fit(counts, new Set(), 10)
    expect(fitted.reduce((sum, { requests }) => sum + requests, 0)).toBe(465)
    expect(fitted.slice(0, 10).map(({ consumer, route }) => [consumer, route])).toEqual(
      Array.from({ length: 10 }, (_, index) => [`c${29 - index}`, 'GET /orders']),
    )
    expect(
      fitted
        .slice(10, 20)
        .every(
          ({ consumer, route, credential, code }) => consumer !== 'other' && [route, credential, code].every((part) => part === 'other'),
        ),
    ).toBe(true)
    expect(fitted.slice(20)).toMatchObject([{ consumer: 'other', route: 'other', status: 200, requests: 55 }])
  })

  test('what is known already keeps its kind, however full', () => {
    const known = usageCount({ consumer: 'known' })
    const others = kinds(5, (index) => ({ consumer: `c${index}` }))
    const fitted = fit([known, ...others], new Set([kindOf(known), 'x', 'y']), 3)
    expect(fitted.find(({ consumer }) => consumer === 'known')).toMatchObject({ route: 'GET /orders', requests: 1 })
  })

  test('just as many as there is room for are kept apart', () => {
    expect(
      fit(
        kinds(10, (index) => ({ code: `c${index}` })),
        new Set(),
        10,
      ),
    ).toHaveLength(10)
    expect(
      fit(
        kinds(11, (index) => ({ code: `c${index}` })),
        new Set(),
        10,
      ).map(({ code }) => code),
    ).toContain('other')
  })
})

test('a batch is read as it was written', () => {
  const counts = [usageCount({ consumer: 'ü"\n,', requests: 7 }), usageCount({ status: 503 })]
  expect(unpack(pack(counts), (minute) => minute)).toEqual(counts)
})

describe('what is written', () => {
  test('a row for each call and each kind a minute, however many isolates tell of it', async () => {
    const written = await runInDurableObject(INSIGHT.getByName(crypto.randomUUID()), (_, { storage }) => {
      let rows = 0
      const sql = {
        exec: (query: string, ...values: SqlStorageValue[]) => {
          const cursor = storage.sql.exec(query, ...values)
          const found = cursor.toArray()
          rows += cursor.rowsWritten
          return Object.assign(found, { toArray: () => found, one: () => found[0] })
        },
      } as unknown as SqlStorage
      const store = openUsage({ sql, transactionSync: (work) => storage.transactionSync(work) })
      rows = 0
      const [isolates, kinds, minutes] = [20, 50, 10]
      for (let call = 0; call < minutes * 6; call += 1) {
        const now = START + call * 10_000
        const minute = Math.floor(now / MINUTE) * MINUTE
        const usage = Array.from({ length: kinds }, (__, kind) => usageCount({ minute, route: `r${kind}`, requests: 10 }))
        for (let isolate = 0; isolate < isolates; isolate += 1)
          store.add({ isolate: `i${isolate}`, sequence: call + 1, usage, observations: [] }, now)
        if (call % 6 === 5) store.tidy(now)
      }
      return { rows, requests: isolates * kinds * minutes * 6 * 10, calls: isolates * minutes * 6 }
    })
    expect(written.requests).toBe(600_000)
    // A call is a row that is written and dropped; a minute is a row of each kind and of each isolate.
    expect(written.rows).toBeLessThanOrEqual(2 * written.calls + 10 * (50 + 20) + 10)
  })
})
