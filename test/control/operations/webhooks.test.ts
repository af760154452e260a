import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../../src/bindings.ts'
import { eventsOperations } from '../../../src/control/operations/events.ts'
import { webhooksOperations } from '../../../src/control/operations/webhooks.ts'
import { createOperationRouter } from '../../../src/control/operation-router.ts'
import { createSealer } from '../../../src/credentials/sealer.ts'
import { createEvents, createWebhooks } from '../../../src/insight/events.ts'
import type { GateEvent } from '../../../src/insight/gate-event.ts'
import { MAX_OVERLAP_SECONDS } from '../../../src/insight/webhook.ts'
import { createMemoryLimiter } from '../../../src/limits/memory-limiter.ts'
import { root } from '../../support/api-keys.ts'

const { EVENTS } = env as unknown as Bindings
const events = createEvents(EVENTS)
const recorded: object[] = []
const actor = { kind: 'operator', id: 'key-1', display: 'key-1', requestId: 'r1' } as const
const router = createOperationRouter({
  operations: [...eventsOperations({ events }), ...webhooksOperations({ webhooks: createWebhooks(EVENTS) })],
  operators: {
    identify: async (request) => ({ actor, scopes: new Set(), principals: [], content: () => request.body }),
  },
  accounts: { record: async (line) => void recorded.push(line) },
  idempotency: {
    store: { begin: async () => ({ status: 'new' }), end: async () => undefined },
    sealer: createSealer(root, 'admin-answers'),
  },
  limiter: createMemoryLimiter(Date.now),
  now: Date.now,
  log: () => undefined,
})

type Json = Record<string, unknown> & { items?: Record<string, unknown>[] }
async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; etag: string | null; json: Json }> {
  const content = body === undefined ? {} : { body: JSON.stringify(body) }
  const request = new Request(`https://gate.example/.portcullis/admin/v1${path}`, { method, headers, ...content })
  const response = await router(request, { waitUntil: () => undefined })
  const text = await response.text()
  return { status: response.status, etag: response.headers.get('etag'), json: (text === '' ? {} : JSON.parse(text)) as Json }
}
const eventOf = (id: string, type: GateEvent['type'] = 'key.created'): GateEvent => ({ id, type, at: 1_700_000_000_000, data: {} })

beforeEach(() => {
  recorded.length = 0
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
  vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(null, { status: 204 }))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

describe('events', () => {
  test('the newest first, in pages, by type', async () => {
    await events.emit([eventOf('e1'), eventOf('e2', 'key.leaked'), eventOf('e3')])
    const first = await call('GET', '/events?limit=2')
    expect(first.json.items).toMatchObject([{ id: 'e3', at: '2023-11-14T22:13:20.000Z' }, { id: 'e2' }])
    expect((await call('GET', `/events?limit=2&after=${String(first.json['next'])}`)).json.items).toMatchObject([{ id: 'e1' }])
    expect((await call('GET', '/events?type=key.leaked')).json.items).toMatchObject([{ id: 'e2' }])
  })

  test.each(['limit=0', 'limit=101', 'type=key.lost', 'unknown=1'])('%s is refused', async (query) => {
    expect((await call('GET', `/events?${query}`)).status).toBe(422)
  })
})

describe('webhooks', () => {
  test('made, read, changed by its version, rotated, removed; the secret is shown when it is made, and never again', async () => {
    const made = await call('POST', '/webhooks', {
      url: 'https://hooks.example.com/secret-path',
      description: 'ours',
      types: ['key.leaked'],
    })
    expect(made).toMatchObject({ status: 201, etag: '"1"' })
    const { id, secret } = made.json as { id: string; secret: string }
    expect(new Webhook(secret)).toBeTruthy()
    const read = await call('GET', `/webhooks/${id}`)
    expect(read.json).toMatchObject({
      url: 'https://hooks.example.com/secret-path',
      description: 'ours',
      types: ['key.leaked'],
      state: 'active',
      waiting: 0,
    })
    expect(JSON.stringify([read, await call('GET', '/webhooks')])).not.toContain('whsec_')
    expect((await call('PATCH', `/webhooks/${id}`, { types: null }, { 'if-match': '"1"' })).etag).toBe('"2"')
    expect(await call('PATCH', `/webhooks/${id}`, { state: 'disabled' }, { 'if-match': '"1"' })).toMatchObject({ status: 412, etag: '"2"' })
    const rotated = await call('POST', `/webhooks/${id}/rotate`, {})
    expect(rotated.json['secret']).not.toBe(secret)
    expect(rotated.json['secrets']).toMatchObject([{ version: 2 }, { version: 1, until: expect.any(String) }])
    expect((await call('DELETE', `/webhooks/${id}`)).status).toBe(204)
    expect((await call('GET', `/webhooks/${id}`)).status).toBe(404)
  })

  test('a test message, and the log of attempts', async () => {
    const { id } = (await call('POST', '/webhooks', { url: 'https://hooks.example.com/' })).json as { id: string }
    expect((await call('POST', `/webhooks/${id}/test`)).json).toMatchObject({ outcome: 'delivered', status: 204 })
    expect((await call('GET', `/webhooks/${id}/attempts`)).json.items).toMatchObject([{ type: 'webhook.test', outcome: 'delivered' }])
  })

  test.each([
    [{ url: 'http://hooks.example.com/' }, '/url'],
    [{ url: 'https://10.0.0.1/' }, '/url'],
    [{ url: 'https://hooks.example.com/', types: [] }, '/types'],
    [{ url: 'https://hooks.example.com/', types: ['key.lost'] }, '/types/0'],
    [{ url: 'https://hooks.example.com/', secret: 'mine' }, '/secret'],
    [{}, '/url'],
  ])('%j is refused at %s', async (body, pointer) => {
    const { status, json } = await call('POST', '/webhooks', body)
    expect(status).toBe(422)
    expect(json['errors']).toMatchObject([{ pointer }])
  })

  test.each([
    [MAX_OVERLAP_SECONDS, 200],
    [MAX_OVERLAP_SECONDS + 1, 422],
    [-1, 422],
  ])('an overlap of %i s: %i', async (overlapSeconds, status) => {
    const { id } = (await call('POST', '/webhooks', { url: 'https://hooks.example.com/' })).json as { id: string }
    expect((await call('POST', `/webhooks/${id}/rotate`, { overlapSeconds })).status).toBe(status)
  })

  test.each([
    ['GET', '/webhooks/whe_none'],
    ['PATCH', '/webhooks/whe_none'],
    ['DELETE', '/webhooks/whe_none'],
    ['POST', '/webhooks/whe_none/rotate'],
    ['POST', '/webhooks/whe_none/test'],
    ['GET', '/webhooks/whe_none/attempts'],
  ])('%s %s: 404', async (method, path) => {
    expect((await call(method, path, method === 'PATCH' || path.endsWith('rotate') ? {} : undefined)).status).toBe(404)
  })

  test('the audit log names the host, not the path, which may be a secret', async () => {
    await call('POST', '/webhooks', { url: 'https://hooks.example.com/secret-path' })
    expect(recorded).toMatchObject([{ action: 'webhooks.create', detail: { host: 'hooks.example.com' } }])
    expect(JSON.stringify(recorded)).not.toContain('secret-path')
  })
})
