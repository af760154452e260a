import { array, assert, asyncProperty, integer, option, record, stringMatching } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBase62, encodeBase62 } from '../../src/credentials/base62.ts'
import {
  DEFAULT_KEY_LIFE_SECONDS,
  isIssuedKey,
  issueKey,
  MAX_KEY_LENGTH,
  MAX_KEY_LIFE_SECONDS,
  parseKey,
  type KeyKind,
  type KeyOptions,
} from '../../src/credentials/key-format.ts'
import { parseRootSecret, type RootSecret } from '../../src/credentials/root-secret.ts'
import { encodeBase64Url } from '../../src/http/base64url.ts'
import { NOW } from '../support/authenticators.ts'

const G1 = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
const G2 = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
const rootOf = (text: string, gateway = 'edge', environment = 'test'): RootSecret => parseRootSecret(text, { gateway, environment })
const root = rootOf(`g1:${G1}`)

async function accepts(text: string, by: RootSecret = root, kind: KeyKind = 'api'): Promise<boolean> {
  const key = parseKey(text)
  return key !== undefined && key.kind === kind && isIssuedKey(by, key)
}
const issue = async (options: Partial<KeyOptions> = {}, kind: KeyKind = 'api', by = root): Promise<string> =>
  (await issueKey(by, kind, { consumer: 'acme', ...options }, NOW)).key
const failure = async (options: Partial<KeyOptions>): Promise<unknown> => issue(options).catch((error: unknown) => error)

describe('issueKey()', () => {
  test('AK-1: prefix, payload and MAC in letters and digits, joined by underscores', async () => {
    expect(await issue()).toMatch(/^pck_[0-9A-Za-z]+_[0-9A-Za-z]{44}$/u)
    expect(await issue({}, 'admin')).toMatch(/^pca_[0-9A-Za-z]+_[0-9A-Za-z]{44}$/u)
  })

  test('what was asked for is what the key says', async () => {
    const { key, ...claims } = await issueKey(
      root,
      'api',
      { consumer: 'acme', plan: 'gold', scopes: ['a', 'b'], expiresInSeconds: 60 },
      NOW + 999,
    )
    expect(claims).toEqual({
      generation: 'g1',
      id: expect.stringMatching(/^[0-9a-f]{24}$/u),
      consumer: 'acme',
      plan: 'gold',
      scopes: ['a', 'b'],
      issuedAt: NOW,
      expiresAt: NOW + 60_000,
    })
    expect(parseKey(key)).toMatchObject({ kind: 'api', ...claims })
    expect(await accepts(key)).toBe(true)
  })

  test('what was not asked for is absent, and no scope at all is not the same as no word on scopes', async () => {
    const silent = parseKey(await issue())
    expect(silent).not.toHaveProperty('plan')
    expect(silent).not.toHaveProperty('scopes')
    expect(silent?.expiresAt).toBe(NOW + DEFAULT_KEY_LIFE_SECONDS * 1000)
    expect(parseKey(await issue({ scopes: [] }))?.scopes).toEqual([])
  })

  test('every key that can be issued comes back as it was', async () => {
    const name = stringMatching(/^[A-Za-z0-9._-]{1,64}$/u)
    const options = record({
      consumer: name,
      plan: option(name, { nil: undefined }),
      scopes: option(array(stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]{1,20}$/u), { maxLength: 8 }), { nil: undefined }),
      life: integer({ min: 1, max: MAX_KEY_LIFE_SECONDS }),
    })
    await assert(
      asyncProperty(options, async ({ consumer, plan, scopes, life }) => {
        const given = {
          consumer,
          expiresInSeconds: life,
          ...(plan === undefined ? {} : { plan }),
          ...(scopes === undefined ? {} : { scopes }),
        }
        const { key, ...claims } = await issueKey(root, 'api', given, NOW)
        expect(parseKey(key)).toMatchObject(claims)
        expect(await accepts(key)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('no two keys are the same', async () => {
    const keys = await Promise.all(Array.from({ length: 50 }, async () => issue()))
    expect(new Set(keys).size).toBe(50)
    expect(new Set(keys.map((key) => parseKey(key)?.id)).size).toBe(50)
  })

  test.each([
    ['the shortest life', { expiresInSeconds: 1 }],
    ['the longest life', { expiresInSeconds: MAX_KEY_LIFE_SECONDS }],
    ['a consumer of 1 character', { consumer: '-' }],
    ['a consumer of 64 characters', { consumer: 'c'.repeat(64) }],
    ['a plan of 64 characters', { plan: 'p'.repeat(64) }],
    ['a scope of 128 characters', { scopes: ['s'.repeat(128)] }],
    ['a scope of any character that RFC 6749 §3.3 allows', { scopes: ["!#$%&'()*+,-./:;<=>?@[]^_`{|}~"] }],
  ])('takes %s', async (_, options) => {
    expect(await accepts(await issue(options))).toBe(true)
  })

  test.each([
    ['no life', { expiresInSeconds: 0 }, /lives 1 second to 730 days/u],
    ['a negative life', { expiresInSeconds: -1 }, /lives 1 second/u],
    ['half a second', { expiresInSeconds: 1.5 }, /lives 1 second/u],
    ['no number', { expiresInSeconds: Number.NaN }, /lives 1 second/u],
    ['for ever', { expiresInSeconds: Number.POSITIVE_INFINITY }, /lives 1 second/u],
    ['a second over two years', { expiresInSeconds: MAX_KEY_LIFE_SECONDS + 1 }, /lives 1 second/u],
    ['an empty consumer', { consumer: '' }, /consumer is 1 to 64/u],
    ['a consumer of 65 characters', { consumer: 'c'.repeat(65) }, /consumer is 1 to 64/u],
    ['a consumer with a space', { consumer: 'a b' }, /consumer is 1 to 64/u],
    ['a consumer with a line break at the end', { consumer: 'acme\n' }, /consumer is 1 to 64/u],
    ['a consumer that is no ASCII', { consumer: 'ácme' }, /consumer is 1 to 64/u],
    ['an empty plan', { plan: '' }, /plan is 1 to 64/u],
    ['a plan of 65 characters', { plan: 'p'.repeat(65) }, /plan is 1 to 64/u],
    ['an empty scope', { scopes: [''] }, /scope is 1 to 128/u],
    ['a scope of 129 characters', { scopes: ['s'.repeat(129)] }, /scope is 1 to 128/u],
    ['two scopes in one', { scopes: ['a b'] }, /scope is 1 to 128/u],
    ['a quote in a scope', { scopes: ['a"'] }, /scope is 1 to 128/u],
    ['a backslash in a scope', { scopes: ['a\\'] }, /scope is 1 to 128/u],
    ['one bad scope among good ones', { scopes: ['a', 'b\n', 'c'] }, /scope is 1 to 128/u],
    ['more scopes than a key can hold', { scopes: Array.from({ length: 10 }, (_, index) => `${index}${'s'.repeat(99)}`) }, /too long/u],
  ])('refuses %s', async (_, options, message) => {
    const error = await failure(options)
    expect(error).toBeInstanceOf(RangeError)
    expect((error as RangeError).message).toMatch(message)
  })

  test('the longest key that is issued is also taken, and one character more is not', async () => {
    const scopes = Array.from({ length: 6 }, () => 's'.repeat(100))
    const made = await Promise.all(Array.from({ length: 80 }, async (_, index) => failure({ scopes: [...scopes, 's'.repeat(index + 1)] })))
    const keys = made.filter((key) => typeof key === 'string')
    expect(keys.length).toBeGreaterThan(0)
    expect(keys.length).toBeLessThan(made.length)
    const longest = keys.at(-1) ?? ''
    expect(longest.length).toBeGreaterThan(MAX_KEY_LENGTH - 3)
    expect(await accepts(longest)).toBe(true)
    expect(parseKey(longest.padEnd(MAX_KEY_LENGTH + 1, '0'))).toBeUndefined()
  })
})

describe('a changed key', () => {
  test('AK-8: every change of one character is refused, at every place', async () => {
    const key = await issue({ plan: 'gold', scopes: ['a'], expiresInSeconds: 60 })
    const changed = Array.from(key, (character, index) =>
      [character === 'A' ? 'B' : 'A', character === 'z' ? 'y' : 'z', '_', '-', '']
        .filter((other) => other !== character)
        .map((other) => key.slice(0, index) + other + key.slice(index + 1)),
    ).flat()
    const verdicts = await Promise.all(changed.map(async (text) => accepts(text)))
    expect(changed.filter((_, index) => verdicts[index])).toEqual([])
    expect(await accepts(key)).toBe(true)
  })

  test('the payload of one key under the MAC of another', async () => {
    const [first = [], second = []] = [await issue(), await issue({ scopes: ['all'] })].map((key) => key.split('_'))
    expect(await accepts(`pck_${second[1]}_${first[2]}`)).toBe(false)
  })

  test('no word of the payload can be changed, nor the life lengthened', async () => {
    const [, payload = '', mac] = (await issue({ plan: 'free', scopes: ['a'], expiresInSeconds: 60 })).split('_')
    const text = new TextDecoder().decode(decodeBase62(payload))
    for (const [from, to] of [
      ['acme', 'evil'],
      ['free', 'gold'],
      ['"a"', '"b"'],
      [',60]', ',99]'],
      ['"g1"', '"g2"'],
    ] as const) {
      expect(text).toContain(from)
      const forged = `pck_${encodeBase62(new TextEncoder().encode(text.replace(from, to)))}_${mac}`
      expect(parseKey(forged)).toBeDefined()
      expect({ to, isAccepted: await accepts(forged, rootOf(`g1:${G1},g2:${G2}`)) }).toEqual({ to, isAccepted: false })
    }
  })

  test('a key turned into an admin key, and an admin key into an API key', async () => {
    const api = await issue()
    const admin = await issue({}, 'admin')
    expect(await accepts(api.replace('pck', 'pca'), root, 'admin')).toBe(false)
    expect(await accepts(admin.replace('pca', 'pck'), root, 'api')).toBe(false)
    expect(await accepts(admin, root, 'admin')).toBe(true)
  })

  test.each([
    ['no MAC', (key: string) => key.slice(0, key.lastIndexOf('_'))],
    ['an empty MAC', (key: string) => key.slice(0, key.lastIndexOf('_') + 1)],
    ['a MAC of 31 bytes', (key: string) => key.slice(0, key.lastIndexOf('_') + 1) + encodeBase62(new Uint8Array(31))],
    ['a MAC of 33 bytes', (key: string) => key.slice(0, key.lastIndexOf('_') + 1) + encodeBase62(new Uint8Array(33))],
    ['a fourth part', (key: string) => `${key}_`],
    ['a space before', (key: string) => ` ${key}`],
    ['a line break after', (key: string) => `${key}\n`],
    ['an upper-case prefix', (key: string) => key.replace('pck', 'PCK')],
    ['a signing key prefix', (key: string) => key.replace('pck', 'pcs')],
    ['no prefix', (key: string) => key.slice(3)],
    ['nothing', () => ''],
    ['the name of a member of Object', () => 'constructor_00_00'],
  ])('%s is no key', async (_, change) => {
    expect(parseKey(change(await issue()))).toBeUndefined()
  })
})

describe('generations', () => {
  const both = rootOf(`g2:${G2},g1:${G1}`)

  test('new keys are of the newest; those of the one before stay good', async () => {
    expect(parseKey(await issue({}, 'api', both))?.generation).toBe('g2')
    expect(await accepts(await issue(), both)).toBe(true)
  })

  test('a generation that was removed takes its keys with it', async () => {
    expect(await accepts(await issue(), rootOf(`g2:${G2}`))).toBe(false)
  })

  test('the same secret under another name is another secret', async () => {
    expect(await accepts(await issue(), rootOf(`g2:${G1}`))).toBe(false)
  })

  test('a key of one gateway or environment is nothing to another', async () => {
    const key = await issue()
    expect(await accepts(key, rootOf(`g1:${G1}`))).toBe(true)
    expect(await accepts(key, rootOf(`g1:${G1}`, 'edge', 'production'))).toBe(false)
    expect(await accepts(key, rootOf(`g1:${G1}`, 'other'))).toBe(false)
    expect(await accepts(key, rootOf(`g1:${G2}`))).toBe(false)
  })
})
