import { describe, expect, test } from 'vitest'
import type { Revocable, RevocationTarget } from '../../src/revocation/revocations.ts'
import { createSnapshot } from '../../src/revocation/snapshot.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const token: Revocable = { kind: 'jwt', issuer: 'https://idp', subject: 'u1', consumer: 'acme', credentialId: 'x1', issuedAt: NOW }
const key: Revocable = {
  kind: 'api-key',
  issuer: 'portcullis',
  subject: 'acme',
  consumer: 'acme',
  credentialId: 'x1',
  generation: 'g1',
  issuedAt: NOW,
}
const certificate: Revocable = { kind: 'mutual-tls', issuer: 'ski', subject: 'spiffe://a', credentialId: 'x1' }
const session: Revocable = { ...token, kind: 'session' }
const found = (target: RevocationTarget, credential: Revocable, before?: number): string | undefined => {
  const snapshot = createSnapshot()
  snapshot.add([{ target, ...(before === undefined ? {} : { before }), expiresAt: NOW + 1000, reason: 'leaked' }])
  return snapshot.find(credential)
}

describe('createSnapshot()', () => {
  const cases: readonly (readonly [target: RevocationTarget, credential: Revocable, stops: boolean])[] = [
    [{ type: 'key', id: 'x1' }, key, true],
    [{ type: 'key', id: 'x1' }, { ...key, kind: 'http-signature' }, true],
    [{ type: 'key', id: 'x2' }, key, false],
    [{ type: 'key', id: 'x1' }, token, false],
    [{ type: 'generation', id: 'g1' }, key, true],
    [{ type: 'generation', id: 'g2' }, key, false],
    [{ type: 'jti', id: 'x1' }, token, true],
    [{ type: 'jti', id: 'x1', issuer: 'https://idp' }, token, true],
    [{ type: 'jti', id: 'x1', issuer: 'https://other' }, token, false],
    [{ type: 'jti', id: 'x1' }, key, false],
    [{ type: 'certificate', id: 'x1' }, certificate, true],
    [{ type: 'certificate', id: 'x1' }, key, false],
    [{ type: 'session', id: 'x1' }, session, true],
    [{ type: 'session', id: 'x2' }, session, false],
    [{ type: 'session', id: 'x1', issuer: 'https://idp' }, session, true],
    [{ type: 'session', id: 'x1', issuer: 'https://other' }, session, false],
    [{ type: 'session', id: 'x1' }, token, false],
    [{ type: 'jti', id: 'x1' }, session, false],
    [{ type: 'key', id: 'x1' }, session, false],
  ]
  test.each(cases)('%j of %j: %s', (target, credential, stops) => {
    expect(found(target, credential)).toBe(stops ? 'leaked' : undefined)
  })

  test.each([
    [{ type: 'subject', id: 'u1' }, token],
    [{ type: 'subject', id: 'u1', issuer: 'https://idp' }, token],
    [{ type: 'subject', id: 'u1' }, session],
    [{ type: 'subject', id: 'u1', issuer: 'https://idp' }, session],
    [{ type: 'consumer', id: 'acme' }, session],
    [{ type: 'consumer', id: 'acme' }, token],
    [{ type: 'consumer', id: 'acme' }, key],
  ] as const)('%j stops what was issued before, and not what was issued since', (target, credential) => {
    expect(found(target, credential, NOW + 1)).toBe('leaked')
    expect(found(target, credential, NOW)).toBeUndefined()
  })

  test('an address is found until its end and no longer, also in a copy for another isolate, and of two ends the later counts', () => {
    const secret = new Int32Array([1, 2])
    const snapshot = createSnapshot(secret)
    expect(snapshot.findAddress('192.0.2.7', NOW)).toBeUndefined()
    for (const end of [NOW + 1000, NOW + 500])
      snapshot.add([{ target: { type: 'address', id: '192.0.2.7' }, expiresAt: end, reason: 'abuse' }])
    for (const known of [snapshot, createSnapshot(secret, snapshot.encode())]) {
      expect(known.findAddress('192.0.2.7', NOW + 999)).toBe('abuse')
      expect(known.findAddress('192.0.2.7', NOW + 1000)).toBeUndefined()
      expect(known.findAddress('192.0.2.8', NOW)).toBeUndefined()
      expect(known.find({ ...key, credentialId: '192.0.2.7' })).toBeUndefined()
    }
    snapshot.forget(NOW + 3_600_000)
    expect(snapshot.size).toBe(0)
  })

  test('what does not say when it was issued was issued before', () => {
    expect(found({ type: 'consumer', id: 'acme' }, { ...certificate, consumer: 'acme' }, NOW)).toBe('leaked')
  })

  test('an issuer that is not named agrees with any, another one with none', () => {
    expect(found({ type: 'subject', id: 'u1', issuer: 'https://other' }, token, NOW + 1)).toBeUndefined()
  })

  test('a later entry never shortens an earlier one', () => {
    const snapshot = createSnapshot()
    const target = { type: 'subject', id: 'u1' } as const
    snapshot.add([{ target, before: NOW + 10, expiresAt: NOW + 1000, reason: 'first' }])
    snapshot.add([{ target, before: NOW - 10, expiresAt: NOW + 10, reason: 'second' }])
    snapshot.forget(NOW + 10)
    expect(snapshot.find(token)).toBe('second')
  })

  test('what has expired by itself is forgotten, and not a moment before', () => {
    const snapshot = createSnapshot()
    snapshot.add([{ target: { type: 'key', id: 'x1' }, expiresAt: NOW + 1000, reason: 'leaked' }])
    snapshot.forget(NOW + 999)
    expect(snapshot.find(key)).toBe('leaked')
    snapshot.forget(NOW + 1000)
    expect(snapshot.find(key)).toBeUndefined()
  })

  test('no issuer can end where an id begins, and an odd length is not an even one', () => {
    const snapshot = createSnapshot()
    snapshot.add([{ target: { type: 'jti', id: 'ab', issuer: 'c' }, expiresAt: NOW + 1000, reason: 'leaked' }])
    expect(snapshot.find({ ...token, credentialId: 'ab', issuer: 'c' })).toBe('leaked')
    for (const [credentialId, issuer] of [
      ['a', 'bc'],
      ['abc', ''],
      ['ab\0', 'c'],
      ['ab', 'c\0'],
    ] as const)
      expect(snapshot.find({ ...token, credentialId, issuer })).toBeUndefined()
  })

  test('an id longer than any that can be revoked is looked up all the same', () => {
    const snapshot = createSnapshot()
    snapshot.add([{ target: { type: 'jti', id: 'x'.repeat(512) }, expiresAt: NOW + 1000, reason: 'leaked' }])
    expect(snapshot.find({ ...token, credentialId: 'x'.repeat(512) })).toBe('leaked')
    expect(snapshot.find({ ...token, credentialId: 'x'.repeat(20_000) })).toBeUndefined()
  })

  test('another isolate with the same key reads it, and it grows there', () => {
    const secret = Int32Array.of(1, -2)
    const snapshot = createSnapshot(secret)
    snapshot.add([
      { target: { type: 'key', id: 'x1' }, expiresAt: NOW + 1000, reason: 'leaked' },
      { target: { type: 'subject', id: 'u1' }, before: NOW + 1, expiresAt: NOW + 1000, reason: 'left' },
    ])
    const copy = createSnapshot(secret, snapshot.encode())
    copy.add([{ target: { type: 'certificate', id: 'x1' }, expiresAt: NOW + 2000, reason: 'lost' }])
    expect([copy.find(key), copy.find(token), copy.find(certificate)]).toEqual(['leaked', 'left', 'lost'])
    expect(copy.find({ ...token, issuedAt: NOW + 1 })).toBeUndefined()
    copy.forget(NOW + 1000)
    expect([copy.find(key), copy.find(token), copy.find(certificate), copy.size]).toEqual([undefined, undefined, 'lost', 1])
    expect(snapshot.find(certificate)).toBeUndefined()
    expect(createSnapshot(Int32Array.of(1, -3), snapshot.encode()).find(key)).toBeUndefined()
    expect(() => createSnapshot(secret, snapshot.encode().subarray(0, -4))).toThrow('length')
  })

  test('of two isolates each draws a key of its own', () => {
    const [one, other] = [createSnapshot(), createSnapshot()]
    for (const snapshot of [one, other]) snapshot.add([{ target: { type: 'key', id: 'x1' }, expiresAt: NOW + 1000, reason: 'leaked' }])
    expect(one.encode()).not.toEqual(other.encode())
  })

  test('a few expired entries among many are forgotten together, later', () => {
    const snapshot = createSnapshot()
    const keys = Array.from({ length: 640 }, (_, index) => ({ type: 'key', id: `k${index}` }) as const)
    snapshot.add(keys.map((target, index) => ({ target, expiresAt: NOW + index, reason: 'leaked' })))
    snapshot.forget(NOW + 9)
    expect(snapshot.size).toBe(640)
    snapshot.forget(NOW + 10)
    expect(snapshot.size).toBe(629)
  })
})
