import { describe, expect, test } from 'vitest'
import { isInNetwork, parseNetwork } from '../../src/http/network.ts'

describe('parseNetwork()', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7/32'],
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:db8::7', '2001:db8::7/128'],
    ['::/0', '::/0'],
  ])('%s is %s', (text, network) => {
    expect(parseNetwork(text)).toBe(network)
  })

  test.each([
    '192.0.2.7/24',
    '192.0.2.0/33',
    '192.0.2.0/024',
    '192.0.2.0/',
    '2001:db8::1/64',
    '2001:db8::/129',
    'example.com',
    '192.0.2.0/24/8',
    '/8',
  ])('%s is none', (text) => {
    expect(parseNetwork(text)).toBeUndefined()
  })
})

describe('isInNetwork()', () => {
  test.each([
    ['192.0.2.255', '192.0.2.0/24', true],
    ['192.0.3.0', '192.0.2.0/24', false],
    ['192.0.2.7', '192.0.2.7/32', true],
    ['192.0.2.6', '192.0.2.7/32', false],
    ['::ffff:192.0.2.7', '192.0.2.0/24', true],
    ['203.0.113.1', '0.0.0.0/0', true],
    ['192.0.2.129', '192.0.2.128/25', true],
    ['192.0.2.127', '192.0.2.128/25', false],
    ['2001:db8:ffff::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['192.0.2.7', '::/0', false],
    ['2001:db8::1', '0.0.0.0/0', false],
    ['somewhere', '0.0.0.0/0', false],
  ])('%s in %s: %s', (address, network, isIn) => {
    expect(isInNetwork(address, network)).toBe(isIn)
  })
})
