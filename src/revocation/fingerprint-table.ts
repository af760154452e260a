/** Ten bits of a fingerprint choose its bucket, 48 are kept. */
const BUCKETS = 1024
const BUCKET_MASK = BUCKETS - 1
/** Room is added for this many entries at once: a fiftieth of a bucket when the table holds a million. */
const GROWTH = 16
/** Instants that are kept: up to 2^53, in two words. */
const WORD = 2 ** 32

/**
 * A set of fingerprints of 58 bits, each with a label of 16 bits and, where the table is `dated`, an instant: 8 or 16
 * bytes an entry. Two different names share a fingerprint with the probability 2^-58.
 */
export interface FingerprintTable {
  readonly size: number
  /** Bytes that the entries and the room beside them take. */
  readonly bytes: number
  /** Where the fingerprint stands; -1: it is not here. Good until the table changes. */
  find(first: number, second: number): number
  labelAt(place: number): number
  /** Infinity in a table that is not dated. */
  instantAt(place: number): number
  /** Replaces what stood under the fingerprint. */
  set(first: number, second: number, label: number, instant: number): void
  /** Removes the entries whose label is over. */
  sweep(isOver: (label: number) => boolean): void
  /** The whole table as words of this machine. */
  encode(): Int32Array<ArrayBuffer>
}

/** How far from there a fingerprint seldom is, in a bucket of a thousand. */
const REACH = 32
/** A place holds the bucket above and the entry below. */
const PLACE_BITS = 20

/** `encoded`: what `encode()` of a table of the same kind gave. Throws when it is not. */
export function createFingerprintTable(isDated: boolean, encoded?: Int32Array): FingerprintTable {
  const stride = isDated ? 4 : 2
  const counts = new Int32Array(BUCKETS)
  const buckets: Int32Array[] = Array.from({ length: BUCKETS }, () => EMPTY)
  let size = 0
  if (encoded !== undefined) load(encoded)

  function load(words: Int32Array): void {
    counts.set(words.subarray(0, BUCKETS))
    let from = BUCKETS
    for (const [bucket, count] of counts.entries()) {
      if (count > 0) buckets[bucket] = words.slice(from, from + count * stride)
      from += count * stride
      size += count
    }
    if (from !== words.length) throw new Error('the table does not have the length that it states')
  }

  /** The first entry that does not come before the fingerprint. They are spread evenly, so it is looked for where it should stand. */
  function search(entries: Int32Array, count: number, major: number, minor: number): number {
    let low = 0
    let high = count
    const guess = Math.floor(((major + WORD / 2) / WORD) * count)
    const below = guess - REACH
    const above = guess + REACH
    if (below > 0 && (entries[below * stride] ?? 0) < major) low = below
    if (above < count && (entries[above * stride] ?? 0) > major) high = above
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = entries[middle * stride] ?? 0
      if (at < major || (at === major && (entries[middle * stride + 1] ?? 0) >>> 16 < minor)) low = middle + 1
      else high = middle
    }
    return low
  }

  function find(first: number, second: number): number {
    const bucket = first & BUCKET_MASK
    const entries = buckets[bucket] ?? EMPTY
    const count = counts[bucket] ?? 0
    const index = search(entries, count, second, first >>> 16)
    const isHere = index < count && entries[index * stride] === second && (entries[index * stride + 1] ?? 0) >>> 16 === first >>> 16
    return isHere ? bucket * 2 ** PLACE_BITS + index : -1
  }

  const wordAt = (place: number, offset: number): number =>
    buckets[place >>> PLACE_BITS]?.[(place & (2 ** PLACE_BITS - 1)) * stride + offset] ?? 0

  /** Opens room for one entry before `index` of a bucket. */
  function open(bucket: number, index: number): Int32Array {
    const count = counts[bucket] ?? 0
    let entries = buckets[bucket] ?? EMPTY
    if (entries.length < (count + 1) * stride) {
      const larger = new Int32Array((count + GROWTH) * stride)
      larger.set(entries)
      buckets[bucket] = larger
      entries = larger
    }
    entries.copyWithin((index + 1) * stride, index * stride, count * stride)
    counts[bucket] = count + 1
    size += 1
    return entries
  }

  return {
    get size() {
      return size
    },
    get bytes() {
      return buckets.reduce((sum, { byteLength }) => sum + byteLength, counts.byteLength)
    },
    find,
    labelAt: (place) => wordAt(place, 1) & 0xffff,
    instantAt: (place) => (isDated ? wordAt(place, 2) * WORD + (wordAt(place, 3) >>> 0) : Number.POSITIVE_INFINITY),
    set(first, second, label, instant) {
      const bucket = first & BUCKET_MASK
      const known = find(first, second)
      const index = search(buckets[bucket] ?? EMPTY, counts[bucket] ?? 0, second, first >>> 16)
      const entries = known === -1 ? open(bucket, index) : (buckets[bucket] ?? EMPTY)
      entries[index * stride] = second
      entries[index * stride + 1] = (first & 0xffff0000) | label
      if (!isDated) return
      entries[index * stride + 2] = Math.floor(instant / WORD)
      entries[index * stride + 3] = instant % WORD
    },
    sweep(isOver) {
      for (const [bucket, entries] of buckets.entries()) {
        const count = counts[bucket] ?? 0
        let kept = 0
        for (let index = 0; index < count; index += 1) {
          if (isOver((entries[index * stride + 1] ?? 0) & 0xffff)) continue
          if (kept < index) entries.copyWithin(kept * stride, index * stride, (index + 1) * stride)
          kept += 1
        }
        if (kept === count) continue
        counts[bucket] = kept
        size -= count - kept
        buckets[bucket] = entries.slice(0, kept * stride)
      }
    },
    encode() {
      const words = new Int32Array(BUCKETS + size * stride)
      words.set(counts)
      let at = BUCKETS
      for (const [bucket, entries] of buckets.entries()) {
        const used = (counts[bucket] ?? 0) * stride
        words.set(entries.subarray(0, used), at)
        at += used
      }
      return words
    },
  }
}

const EMPTY = new Int32Array(0)
