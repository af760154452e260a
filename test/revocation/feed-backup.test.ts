import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { CHUNK_BYTES, CHUNKS_PER_CALL } from '../../src/revocation/feed-backup.ts'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'

const FAR = Date.UTC(2036, 0, 1)
const { REVOCATIONS, BACKUP } = env as unknown as Bindings
type Feed = DurableObjectStub<RevocationFeed>
type Manifest = { readonly version: number; readonly chunks: readonly { readonly key: string; readonly entries: number }[] }

const feedOf = (): Feed => REVOCATIONS.getByName(crypto.randomUUID())
const nameOf = (feed: Feed): string => `revocation-feed:${feed.id.toString()}`
const manifestOf = async (feed: Feed): Promise<Manifest> => (await BACKUP.get<Manifest>(nameOf(feed), 'json')) ?? { version: 0, chunks: [] }
const keysOf = async (feed: Feed): Promise<string[]> => (await manifestOf(feed)).chunks.map(({ key }) => key)
const entryOf = (id: string, expiresAt = FAR, reason = 'leaked') => ({ target: { type: 'key', id } as const, expiresAt, reason })
async function idsOf(feed: Feed): Promise<string[]> {
  const ids: string[] = []
  for (let page = await feed.since(undefined); ; page = await feed.since(page.position)) {
    ids.push(...page.entries.map(({ target }) => target.id))
    if (!page.hasMore) return ids
  }
}
const alarm = async (feed: Feed): Promise<void> => runInDurableObject(feed, async (object: RevocationFeed) => object.alarm())
/** Half a chunk. */
const large = (id: string, expiresAt = FAR) => entryOf(id, expiresAt, 'x'.repeat(CHUNK_BYTES / 6))

/** The object of nothing but its second copy. */
async function loseStorage(feed: Feed): Promise<void> {
  await runInDurableObject(feed, async (_object, { storage }) => storage.deleteAll())
  await evictDurableObject(feed)
}

// The objects' clock is so far ahead that no alarm goes off by itself.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2035, 0, 1) }))
afterEach(() => void vi.useRealTimers())

/** A feed of the given entries, all in the second copy. */
async function backedUp(...entries: readonly ReturnType<typeof entryOf>[]): Promise<Feed> {
  const feed = feedOf()
  for (const entry of entries) await feed.append([entry])
  await alarm(feed)
  return feed
}

describe('the second copy of the feed', () => {
  test('comes back from several chunks, in order, and goes on behind them', async () => {
    const feed = await backedUp(large('a'), large('b'), large('c'), large('d'), entryOf('e'))
    expect((await manifestOf(feed)).chunks.map(({ entries }) => entries)).toEqual([2, 2, 1])
    await loseStorage(feed)
    expect(await idsOf(feed)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(await feed.status()).toEqual({ entries: 5, latest: 5 })
    expect(await feed.append([entryOf('f')])).toMatchObject([{ sequence: 6 }])
    await alarm(feed)
    await loseStorage(feed)
    expect(await idsOf(feed)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test('no chunk is near what KV takes, even of text of three bytes a unit', async () => {
    const wide = (id: string) => entryOf(id, FAR, '\u20AC'.repeat(CHUNK_BYTES / 6))
    const feed = await backedUp(wide('a'), wide('b'), wide('c'))
    const sizes = await Promise.all(
      (await keysOf(feed)).map(async (key) => ((await BACKUP.get(key, 'arrayBuffer')) ?? { byteLength: 0 }).byteLength),
    )
    expect(sizes).toHaveLength(2)
    expect(Math.max(...sizes)).toBeLessThan(20 * 2 ** 20)
  })

  test('only the last chunk is written anew; what it replaces stays for those who read the earlier manifest', async () => {
    const feed = await backedUp(large('a'), large('b'), entryOf('c'))
    const before = await keysOf(feed)
    await feed.append([entryOf('d')])
    await alarm(feed)
    const after = await keysOf(feed)
    expect([after.length, after[0]]).toEqual([2, before[0]])
    expect(after[1]).not.toBe(before[1])
    expect(await BACKUP.get(before[1] ?? '')).not.toBeNull()
  })

  test('what was replaced is removed later', async () => {
    const feed = await backedUp(entryOf('a'))
    const [old = ''] = await keysOf(feed)
    await feed.append([entryOf('b')])
    await alarm(feed)
    await runInDurableObject(feed, async (_object, { storage }) => storage.sql.exec('update replaced set at = 0'))
    await alarm(feed)
    expect(await BACKUP.get(old)).toBeNull()
    await loseStorage(feed)
    expect(await idsOf(feed)).toEqual(['a', 'b'])
  })

  test('an alarm writes a bounded number of chunks, and the manifest when all are there', async () => {
    const feed = feedOf()
    for (let index = 0; index <= CHUNKS_PER_CALL * 2; index += 1) await feed.append([large(`k${index}`)])
    // Nothing else of this alarm is due.
    await runInDurableObject(feed, async (_object, { storage }) => storage.deleteAlarm())
    await alarm(feed)
    expect(await keysOf(feed)).toEqual([])
    await runInDurableObject(feed, async (_object, { storage }) => {
      expect((await storage.getAlarm()) ?? Number.POSITIVE_INFINITY).toBeLessThan(Date.now() + 60_000)
      await storage.deleteAlarm()
    })
    await alarm(feed)
    expect(await keysOf(feed)).toHaveLength(CHUNKS_PER_CALL + 1)
  })

  test('a chunk stays until all in it has expired', async () => {
    const soon = Date.now() + 3_600_000
    const feed = await backedUp(large('a', soon), large('b', soon), large('c', soon), large('d'))
    const [first, second] = await keysOf(feed)
    const expire = async (...ids: readonly number[]): Promise<void> => {
      await runInDurableObject(feed, async (_object, { storage }) => {
        for (const id of ids) storage.sql.exec('update entries set expires_at = 1 where sequence = ?', id)
      })
      await alarm(feed)
    }
    await expire(1, 3)
    expect(await keysOf(feed)).toEqual([first, second])
    await expire(2)
    expect(await keysOf(feed)).toEqual([second])
    await loseStorage(feed)
    expect(await idsOf(feed)).toEqual(['c', 'd'])
  })

  test('a copy that ends before its manifest leaves the earlier one whole, and the chunks beyond it count', async () => {
    const feed = await backedUp(large('a'), entryOf('b'))
    await feed.append([large('c')])
    await runInDurableObject(feed, async (object: RevocationFeed) => {
      const broken = failingAt(nameOf(feed))
      try {
        await expect(object.alarm()).rejects.toThrow('KV is down')
      } finally {
        broken.mend()
      }
    })
    await loseStorage(feed)
    expect(await idsOf(feed)).toEqual(['a', 'b', 'c'])
  })

  test.each([
    ['a chunk is missing', async (key: string) => BACKUP.delete(key), 'lacks entries 3 to 3'],
    ['a chunk lacks an entry', async (key: string) => BACKUP.put(key, '[]'), 'lacks entries 3 to 3'],
    ['a chunk is cut off', async (key: string) => BACKUP.put(key, '[[1,{"target":'), 'JSON'],
  ])('%s: the feed does not begin, and does once the chunk is back', async (_what, tear, message) => {
    const feed = await backedUp(large('a'), large('b'), entryOf('c'))
    const [, last = ''] = await keysOf(feed)
    const whole = (await BACKUP.get(last)) ?? ''
    await tear(last)
    await loseStorage(feed)
    await expect((async () => feed.since(undefined))()).rejects.toThrow(message)
    await expect((async () => feed.append([entryOf('d')]))()).rejects.toThrow(message)
    await BACKUP.put(last, whole)
    const again = REVOCATIONS.get(feed.id)
    expect(await idsOf(again)).toEqual(['a', 'b', 'c'])
  })

  test('a copy of another version is not read as an empty one', async () => {
    const feed = await backedUp(entryOf('a'))
    await BACKUP.put(nameOf(feed), '[{"target":{"type":"key","id":"a"}}]')
    await loseStorage(feed)
    await expect((async () => feed.since(undefined))()).rejects.toThrow('version')
  })
})

/** KV that takes everything but one key. */
function failingAt(name: string): { mend: () => void } {
  const put = BACKUP.put.bind(BACKUP)
  const broken = async (key: string, ...rest: readonly unknown[]): Promise<void> => {
    if (key === name) throw new Error('KV is down')
    await Reflect.apply(put, undefined, [key, ...rest])
  }
  Object.defineProperty(BACKUP, 'put', { value: broken, configurable: true, writable: true })
  return { mend: () => Object.defineProperty(BACKUP, 'put', { value: put, configurable: true, writable: true }) }
}
