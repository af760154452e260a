import { assert, asyncProperty, array, constantFrom, integer, option, record, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { issueKey, MAX_KEY_LENGTH } from '../../src/credentials/key-format.ts'
import { KEY_PATTERNS } from '../../src/credentials/key-patterns.ts'
import { root } from '../support/api-keys.ts'
import { NOW } from '../support/authenticators.ts'

const [api, admin] = KEY_PATTERNS.map(({ pattern }) => new RegExp(`\\b${pattern}\\b`, 'u'))
const name = string({ unit: constantFrom('a', 'Z', '0', '9', '.', '_', '-'), minLength: 1, maxLength: 64 })
const options = record(
  {
    consumer: name,
    plan: option(name, { nil: undefined }),
    scopes: option(array(name, { maxLength: 5 }), { nil: undefined }),
    expiresInSeconds: integer({ min: 1, max: 63_072_000 }),
  },
  { requiredKeys: ['consumer'] },
)

describe('KEY_PATTERNS', () => {
  test('AK-1: every key that is issued is found in text, whole, and by its own pattern alone', async () => {
    await assert(
      asyncProperty(options, constantFrom('api' as const, 'admin' as const), async (asked, kind) => {
        const { plan, scopes, ...rest } = asked
        const wanted = { ...rest, ...(plan === undefined ? {} : { plan }), ...(scopes === undefined ? {} : { scopes }) }
        const { key } = await issueKey(root, kind, wanted, NOW)
        const [own, other] = kind === 'api' ? [api, admin] : [admin, api]
        expect(own?.exec(`const key = "${key}";`)?.[0]).toBe(key)
        expect(other?.test(key)).toBe(false)
      }),
      { numRuns: 200 },
    )
  })

  test('AK-1: the shortest and the longest key as well', async () => {
    const shortest = await issueKey(root, 'api', { consumer: 'a', expiresInSeconds: 1 }, 1000)
    expect(api?.exec(shortest.key)?.[0]).toBe(shortest.key)
    let longest = shortest.key
    for (let length = 1; longest.length < MAX_KEY_LENGTH && length < 1000; length += 1) {
      const scopes = Array.from({ length: Math.ceil(length / 128) }, (_, index) => 's'.repeat(Math.min(128, length - index * 128)))
      const issued = await issueKey(root, 'api', { consumer: 'a', scopes }, NOW).catch(() => undefined)
      if (issued === undefined) break
      longest = issued.key
    }
    expect(longest.length).toBeGreaterThan(MAX_KEY_LENGTH - 12)
    expect(api?.exec(longest)?.[0]).toBe(longest)
  })

  test.each(['pck_live_1234567890', 'pck_', 'sk_live_51H8xY2eZvKYlo2C0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL'])(
    '%s is none',
    (text) => {
      expect(api?.test(text)).toBe(false)
    },
  )
})
