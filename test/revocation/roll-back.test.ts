import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createRevocationsOf } from '../../src/revocation/feed-client.ts'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'
import { createTestShare, keyOf } from '../support/feed.ts'
import { loseStorage, remember, setBack, type Feed } from '../support/feed-storage.ts'

const FAR = Date.UTC(2036, 0, 1)
const { REVOCATIONS } = env as unknown as Bindings

const feedOf = (): Feed => REVOCATIONS.getByName(crypto.randomUUID())
const revoke = async (feed: Feed, ...ids: readonly string[]): Promise<void> => {
  await feed.append(ids.map((id) => ({ target: { type: 'key', id } as const, expiresAt: FAR * 2, reason: 'leaked' })))
}
const idsOf = async (feed: Feed): Promise<string[]> => (await feed.since(undefined)).entries.map(({ target }) => target.id)
const alarm = async (feed: Feed): Promise<void> => runInDurableObject(feed, async (object: RevocationFeed) => object.alarm())

// The objects' clock is so far ahead that no alarm goes off by itself.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2035, 0, 1) }))
afterEach(() => void vi.useRealTimers())

describe('the storage of the feed is set back to an earlier time', () => {
  test('a reader that was further reads from the start, and misses nothing that took the same numbers', async () => {
    const feed = feedOf()
    await revoke(feed, 'a', 'b')
    const early = await remember(feed)
    const before = await feed.since(undefined)
    await revoke(feed, 'lost1', 'lost2')
    const ahead = await feed.since(before.position)
    await setBack(feed, early)
    await revoke(feed, 'new1', 'new2')
    expect(await idsOf(feed)).toEqual(['a', 'b', 'new1', 'new2'])
    const again = await feed.since(ahead.position)
    expect([again.from, again.position.sequence, again.entries.length]).toEqual([0, ahead.position.sequence, 4])
    // Who was not further than the storage is goes on from there.
    expect((await feed.since(before.position)).entries.map(({ target }) => target.id)).toEqual(['new1', 'new2'])
    expect((await feed.since(again.position)).entries).toEqual([])
  })

  test('a reader that was further, before anything is written again', async () => {
    const feed = feedOf()
    await revoke(feed, 'a')
    const early = await remember(feed)
    await revoke(feed, 'lost')
    const { position } = await feed.since(undefined)
    await setBack(feed, early)
    expect(await feed.since(position)).toMatchObject({ from: 0, position: { sequence: 1 } })
  })

  test('isolates know what came after within the bound, and forget nothing that they knew', async () => {
    const feed = feedOf()
    const share = createTestShare()
    let now = FAR
    const isolate = () => createRevocationsOf(async (position) => feed.since(position), { boundSeconds: 5, share, now: () => now })
    const [one, other] = [isolate(), isolate()]
    const knows = async (by: typeof one, id: string): Promise<boolean> =>
      (await (await by.snapshot(now, () => undefined, 'edge.example')).find(keyOf(id))) !== undefined
    await revoke(feed, 'a')
    const early = await remember(feed)
    await revoke(feed, 'lost')
    expect([await knows(one, 'lost'), await knows(other, 'lost')]).toEqual([true, true])
    await setBack(feed, early)
    await revoke(feed, 'new')
    now += 5000
    expect([await knows(one, 'new'), await knows(other, 'new'), await knows(one, 'lost')]).toEqual([true, true, true])
    expect(await knows(isolate(), 'new')).toBe(true)
  })

  test('what the second copy has beyond it comes back', async () => {
    const feed = feedOf()
    await revoke(feed, 'a')
    await alarm(feed)
    const early = await remember(feed)
    await revoke(feed, 'b')
    await feed.change({ target: { type: 'key', id: 'k' }, patch: { disabled: true }, expiresAt: FAR, reason: 'off' }, FAR)
    await alarm(feed)
    await setBack(feed, early)
    expect(await idsOf(feed)).toEqual(['a', 'b', 'k'])
    expect(await feed.status()).toMatchObject({ entries: 3 })
    expect((await feed.since(undefined)).entries[2]?.changed).toEqual({ disabled: { at: FAR, value: true } })
    // And is in the copy that is written anew.
    await alarm(feed)
    await evictDurableObject(feed)
    expect(await idsOf(feed)).toEqual(['a', 'b', 'k'])
    await loseStorage(feed)
    expect(await idsOf(feed)).toEqual(['a', 'b', 'k'])
  })
})
