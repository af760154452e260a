import { describe, expect, test } from 'vitest'
import { addressKey } from '../../src/http/address.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import { chargesOf } from '../../src/limits/subject.ts'
import { limitOf } from '../support/limits.ts'

const limit = (...by: LimitPolicy['by']): LimitPolicy =>
  limitOf({ name: 'l', by, rate: { count: 1, seconds: 1, burst: 1 }, chargeOn: 'request' })
const key = { kind: 'api-key', issuer: 'portcullis', subject: 'acme', credentialId: 'k1' } as const
const token = { kind: 'jwt', issuer: 'https://idp', subject: 'u1', credentialId: 't1' } as const
const subjectOf = (by: LimitPolicy, caller: Parameters<typeof chargesOf>[1]): string | undefined => {
  const counted = chargesOf([by], caller)
  return counted.status === 'countable' ? counted.charges[0]?.subject : undefined
}

describe('chargesOf()', () => {
  test('the first entry that the caller has counts', () => {
    const by = limit(['consumer'], ['address'])
    expect(subjectOf(by, { principals: [], routeId: 'r', address: '192.0.2.1' })).toBe('address=192.0.2.1')
    expect(subjectOf(by, { principals: [], routeId: 'r', address: '192.0.2.1', consumer: 'acme' })).toBe('consumer=acme')
  })

  test('a caller that has nothing to count is refused, never unlimited', () => {
    expect(chargesOf([limit(['consumer'])], { principals: [key], routeId: 'r' }).status).toBe('unsatisfiable')
    expect(chargesOf([limit(['address'])], { principals: [], routeId: 'r', address: 'unknown' }).status).toBe('unsatisfiable')
  })

  test('joined parts cannot be read as others', () => {
    const joined = limit(['consumer', 'route'])
    expect(subjectOf(joined, { principals: [], consumer: 'a', routeId: 'GET /x' })).toBe('consumer=a&route=GET%20%2Fx')
    expect(subjectOf(joined, { principals: [], consumer: 'a&route=b', routeId: '' })).not.toBe(
      subjectOf(joined, { principals: [], consumer: 'a', routeId: 'b&route=' }),
    )
  })

  test('the token says for whom, whatever client carries it', () => {
    expect(subjectOf(limit(['subject']), { principals: [key, token], routeId: 'r' })).toBe(
      subjectOf(limit(['subject']), { principals: [token], routeId: 'r' }),
    )
  })

  test('the same subject of two issuers is two', () => {
    const of = (issuer: string): string | undefined => subjectOf(limit(['subject']), { principals: [{ ...token, issuer }], routeId: 'r' })
    expect(of('https://a')).not.toBe(of('https://b'))
  })
})

describe('addressKey()', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
  ])('%s counts as %s', (address, counted) => {
    expect(addressKey(address)).toBe(counted)
  })

  test.each([
    '',
    '1.2.3',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.4.5',
    '1.2.3.4.',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    'g::',
    'unknown',
    '1.2.3.4, 5.6.7.8',
    '12345::',
  ])('%j is no address', (text) => {
    expect(addressKey(text)).toBeUndefined()
  })
})
