import { describe, expect, test } from 'vitest'
import { createColoCache } from '../../src/credentials/colo-cache.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { encodeBase64Url } from '../../src/http/base64url.ts'

const secret = parseRootSecret(`g1:${encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`, {
  gateway: 'edge',
  environment: 'test',
})
const OPTIONS = { purpose: 'test-cache', folder: 'tests', maxBytes: 100 }
const cache = createColoCache(secret, OPTIONS)
const host = (): string => `${crypto.randomUUID()}.example`
const textOf = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))

describe('createColoCache()', () => {
  test('hands bytes on as they were, and deletes them', async () => {
    const authority = host()
    const bytes = Uint8Array.of(0, 255, 128, 10)
    await cache.put(authority, 'a', bytes, 60)
    expect(await cache.get(authority, 'a')).toEqual(bytes)
    await cache.delete(authority, 'a')
    expect(await cache.get(authority, 'a')).toBeUndefined()
  })

  test('a key of one purpose makes nothing of another', async () => {
    const authority = host()
    await cache.put(authority, 'a', 'x', 60)
    expect(textOf(await createColoCache(secret, OPTIONS).get(authority, 'a'))).toBe('x')
    expect(await createColoCache(secret, { ...OPTIONS, purpose: 'other' }).get(authority, 'a')).toBeUndefined()
  })

  test('the MAC and its dot count among the bytes that are read', async () => {
    const authority = host()
    await cache.put(authority, 'under', 'x'.repeat(56), 60)
    await cache.put(authority, 'over', 'x'.repeat(57), 60)
    expect(textOf(await cache.get(authority, 'under'))).toBe('x'.repeat(56))
    expect(await cache.get(authority, 'over')).toBeUndefined()
  })
})
