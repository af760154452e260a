import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { array, assert, asyncProperty, constant, integer, oneof, record as recordOf } from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { WRITES_AT_ONCE } from '../../src/replay/group-commit.ts'
import type { ReplayRecord } from '../../src/replay/replay-index.ts'
import type { ReplayShard } from '../../src/replay/replay-object.ts'
import { createReplayMemory } from '../../src/replay/replay-store.ts'
import { LIFE, random, record } from '../support/replay-records.ts'

const { REPLAY } = env as unknown as Bindings
const copyOf = (used: ReplayRecord): ReplayRecord => ({ ...used, token: random() })
const freshOf = (answers: readonly PromiseSettledResult<string>[]): number =>
  answers.filter((answer) => answer.status === 'fulfilled' && answer.value === 'fresh').length

/** Uses up what may be written at once, so that the next ids gather. */
async function keepBusy(stub: DurableObjectStub<ReplayShard>): Promise<void> {
  await Promise.all(Array.from({ length: WRITES_AT_ONCE }, async () => stub.use(record(), Date.now())))
}

/** The object is gone at once, with all that it had not written. */
async function crash(stub: DurableObjectStub<ReplayShard>): Promise<void> {
  await runInDurableObject(stub, (_shard, state) => {
    state.abort('crash')
  }).catch(() => undefined)
}

afterEach(async () => {
  await reset()
})

describe('exactly one', () => {
  test.each([50, 1000])('of %i copies through several stubs, while the shard gathers', async (copies) => {
    const stubs = Array.from({ length: 5 }, () => REPLAY.getByName('copies'))
    const [first = REPLAY.getByName('copies')] = stubs
    await keepBusy(first)
    const used = record()
    const answers = await Promise.allSettled(
      Array.from({ length: copies }, async (_, index) => (stubs[index % stubs.length] ?? first).use(copyOf(used), Date.now())),
    )
    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(freshOf(answers)).toBe(1)
  })

  test('of 1,000 copies through memories of their own', async () => {
    const now = Date.now()
    const entry = { scope: 'http-signature:acme-1', id: 'n', expiresAt: now + LIFE }
    const answers = await Promise.allSettled(Array.from({ length: 1000 }, async () => createReplayMemory(REPLAY).use(entry, now)))
    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(freshOf(answers)).toBe(1)
  })

  test('of 100 ids with ten copies each, mixed, in one batch', async () => {
    const stub = REPLAY.getByName('mixed')
    await keepBusy(stub)
    const ids = Array.from({ length: 100 }, () => record())
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ids)
        .flat()
        .map(async (used) => stub.use(copyOf(used), Date.now())),
    )
    for (const index of ids.keys()) {
      expect(answers.filter((answer, at) => at % ids.length === index && answer === 'fresh')).toHaveLength(1)
    }
  })
})

describe('eviction', () => {
  test('between batches: what a batch held is known again, whatever its window', async () => {
    const stub = REPLAY.getByName('between')
    await keepBusy(stub)
    const now = Date.now()
    const ids = [1, 60_000, LIFE, 3_600_000, 7_200_000].map((life) => record({ expiresAt: now + life }))
    expect(await Promise.all(ids.map(async (used) => stub.use(used, now)))).toEqual(ids.map(() => 'fresh'))
    const before = await stub.stats()
    await evictDurableObject(stub)
    expect(await Promise.all(ids.map(async (used) => stub.use(copyOf(used), now)))).toEqual(ids.map(() => 'replayed'))
    expect(await Promise.all(ids.map(async (used) => stub.use(used, now)))).toEqual(ids.map(() => 'fresh'))
    expect(await stub.stats()).toMatchObject({ ids: before.ids, rows: before.rows, windows: before.windows, rowsWritten: 0 })
  })

  test('in the middle of a batch waits for it', async () => {
    const stub = REPLAY.getByName('middle')
    await keepBusy(stub)
    const now = Date.now()
    const ids = Array.from({ length: 20 }, () => record())
    const asked = Promise.all(ids.map(async (used) => stub.use(used, now)))
    await runInDurableObject(stub, () => undefined)
    await evictDurableObject(stub)
    expect(await asked).toEqual(ids.map(() => 'fresh'))
    expect(await Promise.all(ids.map(async (used) => stub.use(copyOf(used), now)))).toEqual(ids.map(() => 'replayed'))
  })
})

describe('a crash', () => {
  test('while a batch gathers: nobody heard fresh, and one of the copies that come later does', async () => {
    const stub = REPLAY.getByName('gathering')
    await keepBusy(stub)
    const used = record()
    const asked = Promise.allSettled([used, copyOf(used)].map(async (one) => stub.use(one, Date.now())))
    await crash(stub)
    expect((await asked).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    const later = await Promise.all(Array.from({ length: 10 }, async () => REPLAY.getByName('gathering').use(copyOf(used), Date.now())))
    expect(later.filter((answer) => answer === 'fresh')).toHaveLength(1)
  })

  test('after the row is durable, before anybody heard: the call that reserved it hears fresh, and no other', async () => {
    const stub = REPLAY.getByName('durable')
    await keepBusy(stub)
    await runInDurableObject(stub, (_shard, state) => {
      const sync = state.storage.sync.bind(state.storage)
      state.storage.sync = async () => {
        await sync()
        state.abort('crash')
      }
    })
    const [used, other] = [record(), record()]
    const asked = await Promise.allSettled([used, copyOf(used), other].map(async (one) => stub.use(one, Date.now())))
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    const again = REPLAY.getByName('durable')
    expect(await again.use(copyOf(used), Date.now())).toBe('replayed')
    expect(await again.use(used, Date.now())).toBe('fresh')
    expect(await again.use(copyOf(other), Date.now())).toBe('replayed')
  })

  test('a batch that never was written frees its ids: the same calls again hear fresh', async () => {
    const stub = REPLAY.getByName('lost')
    await keepBusy(stub)
    const used = record()
    const outcome = await runInDurableObject(stub, async (shard, state) => {
      const transactionSync = state.storage.transactionSync.bind(state.storage)
      state.storage.transactionSync = () => {
        throw new Error('disk')
      }
      const answers = await Promise.allSettled([used, copyOf(used)].map(async (one) => shard.use(one, Date.now())))
      state.storage.transactionSync = transactionSync
      return answers.map(({ status }) => status)
    })
    expect(outcome).toEqual(['rejected', 'rejected'])
    expect(await stub.use(used, Date.now())).toBe('fresh')
    expect(await stub.use(copyOf(used), Date.now())).toBe('replayed')
  })

  test('nobody is answered while the row is on its way to the disk', async () => {
    const outcome = await runInDurableObject(REPLAY.getByName('slow'), async (shard, state) => {
      const [disk, handedOver] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      state.storage.sync = async () => {
        handedOver.resolve()
        return disk.promise
      }
      const used = record()
      const heard: string[] = []
      const calls = [used, used, copyOf(used)].map(async (one) => heard.push(await shard.use(one, Date.now())))
      await handedOver.promise
      await new Promise((resolve) => void setTimeout(resolve, 0))
      const early = [...heard]
      disk.resolve()
      await Promise.all(calls)
      return { early, heard: heard.toSorted() }
    })
    expect(outcome).toEqual({ early: [], heard: ['fresh', 'fresh', 'replayed'] })
  })
})

/** The exact model: an id is used until the end it was used with. */
function useIn(ends: Map<number, number>, id: number, now: number, expiresAt: number): string {
  if ((ends.get(id) ?? 0) > now) return 'replayed'
  ends.set(id, expiresAt)
  return 'fresh'
}

describe('any order of calls, evictions and time', () => {
  const hashes = Array.from({ length: 6 }, random)
  const call = recordOf({
    kind: constant('use' as const),
    ids: array(
      recordOf({
        id: integer({ min: 0, max: hashes.length - 1 }),
        life: oneof(integer({ min: 1, max: 5000 }), integer({ min: 1, max: 7_200_000 })),
      }),
      {
        minLength: 1,
        maxLength: 8,
      },
    ),
  })
  const steps = array(
    oneof(
      call,
      recordOf({ kind: constant('evict' as const) }),
      recordOf({ kind: constant('wait' as const), ms: integer({ min: 1, max: 1_000_000 }) }),
    ),
    { maxLength: 12 },
  )

  test('agrees with a list of ends', async () => {
    let run = 0
    await assert(
      asyncProperty(steps, async (taken) => {
        const stub = REPLAY.getByName(`property-${run++}`)
        const ends = new Map<number, number>()
        const [heard, expected]: [string[], string[]] = [[], []]
        let now = Date.now()
        await stub.stats()
        for (const step of taken) {
          if (step.kind === 'wait') now += step.ms
          else if (step.kind === 'evict') {
            await evictDurableObject(stub)
            await stub.stats()
          } else {
            const records = step.ids.map(({ id, life }) => record({ hash: hashes[id] ?? random(), expiresAt: now + life }))
            expected.push(...step.ids.map(({ id, life }) => useIn(ends, id, now, now + life)))
            heard.push(...(await Promise.all(records.map(async (one) => stub.use(one, now)))))
          }
        }
        expect(heard).toEqual(expected)
      }),
      { numRuns: 40 },
    )
  }, 30_000)
})
