import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'

const { REVOCATIONS } = env as unknown as Bindings
const entry = { target: { type: 'key', id: 'a' }, expiresAt: Date.UTC(2036, 0, 1), reason: 'leaked' } as const

test('the second copy of the feed is not put off by a steady stream of revocations, and is written again after it', async () => {
  const feed = REVOCATIONS.getByName(crypto.randomUUID())
  const dueAt = async (): Promise<number | null> => runInDurableObject(feed, async (_object, { storage }) => storage.getAlarm())
  // So far ahead that no alarm rings by itself.
  const first = Date.UTC(2035, 0, 1)
  for (const later of [0, 1500, 3000, 4500]) await feed.append([entry], first + later)
  expect(await dueAt()).toBe(first + 2000)
  await runDurableObjectAlarm(feed)
  await feed.append([entry], first + 9000)
  expect(await dueAt()).toBe(first + 11_000)
})
