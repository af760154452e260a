import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import type { LedgerRequest } from '../../src/limits/ledger.ts'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'
import { limitOf } from '../support/limits.ts'
import { LIFE, random, record } from '../support/replay-records.ts'

const { BACKUP, LEDGER, REPLAY, REVOCATIONS } = env as unknown as Bindings
/** So far ahead that no alarm goes off by itself: to the objects it never does. */
const NOW = Date.UTC(2035, 0, 1)
const MINUTE = 60_000
const DAY = 86_400_000

// Objects and tests share one isolate, and so its clock.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOW }))
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})
const at = (offset: number): void => void vi.setSystemTime(NOW + offset)
const dropAlarm = async <Class extends Rpc.DurableObjectBranded>(stub: DurableObjectStub<Class>): Promise<void> =>
  runInDurableObject(stub, async (_object, { storage }) => storage.deleteAlarm())

describe('the alarm never fires', () => {
  test('ledger: quotas begin and end as they do with it', async () => {
    const stub = LEDGER.getByName('never')
    const limit = limitOf({ name: 'm', quota: { count: 2, period: 'minute' }, chargeOn: 'request' })
    const request: LedgerRequest = { holder: 'one', asks: [{ limit, mode: 'spend', want: 1 }], settled: [] }
    for (const minute of [0, 1, 100_000]) {
      at(minute * MINUTE)
      const statuses: string[] = []
      for (let sent = 0; sent < 3; sent += 1) statuses.push((await stub.grant(request)).status)
      expect(statuses).toEqual(['granted', 'granted', 'refused'])
      await dropAlarm(stub)
      await evictDurableObject(stub)
    }
  })

  test('replay memory: ids end at their time, and what is over is dropped with the next alarm', async () => {
    const stub = REPLAY.getByName('never')
    const used = record()
    expect(await stub.use(used, NOW)).toBe('fresh')
    await dropAlarm(stub)
    at(LIFE - 1)
    expect(await stub.use({ ...used, token: random() }, NOW + LIFE - 1)).toBe('replayed')
    at(DAY)
    const later = { ...used, token: random(), expiresAt: NOW + DAY + LIFE }
    expect(await stub.use(later, NOW + DAY)).toBe('fresh')
    expect(await stub.use({ ...later, token: random() }, NOW + DAY)).toBe('replayed')
    await runInDurableObject(stub, async (shard) => shard.alarm())
    expect(await stub.use({ ...later, token: random() }, NOW + DAY)).toBe('replayed')
    expect(await stub.stats()).toMatchObject({ ids: 1, windows: 1 })
  })

  test('feed: the next entry sets it anew a minute after it was due, and at once where the object began anew', async () => {
    const stub = REVOCATIONS.getByName('never')
    const entry = { target: { type: 'key' as const, id: 'a' }, expiresAt: NOW + 10 * DAY, reason: 'leaked' }
    const dueAt = async (): Promise<number | null> => runInDurableObject(stub, async (_feed, { storage }) => storage.getAlarm())
    await stub.append([entry])
    await dropAlarm(stub)
    at(2000 + MINUTE - 1)
    await stub.append([entry])
    expect(await dueAt()).toBeNull()
    at(2000 + MINUTE)
    await stub.append([entry])
    expect(await dueAt()).toBe(NOW + MINUTE + 4000)
    await dropAlarm(stub)
    await evictDurableObject(stub)
    await stub.append([entry])
    expect(await dueAt()).toBe(NOW + MINUTE + 4000)
    expect((await stub.since(undefined)).entries).toHaveLength(4)
  })
})

describe('the alarm fires twice, or early', () => {
  test('feed: nothing is forgotten that counts, and the second copy is whole', async () => {
    const stub = REVOCATIONS.getByName('twice')
    const entryOf = (id: string) => ({ target: { type: 'key' as const, id }, expiresAt: NOW + 1, reason: 'leaked' })
    await stub.append([entryOf('a'), entryOf('b')])
    await runInDurableObject(stub, async (feed: RevocationFeed) => {
      await Promise.all([feed.alarm(), feed.alarm()])
      await feed.alarm()
    })
    expect((await stub.since(undefined)).entries).toHaveLength(2)
    await runInDurableObject(stub, async (_feed, { storage }) => storage.deleteAll())
    await evictDurableObject(stub)
    expect((await stub.since(undefined)).entries.map(({ target }) => target.id)).toEqual(['a', 'b'])
    const manifest = await BACKUP.get<{ readonly chunks: readonly unknown[] }>(`revocation-feed:${stub.id.toString()}`, 'json')
    expect(manifest?.chunks).toHaveLength(1)
  })
})
