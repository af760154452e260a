import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { type ReplayRecord, windowOf } from '../../src/replay/replay-index.ts'
import type { ReplayShard } from '../../src/replay/replay-object.ts'
import { createReplayMemory, SHARDS_PER_SCOPE } from '../../src/replay/replay-store.ts'
import { LIFE, random, record } from '../support/replay-records.ts'

const { REPLAY } = env as unknown as Bindings
const tablesOf = async (stub: DurableObjectStub<ReplayShard>): Promise<string[]> =>
  runInDurableObject(stub, (_shard, state) =>
    state.storage.sql
      .exec<{ name: string }>("select name from sqlite_master where name like 'ids_%'")
      .toArray()
      .map(({ name }) => name),
  )

afterEach(async () => {
  await reset()
})

describe('ReplayShard', () => {
  test('an id is still used after an eviction', async () => {
    const stub = REPLAY.getByName('evicted')
    const used = record()
    expect(await stub.use(used, Date.now())).toBe('fresh')
    await evictDurableObject(stub)
    expect(await stub.use({ ...used, token: random() }, Date.now())).toBe('replayed')
  })

  test('with an eviction in the middle exactly one of 50 passes', async () => {
    const names = new Set<string>()
    const getByName = (name: string): unknown => {
      names.add(name)
      return REPLAY.getByName(name)
    }
    const memory = createReplayMemory({ getByName } as unknown as DurableObjectNamespace<ReplayShard>)
    const now = Date.now()
    const use = async (): Promise<string> => memory.use({ scope: 'http-signature:acme-1', id: 'n', expiresAt: now + LIFE }, now)
    const first = Array.from({ length: 25 }, use)
    await first[0]
    const [name = ''] = names
    await evictDurableObject(REPLAY.getByName(name))
    const answers = await Promise.allSettled([...first, ...Array.from({ length: 25 }, use)])
    expect(answers.filter((answer) => answer.status === 'fulfilled' && answer.value === 'fresh')).toHaveLength(1)
    expect(names.size).toBe(1)
    expect(answers.slice(25)).toEqual(Array.from({ length: 25 }, () => ({ status: 'fulfilled', value: 'replayed' })))
  })

  test('the same call again is no replay; another call is', async () => {
    const stub = REPLAY.getByName('token')
    const used = record()
    expect(await stub.use(used, Date.now())).toBe('fresh')
    expect(await stub.use(used, Date.now())).toBe('fresh')
    expect(await stub.use({ ...used, token: random() }, Date.now())).toBe('replayed')
  })

  test('the alarm drops a whole window once it is over, and leaves the others', async () => {
    const stub = REPLAY.getByName('alarm')
    const [early, late] = [Date.now() - 7_200_000, Date.now()]
    await stub.use(record({ expiresAt: early + LIFE }), early)
    await stub.use(record({ expiresAt: late + LIFE }), late)
    const [first = '', second] = (await tablesOf(stub)).toSorted()
    expect(second).toMatch(new RegExp(`^ids_${windowOf(late + LIFE)}_[0-9]+$`, 'u'))
    await runInDurableObject(stub, (_shard, state) => {
      state.storage.sql.exec(`alter table ${first} rename to ids_${windowOf(early + LIFE)}_1`)
    })
    await evictDurableObject(stub)
    expect(await stub.stats()).toMatchObject({ ids: 2, windows: 2, rows: 2 })
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect(await tablesOf(stub)).toEqual([second])
    expect(await stub.stats()).toMatchObject({ ids: 1, windows: 1, rows: 1 })
    expect(await runInDurableObject(stub, async (_shard, state) => state.storage.getAlarm())).toBeGreaterThan(late + LIFE)
  })

  test('a window is kept by distance, not by the callers clock', async () => {
    const stub = REPLAY.getByName('skew')
    const yesterday = Date.now() - 86_400_000
    const used = record({ expiresAt: yesterday + LIFE })
    await stub.use(used, yesterday)
    await runDurableObjectAlarm(stub)
    expect(await stub.use({ ...used, token: random() }, yesterday)).toBe('replayed')
  })

  test('a record out of bounds is never stored', async () => {
    const now = Date.now()
    const records = [
      { hash: new Uint8Array(15) },
      { token: new Uint8Array(17) },
      { expiresAt: now },
      { expiresAt: now + 7_200_001 },
      { expiresAt: now + 0.5 },
    ]
    const outcome = await runInDurableObject(REPLAY.getByName('bounds'), async (shard) =>
      Promise.allSettled(records.map(async (overrides) => shard.use(record(overrides), now))),
    )
    expect(outcome.map(({ status }) => status)).toEqual(records.map(() => 'rejected'))
    expect(await tablesOf(REPLAY.getByName('bounds'))).toEqual([])
  })
})

/** A namespace whose first answer is lost with an error of these properties, after the insertion was made. */
function losing(properties: object): { namespace: DurableObjectNamespace<ReplayShard>; names: string[] } {
  const names: string[] = []
  const getByName = (name: string): unknown => {
    names.push(name)
    const stub = REPLAY.getByName(name)
    const use = async (used: ReplayRecord, now: number): Promise<never> => {
      await stub.use(used, now)
      throw Object.assign(new Error('lost'), properties)
    }
    return names.length > 1 ? stub : { use }
  }
  return { namespace: { getByName } as unknown as DurableObjectNamespace<ReplayShard>, names }
}

describe('createReplayMemory()', () => {
  test('a lost answer is asked for again with a new stub, and the rightful caller passes', async () => {
    const { namespace, names } = losing({ retryable: true })
    const now = Date.now()
    const entry = { scope: 's', id: 'n', expiresAt: now + LIFE }
    expect(await createReplayMemory(namespace).use(entry, now)).toBe('fresh')
    expect(names).toHaveLength(2)
    expect(await createReplayMemory(REPLAY).use(entry, now)).toBe('replayed')
  })

  test.each([{}, { overloaded: true, retryable: true }, { remote: true }])('an error with %o is passed on', async (properties) => {
    const { namespace, names } = losing(properties)
    const now = Date.now()
    await expect(createReplayMemory(namespace).use({ scope: 's', id: 'n', expiresAt: now + LIFE }, now)).rejects.toThrow('lost')
    expect(names).toHaveLength(1)
  })

  test('names of objects hold neither scope nor id, and ids spread over all shards of the scope', async () => {
    const names = new Set<string>()
    const namespace = {
      getByName: (name: string) => (names.add(name), { use: async () => 'fresh' }),
    } as unknown as DurableObjectNamespace<ReplayShard>
    const memory = createReplayMemory(namespace)
    const now = Date.now()
    for (let index = 0; index < 400; index++)
      await memory.use({ scope: 'http-signature:acme-1', id: `nonce-${index}`, expiresAt: now + LIFE }, now)
    expect(names.size).toBe(SHARDS_PER_SCOPE)
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{32}\.[0-9]{1,2}$/u)
  })
})
