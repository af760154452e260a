import { describe, expect, test } from 'vitest'
import { readBearer } from '../../../src/schemes/jwt/bearer.ts'

describe('readBearer()', () => {
  test.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   abc', 'abc'],
    ['Bearer aZ09-._~+/==', 'aZ09-._~+/=='],
  ])('BT-1: %j holds a token', (field, token) => {
    expect(readBearer(field)).toEqual({ status: 'found', token })
  })

  test.each([
    [null, 'absent'],
    ['', 'absent'],
    ['Basic eDp5', 'absent'],
    ['DPoP abc', 'absent'],
    ['Bearerabc', 'absent'],
    ['Bearer-x abc', 'absent'],
    ['Bearer', 'malformed'],
    ['Bearer ', 'malformed'],
    ['Bearer\tabc', 'malformed'],
    ['Bearer abc def', 'malformed'],
    ['Bearer abc ', 'malformed'],
    ['Bearer "abc"', 'malformed'],
    ['Bearer a=b', 'malformed'],
    ['Bearer =', 'malformed'],
    ['Bearer token=abc', 'malformed'],
    ['Bearer: abc', 'malformed'],
    ['Bearer abc\u00e9', 'malformed'],
    ['Bearer abc;', 'malformed'],
    ['Bearer abc, Bearer def', 'ambiguous'],
    ['Bearer abc,Bearer abc', 'ambiguous'],
    ['Bearer abc, Basic eDp5', 'ambiguous'],
    ['Bearer abc,', 'ambiguous'],
    ['Bearer, Bearer abc', 'ambiguous'],
    ['Basic eDp5, Bearer abc', 'ambiguous'],
    ['Basic eDp5,\tbearer', 'ambiguous'],
    ['Basic eDp5, bearerx', 'absent'],
  ])('BT-1, BT-9: %j is %s', (field, status) => {
    expect(readBearer(field)).toEqual({ status })
  })

  test('BT-9: two fields as the platform joins them', () => {
    const headers = new Headers([
      ['authorization', 'Bearer abc'],
      ['Authorization', 'Bearer def'],
    ])
    expect(readBearer(headers.get('authorization'))).toEqual({ status: 'ambiguous' })
  })
})
