import { env } from 'cloudflare:workers'
import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createGate } from '../../src/gate.ts'
import type { GateEvent } from '../../src/insight/gate-event.ts'
import type { Batch, Observation } from '../../src/insight/observation.ts'
import { createInsightSink } from '../../src/insight/sink.ts'
import { codeOf } from '../support/orders.ts'

const HOST = 'https://api.example.com'
const ROOT_KEY = 'test:8yQm1vR5nZ3kX7wT2bL9cJ4hG6fD0sA-qWeRtYuIoP0'
const root = parseRootSecret(ROOT_KEY, { gateway: 'test', environment: 'test' })
const keyOf = async (consumer: string): Promise<string> => (await issueKey(root, 'api', { consumer }, Date.now())).key

const policy = {
  openapi: '3.1.0',
  info: { title: 'Metered', version: '1' },
  servers: [{ url: HOST }],
  'x-portcullis': {
    origins: { main: { url: 'https://origin.example' } },
    defaults: { origin: 'main' },
    limits: {
      exact: { by: ['consumer'], quota: '1000/day', consistency: 'strict', chargeOn: 'request' },
      lent: { by: ['consumer'], quota: '1000/month', chargeOn: 'request' },
      few: { by: ['consumer'], quota: '10/day', consistency: 'strict', chargeOn: 'request' },
      perRoute: { by: ['consumer*route'], rate: '1000/second' },
    },
    consumers: { acme: {}, globex: {}, initech: {} },
  },
  components: {
    securitySchemes: {
      app: { type: 'apiKey', in: 'header', name: 'X-API-Key', 'x-portcullis': { kind: 'api-key' } },
      anyone: { type: 'apiKey', in: 'header', name: 'X-Any-Key', 'x-portcullis': { kind: 'api-key', consumer: 'any' } },
    },
  },
  paths: {
    '/orders/{id}': { get: { security: [{ app: [] }], 'x-portcullis': { limits: ['exact', 'lent', 'perRoute'] } } },
    '/few': { get: { security: [{ app: [] }], 'x-portcullis': { limits: ['few'] } } },
  },
}

const { INSIGHT, LEDGER } = env as unknown as Bindings

/** The gate over real objects, with a clock that waits for nobody: what is noted is sent at once, through `told`. */
function usageGate({ insight = INSIGHT.getByName(crypto.randomUUID()), emitFails = (): boolean => false } = {}) {
  let clock = Date.now()
  const told: Batch[] = []
  const events: GateEvent[] = []
  const log: string[] = []
  const sink = createInsightSink({
    now: () => clock,
    wait: async (ms) => {
      clock += ms
    },
    log: (line) => log.push(line),
    send: async (batch) => {
      told.push(structuredClone(batch))
      return insight.ingest(batch)
    },
  })
  const bindings = {
    ...(env as unknown as Bindings),
    INSIGHT: { getByName: () => insight },
    PORTCULLIS_ROOT_KEY: ROOT_KEY,
    PORTCULLIS_GATEWAY: 'test',
    PORTCULLIS_ENVIRONMENT: 'test',
  } as unknown as Bindings
  const gate = createGate(policy, bindings, {
    insight: sink,
    events: {
      async emit(some) {
        if (emitFails()) throw new Error('down')
        events.push(...some)
      },
    },
    log: (line) => log.push(line),
    fetch: async (input) => new Response(null, { status: new URL(new Request(input).url).pathname === '/orders/0' ? 404 : 200 }),
    now: () => Date.now(),
  })
  const fetch = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> => {
    const pending: Promise<unknown>[] = []
    const response = await gate.handle(new Request(HOST + path, { ...init, headers }), { waitUntil: (promise) => pending.push(promise) })
    await Promise.all(pending)
    return response
  }
  return { fetch, told, events, log, insight, observed: (): Observation[] => told.flatMap(({ observations }) => observations) }
}
const own = async (response: Response) =>
  response.json<{
    consumer: string
    groups: { key: Record<string, string>; requests: number; errors: number }[]
    total: { requests: number; errors: number }
    limits: { name: string; kind: string; used: number; remaining: number; lent: number; resetsAt?: string }[]
  }>()

describe('GET /.portcullis/usage', () => {
  test('300 calls are 300 in the usage and in the ledger', async () => {
    const { fetch } = usageGate()
    const key = await keyOf('acme')
    for (let call = 0; call < 300; call += 1)
      expect((await fetch(`/orders/${call}`, { 'x-api-key': key })).status).toBe(call === 0 ? 404 : 200)
    const told = await own(await fetch('/.portcullis/usage?step=minute&by=status', { 'x-api-key': key }))
    expect([told.consumer, told.total.requests, told.total.errors]).toEqual(['acme', 300, 1])
    expect(told.groups.map(({ key: { status }, requests }) => [status, requests])).toEqual([
      ['200', 299],
      ['404', 1],
    ])
    const [exact, lent] = ['exact', 'lent'].map((name) => told.limits.find((limit) => limit.name === name))
    expect(exact).toMatchObject({ kind: 'quota', count: 1000, used: 300, remaining: 700, lent: 0 })
    // What isolates still hold is between the two.
    expect(lent?.used).toBeGreaterThanOrEqual(300)
    expect((lent?.used ?? 0) - (lent?.lent ?? 0)).toBeLessThanOrEqual(300)
    expect(told.limits.map(({ name }) => name)).not.toContain('perRoute')
    expect(new Date(exact?.resetsAt ?? '').getUTCHours()).toBe(0)
  }, 60_000)

  test('a consumer sees itself alone, whatever it asks for', async () => {
    const insight = INSIGHT.getByName(crypto.randomUUID())
    const { fetch } = usageGate({ insight })
    await fetch('/orders/1', { 'x-api-key': await keyOf('globex') })
    const mine = await keyOf('initech')
    for (const query of ['', '?by=consumer', '?by=consumer,credential', '?route=GET%20/orders/%7Bid%7D'])
      expect(await own(await fetch(`/.portcullis/usage${query}`, { 'x-api-key': mine }))).toMatchObject({
        consumer: 'initech',
        total: { requests: 0 },
        groups: [],
      })
    for (const query of [
      '?consumer=globex',
      '?consumers=globex',
      '?by=plan',
      '?by=status,code,route',
      '?step=second',
      '?from=yesterday',
      '?to=2020-01-01&from=2021-01-01',
    ])
      expect([query, await codeOf(await fetch(`/.portcullis/usage${query}`, { 'x-api-key': mine }))]).toEqual([
        query,
        '422 request-invalid',
      ])
  })

  test('needs a credential that holds and names a consumer', async () => {
    const { fetch } = usageGate()
    expect(await codeOf(await fetch('/.portcullis/usage'))).toBe('401 credential-missing')
    expect((await fetch('/.portcullis/usage', { 'x-api-key': 'pck_nobody' })).status).toBe(401)
    expect(await codeOf(await fetch('/.portcullis/usage', { 'x-api-key': await keyOf('acme') }, { method: 'POST' }))).toBe(
      '405 method-not-allowed',
    )
    const head = await fetch('/.portcullis/usage', { 'x-api-key': await keyOf('acme') }, { method: 'HEAD' })
    expect([head.status, head.headers.get('cache-control'), await head.text()]).toEqual([200, 'no-store', ''])
  })

  test('as a table, and not without end', async () => {
    const { fetch } = usageGate()
    const key = await keyOf('globex')
    await fetch('/orders/1', { 'x-api-key': key })
    const table = await fetch('/.portcullis/usage?by=route', { 'x-api-key': key, accept: 'text/csv' })
    expect(table.headers.get('content-type')).toContain('text/csv')
    expect(await table.text()).toMatch(/^start,route,requests\r\n[0-9T:.-]+Z,GET \/orders\/\{id\},1\r\n$/u)
    const statuses = []
    for (let read = 0; read < 30; read += 1) statuses.push((await fetch('/.portcullis/usage?step=day', { 'x-api-key': key })).status)
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(5)
    expect((await fetch('/.portcullis/usage', { 'x-api-key': await keyOf('acme') })).status).toBe(200)
  })

  test('is 503 while the object does not answer', async () => {
    const insight = { usage: async () => Promise.reject(new Error('down')), ingest: async () => Promise.reject(new Error('down')) } as never
    const { fetch } = usageGate({ insight })
    expect(await codeOf(await fetch('/.portcullis/usage', { 'x-api-key': await keyOf('acme') }))).toBe('503 dependency-unavailable')
  })

  test('asking how a limit stands leaves nothing behind', async () => {
    const stub = LEDGER.getByName(crypto.randomUUID())
    const limit = {
      name: 'q',
      by: [['consumer']],
      quota: { count: 5, period: 'day' },
      chargeOn: 'request',
      consistency: 'strict',
      onOutage: 'closed',
    } as const
    expect(await stub.meters([limit])).toMatchObject([{ name: 'q', kind: 'quota', count: 5, used: 0, remaining: 5, lent: 0 }])
    const tables = await runInDurableObject(stub, (_, { storage }) =>
      storage.sql.exec("select name from sqlite_master where name = 'accounts'").toArray(),
    )
    expect(tables).toEqual([])
  })
})

describe('what is told of requests', () => {
  test('who, what and how it ended; refusals with a hash that is the same in every isolate, and never the credential', async () => {
    const [one, other] = [usageGate(), usageGate()]
    const key = await keyOf('acme')
    const guess = `${key.slice(0, -6)}AAAAAA`
    for (const { fetch } of [one, other])
      await fetch('/orders/17', { 'x-api-key': guess, 'cf-connecting-ip': '192.0.2.9', 'user-agent': 'curl/8' })
    const [[first], [second]] = [one.observed(), other.observed()]
    expect(first).toMatchObject({
      route: 'GET /orders/{id}',
      status: 401,
      code: 'credential-rejected',
      address: '192.0.2.9',
      userAgent: 'curl/8',
      objectId: '17',
    })
    expect(first?.presented).toMatch(/^[0-9a-z]{6,12}$/u)
    expect(second?.presented).toBe(first?.presented)
    await one.fetch('/orders/ada%40example.com', { 'x-api-key': key })
    await one.fetch('/orders/ada%40example.com')
    await one.fetch('/nothing')
    const [, good, missing, unknown] = one.observed()
    expect(good).toMatchObject({ consumer: 'acme', status: 200, code: 'forwarded' })
    expect(good).not.toHaveProperty('presented')
    expect(missing).not.toHaveProperty('presented')
    expect(missing?.objectId).toBe(good?.objectId)
    expect(unknown).toMatchObject({ status: 404, code: 'route-unknown' })
    expect(unknown).not.toHaveProperty('route')
    const text = JSON.stringify([one.told, other.told])
    for (const secret of [key.slice(-20), guess.slice(-20), 'ada', 'example.com']) expect(text).not.toContain(secret)
  })

  test('requests to the gate itself are not counted', async () => {
    const { fetch, told } = usageGate()
    await fetch('/.portcullis/usage', { 'x-api-key': await keyOf('acme') })
    await fetch('/.portcullis/admin/v1/status')
    expect(told).toEqual([])
  })

  test('an object that is down costs no answer', async () => {
    const insight = { ingest: async () => Promise.reject(new Error('down')) } as never
    const { fetch, log } = usageGate({ insight })
    expect((await fetch('/orders/1', { 'x-api-key': await keyOf('acme') })).status).toBe(200)
    expect(log.some((line) => line.includes('"dependency":"insight"'))).toBe(true)
  })
})

describe('quota.reached', () => {
  test('is told at 80 % and when it is used up, once in a period, by the same ids everywhere', async () => {
    const [one, other] = [usageGate(), usageGate()]
    const key = await keyOf(`initech`)
    const call = async ({ fetch }: typeof one): Promise<number> => (await fetch('/few', { 'x-api-key': key })).status
    for (let calls = 0; calls < 7; calls += 1) await call(one)
    expect(one.events).toEqual([])
    await call(one)
    expect(one.events).toMatchObject([
      { type: 'quota.reached', consumer: 'initech', data: { limit: 'few', percent: 80, count: 10, remaining: 2, period: 'day' } },
    ])
    expect([await call(one), await call(one), await call(one)]).toEqual([200, 200, 429])
    expect(one.events.map(({ data }) => data['percent'])).toEqual([80, 100])
    await call(other)
    expect(other.events.map(({ id }) => id).toSorted()).toEqual(one.events.map(({ id }) => id).toSorted())
    expect(one.events.every(({ id }) => /^quota_[0-9a-f]{32}$/u.test(id))).toBe(true)
  })

  test('what could not be told is told with the next request', async () => {
    let isDown = true
    const { fetch, events } = usageGate({ emitFails: () => isDown })
    const key = await keyOf('globex')
    for (let calls = 0; calls < 8; calls += 1) await fetch('/few', { 'x-api-key': key })
    expect(events).toEqual([])
    isDown = false
    await fetch('/few', { 'x-api-key': key })
    expect(events.map(({ data }) => data['percent'])).toEqual([80])
  })
})

describe('the admin API', () => {
  const adminOf = async (scopes: readonly string[]): Promise<Record<string, string>> => ({
    authorization: `Bearer ${(await issueKey(root, 'admin', { consumer: 'admin', scopes }, Date.now())).key}`,
  })

  test('usage of all, of some, and as a table; only with its scope', async () => {
    const { fetch } = usageGate()
    await fetch('/orders/1', { 'x-api-key': await keyOf('acme') })
    await fetch('/orders/2', { 'x-api-key': await keyOf('globex') })
    await fetch('/orders/0', { 'x-api-key': await keyOf('globex') })
    const admin = await adminOf(['usage:read'])
    const usage = async (query: string, more: Record<string, string> = {}) =>
      fetch(`/.portcullis/admin/v1/usage${query}`, { ...admin, ...more })
    expect(await (await usage('?by=consumer&step=minute')).json()).toMatchObject({
      step: 'minute',
      groups: [
        { key: { consumer: 'globex' }, requests: 2, errors: 1 },
        { key: { consumer: 'acme' }, requests: 1, errors: 0 },
      ],
      total: { requests: 3, errors: 1 },
    })
    expect(await (await usage('?consumer=acme,nobody')).json()).toMatchObject({ total: { requests: 1 } })
    expect(await (await usage('?by=consumer,status', { accept: 'text/csv' })).text()).toMatch(/,globex,404,1\r\n/u)
    expect(await codeOf(await usage('?step=minute&from=2026-01-01'))).toBe('422 request-invalid')
    expect(await codeOf(await usage('?by=consumer,consumer'))).toBe('422 request-invalid')
    expect(await codeOf(await fetch('/.portcullis/admin/v1/usage', await adminOf(['decisions:read'])))).toBe('403 scope-insufficient')
    expect((await fetch('/.portcullis/admin/v1/usage', { 'x-api-key': await keyOf('acme') })).status).toBe(401)
  })

  test('the newest decisions, from where one left off', async () => {
    const { fetch } = usageGate()
    const admin = await adminOf(['decisions:read'])
    const decisions = async (query = '') =>
      (await fetch(`/.portcullis/admin/v1/decisions${query}`, admin)).json<{
        items: { status: number; consumer?: string }[]
        next?: string
      }>()
    expect(await decisions()).toEqual({ items: [] })
    await fetch('/orders/0', { 'x-api-key': await keyOf('acme') })
    await fetch('/orders/1')
    const { items, next = '' } = await decisions()
    expect(items.map(({ status, consumer }) => [status, consumer])).toEqual([
      [404, 'acme'],
      [401, undefined],
    ])
    expect((await decisions('?refused=true')).items.map(({ status }) => status)).toEqual([401])
    expect((await decisions('?consumer=acme')).items.map(({ status }) => status)).toEqual([404])
    expect(await decisions(`?after=${next}`)).toEqual({ items: [], next })
    expect(await codeOf(await fetch('/.portcullis/admin/v1/decisions?limit=1001', admin))).toBe('422 request-invalid')
    expect(await codeOf(await fetch('/.portcullis/admin/v1/decisions', await adminOf(['usage:read'])))).toBe('403 scope-insufficient')
  })
})
