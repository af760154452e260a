import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'

const { REVOCATIONS } = env as unknown as Bindings
const entry = { target: { type: 'key', id: 'a' }, expiresAt: Date.UTC(2036, 0, 1), reason: 'leaked' } as const
/** So far ahead that no alarm rings by itself. */
const FIRST = Date.UTC(2035, 0, 1)
const HOUR = 3_600_000

// Objects and tests share one isolate, and so its clock.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: FIRST }))
afterEach(() => void vi.useRealTimers())

/** A feed that takes an entry at each of these times after the first. */
function scene() {
  const feed = REVOCATIONS.getByName(crypto.randomUUID())
  return {
    feed,
    dueAt: async (): Promise<number | null> => runInDurableObject(feed, async (_object, { storage }) => storage.getAlarm()),
    append: async (...times: readonly number[]): Promise<void> => {
      for (const later of times) {
        vi.setSystemTime(FIRST + later)
        await feed.append([entry])
      }
    },
  }
}

test('the second copy of the feed is not put off by a steady stream of revocations, and is written again after it', async () => {
  const { feed, dueAt, append } = scene()
  await append(0, 1500, 3000, 4500)
  expect(await dueAt()).toBe(FIRST + 2000)
  await runDurableObjectAlarm(feed)
  await append(9000)
  expect(await dueAt()).toBe(FIRST + 11_000)
})

test('a caller whose clock is wrong cannot put the second copy off: the object goes by its own', async () => {
  const { feed, dueAt } = scene()
  await feed.change({ target: entry.target, patch: { disabled: true }, expiresAt: entry.expiresAt, reason: 'off' }, FIRST + HOUR)
  expect(await dueAt()).toBe(FIRST + 2000)
})

test.each([
  ['forwards', HOUR],
  ['back', -HOUR],
])('an alarm that was set before the clock of the object went %s by an hour is set anew by the next entry', async (_way, step) => {
  const { dueAt, append } = scene()
  await append(0, step)
  expect(await dueAt()).toBe(FIRST + step + 2000)
})
