import { describe, expect, test } from 'vitest'
import { checkPolicy } from '../../src/testing/index.ts'
import { billingCertificate, createOrdersGate, key, signed, token } from '../support/orders.ts'

describe('the demo policy', () => {
  test('answers each request as its table says', async () => {
    const { authority, credential: certificate } = await billingCertificate()
    const gate = createOrdersGate({ authority })
    const order = { path: '/v1/orders/42' }
    const put = { method: 'PUT', path: '/v1/orders/42', body: '{}' }
    const results = await checkPolicy(gate, [
      {
        given: 'a token with the scope',
        request: order,
        credentials: [token(['orders:read'])],
        expect: { status: 200, code: 'forwarded' },
      },
      { given: 'a token without it', request: order, credentials: [token([])], expect: { status: 403, code: 'scope-insufficient' } },
      {
        given: 'an expired token',
        request: order,
        credentials: [token(['orders:read'], 'acme-app', { expiresInSeconds: -31 })],
        expect: { status: 401, code: 'credential-expired' },
      },
      {
        given: 'a token for another audience',
        request: order,
        credentials: [token(['orders:read'], 'acme-app', { audience: 'https://api.example.com/' })],
        expect: { status: 401, code: 'credential-rejected' },
      },
      { given: 'a key whose plan has the scope', request: order, credentials: [key('acme')], expect: { status: 200, code: 'forwarded' } },
      {
        given: 'a key of a consumer that is unknown',
        request: order,
        credentials: [key('nobody')],
        expect: { status: 401, code: 'credential-rejected' },
      },
      { given: 'a service certificate', request: order, credentials: [certificate], expect: { status: 200, code: 'forwarded' } },
      { given: 'no credential', request: order, expect: { status: 401, code: 'credential-missing' } },
      {
        given: 'key and token of one party',
        request: put,
        credentials: [token(['orders:write']), key('acme')],
        expect: { status: 200, code: 'forwarded' },
      },
      {
        given: 'the token of another party',
        request: put,
        credentials: [token(['orders:write'], 'globex-app'), key('acme')],
        expect: { status: 403, code: 'credentials-disagree' },
      },
      {
        given: 'the token of a client that no consumer has',
        request: put,
        credentials: [token(['orders:write'], 'stranger'), key('acme')],
        expect: { status: 403, code: 'credentials-disagree' },
      },
      {
        given: 'a key whose plan lacks the scope',
        request: put,
        credentials: [token(['orders:write']), key('globex')],
        expect: { status: 403 },
      },
      { given: 'half a conjunction', request: put, credentials: [key('acme')], expect: { status: 401, code: 'credential-missing' } },
      {
        given: 'a signed payment',
        request: { method: 'POST', path: '/v1/payments', body: '{"amount":5}' },
        credentials: [signed()],
        expect: { status: 200, code: 'forwarded' },
      },
      {
        given: 'a key and a signature that covers it',
        request: { method: 'POST', path: '/v1/partner/orders', body: '{}' },
        credentials: [key('acme'), signed(['x-api-key'])],
        expect: { status: 200, code: 'forwarded' },
      },
      {
        given: 'a key that somebody put beside a signature that does not cover it',
        request: { method: 'POST', path: '/v1/partner/orders', body: '{}' },
        credentials: [key('acme'), signed()],
        expect: { status: 401, code: 'component-not-covered' },
      },
      { given: 'a route for everybody', request: { path: '/v1/status' }, expect: { status: 200, code: 'forwarded' } },
      { given: 'a route that is not there', request: { path: '/v1/secrets' }, expect: { status: 404, code: 'route-unknown' } },
      { given: 'a path outside the base path', request: { path: '/orders/42' }, expect: { status: 404, code: 'route-unknown' } },
      {
        given: 'a method that is not there',
        request: { method: 'DELETE', path: '/v1/orders/42' },
        expect: { status: 405, code: 'method-not-allowed' },
      },
      { given: 'a certificate on its own route', request: { path: '/v1/reports' }, credentials: [certificate], expect: { status: 200 } },
      { given: 'no certificate there', request: { path: '/v1/reports' }, expect: { status: 403, code: 'credential-missing' } },
    ])
    expect(results.every(({ isAsExpected }) => isAsExpected)).toBe(true)
  })

  test('a table that is wrong says which line, what came instead and why', async () => {
    const gate = createOrdersGate()
    const wrong = checkPolicy(gate, [{ given: 'no key', request: { path: '/v1/orders/1' }, expect: { status: 200, code: 'forwarded' } }])
    await expect(wrong).rejects.toThrow(/1 of 1 cases.*no key.*expected 200 forwarded.*got {6}401 credential-missing.*absent/su)
  })

  test('a policy that does not hold is refused with every problem', () => {
    expect(() => createOrdersGate({ authority: { ski: 'not-hex' } as never })).toThrow(/the policy does not hold/u)
  })
})
