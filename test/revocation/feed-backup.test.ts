import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { CHUNK_BYTES, CHUNKS_PER_CALL, KEEP_REPLACED_MS } from '../../src/revocation/feed-backup.ts'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'
import { loseStorage, type Feed } from '../support/feed-storage.ts'

const FAR = Date.UTC(2036, 0, 1)
const { REVOCATIONS, BACKUP } = env as unknown as Bindings
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

/** What a chunk in KV holds. */
const storedOf = async (key: string): Promise<readonly unknown[]> => (await BACKUP.get<readonly unknown[]>(key, 'json')) ?? []
const entriesOf = async (feed: Feed) => {
  const entries = []
  for (let page = await feed.since(undefined); ; page = await feed.since(page.position)) {
    entries.push(...page.entries)
    if (!page.hasMore) return entries
  }
}
/** Their time comes, and an alarm. */
async function expire(feed: Feed, ...sequences: readonly number[]): Promise<void> {
  await runInDurableObject(feed, async (object: RevocationFeed, { storage }) => {
    for (const sequence of sequences) storage.sql.exec('update entries set expires_at = 1 where sequence = ?', sequence)
    await object.alarm()
  })
}
/** As many alarms as there is work for. */
async function settled(feed: Feed): Promise<void> {
  for (let call = 0; call < 5; call += 1) await alarm(feed)
}
/** The manifest of now, as KV may still serve it later. */
async function copyOf(feed: Feed): Promise<{ putBack: () => Promise<void> }> {
  const text = (await BACKUP.get(nameOf(feed))) ?? ''
  return { putBack: async () => BACKUP.put(nameOf(feed), text) }
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

  test('a chunk stays until half of it is gone, is then written anew, and goes with its last entry', async () => {
    const part = (id: string, share: number) => entryOf(id, FAR, 'x'.repeat((CHUNK_BYTES / 3) * share))
    const feed = await backedUp(part('a', 0.25), part('b', 0.375), part('c', 0.375), large('d'), large('e'))
    const [first, second] = await keysOf(feed)
    await expire(feed, 1)
    expect(await keysOf(feed)).toEqual([first, second])
    await expire(feed, 2)
    const [anew = '', same] = await keysOf(feed)
    expect([anew === first, same, (await storedOf(anew)).length]).toEqual([false, second, 1])
    await expire(feed, 3)
    expect(await keysOf(feed)).toEqual([second])
    await loseStorage(feed)
    expect(await idsOf(feed)).toEqual(['d', 'e'])
  })

  test('neighbours that fit into one chunk become one; a call writes a bounded number', async () => {
    const feed = feedOf()
    const ids = Array.from({ length: 36 }, (_, index) => `k${index}`)
    for (const id of ids) await feed.append([entryOf(id, FAR, 'x'.repeat(CHUNK_BYTES / 9))])
    await settled(feed)
    const countsOf = async () => (await manifestOf(feed)).chunks.map(({ entries }) => entries)
    expect(await countsOf()).toEqual(Array.from({ length: 12 }, () => 3))
    // Of each chunk one entry stays; two of them make one.
    await expire(feed, ...ids.flatMap((_, index) => (index % 3 === 1 ? [] : [index + 1])))
    expect(await countsOf()).toEqual([2, 2, 2, 2, 3, 3, 3, 3])
    await alarm(feed)
    expect(await countsOf()).toEqual([2, 2, 2, 2, 2, 2])
    expect(await idsOf(feed)).toEqual(ids.filter((_, index) => index % 3 === 1))
  }, 30_000)

  test('after many expiries, in any order, the copy is less than twice what lives', async () => {
    const part = (id: string) => entryOf(id, FAR, 'x'.repeat(CHUNK_BYTES / 30))
    const feed = feedOf()
    const count = 60
    for (let index = 0; index < count; index += 1) await feed.append([part(`k${index}`)])
    await settled(feed)
    expect(await keysOf(feed)).toHaveLength(6)
    const living = new Set(Array.from({ length: count }, (_, index) => index + 1))
    for (let round = 0; round < 7; round += 1) {
      // Every other one, from places that differ: 60, 30, 15, … remain.
      await expire(feed, ...[...living].filter((_, index) => index % 2 === round % 2))
      for (const gone of [...living].filter((_, index) => index % 2 === round % 2)) living.delete(gone)
      await settled(feed)
      const sizes = await Promise.all((await keysOf(feed)).map(async (key) => ((await BACKUP.get(key)) ?? '').length))
      const stored = sizes.reduce((sum, size) => sum + size, 0)
      const live = (await entriesOf(feed)).reduce((sum, entry) => sum + JSON.stringify(entry).length, 0)
      expect(stored, `round ${round}`).toBeLessThan(2 * live + 1)
      expect(sizes.length).toBeLessThanOrEqual((2 * live * 3) / CHUNK_BYTES + 2)
      expect(new Set((await entriesOf(feed)).map(({ sequence }) => sequence))).toEqual(living)
    }
    // Replaced ones go once no manifest that KV serves can name them.
    vi.setSystemTime(Date.now() + KEEP_REPLACED_MS)
    await settled(feed)
    expect((await BACKUP.list({ prefix: `${nameOf(feed)}:` })).keys.map(({ name }) => name).toSorted()).toEqual(
      (await keysOf(feed)).toSorted(),
    )
  }, 60_000)

  test.each(['the merged chunk is not taken', 'the manifest is not taken', 'old chunks are not removed'] as const)(
    'the object dies in the middle of that, %s: nothing is lost, and the next one ends it',
    async (what) => {
      const feed = await backedUp(large('a'), large('b'), large('c'), large('d'), entryOf('e'))
      const old = await keysOf(feed)
      const isOf = (key: string): boolean => (key === nameOf(feed)) === (what === 'the manifest is not taken')
      if (what === 'old chunks are not removed') {
        await expire(feed, 2, 4)
        vi.setSystemTime(Date.now() + KEEP_REPLACED_MS)
      }
      const fault = failing(what === 'old chunks are not removed' ? 'delete' : 'put', isOf)
      try {
        await expect(expire(feed, 2, 4)).rejects.toThrow('KV is down')
      } finally {
        fault.mend()
      }
      expect(await Promise.all(old.map(async (key) => (await BACKUP.get(key)) !== null))).toEqual([true, true, true])
      const early = await copyOf(feed)
      // However late the next one is: until its manifest is written, the earlier one is all that is served.
      vi.setSystemTime(Date.now() + KEEP_REPLACED_MS)
      await evictDurableObject(feed)
      await settled(feed)
      expect(await idsOf(feed)).toEqual(['a', 'c', 'e'])
      expect((await Promise.all((await keysOf(feed)).map(storedOf))).flat()).toHaveLength(3)
      await early.putBack()
      await loseStorage(feed)
      expect((await idsOf(feed)).filter((id) => !['b', 'd'].includes(id))).toEqual(['a', 'c', 'e'])
    },
  )

  test('a copy that ends before its manifest leaves the earlier one whole, and the chunks beyond it count', async () => {
    const feed = await backedUp(large('a'), entryOf('b'))
    await feed.append([large('c')])
    await runInDurableObject(feed, async (object: RevocationFeed) => {
      const broken = failing('put', (key) => key === nameOf(feed))
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

/** KV that fails at some keys. */
function failing(method: 'put' | 'delete', isOf: (key: string) => boolean): { mend: () => void } {
  const whole = BACKUP[method].bind(BACKUP)
  const broken = async (key: string, ...rest: readonly unknown[]): Promise<void> => {
    if (isOf(key)) throw new Error('KV is down')
    await Reflect.apply(whole, undefined, [key, ...rest])
  }
  Object.defineProperty(BACKUP, method, { value: broken, configurable: true, writable: true })
  return { mend: () => Object.defineProperty(BACKUP, method, { value: whole, configurable: true, writable: true }) }
}
