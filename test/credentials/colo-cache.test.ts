import { afterEach, describe, expect, test, vi } from 'vitest'
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

afterEach(() => vi.unstubAllGlobals())

describe('createColoCache()', () => {
  test('a runtime without a cache keeps nothing and fails at nothing; a cache that fails is told', async () => {
    const failing = (message: string) => async (): Promise<never> => {
      throw new Error(message)
    }
    const broken = (message: string) => ({ put: failing(message), match: failing(message), delete: failing(message) })
    vi.stubGlobal('caches', { open: async () => broken('No Cache was configured') })
    await expect(cache.put(host(), 'a', 'x', 60)).resolves.toBeUndefined()
    await expect(cache.delete(host(), 'a')).resolves.toBeUndefined()
    await expect(cache.get(host(), 'a')).resolves.toBeUndefined()
    vi.stubGlobal('caches', { open: async () => broken('out of order') })
    await expect(cache.put(host(), 'a', 'x', 60)).rejects.toThrow('out of order')
    await expect(cache.delete(host(), 'a')).rejects.toThrow('out of order')
  })

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
