import { describe, expect, test } from 'vitest'
import { freshnessOf } from '../../../src/schemes/jwt/freshness.ts'
import { NOW } from '../../support/authenticators.ts'

const secondsOf = (headers: Record<string, string>): number => freshnessOf(new Headers(headers), NOW).seconds
const httpDate = (seconds: number): string => new Date(NOW + seconds * 1000).toUTCString()

describe('freshnessOf()', () => {
  test.each<[Record<string, string>, number]>([
    [{}, 600],
    [{ 'cache-control': 'public' }, 600],
    [{ 'cache-control': 'max-age=100' }, 100],
    [{ 'cache-control': 'public, Max-Age=100 , must-revalidate' }, 100],
    [{ 'cache-control': 'max-age="100"' }, 100],
    [{ 'cache-control': 's-maxage=200, max-age=100' }, 200],
    [{ 'cache-control': 'max-age=100, s-maxage=200', expires: httpDate(300) }, 200],
    [{ expires: httpDate(100) }, 100],
    [{ expires: httpDate(100), date: httpDate(-100) }, 200],
    [{ 'cache-control': 'max-age=100', age: '40' }, 60],
    [{ 'cache-control': 'max-age=100', age: 'forty' }, 100],
  ])('JC-1: %j', (headers, seconds) => {
    expect(secondsOf(headers)).toBe(seconds)
  })

  test.each<[Record<string, string>, number]>([
    [{ 'cache-control': 'max-age=29' }, 30],
    [{ 'cache-control': 'max-age=30' }, 30],
    [{ 'cache-control': 'max-age=31' }, 31],
    [{ 'cache-control': 'max-age=86399' }, 86_399],
    [{ 'cache-control': 'max-age=86400' }, 86_400],
    [{ 'cache-control': 'max-age=86401' }, 86_400],
    [{ 'cache-control': 'max-age=9999999999' }, 86_400],
    [{ 'cache-control': 'max-age=100', age: '9999999999' }, 30],
  ])('JC-1: between 30 seconds and a day: %j', (headers, seconds) => {
    expect(secondsOf(headers)).toBe(seconds)
  })

  test.each<Record<string, string>>([
    { 'cache-control': 'max-age=-1' },
    { 'cache-control': 'max-age=1e9' },
    { 'cache-control': 'max-age=99999999999' },
    { 'cache-control': 'max-age' },
    { 'cache-control': 'max-age=' },
    { 'cache-control': 'max-age=86400, max-age=1' },
    { 'cache-control': 'max-age=1, max-age=86400' },
    { 'cache-control': 's-maxage=0, max-age=86400' },
    { expires: '0' },
    { expires: 'never' },
    { expires: httpDate(-1) },
  ])('JC-1: what cannot be read, or disagrees, counts as stale: %j', (headers) => {
    expect(secondsOf(headers)).toBe(30)
  })

  test.each([
    ['no-store', 30, false],
    ['no-cache', 30, false],
    ['NO-STORE, max-age=86400', 30, false],
    ['private, max-age=100', 100, false],
    ['private="set-cookie", max-age=100', 100, false],
    ['public, max-age=100', 100, true],
  ])('JC-1: %s is fresh for %i seconds, and shared: %s', (cacheControl, seconds, isShareable) => {
    expect(freshnessOf(new Headers({ 'cache-control': cacheControl }), NOW)).toEqual({ seconds, isShareable })
  })
})
