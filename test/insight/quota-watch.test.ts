import { describe, expect, test } from 'vitest'
import type { GateEvent } from '../../src/insight/gate-event.ts'
import { createQuotaWatch } from '../../src/insight/quota-watch.ts'
import type { Admission, LimitPolicy, LimitState } from '../../src/limits/limiter.ts'
import { NOW } from '../support/authenticators.ts'

const limit: LimitPolicy = {
  name: 'calls',
  by: [['consumer']],
  quota: { count: 1000, period: 'day' },
  chargeOn: 'request',
  consistency: 'leased',
  onOutage: 'closed',
}
const stateOf = (remaining: number, more: Partial<LimitState> = {}): LimitState => ({
  limit,
  kind: 'quota',
  remaining,
  resetSeconds: 9,
  ...more,
})
const admitted = (remaining: number): Admission => ({ status: 'admitted', states: [stateOf(remaining)] })

function watch() {
  const events: GateEvent[] = []
  const tasks: { name: string; run: () => Promise<void> }[] = []
  const quotas = createQuotaWatch(async (some) => void events.push(...some))
  return {
    events,
    note: async (admission: Admission, { subject = 'consumer=acme', consumer = 'acme', now = NOW } = {}): Promise<number> => {
      quotas.note([{ limit, subject, cost: 1 }], admission, consumer === '' ? undefined : consumer, now, (task) => tasks.push(task))
      const due = tasks.splice(0)
      for (const { run } of due) await run()
      return due.length
    },
  }
}

describe('createQuotaWatch()', () => {
  test('tells at 80 %, not just under, and at the end, not just before', async () => {
    const { note, events } = watch()
    expect(await note(admitted(201))).toBe(0)
    expect(await note(admitted(200))).toBe(1)
    expect(await note(admitted(1))).toBe(0)
    expect(await note(admitted(0))).toBe(1)
    expect(await note(admitted(0))).toBe(0)
    expect(events.map(({ data }) => data['percent'])).toEqual([80, 100])
    expect(events[0]).toMatchObject({ consumer: 'acme', data: { limit: 'calls', count: 1000, remaining: 200, period: 'day' } })
  })

  test('a request that no longer fits says that it is used up', async () => {
    const { note, events } = watch()
    const state = stateOf(3)
    await note({ status: 'refused', state, states: [state], retryAfterSeconds: 9 })
    expect(events.map(({ data }) => data['percent'])).toEqual([100, 80])
  })

  test('in the next period it is another event', async () => {
    const { note, events } = watch()
    await note(admitted(100))
    await note(admitted(100), { now: NOW + 86_400_000 })
    expect(new Set(events.map(({ id }) => id)).size).toBe(2)
  })

  test.each([
    ['nobody in particular', { consumer: '' }],
    ['an address', { subject: 'address=192.0.2.1' }],
    ['one of many subjects of a consumer', { subject: 'consumer=acme&subject=ada' }],
  ])('nobody is told of the quota of %s', async (_, who) => {
    const { note } = watch()
    expect(await note(admitted(0), who)).toBe(0)
  })

  test('a name that holds what joins parts is one part', async () => {
    const { note } = watch()
    expect(await note(admitted(100), { subject: `consumer=${encodeURIComponent('a&address=b')}` })).toBe(1)
  })

  test('rates, credits and permits are no quotas', async () => {
    const { note } = watch()
    for (const kind of ['rate', 'credits', 'concurrency'] as const)
      expect(await note({ status: 'admitted', states: [stateOf(0, { kind })] })).toBe(0)
  })

  test('each consumer has its own events', async () => {
    const { note, events } = watch()
    for (const name of ['a', 'b']) await note(admitted(100), { subject: `consumer=${name}`, consumer: name })
    expect(new Set(events.map(({ id }) => id)).size).toBe(2)
  })
})
