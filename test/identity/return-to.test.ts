import { assert, oneof, property, string, constantFrom, array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_RETURN_TO, parseReturnTo } from '../../src/identity/return-to.ts'

const ORIGIN = 'https://api.example.com'

describe('parseReturnTo()', () => {
  test.each([
    '/',
    '/orders',
    '/orders/1?a=b&c=%20',
    '/a;b=c',
    '/?next=//evil',
    '/caf%C3%A9',
    `/${'x'.repeat(MAX_RETURN_TO - 1)}`,
    '/.portcullis/portal',
    '/.portcullis/portal?a',
    '/.portcullis/console/keys',
    '/.portcullis/account',
  ])('a path of ours stays as it is: %s', (text) => {
    expect(parseReturnTo(text, ORIGIN)).toBe(text)
  })

  test.each([
    '', 'orders', 'https://evil.example', 'https:evil.example', 'https:/evil.example', '//evil.example', '/\\evil.example', '\\\\evil.example',
    '/\\/evil.example', '///evil.example', '/%2f/evil.example', '/%5cevil.example', '/\t/evil.example', '\t//evil.example', '/\n/evil.example',
    '/a\u0000b', '/a b', '/é', ' /orders', '/./orders', '/../orders', '/a/..//evil.example', '/%2e%2e/x', '/orders#fragment', '@evil.example',
    ':443@evil.example', '.evil.example', 'javascript:alert(1)', '/a//b', '/.portcullis/login', '/.PORTCULLIS/login', '/%2eportcullis/login',
    '/.portcullis', '/.portcullis/logout?x', '/.portcullis?x', '/.portcullis/portals', '/.portcullis/accounts', '/.portcullis/portal;x', '/.portcullis/portal/../login', '/.portcullis/portal/%2e%2e/login', '/.portcullis;x/login', '/.well-known/portcullis/jwks.json', '/%zz',
    `/${'x'.repeat(MAX_RETURN_TO)}`,
  ])('OB-4: what is anything else leads nowhere: %s', (text) => {
    expect(parseReturnTo(text, ORIGIN)).toBeUndefined()
  }) // prettier-ignore

  test('OB-4: whatever is accepted, a browser stays on our host', () => {
    const piece = oneof(
      constantFrom('/', '\\', '//', '..', '%2f', '%5c', '@', ':', '?', '#', '\t', 'evil.example', 'https:', '.portcullis'),
      string(),
    )
    assert(
      property(array(piece, { maxLength: 6 }), (pieces) => {
        const accepted = parseReturnTo(`/${pieces.join('')}`, ORIGIN)
        if (accepted === undefined) return
        const url = new URL(accepted, `${ORIGIN}/deep/page`)
        expect(url.origin).toBe(ORIGIN)
        expect(url.pathname).not.toMatch(/^\/\.portcullis\/(?!portal|console|account)/u)
      }),
      { numRuns: 2000 },
    )
  })
})
