import { array, assert, boolean, constantFrom, integer, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createFingerprintTable, type FingerprintTable } from '../../src/revocation/fingerprint-table.ts'

/** What stands under a fingerprint. */
function contentOf(table: FingerprintTable, first: number, second: number): readonly [number, number] | undefined {
  const place = table.find(first, second)
  return place === -1 ? undefined : [table.labelAt(place), table.instantAt(place)]
}
/** Few buckets and few words, with their ends: neighbours and the same name again are frequent. */
const halves = constantFrom(0, 1, 0x10000, -1, 0x7fffffff, -0x80000000, 0x12345678)
const entry = record({
  first: halves,
  second: halves,
  label: integer({ min: 0, max: 65_535 }),
  instant: integer({ min: 0, max: 2 ** 52 }),
})
/** 58 bits: which bucket, and what is kept. */
const nameOf = (first: number, second: number): string => `${first & 1023} ${first >>> 16} ${second}`

describe('createFingerprintTable()', () => {
  test('holds exactly what was put there, through sweeps and in another isolate', () => {
    assert(
      property(array(entry, { maxLength: 60 }), boolean(), integer({ min: 0, max: 65_535 }), (entries, isDated, over) => {
        const table = createFingerprintTable(isDated)
        const model = new Map<string, readonly [number, number]>()
        for (const { first, second, label, instant } of entries) {
          table.set(first, second, label, instant)
          model.set(nameOf(first, second), [label, isDated ? instant : Number.POSITIVE_INFINITY])
        }
        table.sweep((label) => label <= over)
        for (const [name, [label]] of model) if (label <= over) model.delete(name)
        for (const held of [table, createFingerprintTable(isDated, table.encode())]) {
          expect(held.size).toBe(model.size)
          for (const { first, second } of entries) expect(contentOf(held, first, second)).toEqual(model.get(nameOf(first, second)))
        }
      }),
    )
  })

  test('a million entries take at most 8 MiB, and each is found', () => {
    const count = 1_000_000
    const words = new Int32Array(2 * count)
    for (let from = 0; from < words.length; from += 16_000) crypto.getRandomValues(words.subarray(from, from + 16_000))
    const table = createFingerprintTable(false)
    for (let at = 0; at < words.length; at += 2) table.set(words[at] ?? 0, words[at + 1] ?? 0, at & 0xffff, 0)
    expect(table.size).toBe(count)
    expect(table.bytes).toBeLessThanOrEqual(8 * 2 ** 20)
    let found = 0
    for (let at = 0; at < words.length; at += 2) {
      const place = table.find(words[at] ?? 0, words[at + 1] ?? 0)
      if (place !== -1 && table.labelAt(place) === (at & 0xffff)) found += 1
    }
    expect(found).toBe(count)
  }, 60_000)

  test('takes no words that are not a table', () => {
    const table = createFingerprintTable(false)
    table.set(1, 2, 3, 4)
    const words = table.encode()
    expect(() => createFingerprintTable(false, words.subarray(0, -1))).toThrow('length')
    expect(() => createFingerprintTable(true, words)).toThrow('length')
  })
})
