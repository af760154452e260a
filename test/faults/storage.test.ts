import { reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import type { LedgerRequest } from '../../src/limits/ledger.ts'
import { limitOf } from '../support/limits.ts'
import { random, record } from '../support/replay-records.ts'

const { BACKUP, LEDGER, REPLAY, REVOCATIONS } = env as unknown as Bindings
const FAR = Date.UTC(2036, 0, 1)
const limit = limitOf({ name: 'q', quota: { count: 3, period: 'year' }, chargeOn: 'request', consistency: 'strict' })
const request: LedgerRequest = { holder: 'test', asks: [{ limit, mode: 'spend', want: 1, needed: 1 }], settled: [] }

/** The disk takes no transaction meanwhile, as SQLite says SQLITE_FULL. */
async function whileFull<Result>(storage: DurableObjectStorage, work: () => Promise<Result>): Promise<Result> {
  const transactionSync = storage.transactionSync.bind(storage)
  storage.transactionSync = () => {
    throw new Error('database or disk is full: SQLITE_FULL')
  }
  try {
    return await work()
  } finally {
    storage.transactionSync = transactionSync
  }
}
const rejected = (answers: readonly PromiseSettledResult<unknown>[]): number => answers.filter(({ status }) => status === 'rejected').length

afterEach(async () => {
  await reset()
})

describe('the disk of an object is full', () => {
  test('ledger: calls fail, and what was never written was never spent', async () => {
    const stub = LEDGER.getByName('full')
    expect((await stub.grant(request)).status).toBe('granted')
    const failed = await runInDurableObject(stub, async (ledger, { storage }) =>
      whileFull(storage, async () => Promise.allSettled([1, 2, 3, 4].map(async () => ledger.grant(request)))),
    )
    expect(rejected(failed)).toBe(4)
    const statuses = []
    for (let sent = 0; sent < 3; sent += 1) statuses.push((await stub.grant(request)).status)
    expect(statuses).toEqual(['granted', 'granted', 'refused'])
  })

  test('replay memory: nobody hears fresh, and afterwards one does', async () => {
    const stub = REPLAY.getByName('full')
    const used = record()
    const failed = await runInDurableObject(stub, async (shard, { storage }) =>
      whileFull(storage, async () => Promise.allSettled([1, 2].map(async () => shard.use({ ...used, token: random() }, Date.now())))),
    )
    expect(rejected(failed)).toBe(2)
    const answers = await Promise.all([1, 2, 3].map(async () => stub.use({ ...used, token: random() }, Date.now())))
    expect(answers.toSorted()).toEqual(['fresh', 'replayed', 'replayed'])
  })

  test('revocation feed: nothing is revoked by half, and afterwards all of it is', async () => {
    const stub = REVOCATIONS.getByName('full')
    const entries = ['a', 'b'].map((id) => ({ target: { type: 'key' as const, id }, expiresAt: FAR, reason: 'leaked' }))
    await stub.status()
    const failed = await runInDurableObject(stub, async (feed, { storage }) =>
      whileFull(storage, async () => Promise.allSettled([feed.append(entries)])),
    )
    expect(rejected(failed)).toBe(1)
    expect((await stub.status()).entries).toBe(0)
    expect(await stub.append(entries)).toHaveLength(2)
  })
})

describe('an alarm', () => {
  test('of the feed that failed until the platform gives it up is set anew: the second copy comes once KV is back', async () => {
    const stub = REVOCATIONS.getByName('alarm')
    await stub.append([{ target: { type: 'key', id: 'a' }, expiresAt: FAR, reason: 'leaked' }])
    const kv = vi.spyOn(BACKUP, 'put').mockRejectedValue(new Error('KV is down'))
    try {
      await runInDurableObject(stub, async (feed, { storage }) => {
        await storage.deleteAlarm()
        const repeated = (retryCount: number): AlarmInvocationInfo => ({ isRetry: true, retryCount, scheduledTime: FAR })
        await expect(feed.alarm(repeated(3))).rejects.toThrow('KV is down')
        expect(await storage.getAlarm()).toBeNull()
        await feed.alarm(repeated(4))
        expect(await storage.getAlarm()).toBeGreaterThan(Date.now())
      })
    } finally {
      kv.mockRestore()
    }
    await runInDurableObject(stub, async (feed) => feed.alarm())
    expect(await BACKUP.get(`revocation-feed:${stub.id.toString()}`)).not.toBeNull()
  })

  test('of the ledger that comes twice forgets nothing that counts', async () => {
    const stub = LEDGER.getByName('twice')
    for (let sent = 0; sent < 3; sent += 1) await stub.grant(request)
    await runInDurableObject(stub, async (ledger) => {
      await ledger.alarm()
      await ledger.alarm()
    })
    expect((await stub.grant(request)).status).toBe('refused')
  })

  test('of the replay memory that comes twice, or early, forgets no id that counts', async () => {
    const stub = REPLAY.getByName('twice')
    const used = record()
    await stub.use(used, Date.now())
    await runInDurableObject(stub, async (shard) => {
      await shard.alarm()
      await shard.alarm()
    })
    expect(await stub.use({ ...used, token: random() }, Date.now())).toBe('replayed')
  })
})
