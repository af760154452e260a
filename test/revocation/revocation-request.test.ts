import { describe, expect, test } from 'vitest'
import { MAX_REVOCATIONS, parseRevocationRequest } from '../../src/revocation/revocation-request.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const errorsOf = (document: unknown): readonly string[] => {
  const parsed = parseRevocationRequest(document, NOW)
  return parsed.status === 'invalid' ? parsed.errors.map(({ pointer }) => pointer) : []
}

describe('parseRevocationRequest()', () => {
  test('one revocation, or a list of them', () => {
    expect(parseRevocationRequest({ type: 'key', id: 'legacy-1', reason: 'leaked' }, NOW)).toMatchObject({
      status: 'parsed',
      entries: [{ target: { type: 'key', id: 'legacy-1' }, reason: 'leaked' }],
    })
    const list = Array.from({ length: MAX_REVOCATIONS }, (_, index) => ({ type: 'jti', id: `t${index}`, issuer: 'https://idp' }))
    expect(parseRevocationRequest({ revocations: list }, NOW)).toMatchObject({ status: 'parsed' })
    expect(errorsOf({ revocations: [...list, list[0]] })).toEqual(['/revocations'])
    expect(errorsOf({ revocations: [] })).toEqual(['/revocations'])
  })

  test('a party stops as of now; a key of its own end, a name in the policy without end', () => {
    const entry = (document: unknown) => {
      const parsed = parseRevocationRequest(document, NOW)
      return parsed.status === 'parsed' ? parsed.entries[0] : undefined
    }
    expect(entry({ type: 'consumer', id: 'acme' })).toMatchObject({ before: NOW })
    expect(entry({ type: 'key', id: 'a1b2c3d4e5f6a1b2c3d4e5f6' })?.expiresAt).toBe(NOW + 730 * 86_400_000)
    expect(new Date(entry({ type: 'key', id: 'legacy-1' })?.expiresAt ?? 0).getUTCFullYear()).toBe(9999)
    expect(entry({ type: 'jti', id: 't', expiresAt: '2026-11-25T12:00:01Z' })?.expiresAt).toBe(NOW + 1000)
  })

  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:DB8::7', '2001:db8:0:0::/64'],
    ['2001:db8::/64', '2001:db8:0:0::/64'],
    ['2001:db8:0:1:2:3:4:5/64', '2001:db8:0:1::/64'],
  ])('the address %s is blocked as %s, for a day', (given, id) => {
    expect(parseRevocationRequest({ type: 'address', id: given }, NOW)).toEqual({
      status: 'parsed',
      entries: [{ target: { type: 'address', id }, expiresAt: NOW + 86_400_000, reason: 'revoked' }],
    })
  })

  test.each([
    ['a whole key instead of its id', { type: 'key', id: 'pck_abc_def' }, '/id'],
    ['an unknown type', { type: 'user', id: 'a' }, '/type'],
    ['an unknown field', { type: 'key', id: 'a', before: 1 }, '/before'],
    ['a misspelt issuer', { type: 'jti', id: 'a', iss: 'x' }, '/iss'],
    ['a fingerprint with colons', { type: 'certificate', id: 'AA:BB' }, '/id'],
    ['an address with a port', { type: 'address', id: '192.0.2.7:443' }, '/id'],
    ['a network of IPv4', { type: 'address', id: '192.0.2.0/24' }, '/id'],
    ['an IPv4 address as a /64', { type: 'address', id: '192.0.2.7/64' }, '/id'],
    ['a mapped address as a /64', { type: 'address', id: '::ffff:192.0.2.7/64' }, '/id'],
    ['a network of IPv6 that is no /64', { type: 'address', id: '2001:db8::/48' }, '/id'],
    ['an address with leading zeros', { type: 'address', id: '192.0.2.07' }, '/id'],
    ['an address with a zone', { type: 'address', id: 'fe80::1%eth0' }, '/id'],
    ['an address of an issuer', { type: 'address', id: '192.0.2.7', issuer: 'x' }, '/issuer'],
    ['an address that is over', { type: 'address', id: '192.0.2.7', expiresAt: '2026-11-25T12:00:00Z' }, '/expiresAt'],
    ['an empty id', { type: 'key', id: '' }, '/id'],
    ['a control character', { type: 'key', id: 'a\nb' }, '/id'],
    ['an end in the past', { type: 'key', id: 'a', expiresAt: '2026-11-25T12:00:00Z' }, '/expiresAt'],
    ['no object', 'key', ''],
    ['null', null, ''],
  ])('%s is refused with its place', (_name, document, pointer) => {
    expect(errorsOf(document)).toContain(pointer)
  })

  test('all errors at once', () => {
    expect(errorsOf({ revocations: [{ type: 'key', id: '' }, { type: 'jti' }] })).toEqual(['/revocations/0/id', '/revocations/1/id'])
  })
})
