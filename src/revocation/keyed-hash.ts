/**
 * HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein, SipHash): a keyed hash for tables. Who does not know
 * the key can neither make two names collide nor a name hit. Its words have 32 bits, so it is fast where a number has 53.
 */
export interface KeyedHash {
  /** Hashes the first `count` words, as bytes in little-endian order. The result stands in `first` and `second`. */
  digest(words: Int32Array, count: number): void
  /** The first four bytes of the last result, as a signed number: those stay out of the heap. */
  readonly first: number
  /** The last four. */
  readonly second: number
}

/** `key`: two words. */
export function createKeyedHash(key: Int32Array): KeyedHash {
  const [k0 = 0, k1 = 0] = key
  let first = 0
  let second = 0
  return {
    get first() {
      return first
    },
    get second() {
      return second
    },
    digest(words, count) {
      let v0 = k0
      let v1 = k1 ^ 0xee
      let v2 = 0x6c796765 ^ k0
      let v3 = 0x74656462 ^ k1
      // The words, the length, and eight rounds to the end: four before the first half of the result, four before the second.
      for (let step = 0; step <= count + 2; step += 1) {
        const isBlock = step <= count
        const block = step < count ? (words[step] ?? 0) : (count * 4) << 24
        if (isBlock) v3 ^= block
        else if (step === count + 1) v2 ^= 0xee
        else {
          first = v1 ^ v3
          v1 ^= 0xdd
        }
        for (let round = isBlock ? 2 : 4; round > 0; round -= 1) {
          v0 = (v0 + v1) | 0
          v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
          v0 = (v0 << 16) | (v0 >>> 16)
          v2 = (v2 + v3) | 0
          v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
          v0 = (v0 + v3) | 0
          v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
          v2 = (v2 + v1) | 0
          v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
          v2 = (v2 << 16) | (v2 >>> 16)
        }
        if (isBlock) v0 ^= block
      }
      second = v1 ^ v3
    },
  }
}

/** 53 bits that stand for a text. */
export function textDigest(hash: KeyedHash, text: string): number {
  const { length } = text
  // Two characters a word, then how many there are.
  const words = new Int32Array((length + 3) >> 1)
  for (let index = 0; index < length; index += 1)
    words[index >> 1] = (words[index >> 1] ?? 0) | (text.charCodeAt(index) << ((index & 1) * 16))
  words[words.length - 1] = length
  hash.digest(words, words.length)
  return (hash.first >>> 0) * 2 ** 21 + (hash.second >>> 11)
}
