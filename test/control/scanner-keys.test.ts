import { describe, expect, test, vi } from 'vitest'
import { createScannerKeys } from '../../src/control/scanner-keys.ts'
import { encodeBase64 } from '../../src/http/base64url.ts'

const URL_OF_KEYS = 'https://scanner.example/keys'
const HOUR = 3_600_000
async function pem(namedCurve = 'P-256'): Promise<string> {
  const { publicKey } = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify'])) as CryptoKeyPair
  return `-----BEGIN PUBLIC KEY-----\n${encodeBase64(new Uint8Array((await crypto.subtle.exportKey('spki', publicKey)) as ArrayBuffer))}\n-----END PUBLIC KEY-----`
}
const [ONE, TWO] = [await pem(), await pem()]
const listOf = (keys: Readonly<Record<string, unknown>>): Response =>
  Response.json({ public_keys: Object.entries(keys).map(([key_identifier, key]) => ({ key_identifier, key })) })

function scene(answer: () => Response | Promise<Response>) {
  const fetch = vi.fn<(url: string, init: RequestInit) => Promise<Response>>(async () => answer())
  let now = 0
  const keys = createScannerKeys({ scanners: [{ name: 'github', keysUrl: URL_OF_KEYS }], fetch, now: () => now })
  return { fetch, keys, pass: (ms: number) => void (now += ms) }
}

describe('createScannerKeys()', () => {
  test('asks once, and again after an hour', async () => {
    const { fetch, keys, pass } = scene(() => listOf({ a: ONE }))
    expect(await keys.find('a')).toMatchObject({ scanner: 'github' })
    pass(HOUR - 1)
    await keys.find('a')
    expect(fetch).toHaveBeenCalledTimes(1)
    pass(1)
    await keys.find('a')
    expect(fetch).toHaveBeenCalledTimes(2)
    expect(new Headers(fetch.mock.calls[0]?.[1].headers).get('user-agent')).toBe('Portcullis')
  })

  test('a key that was taken off the list counts no longer than an hour', async () => {
    let list: Record<string, string> = { a: ONE }
    const { keys, pass } = scene(() => listOf(list))
    await keys.find('a')
    list = { b: TWO }
    pass(HOUR)
    expect(await keys.find('a')).toBeUndefined()
    expect(await keys.find('b')).toBeDefined()
  })

  test('identifiers that nobody knows ask once a minute, not each', async () => {
    let list: Record<string, string> = { a: ONE }
    const { fetch, keys, pass } = scene(() => listOf(list))
    for (let index = 0; index < 10; index += 1) expect(await keys.find(`guess${index}`)).toBeUndefined()
    expect(fetch).toHaveBeenCalledTimes(1)
    list = { a: ONE, b: TWO }
    pass(60_000)
    expect(await keys.find('b')).toBeDefined()
    expect(fetch).toHaveBeenCalledTimes(2)
  })

  test('while the list cannot be had the old one counts, for a day; what it does not have is an outage, not a stranger', async () => {
    let isDown = false
    const { keys, pass } = scene(() => (isDown ? new Response(null, { status: 500 }) : listOf({ a: ONE })))
    await keys.find('a')
    isDown = true
    pass(2 * HOUR)
    expect(await keys.find('a')).toBeDefined()
    await expect(keys.find('b')).rejects.toThrow('status 500')
    pass(22 * HOUR - 1)
    expect(await keys.find('a')).toBeDefined()
    pass(1)
    await expect(keys.find('a')).rejects.toThrow('status 500')
  })

  test.each([
    ['a redirect', () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.example/' } })],
    ['no JSON', () => new Response('<html>')],
    ['no list', () => Response.json({ public_keys: 'none' })],
    ['more than 64 KiB', () => new Response(' '.repeat(64 * 1024 + 1))],
    ['an error', () => Promise.reject(new Error('connection refused'))],
  ])('%s is an outage', async (_, answer) => {
    await expect(scene(answer).keys.find('a')).rejects.toThrow(/./u)
  })

  test('entries that are none are passed over', async () => {
    const { keys } = scene(() => Response.json({ public_keys: [null, 1, { key_identifier: 'a' }, { key_identifier: 'b', key: ONE }] }))
    expect(await keys.find('a')).toBeUndefined()
    expect(await keys.find('b')).toBeDefined()
  })

  test('a key of another curve is no key', async () => {
    const publicKey = await pem('P-384')
    const { keys } = scene(() => listOf({ a: publicKey }))
    await expect(keys.find('a')).rejects.toThrow(/./u)
  })

  test.each(['', '../keys', 'a'.repeat(129), 'ä'])('%j is asked of nobody', async (identifier) => {
    const { fetch, keys } = scene(() => listOf({}))
    expect(await keys.find(identifier)).toBeUndefined()
    expect(fetch).not.toHaveBeenCalled()
  })
})
