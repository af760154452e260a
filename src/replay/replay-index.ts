/** One id as a shard keeps it. */
export interface ReplayRecord {
  /** 16 bytes of the hash of scope and id. */
  readonly hash: Uint8Array
  /** 16 random bytes of this one call: a retry whose first answer was lost still hears `fresh`. */
  readonly token: Uint8Array
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** Ids belong to the window their end falls into; a window is forgotten whole. Longer ones hold more that is over, shorter ones cost more rows. */
export const WINDOW_MS = 300_000
/** Hash 16, token 16, end 8 (a double); numbers in the machine's order, little-endian wherever workerd runs. */
export const RECORD_BYTES = 40

const RECORD_WORDS = RECORD_BYTES / 4
const HASH_WORDS = 4
const END_WORD = 8
const CHUNK_RECORDS = 512
const FIRST_SLOTS = 64

export function windowOf(expiresAt: number): number {
  return Math.floor(expiresAt / WINDOW_MS)
}

export function endOf(window: number): number {
  return (window + 1) * WINDOW_MS
}

/** A batch as one row holds it. */
export function packRecords(records: readonly ReplayRecord[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(records.length * RECORD_BYTES)
  const ends = new Float64Array(bytes.buffer)
  for (const [index, { hash, token, expiresAt }] of records.entries()) {
    bytes.set(hash, index * RECORD_BYTES)
    bytes.set(token, index * RECORD_BYTES + hash.byteLength)
    ends[(index * RECORD_BYTES + 32) / Float64Array.BYTES_PER_ELEMENT] = expiresAt
  }
  return bytes
}

/**
 * The ids of a shard in memory: 40 bytes each and at most 11 for the way to them, so 524,288 of them take 27 MB. It
 * holds what is durable, nothing else.
 */
export class ReplayIndex {
  readonly #windows = new Map<number, WindowIndex>()

  /** Ids held, those that are over but whose window is not included. */
  get size(): number {
    let size = 0
    for (const window of this.#windows.values()) size += window.size
    return size
  }

  /** `fresh`: used by this very call before. Every window that ends after `now` may hold the id: the same nonce may come with another end. */
  find(record: ReplayRecord, now: number): 'fresh' | 'replayed' | undefined {
    const words = new Uint32Array(packRecords([record]).buffer)
    for (const [window, ids] of this.#windows) {
      const known = endOf(window) > now ? ids.find(words, now) : undefined
      if (known !== undefined) return known
    }
    return undefined
  }

  /** The records of one row. An id that was over and came again takes the place of the old one. */
  add(window: number, packed: ArrayBuffer): void {
    const ids = this.#windows.get(window) ?? new WindowIndex()
    this.#windows.set(window, ids)
    const words = new Uint32Array(packed)
    for (let at = 0; at < words.length; at += RECORD_WORDS) ids.add(words, at)
  }

  drop(window: number): void {
    this.#windows.delete(window)
  }
}

/** A hash table with open addressing: records lie in chunks, a slot holds the number of a record, counted from one. */
class WindowIndex {
  readonly #chunks: Uint32Array<ArrayBuffer>[] = []
  /** Secret, so that a client cannot choose ids that all lie in one place. */
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
  #slots = new Uint32Array(FIRST_SLOTS)
  #size = 0

  get size(): number {
    return this.#size
  }

  find(words: Uint32Array, now: number): 'fresh' | 'replayed' | undefined {
    const number = this.#slots[this.#slotOf(words, 0)] ?? 0
    if (number === 0) return undefined
    const [chunk, start] = [this.#chunkOf(number), startOf(number)]
    const [expiresAt = 0] = new Float64Array(chunk.buffer, (start + END_WORD) * Uint32Array.BYTES_PER_ELEMENT, 1)
    if (expiresAt <= now) return undefined
    return isEqual(chunk, start + HASH_WORDS, words, HASH_WORDS) ? 'fresh' : 'replayed'
  }

  add(words: Uint32Array, at: number): void {
    const slot = this.#slotOf(words, at)
    const number = this.#slots[slot] || this.#size + 1
    if (number > this.#chunks.length * CHUNK_RECORDS) this.#chunks.push(new Uint32Array(CHUNK_RECORDS * RECORD_WORDS))
    this.#chunkOf(number).set(words.subarray(at, at + RECORD_WORDS), startOf(number))
    this.#slots[slot] = number
    this.#size = Math.max(this.#size, number)
    if (this.#size * 4 > this.#slots.length * 3) this.#grow()
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let number = 1; number <= this.#size; number++) this.#slots[this.#slotOf(this.#chunkOf(number), startOf(number))] = number
  }

  /** Where the hash lies, or the empty slot where it would; there always is one. */
  #slotOf(words: Uint32Array, at: number): number {
    const mask = this.#slots.length - 1
    let place = this.#seed
    for (let index = 0; index < HASH_WORDS; index++) place = mix(place ^ (words[at + index] ?? 0))
    for (let slot = mix(place) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] ?? 0
      if (number === 0 || isEqual(this.#chunkOf(number), startOf(number), words, at)) return slot
    }
  }

  #chunkOf(number: number): Uint32Array<ArrayBuffer> {
    const chunk = this.#chunks[Math.floor((number - 1) / CHUNK_RECORDS)]
    if (chunk === undefined) throw new RangeError('no such record')
    return chunk
  }
}

function startOf(number: number): number {
  return ((number - 1) % CHUNK_RECORDS) * RECORD_WORDS
}

/** Every bit of a word counts in the low bits of the place, which choose the slot. */
function mix(word: number): number {
  const product = Math.imul(word, 0x85eb_ca6b)
  return product ^ (product >>> 15)
}

/** Hashes and tokens are four words each. */
function isEqual(left: Uint32Array, leftAt: number, right: Uint32Array, rightAt: number): boolean {
  for (let index = 0; index < HASH_WORDS; index++) if (left[leftAt + index] !== right[rightAt + index]) return false
  return true
}
