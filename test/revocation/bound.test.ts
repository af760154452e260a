import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { encodeBase64Url } from '../../src/http/base64url.ts'
import { createRevocationsOf, type ReadFeed } from '../../src/revocation/feed-client.ts'
import { createFeedShare, type FeedShare } from '../../src/revocation/feed-share.ts'
import type { RevocationSnapshot } from '../../src/revocation/revocations.ts'
import { createTestFeed, createTestShare, keyOf } from '../support/feed.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const POLL_MS = 100

/** Numbers from 0 to 1 that are the same in every run. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

/** Time that passes when nothing else can happen. */
function createClock() {
  let now = NOW
  const due: { readonly at: number; readonly resolve: () => void }[] = []
  return {
    now: () => now,
    sleep: async (ms: number): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<void>()
      due.push({ at: now + ms, resolve })
      return promise
    },
    async runUntil(end: number): Promise<void> {
      for (;;) {
        for (let turn = 0; turn < 40; turn += 1) await Promise.resolve()
        const next = due.toSorted((one, other) => one.at - other.at)[0]
        if (next === undefined || next.at > end) return
        due.splice(due.indexOf(next), 1)
        now = next.at
        next.resolve()
      }
    },
  }
}

interface Shape {
  readonly boundSeconds: number
  readonly seed: number
  /** Longest time of one call of the object, in milliseconds. */
  readonly latencyMs: number
}
interface Measured {
  /** Longest time after an entry was durable at which some isolate still let it in, in milliseconds. */
  readonly delayMs: number
  readonly decisions: number
  /** Decisions that did not find a fresh snapshot in memory. */
  readonly waits: number
  readonly reads: number
}

/** How long ago what this snapshot does not know was revoked, in milliseconds. */
function longestMissed(revokedAt: ReadonlyMap<string, number>, snapshot: RevocationSnapshot, now: number): number {
  const missed = [...revokedAt].filter(([id]) => snapshot.find(keyOf(id)) === undefined)
  return Math.max(0, ...missed.map(([, at]) => now - at))
}

/** Four isolates in each of two data centres, asked 10 times a second for a minute, while a key is revoked every 700 ms. */
async function simulate({ boundSeconds, seed, latencyMs }: Shape): Promise<Measured> {
  const random = createRandom(seed)
  const clock = createClock()
  const feed = createTestFeed(50)
  const durableAt = new Map<string, number>()
  let [delayMs, decisions, waits, reads] = [0, 0, 0, 0]
  let isOver = false
  /** Calls that are on their way when the time stops never come back: that they are given up later says nothing. */
  const untilTheEnd = (error: unknown): void => {
    if (!isOver) throw error
  }
  const travel = async (longest: number): Promise<void> => clock.sleep(random() * longest)
  const read: ReadFeed = async (position) => {
    reads += 1
    await travel(latencyMs / 2)
    const answer = await feed.read(position)
    await travel(latencyMs / 2)
    return answer
  }
  function remote(share: FeedShare): FeedShare {
    return {
      ...share,
      head: async (authority) => {
        await travel(10)
        const head = await share.head(authority)
        await travel(10)
        return head
      },
      putHead: async (authority, head) => {
        await travel(20)
        await share.putHead(authority, head)
      },
    }
  }
  async function isolate(share: FeedShare, skew: number): Promise<void> {
    const revocations = createRevocationsOf(read, { boundSeconds, share, now: () => clock.now() + skew, random })
    await travel(POLL_MS)
    for (;;) {
      void decide(revocations, skew).catch(untilTheEnd)
      await clock.sleep(POLL_MS)
    }
  }
  async function decide(revocations: ReturnType<typeof createRevocationsOf>, skew: number): Promise<void> {
    const tasks: (() => Promise<void>)[] = []
    const answer = revocations.snapshot(clock.now() + skew, ({ run }) => tasks.push(run), 'edge.example')
    if (answer instanceof Promise) waits += 1
    const snapshot = await answer
    decisions += 1
    delayMs = Math.max(delayMs, longestMissed(durableAt, snapshot, clock.now()))
    await Promise.all(tasks.map(async (run) => run()))
  }
  async function revokeAlways(): Promise<void> {
    for (let index = 0; ; index += 1) {
      await clock.sleep(700)
      feed.append(`k${index}`)
      durableAt.set(`k${index}`, clock.now())
    }
  }
  for (const zone of [0, 40_000]) {
    const share = remote(createTestShare())
    for (const skew of [0, 80, 160, 240]) void isolate(share, zone + skew)
  }
  void revokeAlways()
  await clock.runUntil(NOW + 60_000)
  isOver = true
  return { delayMs, decisions, waits, reads }
}

describe('the bound, measured in isolates that are asked 10 times a second', () => {
  test.each([
    { boundSeconds: 5, seed: 1, latencyMs: 80, mostWaits: 16 },
    { boundSeconds: 5, seed: 2, latencyMs: 900, mostWaits: 200 },
    { boundSeconds: 2, seed: 3, latencyMs: 300, mostWaits: 40 },
    { boundSeconds: 1, seed: 4, latencyMs: 80, mostWaits: 24 },
    { boundSeconds: 1, seed: 5, latencyMs: 900, mostWaits: 4800 },
  ])(
    '%j',
    async ({ mostWaits, ...shape }) => {
      const boundMs = shape.boundSeconds * 1000
      const measured = await simulate(shape)
      console.log(JSON.stringify({ ...shape, ...measured })) // oxlint-disable-line no-console -- the measurement
      expect(measured.decisions).toBeGreaterThan(4700)
      expect(measured.delayMs).toBeLessThanOrEqual(boundMs)
      // Polls begin at half the bound: less would not have measured anything.
      expect(measured.delayMs).toBeGreaterThan(boundMs / 3)
      // The first eight decisions wait, and more only where a poll takes long beside the bound.
      expect(measured.waits).toBeLessThanOrEqual(mostWaits)
    },
    60_000,
  )

  test('eight isolates in two data centres read the object hardly more often than two', async () => {
    const { reads } = await simulate({ boundSeconds: 5, seed: 6, latencyMs: 80 })
    const polls = 60_000 / 2500
    expect(reads).toBeLessThan(2 * polls * 1.3 + 16)
  }, 60_000)
})

describe('the bound over a real object and a real cache', () => {
  const { REVOCATIONS } = env as unknown as Bindings
  const secret = parseRootSecret(`g1:${encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`, {
    gateway: 'edge',
    environment: 'test',
  })

  test('holds in every isolate, and each poll of a data centre reads the object once', async () => {
    const stub = REVOCATIONS.getByName(crypto.randomUUID())
    const authority = `${crypto.randomUUID()}.example`
    let [now, reads] = [NOW, 0]
    const read: ReadFeed = async (position) => {
      reads += 1
      return stub.since(position)
    }
    const isolates = Array.from({ length: 5 }, () =>
      createRevocationsOf(read, { boundSeconds: 5, share: createFeedShare(secret), now: () => now }),
    )
    const revokedAt = new Map<string, number>()
    let delayMs = 0
    for (let step = 0; step < 200; step += 1) {
      now = NOW + step * POLL_MS
      if (step % 37 === 10) {
        await stub.append([{ target: { type: 'key', id: `k${step}` }, expiresAt: NOW * 2, reason: 'leaked' }])
        revokedAt.set(`k${step}`, now)
      }
      for (const revocations of isolates) {
        const tasks: (() => Promise<void>)[] = []
        const snapshot = await revocations.snapshot(now, ({ run }) => tasks.push(run), authority)
        delayMs = Math.max(delayMs, longestMissed(revokedAt, snapshot, now))
        for (const run of tasks) await run()
      }
    }
    expect(revokedAt.size).toBe(6)
    expect(delayMs).toBeGreaterThan(1500)
    expect(delayMs).toBeLessThanOrEqual(5000)
    expect(reads).toBeLessThanOrEqual(1 + 20_000 / 2500)
  }, 60_000)
})
