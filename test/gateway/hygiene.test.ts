import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { describe, expect, test } from 'vitest'
import { codeOf, createOrdersGate, get, key, prepare, send, signed, token } from '../support/orders.ts'

const ORIGIN = 'https://orders.internal.example'
/** What a client might send in the hope that it is believed. */
const FORGED = {
  'cf-connecting-ip': '203.0.113.9',
  'client-cert': ':AAAA:',
  'client-cert-chain': ':AAAA:',
  forwarded: 'for=203.0.113.9',
  'mf-cf-blob': JSON.stringify({ tlsClientAuth: { certPresented: '1', certVerified: 'SUCCESS', certRevoked: '0' } }),
  'portcullis-assertion': 'eyJhbGciOiJub25lIn0.e30.',
  'portcullis-request-id': 'mine',
  portcullis_assertion: 'mine',
  'x-consumer-username': 'admin',
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-host': 'evil.example',
  'x-http-method-override': 'DELETE',
  'x-original-url': '/admin',
  'x-real-ip': '203.0.113.9',
}

describe('what the origin sees', () => {
  test('GW-1: nothing that a client forged about itself, on an open route as on any', async () => {
    const gate = createOrdersGate()
    await gate.fetch(get(gate, '/v1/status', { ...FORGED, 'x-api-key': 'somebody', accept: 'text/plain', authorization: 'Bearer x.y.z' }))
    const [seen] = gate.forwarded
    const names = [...(seen?.headers ?? [])].map(([name]) => name).toSorted()
    expect(names).toEqual(['accept', 'forwarded', 'portcullis-assertion', 'portcullis-request-id'])
    expect(seen?.headers.get('portcullis-request-id')).not.toBe('mine')
    expect(seen?.headers.get('forwarded')).not.toContain('evil')
  })

  test('forged edge fields let nobody in: a certificate is only what the edge says', async () => {
    const gate = createOrdersGate()
    expect(await codeOf(await gate.fetch(get(gate, '/v1/reports', FORGED)))).toBe('403 credential-missing')
  })

  test('GW-2: an assertion that verifies with the published keys, for this origin, method and path', async () => {
    const gate = createOrdersGate()
    await gate.fetch(
      await prepare(gate, send(gate, 'PUT', '/v1/orders/42?x=1', '{}'), [
        token(['orders:write'], 'acme-app', { subject: 'u1' }),
        key('acme'),
      ]),
    )
    const published = await gate.fetch(get(gate, '/.well-known/portcullis/jwks.json'))
    expect(published.headers.get('cache-control')).toBe('public, max-age=300')
    const keys = createLocalJWKSet(await published.json<JSONWebKeySet>())
    const assertion = gate.forwarded[0]?.headers.get('portcullis-assertion') ?? ''
    const { payload } = await jwtVerify(assertion, keys, {
      audience: ORIGIN,
      issuer: 'test',
      typ: 'portcullis-assertion+jwt',
      currentDate: new Date(gate.now()),
    })
    expect(payload).toMatchObject({ method: 'PUT', path: '/v1/orders/42', consumer: 'acme' })
    expect(Number(payload.exp) - gate.now() / 1000).toBeLessThanOrEqual(60)
  })

  test('path and query reach it as they were decided on, and the body whole', async () => {
    const bodies: string[] = []
    const gate = createOrdersGate({
      origin: async (request) => {
        bodies.push(await request.text())
        return new Response('ok')
      },
    })
    const request = send(gate, 'POST', '/v1/payments?a=%20b&c', '{"amount":5}')
    const response = await gate.fetch(await prepare(gate, request, [signed()]))
    expect([response.status, gate.forwarded[0]?.url, bodies]).toEqual([200, `${ORIGIN}/v1/payments?a=%20b&c`, ['{"amount":5}']])
  })

  test('a redirect of the origin is the client’s to follow', async () => {
    const gate = createOrdersGate({
      origin: () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.example/' } }),
    })
    const response = await gate.fetch(get(gate, '/v1/status'))
    expect([response.status, response.headers.get('location')]).toEqual([302, 'https://elsewhere.example/'])
  })
})

describe('what the client sees', () => {
  test('PD-1: a refusal in the words of RFC 9457, never stored, with its request id', async () => {
    const gate = createOrdersGate()
    const response = await gate.fetch(get(gate, '/v1/orders/1'))
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const problem: Record<string, unknown> = await response.json()
    expect(problem).toMatchObject({ type: 'urn:portcullis:error:credential-missing', status: 401, code: 'credential-missing' })
    expect(problem['instance']).toBe(`urn:uuid:${response.headers.get('portcullis-request-id')}`)
  })

  test('OA-8: one challenge per scheme that could help', async () => {
    const gate = createOrdersGate()
    const response = await gate.fetch(get(gate, '/v1/orders/1'))
    expect(response.headers.get('www-authenticate')).toBe(
      'Bearer realm="portcullis", ApiKey realm="portcullis", header="X-API-Key", Cookie realm="portcullis", cookie-name="__Host-portcullis"',
    )
  })

  test('GW-7: HEAD follows GET, 405 names what is there', async () => {
    const gate = createOrdersGate()
    const head = await gate.fetch(await prepare(gate, new Request(`${gate.baseUrl}/v1/orders/1`, { method: 'HEAD' }), [key('acme')]))
    expect([head.status, gate.forwarded[0]?.method]).toEqual([200, 'HEAD'])
    const refused = await gate.fetch(new Request(`${gate.baseUrl}/v1/orders/1`, { method: 'DELETE' }))
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT'])
  })

  test('a host that is not served is refused before anything else', async () => {
    const gate = createOrdersGate()
    expect(await codeOf(await gate.fetch(new Request('https://api.example.com.evil.example/v1/status')))).toBe('421 host-unknown')
    expect(await codeOf(await gate.fetch(new Request('https://api.example.com:8443/v1/status')))).toBe('421 host-unknown')
  })

  test('an origin that cannot be reached is 502, one that takes too long 504', async () => {
    const down = createOrdersGate({
      origin: () => {
        throw new TypeError('connection refused')
      },
    })
    expect(await codeOf(await down.fetch(get(down, '/v1/status')))).toBe('502 origin-unreachable')
  })
})

describe('the log', () => {
  test('GW-4: one line per decision, and no credential in any of it', async () => {
    const gate = createOrdersGate()
    const request = await prepare(gate, send(gate, 'POST', '/v1/partner/orders', '{}'), [key('acme'), signed(['x-api-key'])])
    const bearer = await prepare(gate, get(gate, '/v1/orders/1'), [token(['orders:read'])])
    await gate.fetch(request.clone())
    await gate.fetch(request)
    await gate.fetch(bearer)
    await gate.fetch(
      get(gate, '/v1/orders/secret-path?secret=query', { 'x-api-key': 'secret-key', authorization: 'Bearer secret.token.here' }),
    )
    expect(gate.log.map(({ code }) => code)).toEqual(['forwarded', 'replayed', 'forwarded', 'credential-rejected'])
    const text = JSON.stringify(gate.log)
    const secrets = ['signature', 'x-api-key', 'authorization'].flatMap((name) => [request, bearer].map(({ headers }) => headers.get(name)))
    for (const secret of secrets.filter((value) => value !== null)) expect(text).not.toContain(secret.replace('Bearer ', ''))
    expect(text).not.toContain('secret')
  })
})
