import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { DirectoryObject } from '../../src/directory/directory-object.ts'
import { createEvents } from '../../src/insight/events.ts'
import type { GateEvent } from '../../src/insight/gate-event.ts'
import type { Batch } from '../../src/insight/observation.ts'
import { createDirectory, DEVELOPER, OPERATOR, valueOf } from '../support/directory.ts'
import { usageCount } from '../support/observations.ts'

const bindings = env as unknown as Bindings
/** So far ahead that no alarm goes off by itself. */
const NOW = Date.UTC(2035, 0, 1, 12)
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
})
afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})
const at = (offset: number): void => void vi.setSystemTime(NOW + offset)

/** The disk takes no transaction meanwhile, as SQLite says SQLITE_FULL. */
async function whileFull<Class extends Rpc.DurableObjectBranded, Value>(
  stub: DurableObjectStub<Class>,
  work: (object: Class) => Promise<Value>,
): Promise<PromiseSettledResult<Value>> {
  return runInDurableObject(stub, async (object, { storage }) => {
    const transactionSync = storage.transactionSync.bind(storage)
    storage.transactionSync = () => {
      throw new Error('database or disk is full: SQLITE_FULL')
    }
    try {
      const [settled] = await Promise.allSettled([work(object)])
      return settled
    } finally {
      storage.transactionSync = transactionSync
    }
  })
}
const dropAlarm = async <Class extends Rpc.DurableObjectBranded>(stub: DurableObjectStub<Class>): Promise<void> =>
  runInDurableObject(stub, async (_object, { storage }) => storage.deleteAlarm())
const alarmOf = async <Class extends Rpc.DurableObjectBranded>(stub: DurableObjectStub<Class>): Promise<number | null> =>
  runInDurableObject(stub, async (_object, { storage }) => storage.getAlarm())

async function furnished() {
  const directory = createDirectory()
  const { accounts } = directory
  const owner = { person: DEVELOPER.id, display: 'ada@example.com' }
  const organisation = valueOf(await accounts.createOrganisation({ name: 'Acme', owner }, DEVELOPER))
  const app = valueOf(await accounts.createApp({ organisation: organisation.id, name: 'web', plan: 'free' }, DEVELOPER))
  const key = valueOf(await accounts.createKey({ app: app.id, name: 'k' }, DEVELOPER))
  await runDurableObjectAlarm(directory.stub())
  return { ...directory, app, key }
}
type Furnished = Awaited<ReturnType<typeof furnished>>
/** The same storage, while others cannot be told. */
async function without<Value>(
  name: 'REVOCATIONS' | 'EVENTS',
  { stub }: Pick<Furnished, 'stub'>,
  run: (object: DirectoryObject) => Promise<Value>,
): Promise<Value> {
  const fail = async (): Promise<never> => {
    throw new Error('down')
  }
  const down = { getByName: () => ({ append: fail, change: fail, emit: fail }) } as unknown as Bindings[typeof name]
  return runInDurableObject(stub(), async (_, state) => run(new DirectoryObject(state, { ...bindings, [name]: down })))
}
const isRevoked = async (id: string): Promise<boolean> =>
  (await bindings.REVOCATIONS.getByName('feed').lookUp([JSON.stringify({ type: 'key', id })])).length > 0
const events = () => bindings.EVENTS.getByName('events')
const told = createEvents(bindings.EVENTS)
const eventsOf = async (app: string, type: string): Promise<number> =>
  (await told.list({ type })).items.filter(({ consumer }) => consumer === app).length

describe('the directory', () => {
  test('its disk is full: nothing of the change is written, neither row nor line nor outbox; afterwards all of it', async () => {
    const { accounts, stub, key } = await furnished()
    const lines = (await accounts.audit({})).items.length
    const failed = await whileFull(stub(), async (object) => object.change('revokeKey', OPERATOR, key.id, 'leaked'))
    expect(failed.status).toBe('rejected')
    expect([(await accounts.key(key.id))?.state, (await accounts.audit({})).items.length]).toEqual(['active', lines])
    await runDurableObjectAlarm(stub())
    expect(await isRevoked(key.id)).toBe(false)
    expect(await accounts.revokeKey(key.id, 'leaked', OPERATOR)).toMatchObject({ inForce: 'announced' })
    expect(await isRevoked(key.id)).toBe(true)
    expect(await accounts.verifyAudit()).toMatchObject({ status: 'whole' })
  })

  test('events cannot be told: whoever revokes does not wait for it, and they come once, by the alarm', async () => {
    const directory = await furnished()
    const { accounts, stub, app, key } = directory
    await without('EVENTS', directory, async (object) => {
      expect(await object.change('revokeKey', OPERATOR, key.id, 'leaked')).toMatchObject({ inForce: 'announced' })
      await object.alarm()
    })
    expect([await isRevoked(key.id), await eventsOf(app.id, 'key.revoked')]).toEqual([true, 0])
    await evictDurableObject(stub())
    expect((await accounts.key(key.id))?.state).toBe('revoked')
    await runDurableObjectAlarm(stub())
    await runDurableObjectAlarm(stub())
    expect(await eventsOf(app.id, 'key.revoked')).toBe(1)
    expect(await alarmOf(stub())).toBeNull()
  })

  test.each([
    ['the object begins anew', async ({ stub }: Furnished) => evictDurableObject(stub())],
    ['the next change', async ({ accounts, app }: Furnished) => accounts.createKey({ app: app.id, name: 'other' }, DEVELOPER)],
  ])('its alarm is lost: what the feed has yet to hear is told once %s', async (_, next) => {
    const directory = await furnished()
    const { accounts, stub, key } = directory
    const answer = await without('REVOCATIONS', directory, async (object) => object.change('revokeKey', OPERATOR, key.id, 'leaked'))
    expect(answer).toMatchObject({ inForce: 'pending' })
    await dropAlarm(stub())
    await next(directory)
    expect((await accounts.key(key.id))?.state).toBe('revoked')
    await runDurableObjectAlarm(stub())
    expect(await isRevoked(key.id)).toBe(true)
  })

  test('its alarm comes twice or early: nothing is told twice', async () => {
    const directory = await furnished()
    const { stub, app, key } = directory
    await without('EVENTS', directory, async (object) => object.change('revokeKey', OPERATOR, key.id, 'leaked'))
    await runInDurableObject(stub(), async (object: DirectoryObject) => {
      await Promise.all([object.alarm(), object.alarm()])
      await object.alarm()
    })
    expect(await eventsOf(app.id, 'key.revoked')).toBe(1)
  })

  test.each([-1, -HOUR, -DAY])('its clock is set back by %d ms: lines keep their order and stay whole, changes count', async (offset) => {
    const { accounts, stub, app, key } = await furnished()
    at(offset)
    await evictDurableObject(stub())
    expect(await accounts.changeApp(app.id, { plan: 'gold' }, app.version, DEVELOPER)).toMatchObject({ status: 'written' })
    expect(await accounts.revokeKey(key.id, 'leaked', OPERATOR)).toMatchObject({ inForce: 'announced' })
    expect(await isRevoked(key.id)).toBe(true)
    const { items } = await accounts.audit({})
    expect(items.slice(0, 2).map(({ action }) => action)).toEqual(['key.revoke', 'app.change'])
    expect(await accounts.verifyAudit()).toMatchObject({ status: 'whole' })
  })
})

describe('insight', () => {
  const object = () => bindings.INSIGHT.getByName('fault')
  const batch = (sequence: number, minute = NOW): Batch => ({
    isolate: 'isolate-1',
    sequence,
    usage: [usageCount({ minute, requests: 5 })],
    observations: [],
  })
  const total = async (): Promise<number> => (await object().usage({ from: NOW - DAY, to: NOW + DAY, step: 'hour' })).total.requests

  test('its disk is full: the batch is refused, and counts once when it is told again', async () => {
    await object().ingest(batch(1))
    expect((await whileFull(object(), async (insight) => insight.ingest(batch(2)))).status).toBe('rejected')
    expect(await total()).toBe(5)
    expect(await object().ingest(batch(2))).toMatchObject({ isNew: true })
    await evictDurableObject(object())
    expect(await object().ingest(batch(2))).toMatchObject({ isNew: false })
    expect(await total()).toBe(10)
  })

  test('its alarm is lost: usage can be read, and a minute after it was due the next batch sets it anew', async () => {
    await object().ingest(batch(1))
    await dropAlarm(object())
    at(2 * MINUTE - 1)
    await object().ingest(batch(2))
    expect([await total(), await alarmOf(object())]).toEqual([10, null])
    at(2 * MINUTE)
    await object().ingest(batch(3))
    expect(await alarmOf(object())).toBe(NOW + 3 * MINUTE)
    expect(await total()).toBe(15)
  })

  test.each([-1, -HOUR, -DAY, HOUR])('its clock is set by %d ms and comes back: everything counts once', async (offset) => {
    await object().ingest(batch(1))
    await runDurableObjectAlarm(object())
    at(offset)
    await object().ingest(batch(2))
    await runDurableObjectAlarm(object())
    await evictDurableObject(object())
    at(MINUTE)
    await object().ingest(batch(2))
    await object().ingest(batch(3))
    await runDurableObjectAlarm(object())
    expect(await total()).toBe(15)
  })
})

describe('events', () => {
  const eventOf = (id: string): GateEvent => ({ id, type: 'key.revoked', at: NOW, data: {} })
  const ids = async (): Promise<readonly string[]> => (await told.list({})).items.map(({ id }) => id)
  let received: string[] = []
  beforeEach(async () => {
    received = []
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
      received.push(new Request(input, init).headers.get('webhook-id') ?? '')
      return new Response(null, { status: 204 })
    })
    await events().createWebhook({ url: 'https://hooks.example.com/' })
  })

  test('its disk is full: nothing is told by half, and afterwards it is, once', async () => {
    const two = [eventOf('evt_a'), eventOf('evt_b')]
    expect((await whileFull(events(), async (object) => object.emit(two))).status).toBe('rejected')
    expect(await ids()).toEqual([])
    await events().emit(two)
    await events().emit(two)
    await runDurableObjectAlarm(events())
    expect([await ids(), received.toSorted()]).toEqual([
      ['evt_b', 'evt_a'],
      ['evt_a', 'evt_b'],
    ])
  })

  test('its alarm is lost: the next event brings what was not delivered as well', async () => {
    await events().emit([eventOf('evt_a')])
    await dropAlarm(events())
    await evictDurableObject(events())
    await events().emit([eventOf('evt_b')])
    await runDurableObjectAlarm(events())
    expect(received).toEqual(['evt_a', 'evt_b'])
  })

  test.each([-1, -HOUR, -DAY])(
    'its clock is set back by %d ms: what is new is there at once, and all of it is delivered',
    async (offset) => {
      await events().emit([eventOf('evt_a')])
      await runDurableObjectAlarm(events())
      at(offset)
      // Evicted: the time limit of a delivery that is over would keep it for ten seconds.
      await runInDurableObject(events(), (_object, state) => state.abort('evicted')).catch(() => undefined)
      await events().emit([eventOf('evt_b')])
      expect(await ids()).toEqual(['evt_b', 'evt_a'])
      await runDurableObjectAlarm(events())
      expect(received).toEqual(['evt_a', 'evt_b'])
    },
  )
})
