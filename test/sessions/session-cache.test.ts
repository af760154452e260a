import { describe, expect, test } from 'vitest'
import { createSessionCache } from '../../src/sessions/session-cache.ts'
import type { FoundSession } from '../../src/sessions/session-lookup.ts'
import { signInOf, START } from '../support/sessions.ts'

const found = (id: string, expiresAt = START + 60_000, name = 'Ada'): FoundSession => ({
  status: 'active',
  session: { id, signIn: signInOf({ claims: { name } }), startedAt: START, expiresAt },
})

describe('createSessionCache()', () => {
  test.each([
    ['at once', 0, true],
    ['just under its time', 4999, true],
    ['at its time', 5000, false],
    ['to a clock that was set back', -1, false],
  ])('%s', (_name, later, isKept) => {
    const cache = createSessionCache(5000)
    cache.keep('c', found('s'), START)
    cache.keepToken('s', { token: 't', usableUntil: START + 60_000 }, START)
    expect(cache.find('c', START + later) !== undefined).toBe(isKept)
    expect(cache.token('s', START + later) !== undefined).toBe(isKept)
  })
  test('never longer than the session, or the token, itself', () => {
    const cache = createSessionCache(5000)
    cache.keep('c', found('s', START + 1000), START)
    cache.keepToken('s', { token: 't', usableUntil: START + 1000 }, START)
    expect([cache.find('c', START + 999), cache.token('s', START + 999)]).not.toContain(undefined)
    expect([cache.find('c', START + 1000), cache.token('s', START + 1000)]).toEqual([undefined, undefined])
  })
  test('what ended here is forgotten, with its token; others stay', () => {
    const cache = createSessionCache(5000)
    for (const id of ['s', 'other']) {
      cache.keep(`c-${id}`, found(id), START)
      cache.keepToken(id, { token: `t-${id}`, usableUntil: START + 60_000 }, START)
    }
    cache.keepToken('s', { token: 'exchanged', usableUntil: START + 60_000 }, START, '{"audience":"billing"}')
    expect(cache.token('s', START, '{"audience":"billing"}')).toBe('exchanged')
    expect(cache.token('s', START, '{"audience":"other"}')).toBeUndefined()
    cache.forget('s')
    expect(cache.token('s', START, '{"audience":"billing"}')).toBeUndefined()
    expect([cache.find('c-s', START), cache.token('s', START)]).toEqual([undefined, undefined])
    expect([cache.find('c-other', START)?.status, cache.token('other', START)]).toEqual(['active', 't-other'])
  })
  test('its memory is bounded: too much begins it anew', () => {
    const cache = createSessionCache(5000)
    const large = 'x'.repeat(1024 * 1024)
    for (const number of [1, 2, 3]) cache.keep(`c-${number}`, found(`s-${number}`, START + 60_000, large), START)
    expect(cache.find('c-1', START)).toBeDefined()
    cache.keep('c-4', found('s-4', START + 60_000, large), START)
    expect([cache.find('c-1', START), cache.find('c-3', START), cache.find('c-4', START)?.status]).toEqual([undefined, undefined, 'active'])
  })
})
