import { reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import type { LedgerAnswer, LedgerRequest } from '../../src/limits/ledger.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import type { ReplayRecord } from '../../src/replay/replay-index.ts'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'
import { limitOf } from '../support/limits.ts'
import { LIFE, random, record } from '../support/replay-records.ts'

const { LEDGER, REPLAY, REVOCATIONS } = env as unknown as Bindings
/** So far ahead that no alarm goes off by itself; in the middle of an hour. */
const NOW = Date.UTC(2035, 0, 1, 12, 30)
const HOUR = 3_600_000
const hourly = limitOf({ name: 'hourly', quota: { count: 4, period: 'hour' }, chargeOn: 'request' })
const rate = limitOf({ name: 'rate', rate: { count: 1, seconds: 60, burst: 4 }, chargeOn: 'request' })

// Objects and tests share one isolate, and so its clock.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOW }))
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})
const at = (offset: number): void => void vi.setSystemTime(NOW + offset)

describe('the clock of a ledger', () => {
  const stub = () => LEDGER.getByName('clock')
  const ask = async (limit: LimitPolicy, more: Partial<LedgerRequest['asks'][0]> = {}): Promise<LedgerAnswer> =>
    stub().grant({ holder: 'one', asks: [{ limit, mode: 'spend', want: 1, ...more }], settled: [] })
  /** How many pass of as many as there could be. */
  const pass = async (limit: LimitPolicy): Promise<number> => {
    let passed = 0
    while (passed < 20 && (await ask(limit)).status === 'granted') passed += 1
    return passed
  }

  test.each([-1, -HOUR / 2 - 1, -HOUR, -24 * HOUR])('is set back by %d ms: no quota begins anew', async (step) => {
    expect(await pass(hourly)).toBe(4)
    at(step)
    expect(await pass(hourly)).toBe(0)
    at(0)
    expect(await pass(hourly)).toBe(0)
    at(HOUR)
    expect(await pass(hourly)).toBe(4)
  })

  test('leaps beyond the end of a period and comes back: at most one quota more, which the next period has spent already', async () => {
    expect(await pass(hourly)).toBe(4)
    at(HOUR)
    expect(await pass(hourly)).toBe(4)
    at(0)
    expect(await pass(hourly)).toBe(0)
    at(HOUR)
    expect(await pass(hourly)).toBe(0)
    at(2 * HOUR)
    expect(await pass(hourly)).toBe(4)
  })

  test.each([-1, -HOUR, -24 * HOUR])(
    'is set back by %d ms while a lease is out: it counts until it is told, and not twice then',
    async (step) => {
      const answer = await ask(hourly, { mode: 'lease', want: 2 })
      if (answer.status !== 'granted') throw new Error('refused')
      const [grant] = answer.grants
      at(step)
      expect(await pass(hourly)).toBe(4 - (grant?.amount ?? 0))
      const settled = [{ limit: hourly, lease: grant?.lease ?? '', unspent: 1 }]
      for (let told = 0; told < 2; told += 1) await stub().grant({ holder: 'one', asks: [], settled })
      expect(await pass(hourly)).toBe(1)
    },
  )

  test('leaps by an hour and comes back: a lease that ran out meanwhile counts as spent, never as free', async () => {
    const answer = await ask(hourly, { mode: 'lease', want: 2 })
    const [grant] = answer.status === 'granted' ? answer.grants : []
    at(60_000)
    expect(await pass(hourly)).toBe(4 - (grant?.amount ?? 0))
    await stub().grant({ holder: 'one', asks: [], settled: [{ limit: hourly, lease: grant?.lease ?? '', unspent: 1 }] })
    at(0)
    expect(await pass(hourly)).toBe(0)
  })

  test('leaps by an hour and comes back: a rate gives one burst more and then refuses until the clock is there again', async () => {
    expect(await pass(rate)).toBe(4)
    at(HOUR)
    expect(await pass(rate)).toBe(4)
    at(0)
    const refused = await ask(rate)
    expect(refused).toMatchObject({ status: 'refused', waitMs: HOUR + 60_000 })
    at(HOUR + 4 * 60_000)
    expect(await pass(rate)).toBe(4)
  })
})

describe('the clock of the replay memory', () => {
  const stub = () => REPLAY.getByName('clock')
  const again = (used: ReplayRecord): ReplayRecord => ({ ...used, token: random() })
  const alarm = async (): Promise<void> => runInDurableObject(stub(), async (shard) => shard.alarm())

  test.each([-24 * HOUR, -HOUR, -1, 60_000])('steps by %d ms while an id counts: no copy of it passes, alarm or not', async (step) => {
    const used = record()
    expect(await stub().use(used, NOW)).toBe('fresh')
    at(step + LIFE - 1)
    await alarm()
    // The callers' clocks are right.
    expect(await stub().use(again(used), NOW + LIFE - 1)).toBe('replayed')
    const other = record({ expiresAt: NOW + LIFE })
    expect(await stub().use(other, NOW)).toBe('fresh')
    expect(await stub().use(again(other), NOW)).toBe('replayed')
  })

  test('was ahead by an hour when an id came, and is right again: the id is kept for as long as it counts', async () => {
    at(HOUR)
    const used = record({ expiresAt: NOW + LIFE })
    expect(await stub().use(used, NOW)).toBe('fresh')
    at(LIFE - 1)
    await alarm()
    expect(await stub().use(again(used), NOW + LIFE - 1)).toBe('replayed')
  })

  test('was behind by an hour and is right again: the same, where it is not set right while the id counts', async () => {
    at(-HOUR)
    const used = record({ expiresAt: NOW + LIFE })
    expect(await stub().use(used, NOW)).toBe('fresh')
    at(-HOUR + LIFE - 1)
    await alarm()
    expect(await stub().use(again(used), NOW + LIFE - 1)).toBe('replayed')
    at(3 * HOUR)
    await alarm()
    expect(await stub().stats()).toMatchObject({ ids: 0, windows: 0 })
  })
})

describe('the clock of the feed', () => {
  const stub = () => REVOCATIONS.getByName('clock')
  const alarm = async (): Promise<void> => runInDurableObject(stub(), async (feed: RevocationFeed) => feed.alarm())
  const idsOf = async (): Promise<string[]> => (await stub().since(undefined)).entries.map(({ target }) => target.id)
  const entryOf = (id: string, expiresAt: number) => ({ target: { type: 'key' as const, id }, expiresAt, reason: 'leaked' })

  test.each([-24 * HOUR, -1])('is set back by %d ms: nothing is forgotten that counts', async (step) => {
    await stub().append([entryOf('short', NOW + 1), entryOf('long', NOW + 2 * HOUR)])
    at(step)
    await alarm()
    expect(await idsOf()).toEqual(['short', 'long'])
    at(1)
    await alarm()
    expect(await idsOf()).toEqual(['long'])
  })

  test('leaps by an hour and comes back: only what would have ended within that hour is forgotten', async () => {
    await stub().append([entryOf('short', NOW + HOUR), entryOf('long', NOW + HOUR + 1)])
    at(HOUR)
    await alarm()
    at(0)
    expect(await idsOf()).toEqual(['long'])
    await stub().append([entryOf('later', NOW + 1)])
    expect(await idsOf()).toEqual(['long', 'later'])
  })
})
