import { describe, expect, test } from 'vitest'
import { createKeyedHash } from '../../src/revocation/keyed-hash.ts'

/** Of the authors' list for 64 bits of output (key 00 01 … 07, message 00 01 …): the messages of whole words. */
const VECTORS: readonly (readonly [bytes: number, digest: string])[] = [
  [0, '218d1f59b9b83cc8'],
  [4, 'd5e78a175be52ea1'],
  [8, 'edfee820bce4858c'],
  [12, '7bc71f9faef5c799'],
  [16, '7336aad25f7bf3b5'],
  [20, '1bf52b0a6feea7db'],
]

function digestOf(key: Int32Array, words: Int32Array, count: number): string {
  const hash = createKeyedHash(key)
  hash.digest(words, count)
  return [...new Uint8Array(Int32Array.of(hash.first, hash.second).buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
const wordsOf = (bytes: number): Int32Array => new Int32Array(Uint8Array.from({ length: bytes }, (_, index) => index).buffer)

describe('createKeyedHash()', () => {
  test.each(VECTORS)('HalfSipHash-2-4: %i bytes', (bytes, digest) => {
    expect(digestOf(wordsOf(8), wordsOf(bytes), bytes / 4)).toBe(digest)
  })
})
