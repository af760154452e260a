import { assert, jsonValue, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isRecord, parseStrictObject } from '../../../src/schemes/jwt/strict-json.ts'

const parse = (text: string): unknown => parseStrictObject(new TextEncoder().encode(text))

describe('parseStrictObject()', () => {
  test.each([
    ['{}', {}],
    [' \n{ "a" : 1 } ', { a: 1 }],
    ['{"a":{"a":{"a":1}}}', { a: { a: { a: 1 } } }],
    ['{"a":[{"b":1},{"b":2}]}', { a: [{ b: 1 }, { b: 2 }] }],
    ['{"a":"a","b":"a"}', { a: 'a', b: 'a' }],
    ['{"a":"{\\"a\\":1,\\"a\\":2}"}', { a: '{"a":1,"a":2}' }],
    ['{"a":"\\\\","b":":"}', { a: '\\', b: ':' }],
    ['{"a":["b","b",":"],"b":1}', { a: ['b', 'b', ':'], b: 1 }],
  ])('reads %s', (text, expected) => {
    expect(parse(text)).toEqual(expected)
  })

  test.each([
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"a":3}',
    '{"a":1,"\\u0061":2}',
    '{"\\u0061":1,"a":2}',
    '{"\\/":1,"/":2}',
    '{"":1,"":2}',
    '{"x":{"a":1,"a":2}}',
    '{"x":[1,{"a":1,"a":2}]}',
    '{"a":{"b":1},"a":{"c":2}}',
    '{"__proto__":1,"__proto__":2}',
  ])('JW-2: refuses a member named twice: %s', (text) => {
    expect(() => JSON.parse(text) as unknown).not.toThrow()
    expect(parse(text)).toBeUndefined()
  })

  test.each(['', 'null', '[]', '"a"', '1', 'true', '{', '{"a":1}{}', "{'a':1}", '{"a":1,}', '{/**/}', '\uFEFF{}', '{"a":NaN}'])(
    'refuses what is no JSON object: %j',
    (text) => {
      expect(parse(text)).toBeUndefined()
    },
  )

  test.each([
    [[0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]],
    // An overlong slash, a lone surrogate.
    [[0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]],
    [[0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
  ])('JW-2: refuses what is not UTF-8: %j', (bytes) => {
    expect(parseStrictObject(new Uint8Array(bytes))).toBeUndefined()
  })

  test('nests 32 levels deep, and no deeper', () => {
    const nested = (depth: number, open: string, close: string): string =>
      `{"a":${open.repeat(depth - 1)}${open === '[' ? '' : '1'}${close.repeat(depth - 1)}}`
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      expect(parse(nested(32, open, close))).toBeDefined()
      expect(parse(nested(33, open, close))).toBeUndefined()
    }
    expect(parse(`{"a":${'['.repeat(100_000)}`)).toBeUndefined()
  })

  test('a member named __proto__ is a member like any other', () => {
    const value = parse('{"__proto__":{"aud":"x"}}')
    expect(isRecord(value) && value['aud']).toBeUndefined()
  })

  test('reads what JSON.stringify writes, and refuses it with any member repeated', () => {
    assert(
      property(jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify({ value })
        expect(parse(text)).toEqual(JSON.parse(text))
        expect(parse(`{"value":0,${text.slice(1)}`)).toBeUndefined()
      }),
    )
  })
})
