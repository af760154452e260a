import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createGate } from '../../src/gate.ts'
import { createMemoryReplay } from '../../src/replay/replay-store.ts'
import { createMemoryRevocations } from '../../src/revocation/memory-revocations.ts'
import { codeOf, VALUES } from '../support/orders.ts'

const HOST = 'https://api.example.com'
const CREDITS = `${HOST}/.portcullis/admin/v1/credits`
const root = parseRootSecret(VALUES.PORTCULLIS_ROOT_KEY, { gateway: 'test', environment: 'test' })

/** A consumer that nobody has seen, with 3 credits; one route costs 2 of them. */
async function world(scopes: readonly string[] = ['credits:write', 'credits:read']) {
  const consumer = `c${crypto.randomUUID()}`
  let originStatus = 200
  const gate = createGate(
    {
      openapi: '3.1.0',
      info: { title: 'Prepaid', version: '1' },
      servers: [{ url: HOST }],
      'x-portcullis': {
        origins: { main: { url: 'https://origin.example' } },
        defaults: { origin: 'main', limits: ['prepaid', 'daily'] },
        limits: { prepaid: { by: ['consumer'], credits: 3 }, daily: { by: ['consumer'], quota: '100/day' } },
        consumers: { [consumer]: {}, other: {} },
      },
      components: {
        securitySchemes: { app: { type: 'apiKey', in: 'header', name: 'X-API-Key', 'x-portcullis': { kind: 'api-key' } } },
      },
      paths: {
        '/': { get: { security: [{ app: [] }] } },
        '/dear': { get: { security: [{ app: [] }], 'x-portcullis': { cost: 2 } } },
      },
    },
    { ...(env as unknown as Bindings), ...VALUES },
    {
      replay: createMemoryReplay(),
      revocations: createMemoryRevocations(),
      log: () => undefined,
      fetch: async () => new Response(null, { status: originStatus }),
      // Usage is told of after a while: nobody waits for it here.
      wait: async () => undefined,
    },
  )
  const admin = await issueKey(root, 'admin', { consumer: 'admin', scopes }, Date.now())
  const { key } = await issueKey(root, 'api', { consumer }, Date.now())
  const pending: Promise<unknown>[] = []
  const answer = async (request: Request): Promise<Response> => {
    const response = await gate.handle(request, { waitUntil: (promise) => void pending.push(promise) })
    await Promise.all(pending.splice(0))
    return response
  }
  const call = async (init: RequestInit, query = ''): Promise<Response> =>
    answer(new Request(CREDITS + query, { ...init, headers: { authorization: `Bearer ${admin.key}` } }))
  return {
    consumer,
    fail: () => void (originStatus = 500),
    get: async (path = '/') => answer(new Request(HOST + path, { headers: { 'x-api-key': key } })),
    add: async (more: Readonly<Record<string, unknown>> = {}) =>
      call({ method: 'POST', body: JSON.stringify({ limit: 'prepaid', consumer, credits: 5, key: 'invoice-1', ...more }) }),
    balance: async (query = `?limit=prepaid&consumer=${consumer}`) => call({ method: 'GET' }, query),
    call,
  }
}

describe('prepaid credits', () => {
  test('are spent to the last one, then refused with 402, and no time is named', async () => {
    const { get } = await world()
    const first = await get('/dear')
    expect([first.status, first.headers.get('ratelimit')?.split(',')[0]]).toEqual([200, '"prepaid";r=1'])
    const dear = await get('/dear')
    expect([await codeOf(dear), dear.headers.get('retry-after')]).toEqual(['402 credits-exhausted', null])
    expect(dear.headers.get('ratelimit')).toContain('"prepaid";r=1')
    expect(await dear.json()).toMatchObject({ 'violated-policies': ['prepaid'], detail: 'Limit prepaid: 1 left.' })
    expect((await get()).status).toBe(200)
    const refused = await get()
    expect([await codeOf(refused), refused.headers.get('ratelimit-policy')]).toEqual(['402 credits-exhausted', '"prepaid";q=3'])
    // From memory it reads the same.
    expect([await codeOf(await get()), (await get()).headers.get('retry-after')]).toEqual(['402 credits-exhausted', null])
  })

  test('of 20 parallel requests on 3 credits exactly 3 pass', async () => {
    const { get } = await world()
    const answers = await Promise.all(Array.from({ length: 20 }, async () => (await get()).status))
    expect(answers.filter((status) => status === 200)).toHaveLength(3)
  })

  test('a request that ends in an error of the origin costs none', async () => {
    const { get, fail, balance } = await world()
    fail()
    expect((await get()).status).toBe(500)
    expect(await (await balance()).json()).toMatchObject({ balance: 3, lent: 0 })
  })

  test('a top-up counts, and once for its key', async () => {
    const { add, balance, consumer, get } = await world()
    const added = await add()
    expect([added.status, await added.json()]).toEqual([201, { limit: 'prepaid', consumer, added: 5, balance: 8, lent: 0 }])
    const again = await add()
    expect([again.status, await again.json()]).toMatchObject([200, { added: 0, balance: 8 }])
    expect(await codeOf(await add({ credits: 6 }))).toBe('409 idempotency-conflict')
    expect((await get()).headers.get('ratelimit')).toContain('"prepaid";r=7')
    expect(await (await balance()).json()).toEqual({ limit: 'prepaid', consumer, balance: 7, lent: 0 })
  })

  test.each([
    ['a limit that is no limit of credits', { limit: 'daily' }, '/limit'],
    ['a limit that is not there', { limit: 'nothing' }, '/limit'],
    ['a consumer that is not there', { consumer: 'nobody' }, '/consumer'],
    ['no credits', { credits: 0 }, '/credits'],
    ['credits taken away', { credits: -5 }, '/credits'],
    ['too many credits', { credits: 1_000_000_001 }, '/credits'],
    ['a part of a credit', { credits: 1.5 }, '/credits'],
    ['no key', { key: '' }, '/key'],
    ['a key that is too long', { key: 'k'.repeat(129) }, '/key'],
    ['a field that is not known', { amount: 1 }, '/amount'],
  ])('%s adds nothing', async (_what, more, pointer) => {
    const { add, balance } = await world()
    const response = await add(more)
    expect([response.status, await response.json()]).toMatchObject([422, { code: 'credits-invalid', errors: [{ pointer }] }])
    expect(await (await balance()).json()).toMatchObject({ balance: 3 })
  })

  test('each way needs its own scope, and the balance is asked for by name', async () => {
    const [reader, writer] = [await world(['credits:read']), await world(['credits:write'])]
    expect([(await reader.add()).status, (await reader.balance()).status]).toEqual([403, 200])
    expect([(await writer.add()).status, (await writer.balance()).status]).toEqual([201, 403])
    expect(await codeOf(await reader.balance('?limit=prepaid'))).toBe('422 credits-invalid')
    expect(await codeOf(await reader.call({ method: 'DELETE' }))).toBe('405 method-not-allowed')
  })
})
