import { array, assert, integer, property, record as recordOf } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endOf, packRecords, RECORD_BYTES, ReplayIndex, type ReplayRecord, WINDOW_MS, windowOf } from '../../src/replay/replay-index.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const bytesOf = (number: number): Uint8Array => {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setUint32(12, number)
  return bytes
}
const record = (hash: number, token: number, expiresAt: number): ReplayRecord => ({ hash: bytesOf(hash), token: bytesOf(token), expiresAt })
const addTo = (index: ReplayIndex, ...records: readonly ReplayRecord[]): void => {
  for (const one of records) index.add(windowOf(one.expiresAt), packRecords([one]).buffer)
}

describe('ReplayIndex', () => {
  test('a window ends where the next begins', () => {
    expect([windowOf(WINDOW_MS - 1), windowOf(WINDOW_MS)]).toEqual([0, 1])
    expect(endOf(windowOf(NOW))).toBe(NOW + WINDOW_MS)
  })

  test('an id is known until its end; its own call hears fresh', () => {
    const index = new ReplayIndex()
    addTo(index, record(1, 1, NOW + 1000))
    expect(index.find(record(1, 1, NOW + 5000), NOW + 999)).toBe('fresh')
    expect(index.find(record(1, 2, NOW + 5000), NOW + 999)).toBe('replayed')
    expect(index.find(record(1, 2, NOW + 5000), NOW + 1000)).toBeUndefined()
    expect(index.find(record(2, 1, NOW + 5000), NOW)).toBeUndefined()
  })

  test('bytes at an odd place of a larger buffer are the same id', () => {
    const index = new ReplayIndex()
    const known = record(7, 8, NOW + 1000)
    addTo(index, known)
    const within = new Uint8Array(33)
    within.set(known.hash, 1)
    within.set(known.token, 17)
    expect(index.find({ ...known, hash: within.subarray(1, 17), token: within.subarray(17) }, NOW)).toBe('fresh')
  })

  test('every bit of a hash and of a token counts', () => {
    const index = new ReplayIndex()
    const known = record(1, 1, NOW + 1000)
    addTo(index, known)
    for (let bit = 0; bit < 128; bit++) {
      const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      expect(index.find({ ...known, hash: flip(known.hash) }, NOW)).toBeUndefined()
      expect(index.find({ ...known, token: flip(known.token) }, NOW)).toBe('replayed')
    }
  })

  test('an id that comes again after its end takes its own place, and lasts until the later end', () => {
    const index = new ReplayIndex()
    addTo(index, record(1, 1, NOW + 1), record(1, 2, NOW + 1000))
    expect(index.size).toBe(1)
    expect(index.find(record(1, 3, NOW + 1000), NOW + 999)).toBe('replayed')
  })

  test('5,000 ids in rows of 100 are all found, and none besides', () => {
    const index = new ReplayIndex()
    const records = Array.from({ length: 5000 }, (_, number) => record(number, number, NOW + 1 + number))
    for (let at = 0; at < records.length; at += 100) index.add(windowOf(NOW), packRecords(records.slice(at, at + 100)).buffer)
    expect(index.size).toBe(5000)
    expect(records.filter((one) => index.find(one, NOW) !== 'fresh')).toEqual([])
    for (let number = 5000; number < 6000; number++) expect(index.find(record(number, 1, NOW + 1), NOW)).toBeUndefined()
    index.drop(windowOf(NOW))
    expect([index.size, index.find(record(1, 1, NOW + 1), NOW)]).toEqual([0, undefined])
  })

  test('a record is 40 bytes', () => {
    expect(packRecords([record(1, 2, NOW), record(3, 4, NOW)])).toHaveLength(2 * RECORD_BYTES)
    expect(RECORD_BYTES).toBe(40)
  })

  test('agrees with a list that is searched from end to end', () => {
    const uses = array(
      recordOf({ hash: integer({ min: 0, max: 9 }), life: integer({ min: 1, max: 7_200_000 }), step: integer({ min: 0, max: 900_000 }) }),
    )
    assert(
      property(uses, (steps) => {
        const [index, list] = [new ReplayIndex(), new Map<number, number>()]
        let now = NOW
        for (const { hash, life, step } of steps) {
          now += step
          const isKnown = (list.get(hash) ?? 0) > now
          expect(index.find(record(hash, 2, now + life), now)).toBe(isKnown ? 'replayed' : undefined)
          if (isKnown) continue
          addTo(index, record(hash, 1, now + life))
          list.set(hash, now + life)
        }
      }),
    )
  })
})
