import { describe, expect, test } from 'vitest'
import { strippedCarriers, withoutCookies, withoutQueries } from '../../src/origin/carriers.ts'
import { isStripped } from '../../src/origin/stripped-fields.ts'

describe('isStripped()', () => {
  test.each([
    'connection',
    'proxy-authorization',
    'te',
    'client-cert',
    'client_cert',
    'client-cert-chain',
    'portcullis-assertion',
    'portcullis_assertion',
    'x-forwarded-for',
    'x_forwarded_for',
    'forwarded',
    'cf-connecting-ip',
    'mf-cf-blob',
    'true-client-ip',
    'x-real-ip',
    'x-original-url',
    'x-http-method-override',
    'remote-user',
    'x-consumer-username',
    'cloudflare-workers-version-overrides',
  ])('GW-1: keeps %s from the origin', (name) => {
    expect(isStripped(name)).toBe(true)
  })
  test.each([
    'accept',
    'authorization',
    'content-type',
    'content-digest',
    'cookie',
    'traceparent',
    'x-request-id',
    'x-custom',
    'idempotency-key',
  ])('lets %s pass', (name) => {
    expect(isStripped(name)).toBe(false)
  })
})

describe('withoutQueries()', () => {
  const names = new Set(['api_key'])
  test.each([
    ['', ''],
    ['?', '?'],
    ['?a=1', '?a=1'],
    ['?api_key=x', ''],
    ['?a=1&api_key=x&b=%20', '?a=1&b=%20'],
    ['?a=1&a%70i_key=x', '?a=1'],
    ['?api_key', ''],
    ['?api_key=x&api_key=y', ''],
    ['?not_api_key=1&&b', '?not_api_key=1&&b'],
  ])('%s becomes %s', (query, expected) => {
    expect(withoutQueries(query, names)).toBe(expected)
  })
})

describe('withoutCookies()', () => {
  const names = new Set(['session'])
  test.each([
    ['session=1', undefined],
    ['a=1; session=2; b=3', 'a=1; b=3'],
    ['a=1;session =2', 'a=1'],
    ['sessions=1', 'sessions=1'],
  ])('%s becomes %s', (cookie, expected) => {
    expect(withoutCookies(cookie, names)).toBe(expected)
  })
})

test('BF-6: the cookie of sign-ins under way never passes, whatever the policy says', () => {
  expect(withoutCookies('a=1; __Host-portcullis-login=g1.x; b=2', strippedCarriers([]).cookies)).toBe('a=1; b=2')
})
