import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createEventLog, KEPT_MS, MAX_EVENTS } from '../../src/insight/event-log.ts'
import { createEvents, EVENTS_NAME, MAX_EMITTED } from '../../src/insight/events.ts'
import { MAX_DATA_LENGTH, type GateEvent } from '../../src/insight/gate-event.ts'

const { EVENTS } = env as unknown as Bindings
const events = createEvents(EVENTS)
const stub = () => EVENTS.getByName(EVENTS_NAME)
const eventOf = (id: string, more: Partial<GateEvent> = {}): GateEvent => ({
  id,
  type: 'key.created',
  at: 1_700_000_000_000,
  data: {},
  ...more,
})
const idsOf = async (asked = {}): Promise<readonly string[]> => (await events.list(asked)).items.map(({ id }) => id)

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

describe('EventsObject', () => {
  test('lists the newest first, as they were told', async () => {
    const event = eventOf('e1', { organisation: 'org_a', consumer: 'app_a', data: { key: 'k' } })
    await events.emit([event, eventOf('e2')])
    expect((await events.list({})).items).toEqual([eventOf('e2'), event])
  })

  test('WH-2: the same event told again, at once or alone, is one', async () => {
    const line = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    await Promise.all([events.emit([eventOf('e1'), eventOf('e1')]), events.emit([eventOf('e1', { data: { other: true } })])])
    await events.emit([eventOf('e1')])
    expect((await events.list({})).items).toHaveLength(1)
    expect(line.mock.calls.filter(([text]) => String(text).includes('"gate-event"'))).toHaveLength(1)
  })

  test('keeps to a type and to an organisation', async () => {
    await events.emit([eventOf('a', { organisation: 'org_a' }), eventOf('b', { organisation: 'org_b', type: 'key.leaked' }), eventOf('c')])
    expect(await idsOf({ organisation: 'org_a' })).toEqual(['a'])
    expect(await idsOf({ type: 'key.leaked' })).toEqual(['b'])
    expect(await idsOf({ type: 'key.leaked', organisation: 'org_a' })).toEqual([])
  })

  test('pages without gaps or repetition while events arrive', async () => {
    await events.emit(Array.from({ length: 5 }, (_, index) => eventOf(`e${index}`)))
    const first = await events.list({ limit: 2 })
    await events.emit([eventOf('later')])
    const second = await events.list({ limit: 2, after: first.next ?? '' })
    const third = await events.list({ limit: 2, after: second.next ?? '' })
    expect([...first.items, ...second.items, ...third.items].map(({ id }) => id)).toEqual(['e4', 'e3', 'e2', 'e1', 'e0'])
    expect(third.next).toBeUndefined()
  })

  test.each([
    ['nothing at all', 'x'],
    ['a negative place', '-1'],
    ['no place', ''],
  ])('a cursor of %s ends the list, and opens nothing', async (_, after) => {
    await events.emit([eventOf('e1')])
    expect(await idsOf({ after })).toEqual([])
  })

  test.each([
    [100, 100],
    [101, 100],
    [0, 1],
  ])('a page of %i is one of %i', async (limit, length) => {
    await events.emit(Array.from({ length: MAX_EMITTED + 2 }, (_, index) => eventOf(`e${index}`)))
    expect(await idsOf({ limit })).toHaveLength(length)
  })

  test('what was told is there after an eviction', async () => {
    await events.emit([eventOf('e1')])
    await evictDurableObject(stub())
    expect(await idsOf()).toEqual(['e1'])
  })

  test('one that is none leaves nothing of the others behind', async () => {
    await runInDurableObject(stub(), async (object) => {
      await expect(object.emit([eventOf('e1'), eventOf('not.an.id')])).rejects.toThrow('an event needs an id')
    })
    expect(await idsOf()).toEqual([])
  })

  test.each([
    [MAX_DATA_LENGTH, false],
    [MAX_DATA_LENGTH + 1, true],
  ])('data of %i characters, truncated: %s', async (length, isTruncated) => {
    await events.emit([eventOf('e1', { data: { text: 'x'.repeat(length - '{"text":""}'.length) } })])
    const [event] = (await events.list({})).items
    expect(event?.data['truncated'] === true).toBe(isTruncated)
  })

  test('the newest 10,000 are kept', async () => {
    await runInDurableObject(stub(), (_object, { storage }) => {
      const log = createEventLog(storage.sql)
      storage.transactionSync(() => {
        for (let index = 0; index < MAX_EVENTS; index += 1) log.add(eventOf(`e${index}`), 0)
        log.trim(0)
      })
      const ids = (): readonly number[] =>
        storage.sql
          .exec<{ sequence: number }>('select sequence from events')
          .toArray()
          .map(({ sequence }) => sequence)
      expect(ids()).toHaveLength(MAX_EVENTS)
      log.add(eventOf('one-more'), 0)
      log.trim(0)
      expect(ids()).toHaveLength(MAX_EVENTS)
      expect(log.page({ limit: 1 }).items[0]?.id).toBe('one-more')
    })
  })

  test('for 90 days, whatever they say of their own time', async () => {
    await runInDurableObject(stub(), (_object, { storage }) => {
      const log = createEventLog(storage.sql)
      log.add(eventOf('e1', { at: 9e15 }), 1000)
      expect(log.trim(1000 + KEPT_MS - 1)).toBe(1000 + KEPT_MS)
      expect(log.page({}).items).toHaveLength(1)
      expect(log.trim(1000 + KEPT_MS)).toBeUndefined()
      expect(log.page({}).items).toEqual([])
    })
  })

  test('wakes by itself to forget', async () => {
    await events.emit([eventOf('e1')])
    await runInDurableObject(stub(), async (_object, { storage }) => {
      expect(await storage.getAlarm()).toBeGreaterThan(Date.now() + KEPT_MS - 60_000)
    })
  })
})
