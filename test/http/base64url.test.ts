import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBase64, decodeBase64Url, decodeHex, encodeBase64, encodeBase64Url, encodeHex } from '../../src/http/base64url.ts'

const utf8 = new TextEncoder()

describe('decodeBase64Url()', () => {
  test('takes what the encoder gives, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeBase64Url(encodeBase64Url(bytes))).toEqual(bytes)
      }),
    )
  })

  test('takes one spelling per byte string: what it takes, the encoder gives back', () => {
    const nearly = fc.string({ unit: fc.constantFrom(...Array.from('AQgwBZz09-_+/= \n.')), maxLength: 9 })
    fc.assert(
      fc.property(nearly, (text) => {
        const bytes = decodeBase64Url(text)
        expect(bytes === undefined ? text : encodeBase64Url(bytes)).toBe(text)
      }),
    )
  })

  test('agrees with the vectors of RFC 4648 §10 and with the URL-safe alphabet', () => {
    const vectors = { '': '', f: 'Zg', fo: 'Zm8', foo: 'Zm9v', foob: 'Zm9vYg', fooba: 'Zm9vYmE', foobar: 'Zm9vYmFy' }
    for (const [plain, text] of Object.entries(vectors)) {
      expect(encodeBase64Url(utf8.encode(plain))).toBe(text)
      expect(decodeBase64Url(text)).toEqual(utf8.encode(plain))
    }
    expect(encodeBase64Url(new Uint8Array([0xfb, 0xff, 0xfe]))).toBe('-__-')
  })

  test.each([
    ['padding', 'Zg=='],
    ['the standard alphabet', '+//+'],
    ['white space', 'Zm9 v'],
    ['a line feed at the end', 'Zm9v\n'],
    ['a remainder of one character', 'Zm9vY'],
    ['trailing bits that are not zero, two characters', 'Zh'],
    ['trailing bits that are not zero, three characters', 'Zm9vYmF'],
    ['a character outside Latin-1 that shares its low byte with a letter', 'Zm9\u0176'],
    ['NUL', 'Zm9\0'],
  ])('JW-4: refuses %s', (_, text) => {
    expect(decodeBase64Url(text)).toBeUndefined()
  })
})

describe('decodeBase64()', () => {
  test('takes what the encoder gives, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes)
      }),
    )
  })

  test.each([
    ['missing padding', 'Zg'],
    ['too much padding', 'Zm9v===='],
    ['padding alone', '===='],
    ['padding in the middle', 'Zg==Zg=='],
    ['the URL-safe alphabet', '-__-'],
    ['white space', 'Zm9 '],
    ['trailing bits that are not zero', 'Zh=='],
  ])('refuses %s', (_, text) => {
    expect(decodeBase64(text)).toBeUndefined()
  })

  test('takes nothing for nothing', () => {
    expect(decodeBase64('')).toEqual(new Uint8Array())
  })
})

describe('decodeHex()', () => {
  test('takes what the encoder gives, and upper case', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(decodeHex(encodeHex(bytes))).toEqual(bytes)
        expect(decodeHex(encodeHex(bytes).toUpperCase())).toEqual(bytes)
      }),
    )
  })

  test.each([
    ['an odd number of digits', 'abc'],
    ['a letter past f', '0g'],
    ['a prefix', '0xab'],
    ['a colon', 'ab:c'],
    ['@', '0@'],
    ['a backquote', '0`'],
  ])('refuses %s', (_, text) => {
    expect(decodeHex(text)).toBeUndefined()
  })
})
