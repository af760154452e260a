import { assert, property, string, stringMatching, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBase62, encodeBase62 } from '../../src/credentials/base62.ts'

describe('base62', () => {
  test('AK-1: letters and digits alone, and the length says how many bytes', () => {
    const lengths = [0, 2, 3, 5, 6, 7, 9, 10, 11, 13]
    for (const [bytes, length] of lengths.entries()) {
      const text = encodeBase62(new Uint8Array(bytes).fill(0xff))
      expect(text).toMatch(/^[0-9A-Za-z]*$/u)
      expect(text).toHaveLength(length)
    }
  })

  test('known values', () => {
    expect(encodeBase62(Uint8Array.of(0))).toBe('00')
    expect(encodeBase62(Uint8Array.of(61))).toBe('0z')
    expect(encodeBase62(Uint8Array.of(62))).toBe('10')
    expect(encodeBase62(Uint8Array.of(255))).toBe('47')
    expect(encodeBase62(new Uint8Array(8).fill(0xff))).toBe('LygHa16AHYF')
  })

  test('every byte string comes back', () => {
    assert(
      property(uint8Array({ maxLength: 80 }), (bytes) => {
        expect(decodeBase62(encodeBase62(bytes))).toEqual(new Uint8Array(bytes))
      }),
      { numRuns: 2000 },
    )
  })

  test('leading zeros are bytes of their own', () => {
    expect(decodeBase62('00')).toEqual(Uint8Array.of(0))
    expect(decodeBase62('000')).toEqual(Uint8Array.of(0, 0))
    expect(encodeBase62(Uint8Array.of(0, 0, 0, 1))).toBe('000001')
  })

  test('one text per byte string: what decodes is what the encoder gives', () => {
    const text = stringMatching(/^[0-9A-Za-z]{0,40}$/u)
    assert(
      property(text, (digits) => {
        const bytes = decodeBase62(digits)
        expect(bytes === undefined || encodeBase62(bytes) === digits).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test('any text at all decodes or is undefined, and never throws', () => {
    assert(
      property(string({ unit: 'binary', maxLength: 40 }), (text) => {
        const bytes = decodeBase62(text)
        expect(bytes === undefined || encodeBase62(bytes) === text).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['one digit', '0'],
    ['four digits', '0000'],
    ['eight digits', '00000000'],
    ['a full block and one digit', `${'0'.repeat(11)}0`],
    ['one byte, just over', '48'],
    ['two bytes, just over', 'H32'],
    ['eight bytes, just over', 'LygHa16AHYG'],
    ['eight bytes, the largest digits', 'zzzzzzzzzzz'],
    ['a hyphen', '0-'],
    ['padding', '47='],
    ['a space before', ' 47'],
    ['a line break after', '47\n'],
    ['a digit of another script', '4７'],
    ['a surrogate pair', '\u{1D7DC}'],
  ])('refuses %s', (_, text) => {
    expect(decodeBase62(text)).toBeUndefined()
  })

  test('the largest value of a block is taken', () => {
    expect(decodeBase62('47')).toEqual(Uint8Array.of(255))
    expect(decodeBase62('H31')).toEqual(Uint8Array.of(255, 255))
    expect(decodeBase62('LygHa16AHYF')).toEqual(new Uint8Array(8).fill(255))
  })
})
