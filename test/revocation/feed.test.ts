import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createRevocationsOf, type ReadFeed } from '../../src/revocation/feed-client.ts'
import { FORGOTTEN_PER_ALARM, MAX_ENTRIES, PAGE_ENTRIES, type RevocationFeed } from '../../src/revocation/feed-object.ts'
import type { Revocable } from '../../src/revocation/revocations.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const LATER = Date.UTC(2036, 0, 1)
const { REVOCATIONS } = env as unknown as Bindings
const entryOf = (id: string, expiresAt = LATER) => ({ target: { type: 'key', id } as const, expiresAt, reason: 'leaked' })
const keyOf = (id: string): Revocable => ({ kind: 'api-key', issuer: 'portcullis', subject: 'acme', credentialId: id })
const feedOf = () => REVOCATIONS.getByName(crypto.randomUUID())

describe('RevocationFeed', () => {
  test('eviction between two calls forgets nothing, and positions stay good', async () => {
    const feed = feedOf()
    await feed.append([entryOf('a')])
    const { position } = await feed.since(undefined)
    await evictDurableObject(feed)
    await feed.append([entryOf('b')])
    expect((await feed.since(position)).entries.map(({ target }) => target.id)).toEqual(['b'])
    expect((await feed.since(undefined)).entries.map(({ sequence }) => sequence)).toEqual([1, 2])
  })

  test.each([
    { sequence: 1, mark: 'other' },
    { sequence: 99, mark: 'other' },
    { sequence: 0, mark: '' },
  ])('a position that the feed never gave reads everything: %j', async (position) => {
    const feed = feedOf()
    await feed.append([entryOf('a')])
    expect(await feed.since(position)).toMatchObject({ from: 0, entries: [{ sequence: 1 }] })
  })

  test('lost storage comes back from the second copy, and is read anew', async () => {
    const feed = feedOf()
    await feed.append([entryOf('kept')])
    await runDurableObjectAlarm(feed)
    const { position } = await feed.since(undefined)
    await runInDurableObject(feed, async (_object, { storage }) => storage.deleteAll())
    await evictDurableObject(feed)
    const page = await feed.since(position)
    expect(page.entries.map(({ target }) => target.id)).toEqual(['kept'])
    expect([page.from, page.position.sequence]).toEqual([0, position.sequence])
    expect(page.position.mark).not.toBe(position.mark)
  })

  test('the alarm forgets what has expired, and a sequence is never used again', async () => {
    const feed = feedOf()
    await feed.append([entryOf('over', 1)])
    await runDurableObjectAlarm(feed)
    expect(await feed.status()).toMatchObject({ entries: 0 })
    const [next] = await feed.append([entryOf('next')])
    expect(next?.sequence).toBe(2)
  })

  test('a long feed is handed out in pages', async () => {
    const feed = feedOf()
    await feed.append(Array.from({ length: PAGE_ENTRIES + 1 }, (_, index) => entryOf(`k${index}`)))
    const first = await feed.since(undefined)
    expect([first.entries.length, first.hasMore]).toEqual([PAGE_ENTRIES, true])
    const second = await feed.since(first.position)
    expect([second.entries.length, second.hasMore]).toEqual([1, false])
  })

  test('a feed of a million is full: the last place can be taken, and none after it', async () => {
    const feed = feedOf()
    await runInDurableObject(feed, async (_object: RevocationFeed, { storage }) => {
      storage.sql.exec(
        `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${MAX_ENTRIES - 1})
         insert into entries (entry, expires_at) select '{}', ${LATER} from n`,
      )
      // Counted when it is opened.
      storage.sql.exec('delete from total')
    })
    await evictDurableObject(feed)
    expect(await feed.status()).toEqual({ entries: 999_999, latest: 999_999 })
    await expect((async () => feed.append([entryOf('one'), entryOf('two')]))()).rejects.toThrow('full')
    await feed.append([entryOf('one')])
    await expect((async () => feed.append([entryOf('two')]))()).rejects.toThrow('full')
    await evictDurableObject(feed)
    expect(await feed.status()).toEqual({ entries: 1_000_000, latest: 1_000_000 })
  })

  test('one alarm forgets a bounded number, and another one follows', async () => {
    const feed = feedOf()
    await runInDurableObject(feed, async (_object: RevocationFeed, { storage }) => {
      storage.sql.exec(
        `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${FORGOTTEN_PER_ALARM + 1})
         insert into entries (entry, expires_at) select '{"expiresAt":1}', 1 from n`,
      )
      storage.sql.exec('update total set entries = ?', FORGOTTEN_PER_ALARM + 1)
    })
    const left = await runInDurableObject(feed, async (object: RevocationFeed, { storage }) => {
      await object.alarm()
      const { entries } = await object.status()
      expect((await storage.getAlarm()) ?? 0).toBeLessThan(Date.now() + 60_000)
      await object.alarm()
      return [entries, (await object.status()).entries]
    })
    expect(left).toEqual([1, 0])
  })
})

describe('createRevocationsOf()', () => {
  /** A feed in memory that counts how often it is read. */
  const scripted = () => {
    const entries: { id: string }[] = []
    let [reads, isDown] = [0, false]
    const read: ReadFeed = async (position) => {
      reads += 1
      if (isDown) throw new Error('down')
      const after = entries
        .slice(position?.sequence ?? 0)
        .map(({ id }, index) => Object.assign(entryOf(id), { sequence: (position?.sequence ?? 0) + index + 1 }))
      return { from: position?.sequence ?? 0, position: { sequence: entries.length, mark: 'e' }, entries: after, hasMore: false }
    }
    return {
      read,
      revoke: (id: string) => entries.push({ id }),
      reads: () => reads,
      setDown: (value: boolean) => {
        isDown = value
      },
    }
  }
  const noDefer = (): void => {
    throw new Error('nothing to defer here')
  }

  test('the first protected request waits for the feed', async () => {
    const feed = scripted()
    feed.revoke('a')
    const snapshot = await createRevocationsOf(feed.read, { boundSeconds: 5 }).snapshot(NOW, noDefer)
    expect(snapshot.find(keyOf('a'))).toBe('leaked')
  })

  test('within half the bound nothing is read; from then on once, after the response; at the bound the request waits', async () => {
    const feed = scripted()
    const revocations = createRevocationsOf(feed.read, { boundSeconds: 5 })
    await revocations.snapshot(NOW, noDefer)
    void revocations.snapshot(NOW + 2499, noDefer)
    const tasks: { run: () => Promise<void> }[] = []
    const defer = (task: { run: () => Promise<void> }): void => {
      tasks.push(task)
    }
    void revocations.snapshot(NOW + 2500, defer)
    void revocations.snapshot(NOW + 2600, defer)
    expect([tasks.length, feed.reads()]).toEqual([1, 1])
    feed.revoke('late')
    await tasks[0]?.run()
    const fresh = revocations.snapshot(NOW + 2700, noDefer)
    expect(fresh instanceof Promise ? undefined : fresh.find(keyOf('late'))).toBe('leaked')
    expect(revocations.snapshot(NOW + 2500 + 4999, defer)).not.toBeInstanceOf(Promise)
    const waited = revocations.snapshot(NOW + 2500 + 5000, defer)
    expect(waited).toBeInstanceOf(Promise)
    await waited
  })

  test('a feed that is down: the snapshot counts until the bound, then nothing is decided', async () => {
    const feed = scripted()
    const revocations = createRevocationsOf(feed.read, { boundSeconds: 5 })
    await revocations.snapshot(NOW, noDefer)
    feed.setDown(true)
    expect(revocations.snapshot(NOW + 2000, noDefer)).not.toBeInstanceOf(Promise)
    await expect((async () => revocations.snapshot(NOW + 5000, noDefer))()).rejects.toThrow('down')
    feed.setDown(false)
    await expect((async () => revocations.snapshot(NOW + 5001, noDefer))()).resolves.toBeDefined()
  })

  test('a background refresh that failed is tried again by the next request', async () => {
    const feed = scripted()
    const revocations = createRevocationsOf(feed.read, { boundSeconds: 5 })
    await revocations.snapshot(NOW, noDefer)
    const tasks: { run: () => Promise<void> }[] = []
    const defer = (task: { run: () => Promise<void> }): void => {
      tasks.push(task)
    }
    feed.setDown(true)
    void revocations.snapshot(NOW + 2500, defer)
    await expect(tasks[0]?.run()).rejects.toThrow('down')
    void revocations.snapshot(NOW + 2501, defer)
    expect(tasks).toHaveLength(2)
  })
})
