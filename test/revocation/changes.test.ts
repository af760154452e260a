import { array, assert, boolean, constantFrom, integer, option, property, record, shuffledSubarray } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createChangeTable } from '../../src/revocation/change-table.ts'
import { mergeChanges, stampChanges, type Changes } from '../../src/revocation/changes.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const at = integer({ min: 0, max: 5 })
const changes = record(
  {
    disabled: record({ at, value: boolean() }),
    plan: record({ at, value: option(constantFrom('gold', 'free')) }),
    validUntil: record({ at, value: option(integer({ min: 0, max: 3 })) }),
  },
  { requiredKeys: [] },
)
const merged = (list: readonly Changes[]): Changes => list.reduce<Changes>((all, one) => mergeChanges(all, one), {})

describe('mergeChanges()', () => {
  test('in any order, and with any repeated, the same is left', () => {
    assert(
      property(array(changes, { maxLength: 8 }), array(integer({ min: 0, max: 7 })), (list, repeats) => {
        const again = repeats.flatMap((index) => list.slice(index, index + 1))
        const backwards = [...again, ...list.toReversed(), ...again]
        expect(merged(backwards)).toEqual(merged(list))
        const middle = Math.floor(list.length / 2)
        expect(mergeChanges(merged(list.slice(0, middle)), merged(list.slice(middle)))).toEqual(merged(list))
      }),
    )
  })

  test('a later change of one field leaves the others', () => {
    const first = stampChanges({ disabled: true, plan: 'gold' }, undefined, NOW)
    expect(mergeChanges(first, stampChanges({ plan: null }, first, NOW + 1))).toEqual({
      disabled: { at: NOW, value: true },
      plan: { at: NOW + 1, value: null },
    })
  })

  test('a clock that was set back takes nothing back', () => {
    const first = stampChanges({ disabled: false }, undefined, NOW)
    const second = stampChanges({ disabled: true }, first, NOW - 60_000)
    expect(mergeChanges(second, first).disabled).toEqual({ at: NOW + 1, value: true })
  })
})

describe('createChangeTable()', () => {
  test('holds the same whatever the order, in a copy too, and drops each entry at its end', () => {
    const entries = [0, 1, 2].map((index) => stampChanges({ plan: `p${index}` }, undefined, NOW + index))
    assert(
      property(shuffledSubarray(entries, { minLength: 3 }), (order) => {
        const table = createChangeTable()
        for (const changed of order) table.add({ type: 'key', id: 'a' }, changed, NOW + 1000)
        const copy = createChangeTable(table.encode())
        for (const known of [table, copy]) {
          expect([known.find('key', 'a')?.plan?.value, known.find('consumer', 'a'), known.size]).toEqual(['p2', undefined, 1])
          known.forget(NOW + 999)
          expect(known.size).toBe(1)
          known.forget(NOW + 1000)
          expect([known.size, known.bytes]).toEqual([0, 0])
        }
      }),
    )
  })

  test('fifty thousand changes take less than 12 MiB', () => {
    const table = createChangeTable()
    for (let index = 0; index < 50_000; index += 1)
      table.add({ type: 'key', id: `${index}`.padStart(24, '0') }, stampChanges({ disabled: true, plan: 'gold' }, undefined, NOW), NOW)
    expect(table.bytes).toBeLessThan(12 * 2 ** 20)
  })
})
