import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { RECORD_BYTES, windowOf } from '../../src/replay/replay-index.ts'
import { MAX_IDS, MAX_WAITING, type ReplayShard } from '../../src/replay/replay-object.ts'
import { createReplayMemory, SHARDS_PER_SCOPE } from '../../src/replay/replay-store.ts'
import { LIFE, random, record } from '../support/replay-records.ts'

/** A table is two rows of the schema; the alarm, which no cursor counts, is a third. */
const WINDOW_ROWS = 2
const { REPLAY } = env as unknown as Bindings

afterEach(async () => {
  await reset()
})

describe('rows written', () => {
  test('a lone id is one row, and the first of a window sets it up', async () => {
    const stub = REPLAY.getByName('lone')
    const expiresAt = Date.now() + LIFE
    await stub.use(record({ expiresAt }), Date.now())
    expect((await stub.stats()).rowsWritten).toBe(WINDOW_ROWS + 1)
    await stub.use(record({ expiresAt }), Date.now())
    expect((await stub.stats()).rowsWritten).toBe(WINDOW_ROWS + 2)
  })

  test('a replay writes nothing', async () => {
    const stub = REPLAY.getByName('replay')
    const used = record()
    await stub.use(used, Date.now())
    const { rowsWritten } = await stub.stats()
    for (let copy = 0; copy < 20; copy++) await stub.use({ ...used, token: random() }, Date.now())
    expect((await stub.stats()).rowsWritten).toBe(rowsWritten)
  })

  test('1,000 ids in one burst take at most 0.05 rows each', async () => {
    const stub = REPLAY.getByName('burst')
    const expiresAt = Date.now() + LIFE
    const answers = await runInDurableObject(stub, async (shard) =>
      Promise.all(Array.from({ length: 1000 }, async () => shard.use(record({ expiresAt }), Date.now()))),
    )
    expect(new Set(answers)).toEqual(new Set(['fresh']))
    const { ids, rows, rowsWritten } = await stub.stats()
    expect(ids).toBe(1000)
    expect(rows).toBe(rowsWritten - WINDOW_ROWS)
    expect(rowsWritten / 1000).toBeLessThanOrEqual(0.05)
  })

  test('to forget a window writes no row and gives its space back', async () => {
    const stub = REPLAY.getByName('forget')
    await stub.use(record(), Date.now())
    const empty = await stub.stats()
    await runInDurableObject(stub, (_shard, { storage }) => {
      storage.sql.exec('create table ids_1_1 (id integer primary key, ids blob not null)')
      storage.sql.exec('insert into ids_1_1 (ids) values (?)', packNumbers(0, 10_000, 1))
    })
    await evictDurableObject(stub)
    expect(await stub.stats()).toMatchObject({ ids: 10_001, windows: 2, rows: 2 })
    await runDurableObjectAlarm(stub)
    const { bytes, ...left } = await stub.stats()
    expect(left).toEqual({ ids: 1, windows: 1, rows: 1, rowsWritten: 0 })
    expect(bytes).toBeLessThanOrEqual(empty.bytes + 8192)
  })

  test('the alarm is set again only for a window that ends earlier: it would be a row each time', async () => {
    const stub = REPLAY.getByName('alarm')
    const now = Date.now()
    const alarms = await runInDurableObject(stub, async (shard, { storage }) => {
      const setAlarm = vi.spyOn(storage, 'setAlarm')
      const counts: number[] = []
      for (const life of [3_600_000, 3_600_000, 7_000_000, 1, 3_600_000]) {
        await shard.use(record({ expiresAt: now + life }), now)
        counts.push(setAlarm.mock.calls.length)
      }
      return { counts, next: await storage.getAlarm() }
    })
    expect(alarms.counts).toEqual([1, 1, 1, 2, 2])
    expect(alarms.next).toBeLessThan(now + 1_000_000)
  })
})

/** So many ids, told apart by a number. */
function packNumbers(from: number, to: number, expiresAt: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((to - from) * RECORD_BYTES)
  const view = new DataView(bytes.buffer)
  for (let number = from; number < to; number++) {
    view.setUint32((number - from) * RECORD_BYTES, number)
    view.setFloat64((number - from + 1) * RECORD_BYTES - 8, expiresAt, true)
  }
  return bytes
}

/** A shard that holds so many ids in rows of 40,000, all of one window that is dropped then. */
async function fill(stub: DurableObjectStub<ReplayShard>, ids: number, dropAt: number): Promise<void> {
  await runInDurableObject(stub, (_shard, { storage }) => {
    const expiresAt = Date.now() + 3_600_000
    const table = `ids_${windowOf(expiresAt)}_${dropAt}`
    storage.sql.exec(`create table ${table} (id integer primary key, ids blob not null)`)
    for (let from = 0; from < ids; from += 40_000) {
      storage.sql.exec(`insert into ${table} (ids) values (?)`, packNumbers(from, Math.min(from + 40_000, ids), expiresAt))
    }
  })
  await evictDurableObject(stub)
}

describe('bounds', () => {
  test('a shard takes its last id, and nothing beyond: not even one that waits; what it holds it still knows', async () => {
    const stub = REPLAY.getByName('full')
    await fill(stub, MAX_IDS - 1, Date.now() + 7_200_000)
    const [last, beyond] = [record(), record()]
    const outcome = await runInDurableObject(stub, async (shard) =>
      Promise.allSettled([last, beyond].map(async (one) => shard.use(one, Date.now()))),
    )
    expect(outcome).toMatchObject([{ value: 'fresh' }, { reason: { message: 'replay shard is full' } }])
    const again = await runInDurableObject(stub, async (shard) =>
      Promise.allSettled([last, beyond, { ...last, token: random() }].map(async (one) => shard.use(one, Date.now()))),
    )
    expect(again).toMatchObject([{ value: 'fresh' }, { status: 'rejected' }, { value: 'replayed' }])
    expect(await stub.stats()).toMatchObject({ ids: MAX_IDS, windows: 2 })
  }, 30_000)

  test('a full shard whose window is over makes room by itself, should the alarm be late', async () => {
    const stub = REPLAY.getByName('late')
    await fill(stub, MAX_IDS, 1)
    expect(await stub.use(record(), Date.now())).toBe('fresh')
    expect(await stub.stats()).toMatchObject({ ids: 1, windows: 1 })
  }, 30_000)
})

describe('a disk that hangs', () => {
  test('10,000 ids may wait for it, one more is an error at once; when it is back, all that waited pass', async () => {
    const outcome = await runInDurableObject(REPLAY.getByName('hangs'), async (shard, { storage }) => {
      const disk = Promise.withResolvers<void>()
      storage.sync = async () => disk.promise
      const now = Date.now()
      const ids = Array.from({ length: MAX_WAITING }, () => record())
      const waiting = ids.map(async (used) => shard.use(used, now))
      const beyond = await Promise.allSettled([shard.use(record(), now)])
      const [first = record()] = ids
      const copy = shard.use({ ...first, token: random() }, now)
      disk.resolve()
      const answers = new Set(await Promise.all(waiting))
      return { beyond, answers: [...answers], copy: await copy, later: await shard.use(record(), now) }
    })
    expect(outcome).toMatchObject({
      beyond: [{ reason: { message: 'replay shard waits for its disk' } }],
      answers: ['fresh'],
      copy: 'replayed',
      later: 'fresh',
    })
  })
})

describe('stats()', () => {
  test('sums the shards of one scope, and of no other', async () => {
    const memory = createReplayMemory(REPLAY)
    const now = Date.now()
    const use = async (scope: string, number: number): Promise<unknown> =>
      memory.use({ scope, id: `n-${number}`, expiresAt: now + LIFE }, now)
    await Promise.all(Array.from({ length: 40 }, async (_, number) => use('a', number)))
    await use('b', 1)
    const { bytes, ...held } = await memory.stats('a')
    expect(held).toMatchObject({ ids: 40, windows: SHARDS_PER_SCOPE })
    expect(held.rows).toBe(held.rowsWritten - SHARDS_PER_SCOPE * WINDOW_ROWS)
    expect(bytes).toBeGreaterThan(0)
    expect(await memory.stats('b')).toMatchObject({ ids: 1, windows: 1, rows: 1 })
    expect(await memory.stats('c')).toMatchObject({ ids: 0, windows: 0, rows: 0, rowsWritten: 0 })
  })
})
