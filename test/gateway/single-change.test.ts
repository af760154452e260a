import { describe, expect, test } from 'vitest'
import type { TestGate } from '../../src/testing/index.ts'
import { billingCertificate, codeOf, createOrdersGate, get, key, prepare, send, signed, token } from '../support/orders.ts'

/** The same request with one thing changed. */
type Change = (request: Request, gate: TestGate) => Request | Promise<Request>
const withField =
  (name: string, value: string): Change =>
  (request) => {
    const changed = new Request(request)
    changed.headers.set(name, value)
    return changed
  }
const withoutField =
  (name: string): Change =>
  (request) => {
    const changed = new Request(request)
    changed.headers.delete(name)
    return changed
  }
const at =
  (path: string): Change =>
  (request, gate) =>
    new Request(gate.baseUrl + path, request)
const later =
  (seconds: number): Change =>
  (request, gate) => {
    gate.advance(seconds)
    return request
  }

describe('a request that is let in is refused after each single change', () => {
  const payment = async (gate: TestGate): Promise<Request> =>
    prepare(gate, send(gate, 'POST', '/v1/payments?a=1', '{"amount":5}'), [signed()])
  const changes: readonly (readonly [change: string, Change, answer: string])[] = [
    ['another query', at('/v1/payments?a=2'), '401 credential-rejected'],
    ['no query', at('/v1/payments'), '401 credential-rejected'],
    ['one byte of the content', (request) => new Request(request, { method: 'POST', body: '{"amount":6}' }), '400 digest-mismatch'],
    [
      'the content and its digest',
      async (request) =>
        withField('content-digest', 'sha-256=:AAAA:')(new Request(request, { method: 'POST', body: '{}' }), undefined as never),
      '401 credential-rejected',
    ],
    ['no digest', withoutField('content-digest'), '401 credential-rejected'],
    ['no signature', withoutField('signature'), '401 credential-rejected'],
    [
      'neither signature nor input',
      async (request, gate) => withoutField('signature-input')(await withoutField('signature')(request, gate), gate),
      '401 credential-missing',
    ],
    ['a day later', later(86_400), '401 credential-out-of-time'],
    ['just too late', later(331), '401 credential-out-of-time'],
    [
      'sent before',
      async (request, gate) => ((await gate.fetch(request.clone())).status === 200 ? request : at('/broken')(request, gate)),
      '401 replayed',
    ],
  ]
  test.each(changes)('HS: signature: %s', async (_change, change, answer) => {
    const gate = createOrdersGate()
    expect(await codeOf(await gate.fetch(await change(await payment(gate), gate)))).toBe(answer)
    expect(gate.forwarded).toHaveLength(answer.includes('replayed') ? 1 : 0)
  })

  test('HS: the signature itself, on another host and another method', async () => {
    const gate = createOrdersGate()
    const request = await payment(gate)
    const elsewhere = new Request(request.url.replace('api.example.com', 'other.example.com'), request.clone())
    expect(await codeOf(await gate.fetch(elsewhere))).toBe('421 host-unknown')
    expect((await gate.fetch(request)).status).toBe(200)
  })

  const tokenChanges: readonly (readonly [change: string, Change, answer: string])[] = [
    [
      'one character of the signature',
      (request, gate) => withField('authorization', flip(request.headers.get('authorization') ?? ''))(request, gate),
      '401 credential-rejected',
    ],
    ['expired', later(331), '401 credential-expired'],
    [
      'sent twice',
      async (request, gate) =>
        withField('authorization', `${request.headers.get('authorization')}, ${request.headers.get('authorization')}`)(request, gate),
      '400 credential-ambiguous',
    ],
    ['no token', withoutField('authorization'), '401 credential-missing'],
    ['another path', at('/v1/limited'), '401 credential-missing'],
    [
      'a key of nobody',
      async (request, gate) => withoutField('authorization')(await withField('x-api-key', 'pck_1_2')(request, gate), gate),
      '401 credential-rejected',
    ],
  ]
  test.each(tokenChanges)('token: %s', async (_change, change, answer) => {
    const gate = createOrdersGate()
    const request = await prepare(gate, get(gate, '/v1/orders/1'), [token(['orders:read'])])
    expect((await gate.fetch(request.clone())).status).toBe(200)
    expect(await codeOf(await gate.fetch(await change(request, gate)))).toBe(answer)
  })

  test.each([
    ['a failed check', { certVerified: 'FAILED:certificate has expired' }, '403 credential-rejected'],
    ['a word that only begins like success', { certVerified: 'SUCCESS (really)' }, '403 credential-rejected'],
    ['revoked at the edge', { certRevoked: '1' }, '403 credential-rejected'],
    ['another issuer', { certIssuerSKI: 'FF'.repeat(20) }, '403 credential-rejected'],
    ['not presented', { certPresented: '0' }, '403 credential-missing'],
  ])('CC: certificate: %s', async (_change, overrides, answer) => {
    const { authority, credential } = await billingCertificate(overrides)
    const gate = createOrdersGate({ authority })
    expect(await codeOf(await gate.fetch(await prepare(gate, get(gate, '/v1/reports'), [credential])))).toBe(answer)
  })

  test('key and token: each alone, and each with the other of another party', async () => {
    const gate = createOrdersGate()
    const answers = await Promise.all(
      [
        [token(['orders:write']), key('acme')],
        [token(['orders:write'])],
        [key('acme')],
        [token(['orders:write'], 'globex-app'), key('acme')],
        [token(['orders:write']), key('globex', { plan: 'gold' })],
      ].map(async (credentials) => codeOfAny(await gate.fetch(await prepare(gate, send(gate, 'PUT', '/v1/orders/1', '{}'), credentials)))),
    )
    expect(answers).toEqual([
      '200',
      '401 credential-missing',
      '401 credential-missing',
      '403 credentials-disagree',
      '403 credentials-disagree',
    ])
  })
})

async function codeOfAny(response: Response): Promise<string> {
  return response.status === 200 ? '200' : codeOf(response)
}

function flip(text: string): string {
  const index = text.length - 10
  return text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1)
}
