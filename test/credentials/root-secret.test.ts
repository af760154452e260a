import { describe, expect, test } from 'vitest'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { encodeBase64, encodeBase64Url, encodeHex } from '../../src/http/base64url.ts'

const LABEL = { gateway: 'edge', environment: 'production' }
const random = (length = 32): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
const entry = (generation: string, bytes: Uint8Array = random()): string => `${generation}:${encodeBase64Url(bytes)}`
const bytesBy = (byteAt: (index: number) => number): Uint8Array => Uint8Array.from({ length: 32 }, (_, index) => byteAt(index) & 0xff)
const messageOf = (text: string): string => {
  try {
    parseRootSecret(text, LABEL)
  } catch (error) {
    return error instanceof Error ? error.message : 'not an Error'
  }
  return 'accepted'
}

describe('parseRootSecret()', () => {
  test('generations keep their order, whatever separates them', () => {
    const parts = [entry('g3'), entry('g2'), entry('0'), entry('abcdefgh')]
    for (const separator of [',', ' ', '\n', ' ,\r\n\t'])
      expect(parseRootSecret(`${separator}${parts.join(separator)}${separator}`, LABEL).generations).toEqual(['g3', 'g2', '0', 'abcdefgh'])
  })

  test.each([
    ['nothing', '', /is not set/u],
    ['separators alone', ' ,\n', /is not set/u],
    ['no generation', encodeBase64Url(random()), /generation:base64url/u],
    ['an empty generation', entry(''), /generation:base64url/u],
    ['an upper-case generation', entry('G1'), /generation:base64url/u],
    ['a generation of 9 characters', entry('abcdefghi'), /generation:base64url/u],
    ['a generation with a hyphen', entry('g-1'), /generation:base64url/u],
    ['a third part', `${entry('g1')}:x`, /generation:base64url/u],
    ['a third part that is empty', `${entry('g1')}:`, /generation:base64url/u],
    ['secret and generation swapped', `${encodeBase64Url(random())}:g1`, /generation:base64url/u],
    ['no secret', 'g1:', /32 random bytes/u],
    ['no colon', 'g1', /32 random bytes/u],
    ['31 bytes', entry('g1', random(31)), /32 random bytes/u],
    ['33 bytes', entry('g1', random(33)), /32 random bytes/u],
    ['base64 with padding', `g1:${encodeBase64(random())}`, /32 random bytes/u],
    ['hexadecimal', `g1:${encodeHex(random())}`, /32 random bytes/u],
    ['a passphrase', 'g1:correct-horse-battery-staple', /32 random bytes/u],
    ['one entry of two that does not hold', `${entry('g2')},g1:AAAA`, /generation g1 must be 32 random bytes/u],
  ])('refuses %s', (_, text, message) => {
    expect(messageOf(text)).toMatch(message)
  })

  test.each([
    ['zeros', bytesBy(() => 0)],
    ['one byte repeated', bytesBy(() => 0xa7)],
    ['a counter', bytesBy((index) => index)],
    ['a counter that starts elsewhere', bytesBy((index) => 200 + index)],
    ['a counter downwards', bytesBy((index) => -index)],
    ['a counter in steps', bytesBy((index) => index * 37)],
    ['16 bytes twice', ((half) => Uint8Array.of(...half, ...half))(random(16))],
    ['text', new TextEncoder().encode('The quick brown fox jumps over_1')],
    ['hexadecimal digits of half as many bytes', new TextEncoder().encode(encodeHex(random(16)))],
    ['random bytes, the rest zeros', bytesBy((index) => (index < 18 ? index * index * 7 + 3 : 0))],
  ])('refuses %s: it does not look random', (_, bytes) => {
    expect(messageOf(entry('g1', bytes))).toMatch(/generation g1 does not look random/u)
  })

  test('takes what a random generator gives', () => {
    for (let round = 0; round < 200; round++) expect(messageOf(entry('g1'))).toBe('accepted')
  })

  test('no message repeats any of the secret', () => {
    const secret = encodeBase64Url(bytesBy((index) => index))
    for (const text of [`g1:${secret}`, secret, `G1:${secret}`, `g1:${secret}A`, `g1:${secret}:x`, `g1:${secret}=`])
      expect(messageOf(text)).not.toContain(secret.slice(0, 8))
  })

  test('refuses a generation that is there twice, with the same secret or another', () => {
    expect(messageOf(`${entry('g1')},${entry('g1')}`)).toMatch(/generation g1 twice/u)
    const one = entry('g1')
    expect(messageOf(`${one} ${entry('g2')} ${one}`)).toMatch(/generation g1 twice/u)
  })

  test('8 generations are taken, 9 are too many', () => {
    const of = (count: number): string => Array.from({ length: count }, (_, index) => entry(`g${index}`)).join(',')
    expect(messageOf(of(8))).toBe('accepted')
    expect(messageOf(of(9))).toMatch(/more than 8/u)
  })
})

describe('derive()', () => {
  const secret = random()
  const root = parseRootSecret(`${entry('g2')},${entry('g1', secret)}`, LABEL)
  const derived = async (gateway: string, environment: string, purpose = 'p', generation = 'g1'): Promise<string> =>
    encodeHex(await parseRootSecret(entry(generation, secret), { gateway, environment }).derive(purpose, generation))

  test('gives 32 bytes, the same in every isolate', async () => {
    const bytes = await root.derive('p', 'g1')
    expect(bytes).toHaveLength(32)
    expect(encodeHex(bytes)).toBe(await derived('edge', 'production'))
  })

  test('is HKDF-SHA-256 (RFC 5869) over HMAC alone', async () => {
    const hmac = async (key: Uint8Array, data: Uint8Array): Promise<Uint8Array> => {
      const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
      return new Uint8Array(await crypto.subtle.sign('HMAC', imported, data))
    }
    const utf8 = new TextEncoder()
    const extracted = await hmac(utf8.encode('portcullis/1'), secret)
    const info = utf8.encode('["portcullis","api-key","g1","edge","production"]')
    expect(encodeHex(await root.derive('api-key', 'g1'))).toBe(encodeHex(await hmac(extracted, Uint8Array.of(...info, 1))))
  })

  test('one secret gives unrelated bytes to each gateway, environment, purpose and generation', async () => {
    const all = await Promise.all([
      derived('edge', 'production'),
      derived('edge2', 'production'),
      derived('edge', 'staging'),
      derived('edge', 'production', 'q'),
      derived('edge', 'production', 'p', 'g9'),
      derived('production', 'edge'),
      derived('', 'edgeproduction'),
      derived('edgeproduction', ''),
      derived('edge","production', ''),
      derived('edge', '","production'),
    ])
    expect(new Set(all).size).toBe(all.length)
  })

  test('purpose and generation do not run into each other in the cache', async () => {
    const two = parseRootSecret(`${entry('a', secret)},${entry('b', secret)}`, LABEL)
    expect(encodeHex(await two.derive('a x', 'b'))).not.toBe(encodeHex(await two.derive('x', 'b')))
    expect(encodeHex(await two.derive('x', 'a'))).not.toBe(encodeHex(await two.derive('x', 'b')))
  })

  test('throws on a generation that is not in the list', async () => {
    await expect(root.derive('p', 'g3')).rejects.toThrow(/no generation g3/u)
  })
})
