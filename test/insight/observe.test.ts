import { describe, expect, test } from 'vitest'
import { observe, type Observed } from '../../src/insight/observe.ts'
import type { DecisionRecord } from '../../src/insight/record.ts'
import type { Principal, SchemeKind } from '../../src/schemes/authenticator.ts'
import { NOW } from '../support/authenticators.ts'

const principal = (kind: SchemeKind, credentialId: string): Principal => ({
  scheme: kind,
  kind,
  issuer: 'i',
  subject: 's',
  credentialId,
  scopes: new Set(),
  claims: {},
  expiresAt: Number.POSITIVE_INFINITY,
})
const record = (principals: readonly Principal[] = []): DecisionRecord => ({
  requestId: 'r1',
  method: 'GET',
  route: 'GET /orders/{id}',
  status: 200,
  code: 'forwarded',
  at: NOW,
  caller: { principals, consumer: 'acme', plan: 'gold', expiresAt: Number.POSITIVE_INFINITY },
  tried: undefined,
  fault: undefined,
})
const observed = (changes: Partial<Observed> = {}) =>
  observe({
    record: record(),
    request: new Request('https://api.example.com/orders/7'),
    address: '192.0.2.1',
    parameters: undefined,
    answeredAt: NOW + 12,
    presented: undefined,
    hash: (text) => `#${text.length}`,
    watched: ({ kind, credentialId, subject }) => (kind === 'jwt' ? `person-${subject}` : credentialId),
    ...changes,
  })

describe('observe()', () => {
  test('tells where a request came from as the edge reports it', () => {
    const cf = { asn: 64_496, country: 'NL', latitude: '52.37', longitude: '4.89', botManagement: { ja4: 't13d' } }
    const request = new Request('https://api.example.com/', { headers: { 'user-agent': 'x'.repeat(300) }, cf })
    expect(observed({ request }).observation).toEqual({
      requestId: 'r1',
      at: NOW,
      method: 'GET',
      route: 'GET /orders/{id}',
      status: 200,
      code: 'forwarded',
      durationMs: 12,
      address: '192.0.2.1',
      consumer: 'acme',
      plan: 'gold',
      network: '64496',
      country: 'NL',
      latitude: 52.37,
      longitude: 4.89,
      tls: 't13d',
      userAgent: 'x'.repeat(200),
    })
  })

  test('needs nothing of the edge', () => {
    expect(observed({ address: undefined }).observation).toMatchObject({ address: '' })
    const cf = { latitude: '', longitude: '4.89', country: undefined }
    expect(observed({ request: new Request('https://x.example/', { cf }) }).observation).not.toHaveProperty('longitude')
  })

  test.each([
    ['17', '17'],
    ['123456789012345', '123456789012345'],
    ['1234567890123456', '#16'],
    ['ada@example.com', '#15'],
    ['-1', '#2'],
  ])('the last path parameter %s is told as %s: only a number as it is', (id, told) => {
    expect(observed({ parameters: { shop: 'x', id } }).observation.objectId).toBe(told)
  })

  test('of several credentials the one that lasts longest; tokens and sessions are not counted by', () => {
    const ofToken = observed({ record: record([principal('jwt', 'jti-1')]) })
    expect([ofToken.observation.credential, ofToken.credential]).toEqual(['person-s', ''])
    const ofBoth = observed({ record: record([principal('jwt', 'jti-1'), principal('api-key', 'key-1')]) })
    expect([ofBoth.observation.credential, ofBoth.credential]).toEqual(['key-1', 'key-1'])
    expect(observed({ record: record([principal('session', 's-1')]) }).credential).toBe('')
    expect(observed({ record: record([principal('mutual-tls', 'c-1')]) }).credential).toBe('c-1')
  })

  test('a clock that was set back gives no negative time', () => {
    expect(observed({ answeredAt: NOW - 5 }).observation.durationMs).toBe(0)
  })
})
