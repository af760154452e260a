import { assert, array, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeySet } from '../../../src/schemes/jwt/key-set.ts'
import { createVerifiedTokens, type VerifiedToken } from '../../../src/schemes/jwt/verified-tokens.ts'
import { principal } from '../../support/authenticators.ts'

const keySet: KeySet = { keys: [] }
const entry = (): VerifiedToken => ({ principal: principal('user'), keySet, issuer: 'https://idp.example' })
/** A token counts four times its length. */
const COST = 4
const tokenOf = (name: string, length = 10): string => name.padEnd(length, '.')

describe('createVerifiedTokens()', () => {
  test('keeps what fits, to the byte', () => {
    const [a, b, c] = [tokenOf('a'), tokenOf('b'), tokenOf('c')]
    for (const [bytes, isKept] of [
      [30 * COST, true],
      [30 * COST - 1, false],
    ] as const) {
      const tokens = createVerifiedTokens(bytes)
      for (const token of [a, b, c]) tokens.set(token, entry())
      expect(tokens.get(a) !== undefined).toBe(isKept)
      expect(tokens.get(b)).toBeDefined()
      expect(tokens.get(c)).toBeDefined()
    }
  })

  test('a token that alone is too large is not kept, and everything older goes', () => {
    const tokens = createVerifiedTokens(10 * COST)
    tokens.set(tokenOf('a'), entry())
    tokens.set(tokenOf('b', 11), entry())
    expect(tokens.get(tokenOf('b', 11))).toBeUndefined()
    tokens.set(tokenOf('c'), entry())
    expect(tokens.get(tokenOf('c'))).toBeDefined()
  })

  test('a token set again counts once, and as the newest', () => {
    const tokens = createVerifiedTokens(20 * COST)
    const [a, b, c] = [tokenOf('a'), tokenOf('b'), tokenOf('c')]
    const second = entry()
    for (const token of [a, b]) tokens.set(token, entry())
    for (let times = 0; times < 5; times++) tokens.set(a, second)
    expect(tokens.get(b)).toBeDefined()
    tokens.set(c, entry())
    expect(tokens.get(b)).toBeUndefined()
    expect(tokens.get(a)).toBe(second)
  })

  test('a token that is deleted gives its bytes back, once', () => {
    const tokens = createVerifiedTokens(20 * COST)
    const [a, b, c, d] = [tokenOf('a'), tokenOf('b'), tokenOf('c'), tokenOf('d')]
    tokens.set(a, entry())
    for (let times = 0; times < 5; times++) tokens.delete(a)
    tokens.delete('never set')
    expect(tokens.get(a)).toBeUndefined()
    for (const token of [b, c, d]) tokens.set(token, entry())
    expect([a, b, c, d].filter((token) => tokens.get(token) !== undefined)).toEqual([c, d])
  })

  test('whatever is set and deleted, what is kept fits, and the newest is there', () => {
    const lengths = array(integer({ min: -60, max: 60 }), { maxLength: 60 })
    assert(
      property(lengths, integer({ min: 60, max: 200 }), (operations, characters) => {
        const tokens = createVerifiedTokens(characters * COST)
        const names = operations.map((length) => 'x'.repeat(Math.abs(length)))
        for (const [index, length] of operations.entries()) {
          const name = names[index] ?? ''
          if (length < 0) tokens.delete(name)
          else tokens.set(name, entry())
          expect(tokens.get(name) !== undefined).toBe(length >= 0)
          const kept = [...new Set(names)].filter((token) => tokens.get(token) !== undefined)
          expect(kept.reduce((total, token) => total + token.length, 0)).toBeLessThanOrEqual(characters)
        }
      }),
    )
  })
})
