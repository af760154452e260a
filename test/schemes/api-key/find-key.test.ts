import { describe, expect, test } from 'vitest'
import { findKey } from '../../../src/schemes/api-key/find-key.ts'

const HEADER = { in: 'header', name: 'X-Key' } as const
const BEARER = { in: 'bearer' } as const
const QUERY = { in: 'query', name: 'key' } as const
const COOKIE = { in: 'cookie', name: 'key' } as const

const requestWith = (headers: HeadersInit = {}, query = ''): Request => new Request(`https://api.example.com/v1${query}`, { headers })
const found = (key: string) => ({ status: 'found', key })
const AMBIGUOUS = { status: 'ambiguous' }
const MALFORMED = { status: 'malformed' }

describe('findKey() in a header', () => {
  const inHeader = (...values: string[]) => findKey(HEADER, 'pck', requestWith(values.map((value): [string, string] => ['x-key', value])))

  test('AK-7: the one configured field, and no other place', () => {
    expect(inHeader('pck_1')).toEqual(found('pck_1'))
    const elsewhere = requestWith({ authorization: 'Bearer pck_1', cookie: 'X-Key=pck_1', 'x-api-key': 'pck_1' }, '?X-Key=pck_1')
    expect(findKey(HEADER, 'pck', elsewhere)).toBeUndefined()
  })

  test('a key of anybody’s making is looked at, whatever its prefix', () => {
    expect(inHeader('their-key==')).toEqual(found('their-key=='))
  })

  test('the same field twice is ambiguous, even with the same key', () => {
    expect(inHeader('pck_1', 'pck_1')).toEqual(AMBIGUOUS)
    expect(inHeader('pck_1', 'pck_2')).toEqual(AMBIGUOUS)
    expect(inHeader('pck_1,pck_2')).toEqual(AMBIGUOUS)
    expect(inHeader('pck_1', '')).toEqual(AMBIGUOUS)
  })

  test.each([
    ['empty', ''],
    ['two words', 'Bearer pck_1'],
    ['a tab within', 'pck\t1'],
  ])('%s is malformed, not absent', (_, value) => {
    expect(inHeader(value)).toEqual(MALFORMED)
  })

  test('8192 characters are looked at, 8193 are not', () => {
    expect(inHeader('k'.repeat(8192))).toMatchObject({ status: 'found' })
    expect(inHeader('k'.repeat(8193))).toEqual(MALFORMED)
  })
})

describe('findKey() as a bearer credential', () => {
  const bearer = (...values: string[]) =>
    findKey(BEARER, 'pck', requestWith(values.map((value): [string, string] => ['authorization', value])))

  test.each(['Bearer pck_1', 'bearer pck_1', 'BEARER pck_1', 'Bearer    pck_1'])('takes %j', (value) => {
    expect(bearer(value)).toEqual(found('pck_1'))
  })

  test.each([
    ['nothing', []],
    ['a token', ['Bearer eyJhbGciOiJFZERTQSJ9.e30.AA']],
    ['an admin key', ['Bearer pca_1']],
    ['a signing key id', ['Bearer pcs_1']],
    ['the prefix without its underscore', ['Bearer pck1']],
    ['the prefix in upper case', ['Bearer PCK_1']],
    ['the key without the scheme', ['pck_1']],
    ['another scheme', ['Basic pck_1']],
    ['a scheme that only starts so', ['Bearerpck_1']],
    ['the scheme alone', ['Bearer']],
  ])('%s is absent: not this scheme’s', (_, values) => {
    expect(bearer(...values)).toBeUndefined()
  })

  test('RFC 6750 §2: twice is ambiguous', () => {
    expect(bearer('Bearer pck_1', 'Bearer pck_1')).toEqual(AMBIGUOUS)
    expect(bearer('Bearer pck_1', 'Bearer eyJ')).toEqual(AMBIGUOUS)
    expect(bearer('Bearer pck_1,pck_2')).toEqual(AMBIGUOUS)
  })

  test('something after the key is malformed', () => {
    expect(bearer('Bearer pck_1 pck_2')).toEqual(MALFORMED)
  })

  test('the prefix of the purpose decides', () => {
    expect(findKey(BEARER, 'pca', requestWith({ authorization: 'Bearer pca_1' }))).toEqual(found('pca_1'))
    expect(findKey(BEARER, 'pca', requestWith({ authorization: 'Bearer pck_1' }))).toBeUndefined()
  })
})

describe('findKey() in the query', () => {
  const inQuery = (query: string) => findKey(QUERY, 'pck', requestWith({ 'x-key': 'pck_9', cookie: 'key=pck_9', key: 'pck_9' }, query))

  test.each([
    ['?key=pck_1', found('pck_1')],
    ['?a=b&key=pck_1&c', found('pck_1')],
    ['?%6Bey=pck_1', found('pck_1')],
    ['?key=pck%5F1', found('pck_1')],
    ['?key=a%26key=b', found('a&key=b')],
    ['?key=pck_1&key=pck_1', AMBIGUOUS],
    ['?key=pck_1&%6Bey=pck_2', AMBIGUOUS],
    ['?key=&key=pck_1', AMBIGUOUS],
    ['?key', MALFORMED],
    ['?key=', MALFORMED],
    ['?key=a+b', MALFORMED],
    ['?key=a%0Ab', MALFORMED],
    ['', undefined],
    ['?', undefined],
    ['?Key=pck_1', undefined],
    ['?key[]=pck_1', undefined],
    ['?other=key=pck_1', undefined],
    ['?a;key=pck_1', undefined],
    ['#?key=pck_1', undefined],
  ])('%s', (query, expected) => {
    expect(inQuery(query)).toEqual(expected)
  })

  test('a comma is part of one value, not a second one', () => {
    expect(inQuery('?key=a,b')).toEqual(MALFORMED)
  })
})

describe('findKey() in a cookie', () => {
  const inCookie = (...values: string[]) =>
    findKey(COOKIE, 'pck', requestWith([...values.map((value): [string, string] => ['cookie', value]), ['key', 'pck_9']], '?key=pck_9'))

  test.each([
    ['key=pck_1', found('pck_1')],
    ['a=b; key=pck_1; c=d', found('pck_1')],
    ['a=b;key=pck_1', found('pck_1')],
    ['key=a=b', found('a=b')],
    ['key=pck_1; key=pck_1', AMBIGUOUS],
    ['key=pck_1; key=', AMBIGUOUS],
    ['key=', MALFORMED],
    ['key=a b', MALFORMED],
    ['Key=pck_1', undefined],
    ['xkey=pck_1', undefined],
    ['key', undefined],
    ['a=key=pck_1', undefined],
  ])('%s', (cookie, expected) => {
    expect(inCookie(cookie)).toEqual(expected)
  })

  test('none at all', () => {
    expect(inCookie()).toBeUndefined()
  })

  test('two cookie fields with the key each do not give one key', () => {
    expect(inCookie('key=pck_1', 'key=pck_2')).not.toMatchObject({ status: 'found' })
  })
})
