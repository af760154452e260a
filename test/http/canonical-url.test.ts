import { describe, expect, it } from 'vitest'
import { canonicalize } from '../../src/http/canonical-url.ts'

describe('canonicalize()', () => {
  it('keeps a plain target as it is', () => {
    expect(canonicalize('https://API.example.com:443/v1/orders/1?a=b')).toEqual({
      status: 'canonical',
      url: {
        scheme: 'https',
        authority: 'api.example.com',
        path: '/v1/orders/1',
        query: '?a=b',
        href: 'https://api.example.com/v1/orders/1?a=b',
      },
    })
  })

  it.each([
    ['https://h/a/../b', 'dot_segment'],
    ['https://h/a/.', 'dot_segment'],
    ['https://h/a/%2e%2E/b', 'dot_segment'],
    ['https://h/a/.%2e/b', 'dot_segment'],
    ['https://h/a\\b', 'bad_character'],
    ['https://h//admin', 'empty_segment'],
    ['https://h/a%2fb', 'encoded_separator'],
    ['https://h/a%5Cb', 'encoded_separator'],
    ['https://h/a%00', 'encoded_separator'],
    ['https://h/a%zz', 'bad_escape'],
    ['https://h/a%', 'bad_escape'],
    ['https://h/%ff', 'bad_escape'],
    ['https://h/%61dmin', 'would_change'],
    ['https://h/é', 'bad_character'],
    ['https://h/a#b', 'bad_character'],
    ['https://user@h/a', 'userinfo'],
    ['https:///a', 'bad_host'],
    ['https://h:99999/a', 'would_change'],
    ['https://0x7f.1/a', 'would_change'],
    ['ftp://h/a', 'not_absolute'],
    ['/a', 'not_absolute'],
    ['https://h/a?q="', 'bad_character'],
    [`https://h/${'a'.repeat(17_000)}`, 'too_long'],
  ])('refuses %s as %s', (raw, fault) => {
    expect(canonicalize(raw)).toEqual({ status: 'refused', fault })
  })

  it.each([
    'https://h/',
    'https://h/a;p=1',
    'https://h/a/',
    'https://h/caf%C3%A9',
    'https://h/a?',
    'https://h/a?b=%2F',
    'https://[::1]:8443/a',
    'http://127.0.0.1:8787/a:b@c',
  ])('takes %s', (raw) => {
    expect(canonicalize(raw)).toMatchObject({ status: 'canonical', url: { href: raw } })
  })
})
