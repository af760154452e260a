import { env } from 'cloudflare:workers'
import document from '#policy'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey, type KeyOptions } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createGate, type Gate } from '../../src/gate.ts'
import { NOW } from '../support/authenticators.ts'
import { codeOf, createOrdersGate, get, key, prepare, token, VALUES } from '../support/orders.ts'

const ROOT = VALUES.PORTCULLIS_ROOT_KEY
const root = parseRootSecret(ROOT, { gateway: 'test', environment: 'test' })
const HOST = 'https://api.example.com'
const REVOCATIONS = `${HOST}/.portcullis/admin/v1/revocations`
const STATUS = `${HOST}/.portcullis/admin/v1/status`

/** The gate over real Durable Objects, with a clock of its own: an isolate. */
function isolate(now: () => number): { answer: (request: Request) => Promise<Response> } {
  const gate: Gate = createGate(
    document,
    { ...(env as unknown as Bindings), ...VALUES },
    {
      now,
      log: () => undefined,
      fetch: async () => new Response('ok'),
    },
  )
  return {
    async answer(request) {
      const pending: Promise<unknown>[] = []
      const response = await gate.handle(request, { waitUntil: (promise) => pending.push(promise) })
      await Promise.all(pending)
      return response
    },
  }
}
const adminKey = async (scopes = ['revocations:write', 'status:read']): Promise<string> =>
  (await issueKey(root, 'admin', { consumer: 'admin', scopes }, NOW)).key
const apiKey = async (options: KeyOptions): Promise<{ key: string; id: string }> => issueKey(root, 'api', options, NOW)
const post = async (body: unknown, bearer?: string): Promise<Request> =>
  new Request(REVOCATIONS, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer ?? (await adminKey())}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const order = (value: string): Request => new Request(`${HOST}/v1/orders/1`, { headers: { 'x-api-key': value } })

describe('POST /.portcullis/admin/v1/revocations', () => {
  test('in force in every isolate by `effectiveBy`, and at once in one that asks first', async () => {
    let now = NOW
    const busy = isolate(() => now)
    const [stolen, good] = await Promise.all([apiKey({ consumer: 'acme' }), apiKey({ consumer: 'acme' })])
    expect((await busy.answer(order(stolen.key))).status).toBe(200)
    const revoked = await isolate(() => now).answer(await post({ type: 'key', id: stolen.id, reason: 'leaked' }))
    expect(revoked.status).toBe(201)
    const { effectiveBy, latestBy, revocations } = await revoked.json<{ effectiveBy: string; latestBy: string; revocations: object[] }>()
    expect([Date.parse(effectiveBy), latestBy]).toEqual([NOW + 5000, effectiveBy])
    expect(revocations).toMatchObject([{ type: 'key', id: stolen.id, reason: 'leaked' }])
    expect(await codeOf(await isolate(() => now).answer(order(stolen.key)))).toBe('401 credential-revoked')
    expect((await busy.answer(order(stolen.key))).status).toBe(200)
    now = Date.parse(effectiveBy)
    expect(await codeOf(await busy.answer(order(stolen.key)))).toBe('401 credential-revoked')
    expect((await busy.answer(order(good.key))).status).toBe(200)
  })

  test('at once in the isolate that took it', async () => {
    const busy = isolate(() => NOW)
    const stolen = await apiKey({ consumer: 'acme' })
    expect((await busy.answer(order(stolen.key))).status).toBe(200)
    expect((await busy.answer(await post({ type: 'key', id: stolen.id }))).status).toBe(201)
    expect(await codeOf(await busy.answer(order(stolen.key)))).toBe('401 credential-revoked')
  })

  test('a consumer: all that it had, and nothing that it gets afterwards', async () => {
    const before = await apiKey({ consumer: 'globex' })
    expect((await isolate(() => NOW + 1000).answer(await post({ type: 'consumer', id: 'globex' }))).status).toBe(201)
    const after = await issueKey(root, 'api', { consumer: 'globex' }, NOW + 2000)
    const asked = isolate(() => NOW + 2000)
    expect(await codeOf(await asked.answer(order(before.key)))).toBe('401 credential-revoked')
    expect((await asked.answer(order(after.key))).status).toBe(200)
  })

  test.each([
    ['no key', async () => new Request(REVOCATIONS, { method: 'POST', body: '{}' }), '401 credential-missing'],
    ['a key of the API', async () => post({}, (await apiKey({ consumer: 'acme' })).key), '401 credential-missing'],
    [
      'an admin key in the wrong place',
      async () => new Request(REVOCATIONS, { method: 'POST', headers: { 'x-api-key': await adminKey() } }),
      '401 credential-missing',
    ],
    ['an admin key without the scope', async () => post({}, await adminKey(['status:read'])), '403 scope-insufficient'],
    [
      'an admin key of another environment',
      async () =>
        post(
          {},
          (
            await issueKey(
              parseRootSecret(ROOT, { gateway: 'test', environment: 'staging' }),
              'admin',
              { consumer: 'admin', scopes: ['revocations:write'] },
              NOW,
            )
          ).key,
        ),
      '401 credential-rejected',
    ],
    ['what is no JSON', async () => post('{'), '400 content-not-json'],
    ['nothing that can be revoked', async () => post({ type: 'user', id: 'x' }), '422 revocation-invalid'],
    ['too much', async () => post(JSON.stringify({ type: 'key', id: 'x', reason: 'y'.repeat(65_536) })), '413 content-too-large'],
    ['another method', async () => new Request(REVOCATIONS, { method: 'PUT' }), '405 method-not-allowed'],
    ['another path', async () => new Request(`${HOST}/.portcullis/admin/v2/revocations`), '404 route-unknown'],
    ['a path that means another one', async () => new Request(`${HOST}/.portcullis/admin/v1/revocations%2f`), '404 route-unknown'],
  ])('refuses %s', async (_what, make, answer) => {
    expect(await codeOf(await isolate(() => NOW).answer(await make()))).toBe(answer)
  })

  test('an admin key opens nothing of the API', async () => {
    expect(await codeOf(await isolate(() => NOW).answer(order(await adminKey())))).toBe('401 credential-rejected')
  })

  test('an admin key can itself be revoked', async () => {
    const admin = await issueKey(root, 'admin', { consumer: 'admin', scopes: ['revocations:write'] }, NOW)
    expect((await isolate(() => NOW).answer(await post({ type: 'key', id: admin.id }))).status).toBe(201)
    expect(await codeOf(await isolate(() => NOW).answer(await post({ type: 'key', id: 'x' }, admin.key)))).toBe('401 credential-revoked')
  })

  test('the feed is down: nothing is said to be revoked', async () => {
    const broken = {
      getByName: () => ({
        since: async () => ({ from: 0, position: { sequence: 0, mark: '' }, entries: [], hasMore: false }),
        append: async () => Promise.reject(new Error('down')),
      }),
    }
    const gate = createGate(
      document,
      { ...(env as unknown as Bindings), ...VALUES, REVOCATIONS: broken as never },
      { now: () => NOW, log: () => undefined },
    )
    const response = await gate.handle(await post({ type: 'key', id: 'x' }), { waitUntil: () => undefined })
    expect(await codeOf(response)).toBe('503 dependency-unavailable')
  })

  test('with a grace it says by when at the latest, and until then the old snapshot counts in an outage', async () => {
    let [now, isDown] = [NOW, false]
    const { REVOCATIONS: feeds } = env as unknown as Bindings
    const failing = {
      getByName: (name: string) => {
        if (isDown) throw new Error('down')
        return feeds.getByName(name)
      },
    }
    const withGrace = structuredClone(document) as { 'x-portcullis': Record<string, unknown> }
    withGrace['x-portcullis']['revocation'] = { boundSeconds: 5, graceSeconds: 60 }
    const bindings = { ...(env as unknown as Bindings), ...VALUES, REVOCATIONS: failing as never }
    const gate = createGate(withGrace, bindings, { now: () => now, log: () => undefined, fetch: async () => new Response('ok') })
    const answer = async (request: Request): Promise<Response> => gate.handle(request, { waitUntil: () => undefined })
    const stolen = await apiKey({ consumer: 'acme' })
    // No copy of another isolate is left: this one reads the feed itself, at this instant.
    await isolate(() => NOW).answer(await post({ type: 'key', id: 'any' }))
    expect((await answer(order(stolen.key))).status).toBe(200)
    const revoked = await isolate(() => NOW + 1000).answer(await post({ type: 'key', id: stolen.id }))
    const { effectiveBy } = await revoked.json<{ effectiveBy: string }>()
    const here = await answer(await post({ type: 'key', id: 'another' }))
    expect(await here.json()).toMatchObject({
      effectiveBy: new Date(NOW + 5000).toISOString(),
      latestBy: new Date(NOW + 65_000).toISOString(),
    })
    isDown = true
    now = Date.parse(effectiveBy)
    expect((await answer(order(stolen.key))).status).toBe(200)
    now = NOW + 64_999
    expect((await answer(order(stolen.key))).status).toBe(200)
    now = NOW + 65_000
    expect(await codeOf(await answer(order(stolen.key)))).toBe('503 dependency-unavailable')
    isDown = false
    expect(await codeOf(await answer(order(stolen.key)))).toBe('401 credential-revoked')
  })
})

describe('GET /.portcullis/admin/v1/status', () => {
  test('says what is guarded and how far the feed is, to who may know', async () => {
    const response = await isolate(() => NOW).answer(new Request(STATUS, { headers: { authorization: `Bearer ${await adminKey()}` } }))
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toMatchObject({
      gateway: 'test',
      policy: { title: 'Orders', routes: 9 },
      revocations: { boundSeconds: 5, entries: expect.any(Number) as number },
    })
    expect(await codeOf(await isolate(() => NOW).answer(new Request(STATUS)))).toBe('401 credential-missing')
  })
})

describe('revocation of each kind of credential', () => {
  test('by token id, subject, consumer and key, on a credential that is cached', async () => {
    const gate = createOrdersGate()
    const cases = [
      { credential: token(['orders:read'], 'acme-app', { claims: { jti: 't1' } }), target: { type: 'jti', id: 't1' } },
      {
        credential: token(['orders:read'], 'acme-app', { subject: 'u2' }),
        target: { type: 'subject', id: 'u2', issuer: 'https://idp.example.com' },
      },
      { credential: key('globex'), target: { type: 'consumer', id: 'globex' } },
    ] as const
    for (const { credential, target } of cases) {
      const request = await prepare(gate, get(gate, '/v1/orders/1'), [credential])
      expect((await gate.fetch(request.clone())).status).toBe(200)
      gate.advance(1)
      gate.revoke(target)
      expect(await codeOf(await gate.fetch(request))).toBe('401 credential-revoked')
    }
  })
})
