import { describe, expect, test } from 'vitest'
import { createColoCache } from '../../src/credentials/colo-cache.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { encodeBase64Url } from '../../src/http/base64url.ts'
import { CLOCK_SKEW_MS, createRevocationsOf, type ReadFeed, type RevocationsOptions } from '../../src/revocation/feed-client.ts'
import { createFeedShare, type FeedShare } from '../../src/revocation/feed-share.ts'
import { MAX_RECENT } from '../../src/revocation/held-feed.ts'
import type { Defer, Revocable, Revocation } from '../../src/revocation/revocations.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const BOUND = 5000
const secret = parseRootSecret(`g1:${encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`, {
  gateway: 'edge',
  environment: 'test',
})
const entryOf = (id: string, sequence: number): Revocation => ({
  sequence,
  target: { type: 'key', id },
  expiresAt: NOW * 2,
  reason: 'leaked',
})
const keyOf = (id: string): Revocable => ({ kind: 'api-key', issuer: 'portcullis', subject: 'acme', credentialId: id })

/** A feed in memory, in pages, and one data centre before it. */
function scene(pageEntries = 1000) {
  const authority = `${crypto.randomUUID()}.example`
  const share = createFeedShare(secret)
  const entries: Revocation[] = []
  const asked: (number | undefined)[] = []
  const state = { now: NOW, isDown: false, epoch: 'e' }
  const read: ReadFeed = async (position) => {
    asked.push(position?.sequence)
    if (state.isDown) throw new Error('down')
    const from = position?.mark === state.epoch ? position.sequence : 0
    const page = entries.slice(from, from + pageEntries)
    return { from, position: { mark: state.epoch, sequence: from + page.length }, entries: page, hasMore: page.length === pageEntries }
  }
  return {
    authority,
    share,
    asked,
    state,
    revoke: (...ids: string[]): void => {
      for (const id of ids) entries.push(entryOf(id, entries.length + 1))
    },
    /** Asks at the scene's time; what is deferred runs before the answer. */
    isolate: (options: Partial<RevocationsOptions> = {}, of: FeedShare = share) => {
      const revocations = createRevocationsOf(read, { boundSeconds: BOUND / 1000, share: of, now: () => state.now, ...options })
      return async (id: string): Promise<string | undefined> => {
        const tasks: (() => Promise<void>)[] = []
        const defer: Defer = ({ run }) => {
          tasks.push(run)
        }
        const snapshot = await revocations.snapshot(state.now, defer, authority)
        const found = await snapshot.find(keyOf(id))
        for (const run of tasks) await run()
        return found
      }
    },
  }
}

describe('isolates of one data centre', () => {
  test('read the object once, and once for each poll of them all', async () => {
    const { isolate, asked, state, revoke } = scene()
    revoke('a')
    const isolates = Array.from({ length: 10 }, () => isolate())
    for (const find of isolates) expect(await find('a')).toBe('leaked')
    expect(asked).toEqual([undefined])
    revoke('b')
    for (const [after, reads] of [
      [BOUND / 2 - CLOCK_SKEW_MS - 1, 1],
      [BOUND / 2, 2],
    ] as const) {
      state.now = NOW + after
      for (const find of isolates) await find('b')
      expect(asked).toHaveLength(reads)
    }
    for (const find of isolates) expect(await find('b')).toBe('leaked')
    expect(asked).toEqual([undefined, 1])
  })

  test('a copy is as old as it was when it was read, and the skew of clocks', async () => {
    const { isolate, state, asked, revoke } = scene()
    await isolate()('a')
    state.now = NOW + 1000
    const second = isolate()
    await second('a')
    expect(asked).toHaveLength(1)
    revoke('a')
    // The copy was of NOW, so it counts until the bound after that, less the skew; an isolate that is asked late waits.
    state.now = NOW + BOUND - CLOCK_SKEW_MS
    expect(await second('a')).toBe('leaked')
    expect(asked).toHaveLength(2)
  })

  test.each([
    ['just young enough', BOUND / 2 - CLOCK_SKEW_MS - 1, 1],
    ['just too old', BOUND / 2 - CLOCK_SKEW_MS, 2],
    ['just not too far ahead', -CLOCK_SKEW_MS, 1],
    ['just too far ahead', -CLOCK_SKEW_MS - 1, 2],
  ])('a copy that is %s', async (_what, after, reads) => {
    const { isolate, state, asked } = scene()
    await isolate()('a')
    state.now = NOW + after
    await isolate()('a')
    expect(asked).toHaveLength(reads)
  })

  test('an isolate that begins reads a long feed from others, and of the object nothing', async () => {
    const { isolate, state, asked, revoke } = scene(1000)
    revoke(...Array.from({ length: 2500 }, (_, index) => `k${index}`))
    expect(await isolate()('k0')).toBe('leaked')
    expect(asked).toEqual([undefined, 1000, 2000])
    asked.splice(0)
    state.now = NOW + 1000
    const second = isolate()
    for (const id of ['k0', 'k999', 'k1000', 'k2499']) expect(await second(id)).toBe('leaked')
    expect(await second('k2500')).toBeUndefined()
    expect(asked).toEqual([])
  })

  test.each([
    [MAX_RECENT, []],
    [MAX_RECENT + 1, [0]],
  ])('who missed %i entries catches up', async (missed, reads) => {
    const { isolate, state, asked, revoke } = scene(10_000)
    const [busy, slow] = [isolate(), isolate()]
    await busy('a')
    await slow('a')
    revoke(...Array.from({ length: missed }, (_, index) => `k${index}`))
    state.now = NOW + BOUND / 2
    await busy('a')
    asked.splice(0)
    state.now = NOW + BOUND
    expect(await slow('k0')).toBe('leaked')
    expect(asked.filter((position) => position === 0)).toEqual(reads)
  })

  test('a feed made anew is read whole, and what the old one had still counts', async () => {
    const { isolate, state, asked, revoke } = scene()
    revoke('a', 'b')
    const [one, other] = [isolate(), isolate()]
    await one('a')
    await other('a')
    state.epoch = 'f'
    state.now = NOW + BOUND
    for (const find of [one, other]) expect([await find('a'), await find('b')]).toEqual(['leaked', 'leaked'])
    expect(asked).toEqual([undefined, 2, 2])
  })

  test('an announcement makes the next one read the object', async () => {
    const { isolate, revoke, share, authority, asked } = scene()
    await isolate()('a')
    revoke('a')
    expect(await isolate()('a')).toBeUndefined()
    await createRevocationsOf(async () => Promise.reject(new Error('not read')), { boundSeconds: 5, share }).announce?.(authority)
    expect(await isolate()('a')).toBe('leaked')
    expect(asked).toHaveLength(2)
  })
})

describe('a cache that others write to', () => {
  const cache = createColoCache(secret, { purpose: 'revocation-cache', folder: 'revocations', maxBytes: 1e6 })
  const forger = createColoCache(
    parseRootSecret(`g1:${encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`, { gateway: 'edge', environment: 'test' }),
    {
      purpose: 'revocation-cache',
      folder: 'revocations',
      maxBytes: 1e6,
    },
  )
  const emptyHead = JSON.stringify({ readAt: NOW, position: { mark: 'e', sequence: 0 }, from: 0, entries: [] })

  test.each(['head', 'whole'])('a forged %s is read past', async (name) => {
    const { isolate, authority, revoke, asked } = scene()
    revoke('a')
    await forger.put(authority, name, emptyHead, 60)
    expect(await isolate()('a')).toBe('leaked')
    expect(asked).toEqual([undefined])
  })

  test('an old head that is put back proves nothing of now', async () => {
    const { isolate, authority, revoke, state, asked } = scene()
    await cache.put(authority, 'head', emptyHead, 60)
    expect(await isolate()('a')).toBeUndefined()
    expect(asked).toEqual([])
    revoke('a')
    state.now = NOW + BOUND / 2
    expect(await isolate()('a')).toBe('leaked')
    await cache.put(authority, 'head', emptyHead, 60)
    expect(await isolate()('a')).toBe('leaked')
    expect(asked).toEqual([0, 0])
  })

  test('what another version of the gateway wrote is read past', async () => {
    const { isolate, authority, revoke } = scene()
    revoke('a')
    await cache.put(authority, 'head', 'not JSON', 60)
    await cache.put(authority, 'whole', '{"mark":"e","sequence":1}\nnot a snapshot', 60)
    expect(await isolate()('a')).toBe('leaked')
  })

  test('one that fails costs a read and nothing else', async () => {
    const { isolate, share, revoke, asked } = scene()
    revoke('a')
    const broken: FeedShare = { ...share, head: async () => undefined, whole: async () => undefined }
    for (const find of [isolate({}, broken), isolate({}, broken)]) expect(await find('a')).toBe('leaked')
    expect(asked).toEqual([undefined, undefined])
  })
})

describe('an outage of the feed', () => {
  test('with a grace the old snapshot counts until bound and grace, and is asked for again after a second', async () => {
    const { isolate, state, asked } = scene()
    const find = isolate({ graceSeconds: 10 })
    await find('a')
    state.isDown = true
    state.now = NOW + BOUND
    expect(await find('a')).toBeUndefined()
    state.now += 999
    expect(await find('a')).toBeUndefined()
    expect(asked).toHaveLength(2)
    state.now += 1
    expect(await find('a')).toBeUndefined()
    expect(asked).toHaveLength(3)
    state.now = NOW + 14_999
    expect(await find('a')).toBeUndefined()
    state.now = NOW + 15_000
    await expect(find('a')).rejects.toThrow('down')
  })

  test('once it is over, what was revoked meanwhile stops at the next attempt', async () => {
    const { isolate, state, revoke } = scene()
    const find = isolate({ graceSeconds: 300 })
    await find('a')
    state.isDown = true
    state.now = NOW + BOUND
    await find('a')
    state.isDown = false
    revoke('a')
    state.now += 1000
    expect(await find('a')).toBe('leaked')
  })

  test('an isolate that knows nothing has no grace', async () => {
    const { isolate, state } = scene()
    state.isDown = true
    await expect(isolate({ graceSeconds: 300 })('a')).rejects.toThrow('down')
  })

  test('polls are put off by up to a tenth of the bound', async () => {
    const { isolate, state, asked } = scene()
    const find = isolate({ random: () => 1 })
    await find('a')
    for (const [after, reads] of [
      [BOUND * 0.6 - 1, 1],
      [BOUND * 0.6, 2],
    ] as const) {
      state.now = NOW + after
      await find('a')
      expect(asked).toHaveLength(reads)
    }
  })
})
