import { assert, property, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rawEcdsaSignature } from '../../src/http/ecdsa-signature.ts'

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values)
const integer = (number: readonly number[]): number[] => [2, number.length, ...number]
const sequence = (...content: number[]): Uint8Array<ArrayBuffer> => bytes(0x30, content.length, ...content)

/** By the book: what a positive number of 32 bytes is in DER. */
function encode(number: Uint8Array): number[] {
  const from = number.findIndex((byte) => byte !== 0)
  const digits = from === -1 ? [0] : Array.from(number.subarray(from))
  return integer((digits[0] ?? 0) >= 0x80 ? [0, ...digits] : digits)
}

describe('rawEcdsaSignature()', () => {
  test('r and s, each to 32 bytes, however short they are', () => {
    const number = uint8Array({ minLength: 32, maxLength: 32 }).filter((digits) => digits.some((byte) => byte !== 0))
    assert(
      property(number, number, (r, s) => {
        expect(rawEcdsaSignature(sequence(...encode(r), ...encode(s)))).toEqual(bytes(...r, ...s))
      }),
    )
  })

  test.each([
    ['nothing', bytes()],
    ['one number', sequence(...integer([1]))],
    ['three numbers', sequence(...integer([1]), ...integer([1]), ...integer([1]))],
    ['something behind it', bytes(...sequence(...integer([1]), ...integer([1])), 0)],
    ['a negative number', sequence(...integer([0x80]), ...integer([1]))],
    ['a number of no bytes', sequence(...integer([]), ...integer([1]))],
    ['a number with a zero too many', sequence(...integer([0, 1]), ...integer([1]))],
    ['nought, spelt with two zeros', sequence(...integer([0, 0]), ...integer([1]))],
    ['a number of 33 bytes', sequence(...integer([1, ...Array.from({ length: 32 }, () => 1)]), ...integer([1]))],
    ['no numbers', sequence(4, 1, 1, 4, 1, 1)],
    ['another length than it has', bytes(0x30, 7, ...integer([1]), ...integer([1]))],
  ])('%s is none', (_, der) => {
    expect(rawEcdsaSignature(der)).toBeUndefined()
  })
})
