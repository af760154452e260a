import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createEvents, EVENTS_NAME } from '../../src/insight/events.ts'
import type { WithSecret } from '../../src/insight/events-object.ts'
import type { GateEvent } from '../../src/insight/gate-event.ts'
import { MAX_ATTEMPTS_KEPT } from '../../src/insight/webhook-book.ts'
import { DISABLED_AFTER_MS, MAX_ENDPOINTS, retryDelay, TIMEOUT_MS } from '../../src/insight/webhook.ts'

const { EVENTS } = env as unknown as Bindings
const stub = () => EVENTS.getByName(EVENTS_NAME)
const URL_A = 'https://a.example.com/hook'
const URL_B = 'https://b.example.com/hook'
/** Far from the runtime's own clock, by which alarms would go off by themselves. */
const T0 = Date.UTC(2096, 10, 25, 12)
const eventOf = (id: string, more: Partial<GateEvent> = {}): GateEvent => ({
  id,
  type: 'key.created',
  at: T0,
  data: { key: 'k1' },
  ...more,
})

interface Received {
  readonly url: string
  readonly headers: Headers
  readonly body: string
  readonly at: number
}
let received: Received[] = []
/** What each place answers. Default: 204. */
let answers: (url: string, signal: AbortSignal | null | undefined) => Response | Promise<Response>

beforeEach(() => {
  received = []
  answers = () => new Response(null, { status: 204 })
  vi.useFakeTimers({ toFake: ['Date'], now: T0 })
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input, init)
    received.push({ url: request.url, headers: request.headers, body: await request.text(), at: Date.now() })
    return answers(request.url, init?.signal)
  })
})
afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

const alarm = async (): Promise<void> => void (await runDurableObjectAlarm(stub()))
/** Wakes the object as often as it asks to be woken, up to `until`. */
async function wakeUntil(until: number): Promise<void> {
  for (;;) {
    const at = await runInDurableObject(stub(), async (_object, { storage }) => storage.getAlarm())
    if (at === null || at > until) break
    vi.setSystemTime(Math.max(at, Date.now()))
    await alarm()
  }
  vi.setSystemTime(until)
}
async function create(url: string, types?: GateEvent['type'][]): Promise<WithSecret> {
  const written = await stub().createWebhook({ url, ...(types === undefined ? {} : { types }) })
  if (written.status !== 'written') throw new Error(written.status)
  return written.value
}
const fieldsOf = ({ headers }: Received): Record<string, string> => Object.fromEntries(headers)
const idsAt = (url: string): (string | null)[] => received.filter((one) => one.url === url).map(({ headers }) => headers.get('webhook-id'))

describe('webhooks', () => {
  test('WH-1: another implementation verifies what arrives, and nothing that was changed', async () => {
    const { secret } = await create(URL_A)
    await stub().emit([eventOf('evt_1', { organisation: 'org_a', consumer: 'app_a' })])
    await alarm()
    const [message] = received
    if (message === undefined) throw new Error('nothing arrived')
    vi.useRealTimers()
    vi.useFakeTimers({ toFake: ['Date'], now: T0 + 1000 })
    expect(new Webhook(secret).verify(message.body, fieldsOf(message))).toEqual({
      type: 'key.created',
      timestamp: '2096-11-25T12:00:00.000Z',
      organisation: 'org_a',
      consumer: 'app_a',
      data: { key: 'k1' },
    })
    expect(() => new Webhook(secret).verify(message.body.replace('k1', 'k2'), fieldsOf(message))).toThrow('No matching signature')
    expect(() => new Webhook(secret).verify(message.body, { ...fieldsOf(message), 'webhook-id': 'evt_2' })).toThrow('No matching signature')
    expect(message.headers.get('webhook-id')).toBe('evt_1')
    expect(message.headers.get('content-type')).toBe('application/json')
  })

  test('WH-1: a secret is whsec_ and 32 bytes, of one endpoint, and stored nowhere', async () => {
    const [a, b] = [await create(URL_A), await create(URL_B)]
    expect(a.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/u)
    expect(a.secret).not.toBe(b.secret)
    const text = await runInDurableObject(stub(), (_object, { storage }) =>
      JSON.stringify(storage.sql.exec('select * from endpoints').toArray()),
    )
    expect(text).toContain(URL_A)
    expect(text).not.toContain(a.secret.slice('whsec_'.length))
    expect(JSON.stringify(await stub().webhooks())).not.toContain('whsec_')
  })

  test('WH-3: while a secret is replaced, whoever has either of the two verifies; afterwards the new one alone', async () => {
    const { id, secret: before } = await create(URL_A)
    const rotated = await stub().rotateWebhook(id, 3600)
    if (rotated.status !== 'written') throw new Error(rotated.status)
    const { secret: after } = rotated.value as WithSecret
    expect(after).not.toBe(before)
    await stub().emit([eventOf('during')])
    await alarm()
    vi.setSystemTime(T0 + 3600_000)
    await stub().emit([eventOf('later')])
    await alarm()
    const [during, later] = received
    if (during === undefined || later === undefined) throw new Error('something did not arrive')
    vi.setSystemTime(T0)
    for (const secret of [before, after]) expect(new Webhook(secret).verify(during.body, fieldsOf(during))).toBeTruthy()
    vi.setSystemTime(T0 + 3600_000)
    expect(new Webhook(after).verify(later.body, fieldsOf(later))).toBeTruthy()
    expect(() => new Webhook(before).verify(later.body, fieldsOf(later))).toThrow('No matching signature')
  })

  test('two secrets at most, and an overlap of none ends the old one at once', async () => {
    const { id } = await create(URL_A)
    for (const overlap of [3600, 3600]) await stub().rotateWebhook(id, overlap)
    expect((await stub().webhook(id))?.secrets.map(({ version }) => version)).toEqual([3, 2])
    await stub().rotateWebhook(id, 0)
    expect((await stub().webhook(id))?.secrets.map(({ version }) => version)).toEqual([4])
  })

  test('only what an endpoint asks for arrives there', async () => {
    await create(URL_A, ['key.leaked'])
    await create(URL_B)
    await stub().emit([eventOf('made'), eventOf('leaked', { type: 'key.leaked' })])
    await alarm()
    expect(idsAt(URL_A)).toEqual(['leaked'])
    expect(idsAt(URL_B)).toEqual(['made', 'leaked'])
  })

  test('WH-2: an event told twice arrives once', async () => {
    await create(URL_A)
    await stub().emit([eventOf('evt_1')])
    await alarm()
    await stub().emit([eventOf('evt_1')])
    await alarm()
    expect(idsAt(URL_A)).toEqual(['evt_1'])
  })

  test('a failure is tried again under the same id, with the time of the attempt, until it arrives', async () => {
    await create(URL_A)
    answers = () => new Response('no', { status: received.length < 3 ? 500 : 200 })
    await stub().emit([eventOf('evt_1')])
    await wakeUntil(T0 + 3600_000)
    expect(idsAt(URL_A)).toEqual(['evt_1', 'evt_1', 'evt_1'])
    const times = received.map(({ headers }) => Number(headers.get('webhook-timestamp')))
    expect(times[1]).toBeGreaterThan(times[0] ?? 0)
    expect(new Set(received.map(({ body }) => body)).size).toBe(1)
    const [endpoint] = await stub().webhooks()
    expect(endpoint).toMatchObject({ state: 'active', waiting: 0 })
    expect(endpoint).not.toHaveProperty('failingSince')
  })

  test('it is given up after about a day and a half, and the log says so', async () => {
    const { id } = await create(URL_A)
    answers = () => new Response(null, { status: 503 })
    await stub().emit([eventOf('evt_1')])
    await wakeUntil(T0 + 3 * 86_400_000)
    const attempts = await stub().attempts(id)
    expect(attempts).toHaveLength(10)
    expect(attempts[0]).toMatchObject({ attempt: 10, outcome: 'refused', status: 503, givenUp: true })
    expect((attempts[0]?.at ?? 0) - T0).toBeGreaterThan(86_400_000)
    expect(await stub().webhook(id)).toMatchObject({ waiting: 0, state: 'active' })
  })

  test('retries move apart', () => {
    expect([retryDelay(1, 0), retryDelay(1, 1), retryDelay(2, 0.5)]).toEqual([4000, 6000, 30_000])
    expect(retryDelay(9, 0.5)).toBe(36_000_000)
    expect(retryDelay(10, 0.5)).toBeUndefined()
  })

  test('where an answer never comes, the attempt ends, and no other endpoint waited for it', async () => {
    const { id } = await create(URL_A)
    await create(URL_B)
    const clocks: AbortController[] = []
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
      expect(ms).toBe(TIMEOUT_MS)
      clocks.push(new AbortController())
      return clocks.at(-1)?.signal ?? AbortSignal.abort()
    })
    answers = async (url, signal) =>
      url === URL_B
        ? new Response(null, { status: 204 })
        : new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => reject(new Error('aborted')))
          })
    const ofSlow = vi.fn<() => void>()
    await stub().emit([eventOf('evt_1')])
    const running = alarm().then(ofSlow)
    await vi.waitFor(() => expect(idsAt(URL_B)).toEqual(['evt_1']))
    await stub().emit([eventOf('evt_2')])
    await vi.waitFor(() => expect(idsAt(URL_B)).toEqual(['evt_1', 'evt_2']))
    expect(ofSlow).not.toHaveBeenCalled()
    expect(idsAt(URL_A)).toEqual(['evt_1'])
    await runInDurableObject(stub(), () => clocks[0]?.abort())
    await running
    expect((await stub().attempts(id))[0]).toMatchObject({ outcome: 'timeout' })
  })

  test('a redirect is followed nowhere', async () => {
    const { id } = await create(URL_A)
    answers = () => new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/' } })
    await stub().emit([eventOf('evt_1')])
    await alarm()
    expect(received).toHaveLength(1)
    expect(vi.mocked(fetch).mock.calls[0]?.[1]?.redirect).toBe('manual')
    expect(await stub().attempts(id)).toMatchObject([{ outcome: 'redirected', status: 302 }])
  })

  test('nothing of an answer is read or kept', async () => {
    const { id } = await create(URL_A)
    const cancelled = vi.fn<() => void>()
    answers = () =>
      new Response(
        new ReadableStream({ pull: (c) => c.enqueue(new TextEncoder().encode('private')), cancel: cancelled }, { highWaterMark: 0 }),
      )
    await stub().emit([eventOf('evt_1')])
    await alarm()
    expect(cancelled).toHaveBeenCalledOnce()
    expect(JSON.stringify(await stub().attempts(id))).not.toContain('private')
  })

  test('evicted between an attempt and its note: it arrives again, under the same id', async () => {
    await create(URL_A)
    answers = async () => {
      if (received.length === 1) await runInDurableObject(stub(), (_object, state) => state.abort('evicted')).catch(() => undefined)
      return new Response(null, { status: 204 })
    }
    await stub().emit([eventOf('evt_1')])
    await alarm().catch(() => undefined)
    vi.setSystemTime(T0 + 60_000)
    await runInDurableObject(stub(), async (_object, { storage }) => storage.setAlarm(Date.now()))
    await alarm()
    expect(idsAt(URL_A)).toEqual(['evt_1', 'evt_1'])
    expect((await stub().webhooks())[0]?.waiting).toBe(0)
  })

  test('evicted before the first attempt: the object wakes by itself', async () => {
    await create(URL_A)
    await stub().emit([eventOf('evt_1')])
    await evictDurableObject(stub())
    await wakeUntil(T0)
    expect(idsAt(URL_A)).toEqual(['evt_1'])
  })

  test('an endpoint that fails is left alone more and more, and what is new does not make it be asked more', async () => {
    await create(URL_A)
    answers = () => new Response(null, { status: 500 })
    for (let minute = 0; minute < 60; minute += 1) {
      await stub().emit([eventOf(`evt_${minute}`)])
      await wakeUntil(T0 + minute * 60_000)
    }
    expect(received.length).toBeLessThan(15)
    answers = () => new Response(null, { status: 204 })
    await wakeUntil(T0 + 3 * 3600_000)
    expect(new Set(idsAt(URL_A)).size).toBe(60)
    expect((await stub().webhooks())[0]?.waiting).toBe(0)
  })

  test.each([
    [DISABLED_AFTER_MS - 1, 'active'],
    [DISABLED_AFTER_MS, 'disabled'],
  ])('nothing arrived for %i ms: it is %s', async (age, state) => {
    const { id } = await create(URL_A)
    await create(URL_B, ['webhook.disabled'])
    answers = (url) => new Response(null, { status: url === URL_A ? 500 : 204 })
    await stub().emit([eventOf('evt_1')])
    await wakeUntil(T0 + 3 * 86_400_000)
    vi.setSystemTime(T0 + age)
    await stub().emit([eventOf('evt_2')])
    await alarm()
    expect((await stub().webhook(id))?.state).toBe(state)
    await alarm()
    expect(idsAt(URL_B)).toHaveLength(state === 'disabled' ? 1 : 0)
    const told = (await createEvents(EVENTS).list({ type: 'webhook.disabled' })).items
    expect(told.map(({ data }) => data)).toEqual(state === 'disabled' ? [{ endpoint: id, reason: 'failing' }] : [])
  })

  test('410 says that nobody is there any more: off at once, and nothing waits; switched on again it hears what comes then', async () => {
    const { id } = await create(URL_A, ['key.created'])
    answers = () => new Response(null, { status: 410 })
    await stub().emit([eventOf('evt_1'), eventOf('evt_2')])
    await alarm()
    expect(await stub().webhook(id)).toMatchObject({ state: 'disabled', disabledBecause: 'gone', waiting: 0 })
    await stub().emit([eventOf('evt_3')])
    answers = () => new Response(null, { status: 204 })
    await stub().changeWebhook(id, { state: 'active' })
    await stub().emit([eventOf('evt_4')])
    await alarm()
    expect(idsAt(URL_A)).toEqual(['evt_1', 'evt_4'])
    expect(await stub().webhook(id)).not.toHaveProperty('disabledBecause')
  })

  test('a secret of a generation that is gone signs nothing: the endpoint is switched off, not sent to unsigned', async () => {
    const { id } = await create(URL_A)
    await runInDurableObject(stub(), (_object, { storage }) => {
      storage.sql.exec(`update endpoints set value = replace(value, '"g1"', '"g0"')`)
    })
    await stub().emit([eventOf('evt_1')])
    await alarm()
    expect(received).toEqual([])
    expect(await stub().webhook(id)).toMatchObject({ state: 'disabled', disabledBecause: 'secret-gone' })
    expect(await stub().testWebhook(id)).toBe('unsigned')
  })

  test('a test is one signed message of its own, also where the endpoint is off, and stands in its log', async () => {
    const { id, secret } = await create(URL_A)
    await stub().changeWebhook(id, { state: 'disabled' })
    expect(await stub().testWebhook(id)).toEqual({ outcome: 'delivered', status: 204, milliseconds: 0 })
    const [message] = received
    if (message === undefined) throw new Error('nothing arrived')
    expect(new Webhook(secret).verify(message.body, fieldsOf(message))).toMatchObject({ type: 'webhook.test' })
    expect(await stub().attempts(id)).toMatchObject([{ type: 'webhook.test', outcome: 'delivered' }])
    expect((await createEvents(EVENTS).list({})).items).toEqual([])
    expect(await stub().testWebhook('whe_none')).toBeUndefined()
  })

  test('20 endpoints, and not one more', async () => {
    for (let index = 0; index < MAX_ENDPOINTS; index += 1) await create(URL_A)
    expect(await stub().createWebhook({ url: URL_A })).toEqual({ status: 'full', limit: MAX_ENDPOINTS })
  })

  test('a place that must not be called is refused when it is made and when it is changed', async () => {
    const url = 'https://169.254.169.254/'
    const errors = [{ pointer: '/url', detail: 'must name a host, not an address' }]
    expect(await stub().createWebhook({ url })).toEqual({ status: 'invalid', errors })
    const { id } = await create(URL_A)
    expect(await stub().changeWebhook(id, { url })).toEqual({ status: 'invalid', errors })
    expect((await stub().webhook(id))?.url).toBe(URL_A)
  })

  test('a change that somebody made in between is not overwritten', async () => {
    const { id, version } = await create(URL_A)
    expect(await stub().changeWebhook(id, { types: ['key.leaked'] }, version)).toMatchObject({
      status: 'written',
      value: { version: 2, types: ['key.leaked'] },
    })
    expect(await stub().changeWebhook(id, { types: null }, version)).toMatchObject({ status: 'stale', current: { version: 2 } })
    expect(await stub().removeWebhook(id, version)).toMatchObject({ status: 'stale' })
    const { value } = (await stub().changeWebhook(id, { types: null }, 2)) as { value: object }
    expect(value).not.toHaveProperty('types')
    expect(await stub().removeWebhook(id, 3)).toMatchObject({ status: 'written' })
    expect(await stub().changeWebhook(id, {})).toEqual({ status: 'not_found' })
  })

  test('removed while it is called: nothing of it is left', async () => {
    const { id } = await create(URL_A)
    answers = async () => {
      await stub().removeWebhook(id)
      return new Response(null, { status: 500 })
    }
    await stub().emit([eventOf('evt_1')])
    await alarm()
    expect(await stub().webhooks()).toEqual([])
    await runInDurableObject(stub(), (_object, { storage }) => {
      expect(storage.sql.exec('select * from deliveries').toArray()).toEqual([])
      expect(storage.sql.exec('select * from attempts').toArray()).toEqual([])
    })
  })

  test('the newest 100 attempts are kept of each endpoint', async () => {
    const { id } = await create(URL_A)
    await stub().emit(Array.from({ length: MAX_ATTEMPTS_KEPT + 1 }, (_, index) => eventOf(`evt_${index}`)))
    await alarm()
    const attempts = await stub().attempts(id)
    expect(attempts).toHaveLength(MAX_ATTEMPTS_KEPT)
    expect(attempts[0]?.event).toBe(`evt_${MAX_ATTEMPTS_KEPT}`)
  })
})
