import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createControlGate } from '../support/control.ts'
import { codeOf } from '../support/orders.ts'

const gate = createControlGate()
interface Organisation {
  readonly id: string
  readonly name: string
}
const organisation = async (name = 'Acme'): Promise<Organisation> => gate.json('POST', '/organisations', { name })
async function app(plan = 'free'): Promise<{ readonly id: string; readonly organisation: string }> {
  return gate.json('POST', '/apps', { organisation: (await organisation()).id, name: 'web', plan })
}

describe('a key from the admin API', () => {
  test('works on the data path at once, without a read of the directory, and stops with its app', async () => {
    const made = await app()
    const key = await gate.json<{ id: string; secret: string }>('POST', `/apps/${made.id}/keys`, { name: 'ci' })
    const use = async () => gate.fetch('/v1/keyed', { headers: { 'x-api-key': key.secret } })
    expect((await use()).status).toBe(200)
    const change = await gate.call('PATCH', `/apps/${made.id}`, { state: 'disabled' }, { 'if-match': '"1"' })
    expect(await change.json()).toMatchObject({ state: 'disabled', inForce: 'announced', effectiveBy: expect.any(String) as string })
    const fresh = createControlGate()
    expect(await codeOf(await fresh.fetch('/v1/keyed', { headers: { 'x-api-key': key.secret } }))).toBe('401 credential-disabled')
  })

  test('for the pages of one origin is taken from there alone; revoked it is over', async () => {
    const made = await app()
    const key = await gate.json<{ id: string; secret: string }>('POST', `/apps/${made.id}/keys`, {
      name: 'page',
      origins: ['https://app.example.com'],
    })
    const fresh = createControlGate()
    const use = async (origin: string) => fresh.fetch('/v1/keyed', { headers: { 'x-api-key': key.secret, origin } })
    expect((await use('https://app.example.com')).status).toBe(200)
    expect(await codeOf(await use('https://evil.example'))).toBe('403 credential-origin-not-allowed')
    await gate.json('DELETE', `/keys/${key.id}?reason=leaked`)
    const later = createControlGate()
    const gone = await later.fetch('/v1/keyed', { headers: { 'x-api-key': key.secret, origin: 'https://app.example.com' } })
    expect(await codeOf(gone)).toBe('401 credential-revoked')
  })

  test('rotated: both work, the old one says until when', async () => {
    const made = await app()
    const old = await gate.json<{ id: string; secret: string }>('POST', `/apps/${made.id}/keys`, { name: 'ci' })
    const fresh = await gate.json<{ id: string; secret: string }>('POST', `/keys/${old.id}/rotate`, { overlapSeconds: 3600 })
    const isolate = createControlGate()
    const [first, second] = await Promise.all(
      [old, fresh].map(async ({ secret }) => isolate.fetch('/v1/keyed', { headers: { 'x-api-key': secret } })),
    )
    expect([first?.status, second?.status]).toEqual([200, 200])
    expect(first?.headers.get('sunset')).not.toBeNull()
    expect(second?.headers.get('sunset')).toBeNull()
  })
})

describe('preconditions', () => {
  test('428 without If-Match, 412 with another version, and then as it is; a weak tag matches nothing', async () => {
    const { id } = await organisation()
    const change = async (field?: string) =>
      gate.call('PATCH', `/organisations/${id}`, { name: `Acme ${field}` }, field === undefined ? {} : { 'if-match': field })
    expect(await codeOf(await change())).toBe('428 precondition-required')
    for (const field of ['"2"', 'W/"1"', '1', '"1", "2"', '"x"']) expect(await codeOf(await change(field))).toBe('412 precondition-failed')
    const done = await change('"1"')
    expect(done.headers.get('etag')).toBe('"2"')
    expect((await change('*')).status).toBe(200)
    const stale = await change('"1"')
    expect(stale.headers.get('etag')).toBe('"3"')
  })
})

describe('Idempotency-Key', () => {
  const create = async (name: string, key: string, authorization?: string) =>
    gate.call('POST', '/organisations', { name }, { 'idempotency-key': key, ...(authorization === undefined ? {} : { authorization }) })

  test('the same request again is answered as before, and done once; another one under the key is refused', async () => {
    const authorization = `Bearer ${await gate.keyOf()}`
    const key = crypto.randomUUID()
    const first = await create('Once', key, authorization)
    const again = await create('Once', key, authorization)
    expect(again.status).toBe(201)
    expect(await again.json()).toEqual(await first.json())
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    expect(await codeOf(await create('Other', key, authorization))).toBe('422 idempotency-key-reused')
    expect((await (await create('Once', key)).json<Organisation>()).id).not.toBe(
      (await (await create('Once', key, authorization)).json<Organisation>()).id,
    )
  })

  test('of 20 at once one is done', async () => {
    const authorization = `Bearer ${await gate.keyOf()}`
    const key = crypto.randomUUID()
    const answers = await Promise.all(Array.from({ length: 20 }, async () => create('Twenty', key, authorization)))
    const made = answers.filter(({ status }) => status === 201)
    const ids = new Set(await Promise.all(made.map(async (response) => (await response.json<Organisation>()).id)))
    expect(ids.size).toBe(1)
    for (const response of answers.filter(({ status }) => status !== 201)) expect(await codeOf(response)).toBe('409 idempotency-running')
  })

  test('a key with its secret comes again, and the store holds it for nobody', async () => {
    const made = await app()
    const headers = { 'idempotency-key': crypto.randomUUID(), authorization: `Bearer ${await gate.keyOf()}` }
    const first = await gate.json<{ secret: string }>('POST', `/apps/${made.id}/keys`, { name: 'k' }, headers)
    expect(await gate.json<{ secret: string }>('POST', `/apps/${made.id}/keys`, { name: 'k' }, headers)).toEqual(first)
    const { runInDurableObject } = await import('cloudflare:test')
    const stub = (env as unknown as Bindings).DIRECTORY.getByName('directory')
    const kept = await runInDurableObject(stub, (_, state) => JSON.stringify(state.storage.sql.exec('select * from remembered').toArray()))
    expect(kept.length).toBeGreaterThan(500)
    expect(kept).not.toContain(first.secret.slice(-20))
  })

  test.each(['', 'x'.repeat(129), 'with space'])('%j is no key', async (key) => {
    expect(await codeOf(await create('None', key))).toBe('400 idempotency-key-malformed')
  })
})

describe('what is not valid', () => {
  test('each fault with its place; what nobody knows is one', async () => {
    const response = await gate.call('POST', '/organisations', { name: '', admin: true })
    expect(await response.json()).toMatchObject({ code: 'request-invalid', errors: [{ pointer: '/name' }, { pointer: '/admin' }] })
    const query = await gate.call('GET', '/organisations?limit=101&sort=name')
    expect(await query.json()).toMatchObject({ code: 'request-invalid', errors: [{ pointer: '/limit' }, { pointer: '/sort' }] })
    expect((await gate.call('GET', '/organisations?limit=100')).status).toBe(200)
  })

  test('content that is no JSON or too much of it', async () => {
    const send = async (body: string) =>
      gate.fetch('/.portcullis/admin/v1/organisations', {
        method: 'POST',
        headers: { authorization: `Bearer ${await gate.keyOf()}` },
        body,
      })
    expect(await codeOf(await send('{'))).toBe('400 content-not-json')
    expect(await codeOf(await send(JSON.stringify({ name: 'x'.repeat(65_536) })))).toBe('413 content-too-large')
  })

  test('pages follow each other without a gap', async () => {
    const { id } = await organisation()
    for (let number = 1; number <= 5; number++) await gate.json('POST', '/apps', { organisation: id, name: `${number}`, plan: 'free' })
    const seen: string[] = []
    for (let after = ''; ;) {
      const page = await gate.json<{ items: Organisation[]; next?: string }>('GET', `/apps?organisation=${id}&limit=2${after}`)
      seen.push(...page.items.map(({ name }) => name))
      if (page.next === undefined) break
      after = `&after=${page.next}`
    }
    expect(seen.toSorted()).toEqual(['1', '2', '3', '4', '5'])
  })
})

describe('the other organisation', () => {
  test('has nothing of this one: 404', async () => {
    const [one, other] = [await organisation('One'), await organisation('Other')]
    const invited = await gate.json<{ id: string }>('POST', `/organisations/${one.id}/invitations`, { note: '', role: 'viewer' })
    expect(await codeOf(await gate.call('DELETE', `/organisations/${other.id}/invitations/${invited.id}`))).toBe('404 record-unknown')
    for (const path of ['/apps/nothing', '/keys/nothing', '/organisations/nothing'])
      expect(await codeOf(await gate.call('GET', path))).toBe('404 record-unknown')
    expect(await gate.json('GET', `/apps?organisation=${other.id}`)).toEqual({ items: [] })
  })
})

describe('our own fault', () => {
  const broken = {
    getByName: () => {
      throw new Error('no object')
    },
  } as unknown as Bindings['DIRECTORY']

  test('is 503, never 401 and never open: a write that cannot be written down is not made', async () => {
    const down = createControlGate({ bindings: { DIRECTORY: broken } })
    expect(await codeOf(await down.call('GET', '/organisations'))).toBe('503 dependency-unavailable')
    expect(await codeOf(await down.call('POST', '/people/sign-out', { issuer: 'https://x.example', subject: 'x' }))).toBe(
      '503 dependency-unavailable',
    )
    const cookie = await down.signIn({ subject: crypto.randomUUID() })
    expect(await codeOf(await down.asPerson(cookie, 'GET', '/status'))).toBe('503 dependency-unavailable')
  })

  test('what stops something is done all the same, and the log says that the audit missed it', async () => {
    const down = createControlGate({ bindings: { DIRECTORY: broken } })
    expect((await down.call('POST', '/revocations', { type: 'key', id: '0'.repeat(24) })).status).toBe(201)
    expect(down.log).toContainEqual(
      expect.objectContaining({ event: 'audit-missed', action: 'revocations.create', target: { type: 'key', id: '0'.repeat(24) } }),
    )
  })
})

test('every write of the gate outside the directory is a line before it is done', async () => {
  await gate.call('POST', '/revocations', { type: 'key', id: '1'.repeat(24), reason: 'lost' })
  await gate.call('POST', '/changes', { type: 'consumer', id: 'acme', disabled: false })
  const { items } = await gate.json<{ items: { action: string; target: object; actor: object }[] }>('GET', '/audit?limit=2')
  expect(items).toMatchObject([
    { action: 'changes.create', target: { type: 'consumer', id: 'acme' } },
    { action: 'revocations.create', target: { type: 'key', id: '1'.repeat(24) }, actor: { kind: 'operator', display: 'ops' } },
  ])
  expect(await gate.json('GET', '/audit/verify')).toMatchObject({ status: 'whole' })
})

test('301 calls at once by one credential are too many', async () => {
  const authorization = `Bearer ${await gate.keyOf()}`
  const at = Date.now()
  const fixed = createControlGate({ now: () => at })
  const answers = await Promise.all(Array.from({ length: 301 }, async () => fixed.call('GET', '/plans', undefined, { authorization })))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(300)
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused).toHaveLength(1)
  expect(refused[0]?.headers.get('retry-after')).not.toBeNull()
})

test('what a write costs: calls of objects', async () => {
  const calls: string[] = []
  const { DIRECTORY } = env as unknown as Bindings
  const counting = {
    getByName: (name: string) => {
      calls.push(name)
      return DIRECTORY.getByName(name)
    },
  } as unknown as Bindings['DIRECTORY']
  const counted = createControlGate({ bindings: { DIRECTORY: counting } })
  const made = await app()
  const costOf = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    calls.length = 0
    const response = await counted.call(method, path, body, headers)
    expect(response.ok).toBe(true)
    return calls.length
  }
  expect(await costOf('PATCH', `/apps/${made.id}`, { name: 'x' }, { 'if-match': '*' })).toBe(1)
  expect(await costOf('PATCH', `/apps/${made.id}`, { name: 'y' }, { 'if-match': '*', 'idempotency-key': crypto.randomUUID() })).toBe(3)
  expect(await costOf('POST', `/apps/${made.id}/keys`, { name: 'k' })).toBe(2)
  expect(await costOf('POST', '/revocations', { type: 'key', id: '2'.repeat(24) })).toBe(1)
})

describe('usage of an organisation', () => {
  test('is that of its apps; one without apps used nothing; one that is not there is said', async () => {
    const [made, other] = [await app(), await app()]
    const minute = Math.floor(Date.now() / 60_000) * 60_000
    const latency = Array.from({ length: 11 }, () => 0)
    const used = { minute, credential: '', route: 'GET /keyed', status: 200, code: 'forwarded', requests: 7, latency }
    const { INSIGHT } = env as unknown as Bindings
    const usage = [made, other].map(({ id }) => Object.assign({ consumer: id }, used))
    await INSIGHT.getByName('insight').ingest({ isolate: crypto.randomUUID(), sequence: 1, usage, observations: [] })
    const of = async (id: string) => gate.json<{ total: { requests: number } }>('GET', `/usage?organisation=${id}`)
    expect((await of(made.organisation)).total.requests).toBe(7)
    expect((await of((await organisation('Empty')).id)).total.requests).toBe(0)
    expect(await codeOf(await gate.call('GET', '/usage?organisation=org_nobody'))).toBe('422 request-invalid')
    expect(await codeOf(await gate.call('GET', `/usage?organisation=${made.organisation}&consumer=${made.id}`))).toBe('422 request-invalid')
  })
})
