import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { array, assert, asyncProperty, constantFrom, oneof, tuple, type Arbitrary } from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { currentOf, type ChangePatch, type Changes } from '../../src/revocation/changes.ts'
import { createRevocationsOf } from '../../src/revocation/feed-client.ts'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'
import { createRelay, createRelayShare } from '../../src/revocation/feed-relay.ts'
import type { Revocations } from '../../src/revocation/revocations.ts'
import { createTestShare, keyOf } from '../support/feed.ts'
import { loseStorage, remember, setBack, type Feed, type FeedTables } from '../support/feed-storage.ts'

const START = Date.UTC(2035, 0, 1)
const FAR = Date.UTC(2040, 0, 1)
const BOUND = 5000
const SHORT_LIFE = 9000
const KEY = Int32Array.of(17, 4)
const IDS = ['k0', 'k1', 'k2']
const PATCHES: Readonly<Record<string, ChangePatch>> = {
  off: { disabled: true },
  on: { disabled: false },
  gold: { plan: 'gold' },
  issued: { plan: null },
}
/** How an isolate comes by the feed. */
const WAYS = ['share', 'share', 'relay', 'alone'] as const
const { REVOCATIONS } = env as unknown as Bindings

/** A step is a line of words, so that what is left of a failure can be read. */
const line = (...words: readonly (readonly string[])[]): Arbitrary<string> =>
  tuple(...words.map((choices) => constantFrom(...choices))).map((chosen) => chosen.join(' '))
const isolates = WAYS.map((_, index) => `${index}`)
const step = oneof(
  { weight: 8, arbitrary: line(['ask'], isolates) },
  { weight: 5, arbitrary: line(['wait'], ['1', '1000', '2500', '4999', '5000']) },
  { weight: 4, arbitrary: line(['revoke'], IDS, ['long', 'long', 'short']) },
  { weight: 3, arbitrary: line(['change'], IDS, Object.keys(PATCHES)) },
  { weight: 2, arbitrary: line(['settle', 'alarm', 'fill', 'mark', 'set-back']) },
  { weight: 1, arbitrary: line(['restart', 'lose-storage', 'restart-relay']) },
  { weight: 1, arbitrary: line(['begin'], isolates) },
)

/** One acknowledged entry, as the model has it. */
interface Entry {
  readonly id: string
  at: number
  readonly expiresAt: number
  readonly changed?: Changes
  isInCopy: boolean
}

/** Exactly what must hold: the entries that are in the storage or in its second copy. What neither has may be known to some, or not. */
function createModel() {
  let entries: Entry[] = []
  const lost = new Set<string>()
  return {
    add: (entry: Omit<Entry, 'isInCopy'>) => entries.push({ ...entry, isInCopy: false }),
    copy: () => entries.forEach((entry) => void (entry.isInCopy = true)),
    mark: () => [...entries],
    setBack(kept: readonly Entry[], now: number) {
      // What had been lost, and is there again, counts from now on.
      const back = kept.filter((entry) => !entries.includes(entry))
      const after = entries.filter((entry) => entry.isInCopy || kept.includes(entry))
      for (const entry of [...back, ...entries]) if (!after.includes(entry)) lost.add(entry.id)
      for (const entry of back) entry.at = now
      entries = [...after, ...back]
    },
    /** `undefined`: either answer will do. `by`: what was acknowledged by then. */
    isRevoked(id: string, now: number, by = now): boolean | undefined {
      const of = entries.filter((entry) => entry.id === id && entry.changed === undefined)
      if (of.some(({ at, expiresAt }) => at <= by && expiresAt > now)) return true
      return of.length === 0 && !lost.has(id) ? false : undefined
    },
    /** `undefined`: not to be said yet. */
    changed(id: string, by: number): object | undefined {
      const of = entries.filter((entry) => entry.id === id && entry.changed !== undefined)
      if (lost.has(id) || of.some(({ at }) => at > by)) return undefined
      const fields: Record<string, { at: number; value: unknown }> = {}
      for (const { changed } of of)
        for (const [field, stamped] of Object.entries(changed ?? {})) if (stamped.at >= (fields[field]?.at ?? 0)) fields[field] = stamped
      return Object.fromEntries(Object.entries(fields).flatMap(([field, { value }]) => (value === null ? [] : [[field, value]])))
    },
  }
}

function createWorld(feed: Feed) {
  const [model, share] = [createModel(), createTestShare()]
  const now = (): number => Date.now()
  let tasks: (() => Promise<void>)[] = []
  let marked: { readonly tables: FeedTables; readonly entries: readonly Entry[] } | undefined
  let filled = 0
  // A page is a few entries: isolates that begin on a feed of more look names up.
  const read: Parameters<typeof createRevocationsOf>[0] = async (position, maxBytes) =>
    feed.since(position, maxBytes === undefined ? 4000 : 1000)
  let relay = createRelay(read, KEY, now)
  const stub = { head: async (...asked: Parameters<typeof relay.head>) => relay.head(...asked), whole: async () => relay.whole() }
  const relayShare = createRelayShare({ getByName: () => stub } as never, {
    name: 'relay-0',
    boundSeconds: BOUND / 1000,
    snapshotKey: async () => KEY,
    now,
  })
  const begin = (way: (typeof WAYS)[number]): Revocations =>
    createRevocationsOf(read, {
      boundSeconds: BOUND / 1000,
      now,
      lookUp: async (targets) => feed.lookUp(targets),
      ...(way === 'alone' ? {} : { share: way === 'share' ? share : relayShare }),
    })
  const known = WAYS.map(begin)

  /** What this isolate says, beside what was acknowledged a bound ago, or by now where all has had its time. */
  async function ask(index: number, by: number): Promise<void> {
    const snapshot = await known[index]?.snapshot(now(), ({ run }) => tasks.push(run), 'edge.example')
    for (const id of [...IDS, 'never']) {
      const [wanted, isRevoked] = [model.isRevoked(id, now(), by), (await snapshot?.find(keyOf(id))) !== undefined]
      if (wanted !== undefined && wanted !== isRevoked)
        throw new Error(`isolate ${index} (${WAYS[index]}): ${id} is revoked: ${isRevoked}, not ${wanted}`)
      const [is, has] = [model.changed(id, by), currentOf((await snapshot?.changesOf(keyOf(id)))?.key)]
      if (is !== undefined) expect({ isolate: index, id, ...has }).toEqual({ isolate: index, id, ...is })
    }
  }
  async function settle(): Promise<void> {
    const due = tasks
    tasks = []
    for (const run of due) await run()
  }

  const steps: Readonly<Record<string, (one: string, other: string) => unknown>> = {
    ask: async (index) => ask(Number(index), now() - BOUND),
    wait: (ms) => vi.setSystemTime(now() + Number(ms)),
    async revoke(id, life) {
      const expiresAt = life === 'short' ? now() + SHORT_LIFE : FAR
      await feed.append([{ target: { type: 'key', id }, expiresAt, reason: 'leaked' }])
      model.add({ id, at: now(), expiresAt })
    },
    async change(id, patch) {
      const { changed = {} } = await feed.change(
        { target: { type: 'key', id }, patch: PATCHES[patch] ?? {}, expiresAt: FAR, reason: 'x' },
        now(),
      )
      model.add({ id, at: now(), expiresAt: FAR, changed })
    },
    settle,
    async alarm() {
      await runInDurableObject(feed, async (object: RevocationFeed) => object.alarm())
      model.copy()
    },
    fill: async () =>
      feed.append(
        Array.from({ length: 40 }, () => ({ target: { type: 'jti', id: `f${(filled += 1)}` } as const, expiresAt: FAR, reason: 'x' })),
      ),
    async mark() {
      marked = { tables: await remember(feed), entries: model.mark() }
    },
    async 'set-back'() {
      if (marked === undefined) return
      await setBack(feed, marked.tables)
      model.setBack(marked.entries, now())
    },
    async restart() {
      // Only what runs can be evicted.
      await feed.status()
      await evictDurableObject(feed)
    },
    async 'lose-storage'() {
      await loseStorage(feed)
      model.setBack([], now())
    },
    'restart-relay': () => {
      relay = createRelay(read, KEY, now)
    },
    begin: (index) => {
      const way = WAYS[Number(index)]
      if (way !== undefined) known[Number(index)] = begin(way)
    },
  }
  return {
    async take(one: string): Promise<void> {
      const [name = '', ...words] = one.split(' ')
      await steps[name]?.(words[0] ?? '', words[1] ?? '')
    },
    async converge(): Promise<void> {
      await settle()
      vi.setSystemTime(now() + BOUND)
      for (const index of WAYS.keys()) await ask(index, now())
      await settle()
      for (const index of WAYS.keys()) await ask(index, now())
    },
  }
}

// The objects' clock is so far ahead that no alarm goes off by itself.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START }))
afterEach(() => void vi.useRealTimers())

test('whatever happens to the feed, its copies and its isolates: what must stop stops within the bound, and all agree in the end', async () => {
  await assert(
    asyncProperty(array(step, { maxLength: 50, size: 'max' }), async (lines) => {
      vi.setSystemTime(START)
      const world = createWorld(REVOCATIONS.getByName(crypto.randomUUID()))
      for (const one of lines) await world.take(one)
      await world.converge()
    }),
    { numRuns: 60 },
  )
}, 120_000)
