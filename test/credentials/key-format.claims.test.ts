import { describe, expect, test } from 'vitest'
import { decodeClaims, MAX_KEY_LIFE_SECONDS } from '../../src/credentials/key-format.ts'

describe('decodeClaims()', () => {
  const GOOD = [1, 'g1', '0'.repeat(24), 'acme', 0, 0, 1_800_000_000, 60] as const
  const claimsOf = (text: string): unknown => decodeClaims(new Uint8Array(new TextEncoder().encode(text)))
  const withField = (index: number, value: unknown): string => JSON.stringify(GOOD.map((field, at) => (at === index ? value : field)))

  test.each([
    [4, 'gold'],
    [5, ''],
    [5, 'a b'],
    [6, 1],
    [6, 2 ** 40 - 1],
    [7, 1],
    [7, MAX_KEY_LIFE_SECONDS],
  ])('takes field %i as %j', (index, value) => {
    expect(claimsOf(withField(index, value))).toBeDefined()
  })

  test.each([
    [0, 2],
    [0, '1'],
    [1, ''],
    [1, 'G1'],
    [1, 'abcdefghi'],
    [2, '0'.repeat(23)],
    [2, '0'.repeat(25)],
    [2, 'A'.repeat(24)],
    [3, 0],
    [3, ''],
    [3, 'a b'],
    [4, ''],
    [4, null],
    [4, 1],
    [5, 'a  b'],
    [5, ' a'],
    [5, 'a '],
    [5, ['a']],
    [5, false],
    [6, 0],
    [6, 1.5],
    [6, '1800000000'],
    [6, 2 ** 40],
    [7, 0],
    [7, -60],
    [7, MAX_KEY_LIFE_SECONDS + 1],
    [7, null],
  ])('refuses field %i as %j', (index, value) => {
    expect(claimsOf(withField(index, value))).toBeUndefined()
  })

  test.each([
    ['a space', JSON.stringify(GOOD).replace(',', ', ')],
    ['a line break at the end', `${JSON.stringify(GOOD)}\n`],
    ['an escape', JSON.stringify(GOOD).replace('acme', '\\u0061cme')],
    ['another spelling of a number', JSON.stringify(GOOD).replace(',60]', ',6e1]')],
    ['minus zero', JSON.stringify(GOOD).replace(',0,', ',-0,')],
    ['a byte order mark', `\uFEFF${JSON.stringify(GOOD)}`],
    ['a field more', JSON.stringify([...GOOD, 0])],
    ['a field less', JSON.stringify(GOOD.slice(0, -1))],
    ['an object', JSON.stringify(Object.assign({ length: 8 }, GOOD))],
    ['no JSON', 'x'],
    ['nothing', ''],
  ])('refuses %s: a key has one spelling', (_, text) => {
    expect(claimsOf(JSON.stringify(GOOD))).toBeDefined()
    expect(claimsOf(text)).toBeUndefined()
  })

  test('refuses bytes that are no UTF-8', () => {
    const bytes = new TextEncoder().encode(JSON.stringify(GOOD)).map((byte) => (byte === 0x61 ? 0xff : byte))
    expect(decodeClaims(new Uint8Array(bytes))).toBeUndefined()
  })
})
