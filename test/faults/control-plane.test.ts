import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { createGate } from '../../src/gate.ts'
import { createEvents } from '../../src/insight/events.ts'
import { controlPolicy, createControlGate } from '../support/control.ts'
import { CALL_FAULTS, faulty, type CallFault } from '../support/faults.ts'
import { codeOf } from '../support/orders.ts'
import { HOST, VALUES } from '../support/session-gate.ts'
import { ROOT } from '../support/sessions.ts'

const bindings = env as unknown as Bindings
const FAULTS = Object.entries(CALL_FAULTS) as [string, CallFault][]
/** Of every call, however often it is made again. */
const lasting = ({ times: _times, ...fault }: CallFault): CallFault => fault
const APP = 'app_aaaaaaaaaaaaaaaaaaaa'
const policy = controlPolicy((document) => {
  document['x-portcullis'].limits = { few: { by: ['consumer'], quota: '5/day', chargeOn: 'request' } }
  document.paths['/metered'] = { get: { security: [{ app: ['read'] }], 'x-portcullis': { limits: ['few'] } } }
})

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() })
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
})
afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

/** KV that fails or never answers, as it is told. */
function faultyStore(real: KVNamespace) {
  let does: CallFault['does'] | undefined
  const meet = async (): Promise<never> => {
    if (does === 'throw') throw new Error('KV is down')
    return new Promise(() => undefined)
  }
  const get = async (name: string): Promise<string | null> => (does === undefined ? real.get(name) : meet())
  const put = async (...given: Parameters<KVNamespace['put']>): Promise<void> => (does === undefined ? real.put(...given) : meet())
  return { store: { get, put } as unknown as KVNamespace, set: (next: CallFault['does'] | undefined) => void (does = next) }
}

/** The gate as it is deployed, on a clock that the test moves, over objects each of which can be made to fail. */
function scene() {
  const [insight, events, directory] = [faulty(bindings.INSIGHT), faulty(bindings.EVENTS), faulty(bindings.DIRECTORY)]
  const projection = faultyStore(bindings.PROJECTION)
  const log: string[] = []
  const own = { INSIGHT: insight.namespace, EVENTS: events.namespace, DIRECTORY: directory.namespace, PROJECTION: projection.store }
  const gate = createGate(
    policy,
    { ...bindings, ...VALUES, ...own },
    {
      wait: async (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
      fetch: async () => new Response('ok'),
      log: (line) => log.push(line),
    },
  )
  const pending: Promise<unknown>[] = []
  /** While no time passes: only what the answer waits for has happened. */
  async function ask(path: string, key: string): Promise<Response> {
    const request = new Request(`${HOST}/v1${path}`, { headers: { 'x-api-key': key, 'cf-connecting-ip': '192.0.2.1' } })
    return gate.handle(request, { waitUntil: (promise) => pending.push(promise) })
  }
  return { insight, events, directory, projection, log, ask, pending }
}

/** Time passes, and calls to objects have theirs between. */
async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 500) {
    await vi.advanceTimersByTimeAsync(500)
    await scheduler.wait(0)
  }
}
async function keyOf(consumer: string): Promise<string> {
  return (await issueKey(ROOT, 'api', { consumer, plan: 'free' }, Date.now())).key
}
/** What the insight object has counted of the app. */
async function counted(): Promise<number> {
  const now = Date.now()
  const usage = await bindings.INSIGHT.getByName('insight').usage({
    from: now - 3_600_000,
    to: now + 60_000,
    step: 'minute',
    consumers: [APP],
  })
  return usage.total.requests
}
const toldOf = async (type: string): Promise<number> =>
  (await createEvents(bindings.EVENTS).list({ type })).items.filter(({ consumer }) => consumer === APP).length

describe('insight, events and the directory at once', () => {
  test.each(FAULTS)(
    '%s: requests are answered as ever, at once; what they leave ends; all is counted and told afterwards',
    async (_, fault) => {
      const { insight, events, directory, projection, ask, pending } = scene()
      for (const object of [insight, events, directory]) object.set(fault)
      projection.set(fault.does)
      const key = await keyOf(APP)
      // With the fourth the quota is nearly used up, which is an event; the key is one that the directory does not know: another.
      const statuses: number[] = []
      for (let sent = 0; sent < 6; sent += 1) statuses.push((await ask('/metered', key)).status)
      expect(statuses).toEqual([200, 200, 200, 200, 200, 429])
      let isOver = false
      void Promise.allSettled(pending).then(() => (isOver = true))
      await pass(30_000)
      expect(isOver).toBe(true)
      for (const object of [insight, events, directory]) object.set(undefined)
      projection.set(undefined)
      // Later than any call is put off.
      await pass(60_000)
      expect((await ask('/metered', key)).status).toBe(429)
      await pass(30_000)
      expect(await counted()).toBe(7)
      expect(await toldOf('quota.reached')).toBe(2)
      // What is waited for is a key of an app that is seen for the first time.
      await ask('/keyed', await keyOf(APP))
      await pass(30_000)
      expect(await toldOf('key.forged')).toBe(2)
    },
  )
})

/** An app with a key that was made elsewhere. */
async function imported(): Promise<string> {
  const admin = createControlGate({ policy })
  const organisation = (await admin.json<{ id: string }>('POST', '/organisations', { name: 'Acme' })).id
  const app = (await admin.json<{ id: string }>('POST', '/apps', { organisation, name: 'web', plan: 'free' })).id
  const key = `legacy-${crypto.randomUUID()}`
  await admin.json('POST', `/apps/${app}/keys`, { name: 'old', imported: key })
  return key
}
const told = async (response: Response): Promise<string> => {
  if (response.status < 400) return String(response.status)
  return `${await codeOf(response)}${Number(response.headers.get('retry-after')) > 0 ? ' retry' : ''}`
}
const OUTAGE = '503 dependency-unavailable retry'

describe('the directory, while the projection has no copy', () => {
  test.each(FAULTS)(
    '%s: an imported key is 503 and never 401, one that is known goes on, and so does one that was issued',
    async (_, fault) => {
      const [first, second] = [await imported(), await imported()]
      const { directory, ask } = scene()
      const issued = await keyOf(APP)
      expect((await ask('/keyed', first)).status).toBe(200)
      await pass(15_000)
      directory.set(lasting(fault))
      const answering = ask('/keyed', second)
      if (fault.does === 'never') {
        await directory.hangs()
        await vi.advanceTimersByTimeAsync(5000)
      }
      expect(await told(await answering)).toBe(OUTAGE)
      expect([await told(await ask('/keyed', first)), await told(await ask('/keyed', issued))]).toEqual(['200', '200'])
      expect(await told(await ask('/keyed', 'too short'))).toBe('401 credential-rejected')
      directory.set(undefined)
      expect(await told(await ask('/keyed', second))).toBe('200')
      await pass(30_000)
    },
  )
})

describe('the projection', () => {
  test.each(['throw', 'never'] as const)('%s: the directory answers, within a second, and the key is remembered', async (does) => {
    const key = await imported()
    const { projection, directory, ask } = scene()
    projection.set(does)
    const answering = ask('/keyed', key)
    if (does === 'never') await pass(1000)
    expect(await told(await answering)).toBe('200')
    directory.set({ at: 'before', does: 'throw' })
    expect(await told(await ask('/keyed', key))).toBe('200')
    await pass(30_000)
  })

  test('and the directory both away: 503, and all is well once one of them is back', async () => {
    const key = await imported()
    const { projection, directory, ask } = scene()
    projection.set('throw')
    directory.set({ at: 'before', does: 'throw' })
    expect(await told(await ask('/keyed', key))).toBe(OUTAGE)
    projection.set(undefined)
    expect(await told(await ask('/keyed', key))).toBe(OUTAGE)
    directory.set(undefined)
    expect(await told(await ask('/keyed', key))).toBe('200')
    await pass(15_000)
    const elsewhere = scene()
    elsewhere.directory.set({ at: 'before', does: 'throw' })
    expect(await told(await elsewhere.ask('/keyed', key))).toBe('200')
    await pass(30_000)
  })
})

/** The control plane over an object that fails; a call that never answers has had its time. */
function operated(name: 'DIRECTORY' | 'INSIGHT' | 'EVENTS') {
  const object = faulty<{ getByName(name: string): unknown }>(bindings[name])
  const gate = createControlGate({ policy, bindings: { [name]: object.namespace } })
  async function after(fault: CallFault, asking: () => Promise<Response>): Promise<Response> {
    object.set(fault)
    const answer = asking()
    const answers: Response[] = []
    void answer.then((response) => answers.push(response))
    for (let passed = 0; passed < 60_000 && answers.length === 0; passed += 500) await pass(500)
    object.set(undefined)
    return answer
  }
  return { ...gate, after }
}

describe('the admin API', () => {
  test.each(FAULTS)('directory %s: 503; what was asked for was done once or not at all', async (_, fault) => {
    const gate = operated('DIRECTORY')
    const name = crypto.randomUUID()
    expect(await told(await gate.after(fault, async () => gate.call('POST', '/organisations', { name })))).toBe(OUTAGE)
    const { items } = await gate.json<{ items: readonly { name: string }[] }>('GET', '/organisations')
    expect(items.filter((one) => one.name === name)).toHaveLength(fault.at === 'after' ? 1 : 0)
    expect(await gate.json('GET', '/audit/verify')).toMatchObject({ status: 'whole' })
    expect(await told(await gate.after(lasting(fault), async () => gate.call('GET', '/organisations')))).toBe(OUTAGE)
  })

  test.each(FAULTS)('directory %s: with an Idempotency-Key, asked again, it is done once', async (_, fault) => {
    const gate = operated('DIRECTORY')
    const name = crypto.randomUUID()
    const ask = async () => gate.call('POST', '/organisations', { name }, { 'idempotency-key': name })
    expect(await told(await gate.after(fault, ask))).toBe(OUTAGE)
    // One that was begun and never answered is given up after a while.
    await pass(120_000)
    expect((await ask()).status).toBe(201)
    const { items } = await gate.json<{ items: readonly { name: string }[] }>('GET', '/organisations')
    expect(items.filter((one) => one.name === name)).toHaveLength(1)
  })

  test.each(FAULTS)('insight and events %s: 503 to who reads them', async (_, fault) => {
    const [insight, events] = [operated('INSIGHT'), operated('EVENTS')]
    for (const path of ['/usage', '/decisions', '/anomalies'])
      expect([path, await told(await insight.after(lasting(fault), async () => insight.call('GET', path)))]).toEqual([path, OUTAGE])
    for (const path of ['/events', '/webhooks'])
      expect([path, await told(await events.after(lasting(fault), async () => events.call('GET', path)))]).toEqual([path, OUTAGE])
    expect([(await insight.call('GET', '/usage')).status, (await events.call('GET', '/events')).status]).toEqual([200, 200])
  })
})

describe('pages', () => {
  const CASES = ['portal', 'console'].flatMap((site) => FAULTS.map(([name, fault]) => [site, name, fault] as const))
  test.each(CASES)('%s, directory %s: a page that says so, 503, and nothing of what is wrong', async (site, _, fault) => {
    const gate = operated('DIRECTORY')
    const cookie = await gate.signIn({ subject: crypto.randomUUID(), scopes: ['portcullis:owner'] })
    const path = site === 'portal' ? '/.portcullis/portal' : '/.portcullis/console/audit'
    const get = async () => gate.fetch(path, { headers: { cookie, accept: 'text/html', 'sec-fetch-mode': 'navigate' } })
    const response = await gate.after(lasting(fault), get)
    const page = await response.text()
    expect([response.status, response.headers.get('content-type'), Number(response.headers.get('retry-after')) > 0]).toEqual([
      503,
      'text/html; charset=utf-8',
      true,
    ])
    expect(page).toContain('<h1>')
    expect(page).not.toMatch(/fault|did not answer in time|Error/u)
    expect((await get()).status).toBe(200)
  })
})
