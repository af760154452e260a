import { describe, expect, test } from 'vitest'
import { createTestGate } from '../../src/testing/index.ts'
import { NOW } from '../support/authenticators.ts'
import { codeOf, createOrdersGate, get, key, prepare, send, signed } from '../support/orders.ts'

const statusesOf = (responses: readonly Response[]): number[] => responses.map(({ status }) => status)

describe('limits', () => {
  test('RL-1, RL-2: a counted answer says what is left, and a 429 when to come back', async () => {
    const gate = createOrdersGate()
    const request = await prepare(gate, get(gate, '/v1/metered'), [key('globex')])
    const first = await gate.fetch(request.clone())
    expect(first.headers.get('ratelimit')).toBe('"sample";r=2;t=60, "calls";r=99;t=1')
    expect(first.headers.get('ratelimit-policy')).toBe('"sample";q=3;w=60, "calls";q=100;w=2')
    for (let sent = 0; sent < 2; sent += 1) await gate.fetch(request.clone())
    gate.advance(15)
    const refused = await gate.fetch(request.clone())
    expect([await codeOf(refused), refused.headers.get('retry-after')]).toEqual(['429 quota-exceeded', '45'])
    expect(await refused.json()).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      'violated-policies': ['sample'],
    })
    gate.advance(45)
    expect((await gate.fetch(request)).status).toBe(200)
  })

  test('a plan’s limits count besides the route’s', async () => {
    const gate = createOrdersGate()
    const request = await prepare(gate, get(gate, '/v1/orders/1'), [key('acme')])
    expect((await gate.fetch(request)).headers.get('ratelimit-policy')).toBe('"calls";q=100;w=2, "monthly";q=1000000')
  })

  test('a request that ends in an error of the origin costs no quota', async () => {
    let status = 500
    const gate = createOrdersGate({ origin: () => new Response(null, { status }) })
    const request = await prepare(gate, get(gate, '/v1/metered'), [key('globex')])
    for (let sent = 0; sent < 5; sent += 1) expect((await gate.fetch(request.clone())).status).toBe(500)
    status = 200
    const answers = []
    for (let sent = 0; sent < 4; sent += 1) answers.push(await gate.fetch(request.clone()))
    expect(statusesOf(answers)).toEqual([200, 200, 200, 429])
  })

  test('refused requests cost nothing: a scope that is missing, a credential that is wrong', async () => {
    const gate = createOrdersGate()
    const forged = get(gate, '/v1/metered', { 'x-api-key': 'pck_1_2' })
    for (let sent = 0; sent < 5; sent += 1) expect((await gate.fetch(forged.clone())).status).toBe(401)
    const request = await prepare(gate, get(gate, '/v1/metered'), [key('globex')])
    expect((await gate.fetch(request)).headers.get('ratelimit')).toContain('"sample";r=2')
  })
})

describe('what is used once', () => {
  test('HS-11: of 50 identical signed requests in parallel exactly one passes', async () => {
    const gate = createOrdersGate()
    const request = await prepare(gate, send(gate, 'POST', '/v1/payments', '{}'), [signed()])
    const responses = await Promise.all(Array.from({ length: 50 }, async () => gate.fetch(request.clone())))
    expect(statusesOf(responses).filter((status) => status === 200)).toHaveLength(1)
    expect(gate.forwarded).toHaveLength(1)
  })

  /** A signed route with a quota of two a minute, and one whose requests cost two. */
  const metered = (own: Readonly<Record<string, unknown>> = {}) =>
    createTestGate({
      startAt: NOW,
      values: { SECRET: 'Yw9s2Qm7Lr4Tb6Xk1Zp8Hd3Nf5Vc0Jg2Ae7Ui4Oo6Rs' },
      policy: {
        openapi: '3.1.0',
        info: { title: 'Metered', version: '1' },
        servers: [{ url: 'https://api.example.com' }],
        'x-portcullis': {
          origins: { main: { url: 'https://origin.example' } },
          defaults: { origin: 'main' },
          limits: { two: { by: ['consumer'], quota: '2/minute', chargeOn: 'request' } },
          consumers: { acme: { signingKeys: [{ keyid: 'acme-1', secret: '${SECRET}' }], ...own } }, // oxlint-disable-line no-template-curly-in-string -- a placeholder
        },
        components: { securitySchemes: { signed: { type: 'http', scheme: 'Signature', 'x-portcullis': { kind: 'http-signature' } } } },
        paths: {
          '/': { post: { security: [{ signed: [] }], 'x-portcullis': { limits: ['two'] } } },
          '/dear': { post: { security: [{ signed: [] }], 'x-portcullis': { limits: ['two'], cost: 2 } } },
        },
      },
    })

  test('a route’s cost is charged whole or not at all, and a cheaper route still gets what is left', async () => {
    const gate = metered()
    const to = async (path: string): Promise<Response> => gate.fetch(await prepare(gate, send(gate, 'POST', path, '{}'), [signed()]))
    const [cheap, dear, cheaper] = [await to('/'), await to('/dear'), await to('/')]
    expect([cheap.headers.get('ratelimit'), dear.headers.get('ratelimit')]).toEqual(['"two";r=1;t=60', '"two";r=1;t=60'])
    expect(statusesOf([cheap, dear, cheaper])).toEqual([200, 429, 200])
    gate.advance(60)
    const answers = [await to('/dear'), await to('/')]
    expect(answers[0]?.headers.get('ratelimit')).toBe('"two";r=0;t=60')
    expect(statusesOf(answers)).toEqual([200, 429])
  })

  test('a consumer’s own numbers hold for it', async () => {
    const gate = metered({ limits: { two: { quota: '3/minute' } } })
    const answers = []
    for (let sent = 0; sent < 4; sent += 1) answers.push(await gate.fetch(await prepare(gate, send(gate, 'POST', '/', '{}'), [signed()])))
    expect(statusesOf(answers)).toEqual([200, 200, 200, 429])
    expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"two";q=3;w=60')
  })

  test('a replay never reaches the quota of its victim', async () => {
    const gate = metered()
    const request = await prepare(gate, send(gate, 'POST', '/', '{}'), [signed()])
    const answers = []
    for (let sent = 0; sent < 4; sent += 1) answers.push(await gate.fetch(request.clone()))
    expect(statusesOf(answers)).toEqual([200, 401, 401, 401])
    expect((await gate.fetch(await prepare(gate, send(gate, 'POST', '/', '{}'), [signed()]))).status).toBe(200)
  })

  test('a 429 from memory leaves the nonce unspent: the same request passes when the quota is whole again', async () => {
    const gate = metered()
    const fresh = async (): Promise<Request> => prepare(gate, send(gate, 'POST', '/', '{}'), [signed()])
    for (let sent = 0; sent < 3; sent += 1) await gate.fetch(await fresh())
    const waiting = await fresh()
    expect((await gate.fetch(waiting.clone())).status).toBe(429)
    gate.advance(60)
    expect((await gate.fetch(waiting)).status).toBe(200)
  })
})
