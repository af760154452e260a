import { describe, expect, test } from 'vitest'
import { importedKeyDigests } from '../../src/credentials/imported-key.ts'
import { parseRootSecret, type RootSecret } from '../../src/credentials/root-secret.ts'
import { encodeBase64Url, encodeHex } from '../../src/http/base64url.ts'

const G1 = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
const G2 = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
const rootOf = (text: string, gateway = 'edge', environment = 'test'): RootSecret => parseRootSecret(text, { gateway, environment })
const root = rootOf(`g2:${G2},g1:${G1}`)

describe('importedKeyDigests()', () => {
  test('AK-3: one peppered hash for each generation, newest first', async () => {
    const digests = await importedKeyDigests(root, 'their-key')
    expect(digests).toHaveLength(2)
    for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{64}$/u)
    expect(digests).toEqual([
      ...(await importedKeyDigests(rootOf(`g2:${G2}`), 'their-key')),
      ...(await importedKeyDigests(rootOf(`g1:${G1}`), 'their-key')),
    ])
  })

  test('is no plain hash: without the root secret nobody can test a guess', async () => {
    const plain = encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('their-key'))))
    expect(await importedKeyDigests(root, 'their-key')).not.toContain(plain)
  })

  test('every key has another hash, and so has the same key at another gateway or environment', async () => {
    const all = await Promise.all([
      importedKeyDigests(root, 'their-key'),
      importedKeyDigests(root, 'their-key '),
      importedKeyDigests(root, 'Their-key'),
      importedKeyDigests(rootOf(`g2:${G2},g1:${G1}`, 'other'), 'their-key'),
      importedKeyDigests(rootOf(`g2:${G2},g1:${G1}`, 'edge', 'production'), 'their-key'),
    ])
    expect(new Set(all.flat()).size).toBe(10)
  })
})
