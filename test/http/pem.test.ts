import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../src/http/base64url.ts'
import { looksLikePem, readPem } from '../../src/http/pem.ts'

describe('readPem()', () => {
  const pem = (label: string, end = label): string => `-----BEGIN ${label}-----\nAQID\n-----END ${end}-----\n`
  test.each([
    [pem('CERTIFICATE'), [1, 2, 3]],
    [` ${pem('PRIVATE KEY')} `, [1, 2, 3]],
    ['\n  AQ\r\n  ID\n', [1, 2, 3]],
    [pem('PRIVATE KEY', 'PUBLIC KEY'), undefined],
    [pem('A') + pem('A'), undefined],
    ['', undefined],
    ['AQI', undefined],
    ['!', undefined],
    ['AAAA'.repeat(5120), Array.from({ length: 15_360 }, () => 0)],
    ['AAAA'.repeat(5121), undefined],
  ])('%j', (text, bytes) => {
    expect(readPem(text)).toEqual(bytes && new Uint8Array(bytes))
  })
})

describe('looksLikePem()', () => {
  test.each<[string, readonly number[], boolean]>([
    ['a sequence with an element', [0x30, 3, 2, 1, 0], true],
    ['a sequence of nothing', [0x30, 0], false],
    ['another element', [2, 1, 0], false],
    ['cut short', [0x30, 4, 2, 1, 0], false],
    ['a byte behind it', [0x30, 3, 2, 1, 0, 0], false],
    ['a second element behind it', [0x30, 3, 2, 1, 0, 2, 1, 0], false],
    ['an element inside that does not end', [0x30, 3, 2, 2, 0], false],
    ['the indefinite form', [0x30, 0x80, 2, 1, 0, 0, 0], false],
  ])('%s', (_name, bytes, expected) => {
    expect(looksLikePem(encodeBase64(Uint8Array.from(bytes)))).toBe(expected)
  })

  test.each(['', 'none', 'not used', 'MIIB', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----'])('%j is neither', (text) => {
    expect(looksLikePem(text)).toBe(false)
  })
})
