import { env } from 'cloudflare:workers'
import document from '#policy'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createGate } from '../../src/gate.ts'
import { sinkOf } from '../../src/insight/insight-calls.ts'
import type { Observation } from '../../src/insight/observation.ts'
import { VALUES } from '../support/orders.ts'

const HOST = 'https://api.example.com'
const HOUR_MS = 3_600_000
const ROOT = parseRootSecret(VALUES.PORTCULLIS_ROOT_KEY, { gateway: 'test', environment: 'test' })
const bindings = { ...(env as unknown as Bindings), ...VALUES }
const ABUSE = { answers: { slow: 0.6, limit: 0.8, block: 1 } }
const HOME = { asn: 64500, country: 'DE', latitude: '52.5', longitude: '13.4' }
const AWAY = { asn: 64501, country: 'BR', latitude: '-23.5', longitude: '-46.6' }

/** One clock for all isolates. The objects have the real one, so it begins there. */
const clock = { now: Date.now() }
const log: string[] = []
const slowed: number[] = []

interface Asked {
  readonly path?: string
  readonly address?: string
  readonly key?: string
  readonly cf?: CfProperties
  readonly agent?: string
  readonly method?: string
  readonly body?: object
}
/** An isolate of the gate with this policy: its own memory, the gateway's objects. */
function isolate(abuse: object = ABUSE) {
  const policy = { ...(document as Record<string, unknown>) }
  policy['x-portcullis'] = { ...(policy['x-portcullis'] as object), abuse }
  const sink = sinkOf(bindings, {
    now: () => clock.now,
    wait: async () => undefined,
    log: (line) => log.push(line),
    abuse: {
      answers: { ...('answers' in abuse ? (abuse.answers as object) : {}) },
      blockSeconds: { first: 900, most: 86_400 },
      allow: { networks: [], consumers: [], keys: [] },
    },
  })
  const gate = createGate(policy, bindings, {
    now: () => clock.now,
    log: (line) => log.push(line),
    wait: async (milliseconds) => void slowed.push(milliseconds),
    fetch: async () => new Response('ok'),
    ...(sink === undefined ? {} : { insight: sink }),
  })
  return async ({
    path = '/v1/orders/1',
    address = '203.0.113.200',
    key,
    cf = HOME,
    agent = 'node/24',
    method = 'GET',
    body,
  }: Asked): Promise<Response> => {
    const pending: Promise<unknown>[] = []
    const headers = new Headers({ 'cf-connecting-ip': address, 'user-agent': agent })
    if (key !== undefined)
      headers.set(path.startsWith('/.portcullis') ? 'authorization' : 'x-api-key', path.startsWith('/.portcullis') ? `Bearer ${key}` : key)
    const request = new Request(HOST + path, { method, headers, cf, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const response = await gate.handle(request, { waitUntil: (promise) => pending.push(promise) })
    const read = new Response(await response.arrayBuffer(), response)
    await Promise.all(pending)
    return read
  }
}
type Ask = ReturnType<typeof isolate>
const codeOf = async (answer: Promise<Response>): Promise<string> => {
  const response = await answer
  if (response.status === 200) return '200'
  const problem: { readonly code?: string } = await response.json()
  return `${response.status} ${problem.code ?? ''}`
}
const issued = async (consumer = 'acme'): Promise<{ key: string; id: string }> => {
  const { key, id } = await issueKey(ROOT, 'api', { consumer }, clock.now)
  return { key, id }
}
const guess = (index: number): string => `pck_test_${index.toString().padStart(40, 'x')}`
/** The next request tells what was noted, and every isolate reads the feed anew. */
async function pass(ask: Ask, seconds = 11): Promise<void> {
  clock.now += seconds * 1000
  await ask({ path: '/v1/status', address: '203.0.113.250' })
  clock.now += 6000
}

let admin: string
beforeAll(async () => {
  admin = (
    await issueKey(
      ROOT,
      'admin',
      { consumer: 'operator', scopes: ['anomalies:read', 'anomalies:write', 'blocks:write', 'kill-switches:write'] },
      clock.now,
    )
  ).key
})
async function call<Value>(ask: Ask, path: string, method = 'GET', body?: object): Promise<Value> {
  const answer = await ask({ path: `/.portcullis/admin/v1${path}`, key: admin, method, ...(body === undefined ? {} : { body }) })
  if (answer.status >= 300) throw new Error(await answer.text())
  return answer.json()
}
interface Listed {
  readonly items: readonly {
    readonly id: string
    readonly subject: string
    readonly answer: string
    readonly kind: string
    readonly target?: string
  }[]
}

describe('guessing', () => {
  test('AK-8: thirty guesses from one address block it on every isolate within the bound; its neighbour works on', async () => {
    const [one, other] = [isolate(), isolate()]
    const [bad, good] = ['198.51.100.7', '198.51.100.8']
    const { key } = await issued()
    for (let index = 0; index < 30; index += 1)
      expect(await codeOf(one({ address: bad, key: guess(index) }))).toBe('401 credential-rejected')
    expect(await codeOf(other({ address: bad, key }))).toBe('200')
    await pass(one)
    expect(await codeOf(other({ address: bad, key }))).toBe('403 address-blocked')
    expect(await codeOf(one({ address: bad }))).toBe('403 address-blocked')
    expect(await codeOf(other({ address: good, key }))).toBe('200')
    const { items } = await call<Listed>(one, '/blocks')
    expect(items).toMatchObject([{ kind: 'address', subject: bad, answer: 'block' }])
    const lifted = await call<{ effectiveBy: string }>(one, `/blocks/${items[0]?.id}`, 'DELETE')
    expect(Date.parse(lifted.effectiveBy)).toBe(clock.now + 5000)
    clock.now += 5000
    expect(await codeOf(other({ address: bad, key }))).toBe('200')
  })

  test('the failure budget stops it in one isolate before anything is verified, RL-4, with Retry-After; others work on', async () => {
    const ask = isolate({ failureBudget: { address: 20, network: 100 } })
    const bad = '192.0.2.7'
    const { key } = await issued()
    const another = await issued()
    for (let index = 0; index < 5; index += 1) await ask({ address: bad, key: guess(index) })
    expect(await codeOf(ask({ address: bad, key }))).toBe('200')
    for (let index = 5; index < 20; index += 1)
      expect(await codeOf(ask({ address: bad, key: guess(index) }))).toBe('401 credential-rejected')
    const stopped = await ask({ address: bad, key: guess(21) })
    expect(stopped.status).toBe(429)
    expect(stopped.headers.get('retry-after')).toBe('10')
    expect(await stopped.json()).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#abnormal-usage-detected',
      'violated-policies': ['failures'],
    })
    // The shared address: who was at work there goes on, who was not waits.
    expect(await codeOf(ask({ address: bad, key }))).toBe('200')
    expect(await codeOf(ask({ address: bad, key: another.key }))).toBe('429 abnormal-usage-detected')
    expect(await codeOf(ask({ address: '192.0.2.8', key: another.key }))).toBe('200')
    clock.now += 10_000
    expect(await codeOf(ask({ address: bad, key: another.key }))).toBe('200')
  })

  test.each([
    ['unknown paths', { path: '/v1/nowhere' }, '404 route-unknown'],
    ['targets that are none', { path: '/v1//orders' }, '400 target-not-canonical'],
  ])('%s count as well', async (_name, asked, code) => {
    const ask = isolate({ failureBudget: { address: 3, network: 100 } })
    for (let index = 0; index < 3; index += 1) expect(await codeOf(ask({ ...asked, address: '192.0.2.9' }))).toBe(code)
    expect(await codeOf(ask({ ...asked, address: '192.0.2.9' }))).toBe('429 abnormal-usage-detected')
  })

  test('what is missing, or lacks a scope, is no guess', async () => {
    const ask = isolate({ failureBudget: { address: 3, network: 100 } })
    for (let index = 0; index < 9; index += 1) expect(await codeOf(ask({ address: '192.0.2.10' }))).toBe('401 credential-missing')
  })

  test('a policy may go without a budget', async () => {
    const ask = isolate({ failureBudget: false })
    for (let index = 0; index < 70; index += 1)
      expect(await codeOf(ask({ address: '192.0.2.11', key: guess(index) }))).toBe('401 credential-rejected')
  })
})

describe('a stolen key', () => {
  const tell = async (id: string): Promise<void> => {
    const observations = Array.from({ length: 1000 }, (_, index): Observation => ({
      at: clock.now - 8 * HOUR_MS + index * 28_000,
      requestId: `${id}-${index}`,
      method: 'GET',
      code: 'forwarded',
      status: 200,
      durationMs: 4,
      address: '192.0.2.100',
      network: '64500',
      country: 'DE',
      latitude: 52.5,
      longitude: 13.4,
      userAgent: 'node/24',
      credential: id,
      consumer: 'acme',
      route: 'GET /orders/{id}',
      objectId: String((index * 7919) % 100_000),
    }))
    await bindings.INSIGHT.getByName('insight').ingest({ isolate: id, sequence: 1, usage: [], observations })
  }

  test('is found where it never was, with its evidence; answered on every isolate; feedback lifts it', async () => {
    const [one, other] = [isolate(), isolate()]
    const { key, id } = await issued()
    await tell(id)
    const thief = { address: '198.51.100.60', cf: AWAY, agent: 'curl/8', key, path: '/v1/orders/7' }
    for (let index = 0; index < 12; index += 1) {
      expect(await codeOf(one(thief))).toBe('200')
      clock.now += 500
    }
    await pass(one)
    const { items } = await call<Listed>(one, '/anomalies?state=answered')
    const found = items.find(({ subject }) => subject === id)
    expect(found).toMatchObject({ kind: 'credential', consumer: 'acme' })
    const anomaly = await call<Record<string, unknown>>(one, `/anomalies/${found?.id}`)
    expect(JSON.stringify(anomaly['reasons'])).toContain('new-country')
    expect(anomaly['baseline']).toMatchObject({ countries: ['DE'], isLearning: false })
    const evidence = anomaly['evidence'] as Observation[]
    expect(evidence.some(({ country }) => country === 'BR')).toBe(true)
    expect(JSON.stringify(anomaly)).not.toContain(key)
    const answers = new Set<string>()
    for (let index = 0; index < 8; index += 1) answers.add(await codeOf(other(thief)))
    expect([...answers].join()).toMatch(
      found?.answer === 'block' ? /403 usage-blocked/u : found?.answer === 'limit' ? /429 abnormal-usage-detected/u : /200/u,
    )
    expect(await codeOf(other({ key: (await issued()).key }))).toBe('200')
    await call(one, `/anomalies/${found?.id}/answer`, 'POST', { answer: 'block' })
    clock.now += 5000
    expect(await codeOf(other(thief))).toBe('403 usage-blocked')
    await call(one, `/anomalies/${found?.id}/answer`, 'POST', { answer: 'slow' })
    clock.now += 5000
    slowed.length = 0
    expect(await codeOf(other(thief))).toBe('200')
    expect(slowed).toEqual([1000])
    await call(one, `/anomalies/${found?.id}/answer`, 'POST', { answer: 'accept' })
    clock.now += 5000
    slowed.length = 0
    expect(await codeOf(other(thief))).toBe('200')
    expect(slowed).toEqual([])
    const again = await call<{ state: string }>(one, `/anomalies/${found?.id}`)
    expect(again.state).toBe('accepted')
  })

  test('an honest burst of it is not: the same place and program, five times as much', async () => {
    const one = isolate()
    const { key, id } = await issued()
    await tell(id)
    for (let index = 0; index < 60; index += 1) {
      await one({ address: '192.0.2.100', key, path: `/v1/orders/${(index * 7919) % 1000}` })
      clock.now += 1000
    }
    await pass(one)
    const { items } = await call<Listed>(one, '/blocks')
    expect(items.filter(({ subject }) => subject === id)).toEqual([])
  })

  test('its evidence can be replayed: one event a line', async () => {
    const ask = isolate()
    const { items } = await call<Listed>(ask, '/anomalies')
    const path = `/.portcullis/admin/v1/anomalies/${items[0]?.id}`
    const request = new Request(HOST + path, { headers: { authorization: `Bearer ${admin}`, accept: 'application/jsonl' } })
    const gate = createGate(document, bindings, { now: () => clock.now, log: () => undefined })
    const answer = await gate.handle(request, { waitUntil: () => undefined })
    expect(answer.headers.get('content-type')).toBe('application/jsonl')
    const lines = (await answer.text()).trim().split('\n')
    expect(lines.length).toBeGreaterThan(5)
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({
        at: expect.any(Number) as number,
        address: expect.any(String) as string,
        status: expect.any(Number) as number,
      })
  })
})

describe('kill switches', () => {
  test('a route, then everything: 503 everywhere within the bound, while the gate can still be told to open', async () => {
    const [one, other] = [isolate(), isolate()]
    const { key } = await issued()
    expect(await codeOf(other({ key }))).toBe('200')
    const { policy } = await import('../../src/policy/load-policy.ts').then(({ loadPolicy }) => {
      const loaded = loadPolicy(document, VALUES, { isLocal: false })
      if (!loaded.ok) throw new Error('the policy does not hold')
      return loaded
    })
    const route = policy.routes.find(({ template, method }) => template === '/v1/orders/{id}' && method === 'GET')?.id ?? ''
    const target = /^[\w.~-]+$/u.test(route) ? route : btoa(route).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
    await call(one, `/kill-switches/route:${target}`, 'PUT', { reason: 'leaks data' })
    clock.now += 5000
    const closed = await other({ key })
    expect([closed.status, closed.headers.get('retry-after')]).toEqual([503, '60'])
    expect(await closed.json()).toMatchObject({ code: 'route-closed' })
    expect(await codeOf(other({ path: '/v1/status' }))).toBe('200')

    await call(one, '/kill-switches/everything', 'PUT', { seconds: 30 })
    clock.now += 5000
    const all = await other({ key })
    expect([all.status, all.headers.get('retry-after'), (await all.json<{ code: string }>()).code]).toEqual([503, '25', 'gate-closed'])
    expect(await codeOf(other({ path: '/v1/status' }))).toBe('503 gate-closed')
    const { items } = await call<Listed>(other, '/kill-switches')
    expect(new Set(items.map((item) => item.target))).toEqual(new Set(['everything', `route:${target}`]))

    await call(other, '/kill-switches/everything', 'DELETE')
    await call(other, `/kill-switches/route:${target}`, 'DELETE')
    clock.now += 5000
    expect(await codeOf(one({ key }))).toBe('200')
    expect(await call<Listed>(one, '/kill-switches')).toEqual({ items: [] })
  })

  test.each(['nothing', 'route:unknown', 'address:x'])('%s cannot be closed', async (target) => {
    const ask = isolate()
    expect(await codeOf(ask({ path: `/.portcullis/admin/v1/kill-switches/${target}`, method: 'PUT', key: admin, body: {} }))).toMatch(
      /^404/u,
    )
  })

  test('closing needs its own scope', async () => {
    const ask = isolate()
    const lesser = (await issueKey(ROOT, 'admin', { consumer: 'operator', scopes: ['blocks:write', 'anomalies:write'] }, clock.now)).key
    const path = '/.portcullis/admin/v1/kill-switches/everything'
    expect(await codeOf(ask({ path, method: 'PUT', key: lesser, body: {} }))).toBe('403 scope-insufficient')
  })
})

describe('restrictions by hand', () => {
  test.each([
    ['consumer', 'globex', 'block', '403 usage-blocked'],
    ['consumer', 'globex', 'slow', '200'],
  ])('a %s %s: %s', async (kind, id, answer, expected) => {
    const [one, other] = [isolate(), isolate()]
    const { key } = await issued(id)
    await call(one, '/blocks', 'POST', { kind, id, answer, seconds: 60 })
    clock.now += 5000
    expect(await codeOf(other({ key }))).toBe(expected)
    expect(await codeOf(other({ key: (await issued('acme')).key }))).toBe('200')
    clock.now += 55_000
    expect(await codeOf(other({ key }))).toBe('200')
  })

  test('limit: five at once and one in two seconds, then 429', async () => {
    const [one, other] = [isolate(), isolate()]
    const { key } = await issued('globex')
    await call(one, '/blocks', 'POST', { kind: 'consumer', id: 'globex', answer: 'limit', seconds: 60 })
    clock.now += 5000
    for (let index = 0; index < 5; index += 1) expect(await codeOf(other({ key }))).toBe('200')
    expect(await codeOf(other({ key }))).toBe('429 abnormal-usage-detected')
    clock.now += 2000
    expect(await codeOf(other({ key }))).toBe('200')
    expect(await codeOf(other({ key }))).toBe('429 abnormal-usage-detected')
  })

  test('an IPv6 address is its /64', async () => {
    const [one, other] = [isolate(), isolate()]
    const { key } = await issued()
    await call(one, '/blocks', 'POST', { kind: 'address', id: '2001:db8:1:2::1', seconds: 60 })
    clock.now += 5000
    expect(await codeOf(other({ key, address: '2001:db8:1:2:ffff::9' }))).toBe('403 address-blocked')
    expect(await codeOf(other({ key, address: '2001:db8:1:3::9' }))).toBe('200')
  })

  test.each([
    [{ kind: 'address', id: 'not one' }],
    [{ kind: 'address', id: '192.0.2.0/24' }],
    [{ kind: 'route', id: 'x' }],
    [{ kind: 'consumer', id: 'x', seconds: 0 }],
    [{ kind: 'consumer', id: 'x', answer: 'close' }],
    [{ kind: 'consumer', id: 'x', more: 1 }],
  ])('%j is not valid', async (body) => {
    expect(await codeOf(isolate()({ path: '/.portcullis/admin/v1/blocks', method: 'POST', key: admin, body }))).toMatch(/^422/u)
  })
})
