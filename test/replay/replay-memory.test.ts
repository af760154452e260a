import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import type { ReplayMemory } from '../../src/replay/replay-memory.ts'
import { createMemoryReplay, createReplayMemory } from '../../src/replay/replay-store.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const LIFE = 330_000
const HOURS = 3_600_000
const { REPLAY } = env as unknown as Bindings
const scopeOf = (): string => `test:${crypto.randomUUID()}`

const memories: readonly (readonly [name: string, create: () => ReplayMemory])[] = [
  ['createMemoryReplay()', createMemoryReplay],
  ['createReplayMemory()', () => createReplayMemory(REPLAY)],
]

describe.each(memories)('%s', (_name, create) => {
  test('HS-11: an id is fresh once', async () => {
    const [memory, entry] = [create(), { scope: scopeOf(), id: 'n-1', expiresAt: NOW + LIFE }]
    expect([await memory.use(entry, NOW), await memory.use(entry, NOW + 1)]).toEqual(['fresh', 'replayed'])
  })

  test('of 50 identical ids in parallel exactly one passes', async () => {
    const [memory, entry] = [create(), { scope: scopeOf(), id: 'n-1', expiresAt: NOW + LIFE }]
    const answers = await Promise.all(Array.from({ length: 50 }, async () => memory.use(entry, NOW)))
    expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1)
  })

  test('ids of other scopes do not count, nor does a scope that ends where an id begins', async () => {
    const [memory, scope] = [create(), scopeOf()]
    const uses = [
      [scope, 'ab'],
      [`${scope}x`, 'ab'],
      [`${scope}","a`, 'b'],
      [scope, 'a'],
    ].map(async ([name = '', id = '']) => memory.use({ scope: name, id, expiresAt: NOW + LIFE }, NOW))
    expect(await Promise.all(uses)).toEqual(['fresh', 'fresh', 'fresh', 'fresh'])
  })

  test('an id stays used whatever end it comes with the next time', async () => {
    const [memory, scope] = [create(), scopeOf()]
    expect(await memory.use({ scope, id: 'n', expiresAt: NOW + HOURS }, NOW)).toBe('fresh')
    for (const life of [1, LIFE, HOURS - 1, HOURS + 1, 2 * HOURS]) {
      expect(await memory.use({ scope, id: 'n', expiresAt: NOW + life }, NOW)).toBe('replayed')
    }
  })

  test('an id is remembered until its end, and not beyond', async () => {
    const [memory, scope] = [create(), scopeOf()]
    await memory.use({ scope, id: 'n', expiresAt: NOW + 1000 }, NOW)
    expect(await memory.use({ scope, id: 'n', expiresAt: NOW + LIFE }, NOW + 999)).toBe('replayed')
    expect(await memory.use({ scope, id: 'n', expiresAt: NOW + LIFE }, NOW + 1000)).toBe('fresh')
    expect(await memory.use({ scope, id: 'n', expiresAt: NOW + LIFE }, NOW + 1001)).toBe('replayed')
  })

  test('an id that is already over counts as replayed', async () => {
    const [memory, scope] = [create(), scopeOf()]
    expect(await memory.use({ scope, id: 'n', expiresAt: NOW }, NOW)).toBe('replayed')
    expect(await memory.use({ scope, id: 'm', expiresAt: NOW + 1 }, NOW)).toBe('fresh')
  })

  test('an id of 256 bytes is taken, a longer one is a bug of the caller', async () => {
    const [memory, scope] = [create(), scopeOf()]
    expect(await memory.use({ scope, id: 'é'.repeat(128), expiresAt: NOW + LIFE }, NOW)).toBe('fresh')
    await expect(memory.use({ scope, id: 'é'.repeat(128) + 'x', expiresAt: NOW + LIFE }, NOW)).rejects.toThrow(RangeError)
  })

  test('two hours is the longest life', async () => {
    const [memory, scope] = [create(), scopeOf()]
    expect(await memory.use({ scope, id: 'n', expiresAt: NOW + 2 * HOURS }, NOW)).toBe('fresh')
    await expect(memory.use({ scope, id: 'm', expiresAt: NOW + 2 * HOURS + 1 }, NOW)).rejects.toThrow(RangeError)
    await expect(memory.use({ scope, id: 'm', expiresAt: Number.POSITIVE_INFINITY }, NOW)).rejects.toThrow(RangeError)
  })
})
