import { describe, expect, test } from 'vitest'
import { deriveP256, isP256Scalar } from '../../src/credentials/p256-key.ts'
import type { RootSecret } from '../../src/credentials/root-secret.ts'
import { decodeBase64Url, decodeHex, encodeHex } from '../../src/http/base64url.ts'

const ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
const bytes = (hex: string) => decodeHex(hex) ?? new Uint8Array()
/** A root whose seeds are given, in order. */
function rootOf(...seeds: string[]): RootSecret & { readonly purposes: string[] } {
  const purposes: string[] = []
  return {
    generations: ['g1'],
    purposes,
    derive: async (purpose) => {
      purposes.push(purpose)
      return bytes(seeds[purposes.length - 1] ?? '')
    },
  }
}

describe('deriveP256()', () => {
  test('the public half is that of the scalar (RFC 6979, A.2.5)', async () => {
    const root = rootOf('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721')
    const { publicJwk, privateKey, publicKey } = await deriveP256(root, 'test', 'g1')
    expect([publicJwk.x, publicJwk.y].map((part) => encodeHex(decodeBase64Url(part) ?? new Uint8Array()))).toEqual([
      '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6',
      '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    ])
    expect(privateKey.extractable).toBe(false)
    const message = new Uint8Array([1, 2, 3])
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, message)
    expect(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, publicKey, signature, message)).toBe(true)
  })

  test('a seed that is no private key is passed over', async () => {
    const root = rootOf(ORDER, '00'.repeat(32), '01'.padStart(64, '0'))
    const { publicJwk } = await deriveP256(root, 'test', 'g1')
    expect(root.purposes).toEqual(['p256:test', 'p256:test:1', 'p256:test:2'])
    // The generator itself.
    expect(publicJwk.x).toBe('axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY')
  })

  test.each([
    ['00'.repeat(32), false],
    ['01'.padStart(64, '0'), true],
    [`${ORDER.slice(0, -1)}0`, true],
    [ORDER, false],
    [`${ORDER.slice(0, -1)}2`, false],
    ['ff'.repeat(32), false],
  ])('%s is a private key: %s', (hex, expected) => {
    expect(isP256Scalar(bytes(hex))).toBe(expected)
  })
})
