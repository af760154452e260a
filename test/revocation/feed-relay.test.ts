import { evictDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createRevocationsOf } from '../../src/revocation/feed-client.ts'
import { createRelay, createRelayShare, type Relay } from '../../src/revocation/feed-relay.ts'
import { FEED_NAME } from '../../src/revocation/feed.ts'
import { createTestFeed, keyOf } from '../support/feed.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const BOUND = 5000
const KEY = Int32Array.of(17, 4)

/** Isolates over one relay whose clock is hours away from theirs. */
function scene() {
  const feed = createTestFeed(100)
  const state = { now: NOW, isDown: false, lateMs: 0, relayReads: 0, ownReads: 0 }
  const relay: Relay = createRelay(
    async (position) => {
      state.relayReads += 1
      return feed.read(position)
    },
    KEY,
    () => state.now + 7_200_000,
  )
  const stub = {
    head: async (...asked: Parameters<Relay['head']>) => {
      if (state.isDown) throw new Error('down')
      const head = await relay.head(...asked)
      return { ...head, ageMs: head.ageMs + state.lateMs }
    },
    whole: async () => relay.whole(),
  }
  const isolate = () => {
    const now = () => state.now
    const share = createRelayShare({ getByName: () => stub } as never, {
      name: 'relay-0',
      boundSeconds: BOUND / 1000,
      snapshotKey: async () => KEY,
      now,
    })
    const read: typeof feed.read = async (position) => {
      state.ownReads += 1
      return feed.read(position)
    }
    const revocations = createRevocationsOf(read, { boundSeconds: BOUND / 1000, share, now })
    return async (id: string): Promise<boolean> => {
      const tasks: (() => Promise<void>)[] = []
      const found = await (await revocations.snapshot(state.now, ({ run }) => tasks.push(run), 'a.workers.dev')).find(keyOf(id))
      for (const run of tasks) await run()
      return found !== undefined
    }
  }
  return { feed, state, isolate }
}

/** When what this isolate does not know was revoked. */
async function missedBy(knows: (id: string) => Promise<boolean>, revokedAt: ReadonlyMap<string, number>): Promise<number[]> {
  const missed: number[] = []
  for (const [id, at] of revokedAt) if (!(await knows(id))) missed.push(at)
  return missed
}

describe('a relay', () => {
  test('a hundred isolates at 10 Hz: the bound holds, the relay reads for all of them, and no clock is compared', async () => {
    const { feed, state, isolate } = scene()
    const isolates = Array.from({ length: 100 }, isolate)
    const revokedAt = new Map<string, number>()
    let delayMs = 0
    for (let step = 0; step < 200; step += 1) {
      state.now = NOW + step * 100
      if (step % 37 === 10) {
        feed.append(`k${step}`)
        revokedAt.set(`k${step}`, state.now)
      }
      for (const knows of isolates) delayMs = Math.max(delayMs, ...(await missedBy(knows, revokedAt)).map((at) => state.now - at))
    }
    console.log(JSON.stringify({ delayMs, ...state })) // oxlint-disable-line no-console -- the measurement
    expect([delayMs > 1000, delayMs <= BOUND]).toEqual([true, true])
    expect([state.ownReads, state.relayReads <= 20_000 / (BOUND / 4) + 1]).toEqual([0, true])
  }, 60_000)

  test('calls that come at once share one read', async () => {
    const { feed, state, isolate } = scene()
    feed.append('a')
    expect(await Promise.all(Array.from({ length: 20 }, async () => isolate()('a')))).toEqual(Array.from({ length: 20 }, () => true))
    expect([state.relayReads, state.ownReads]).toEqual([1, 0])
  })

  test.each([
    ['is down', { isDown: true }],
    ['is too old', { lateMs: BOUND }],
    ['is about as old as a poll', { lateMs: BOUND / 2 }],
  ])('that %s is passed by: the feed itself is asked', async (_what, fault) => {
    const { feed, state, isolate } = scene()
    const knows = isolate()
    expect(await knows('late')).toBe(false)
    feed.append('late')
    Object.assign(state, fault, { now: NOW + BOUND })
    expect([await knows('late'), state.ownReads]).toEqual([true, 1])
  })

  test('gives who is near its end what came since, and a longer feed whole', async () => {
    const feed = createTestFeed(100)
    for (let index = 0; index < 900; index += 1) feed.append(`k${index}`)
    const relay = createRelay(feed.read, KEY, () => NOW)
    expect(relay.whole()).toBeUndefined()
    const first = await relay.head(undefined, 1000)
    expect([first.from > 0, first.entries.length <= 500]).toEqual([true, true])
    expect((await relay.head(first.position, 1000)).entries).toEqual([])
    expect((await relay.head({ ...first.position, mark: 'other' }, 1000)).from).toBe(first.from)
    expect(relay.whole()?.position).toEqual(first.position)
  })
})

test('the relay object reads the feed object, and begins again after an eviction', async () => {
  const { RELAYS, REVOCATIONS } = env as unknown as Bindings
  const relay = RELAYS.getByName('relay-0')
  await REVOCATIONS.getByName(FEED_NAME).append([{ target: { type: 'key', id: 'relayed' }, expiresAt: NOW * 2, reason: 'leaked' }])
  for (const evicts of [false, true]) {
    if (evicts) await evictDurableObject(relay)
    const head = await relay.head(undefined, 1000)
    expect([head.ageMs < 1000, head.entries.some(({ target }) => target.id === 'relayed')]).toEqual([true, true])
  }
})
