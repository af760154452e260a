import { env } from 'cloudflare:workers'
import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createControlGate } from '../support/control.ts'
import { codeOf } from '../support/orders.ts'

const { INSIGHT } = env as unknown as Bindings
const MINUTE = 60_000
const DAY = 1440 * MINUTE
/** The middle of a minute. */
const NOW = Date.UTC(2026, 10, 25, 12, 30, 30)
const CURRENT = NOW - 30_000
const gate = createControlGate({ now: () => Date.now() })

interface Row {
  readonly minute: string
  readonly requests: number
  readonly [field: string]: unknown
}
const row = (back: number, more: object = {}): Row => ({
  minute: new Date(CURRENT - back * MINUTE).toISOString(),
  consumer: 'acme',
  status: 200,
  requests: 5,
  ...more,
})
const send = async (rows: readonly object[], id: string = crypto.randomUUID(), headers?: Record<string, string>): Promise<Response> =>
  gate.call('POST', '/usage/import', { id, rows }, headers)
const faults = async (response: Response): Promise<readonly string[]> => {
  const { errors } = await response.json<{ errors: { pointer: string }[] }>()
  return errors.map(({ pointer }) => `${response.status} ${pointer}`)
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('POST /usage/import', () => {
  test('what it brings is in the usage, once, however often it is sent', async () => {
    const consumer = crypto.randomUUID()
    const rows = [
      row(90, { consumer, credential: 'k1', route: 'GET /orders/{id}', latency: [4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] }),
      row(30, { consumer, status: 401, code: 'credential-expired', requests: 2 }),
    ]
    const id = crypto.randomUUID()
    expect(await (await send(rows, id)).json()).toEqual({ id, rows: 2, requests: 7, imported: true })
    expect(await (await send(rows, id)).json()).toEqual({ id, rows: 2, requests: 7, imported: false })
    const usage = await gate.json('GET', `/usage?consumer=${consumer}&by=code&step=hour`)
    expect(usage).toMatchObject({
      groups: [
        { key: { code: 'forwarded' }, requests: 5, errors: 0, p50: 10, p95: 100 },
        { key: { code: 'credential-expired' }, requests: 2, errors: 2, p50: null },
      ],
      total: { requests: 7 },
    })
    expect((await gate.json<{ items: unknown[] }>('GET', `/decisions?consumer=${consumer}`)).items).toEqual([])
  })

  test('its id is remembered for longer than its minutes could be brought again', async () => {
    const id = crypto.randomUUID()
    expect(await (await send([row(1)], id)).json()).toMatchObject({ imported: true })
    const brought = row(1)
    vi.setSystemTime(NOW + 2 * DAY - 2 * MINUTE)
    await runDurableObjectAlarm(INSIGHT.getByName('insight'))
    expect(await (await send([brought], id)).json()).toMatchObject({ imported: false })
    vi.setSystemTime(NOW + 2 * DAY)
    expect(await faults(await send([brought], id))).toEqual(['422 /rows/0/minute'])
  })

  test('minutes that are over and still kept, and no others', async () => {
    expect((await send([row(1), row(2879)])).status).toBe(200)
    expect(await faults(await send([row(0), row(1), row(2880)]))).toEqual(['422 /rows/0/minute', '422 /rows/2/minute'])
    expect(await faults(await send([row(1.5)]))).toEqual(['422 /rows/0/minute'])
  })

  test.each([
    ['no row', []],
    ['a field that is not known', [row(1, { path: '/orders/1' })]],
    ['no time', [row(1, { minute: 'yesterday' })]],
    ['no requests', [row(1, { requests: 0 })]],
    ['a part of a request', [row(1, { requests: 1.5 })]],
    ['too many requests', [row(1, { requests: 1_000_000_001 })]],
    ['no status', [row(1, { status: 600 })]],
    ['a code that is none', [row(1, { code: 'Not A Code' })]],
    ['a name with a line end', [row(1, { consumer: 'a\nb' })]],
    ['a name that is too long', [row(1, { route: 'r'.repeat(513) })]],
    ['buckets that do not add up', [row(1, { latency: [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] })]],
    ['too few buckets', [row(1, { latency: [5] })]],
    ['a bucket below nothing', [row(1, { latency: [6, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0] })]],
  ])('422 for %s', async (_, rows) => {
    expect(await codeOf(await send(rows))).toBe('422 request-invalid')
  })

  test('1,000 rows, the longest names and the most requests pass; one more row does not', async () => {
    const rows = Array.from({ length: 1000 }, (_, index) => row(1 + index, { requests: index === 0 ? 1_000_000_000 : 1 }))
    expect((await send([...rows.slice(1), row(1, { route: 'r'.repeat(512) })])).status).toBe(200)
    expect((await send(rows)).status).toBe(200)
    expect(await codeOf(await send([...rows, row(1)]))).toBe('422 request-invalid')
  })

  test.each(['', 'x'.repeat(65), 'with space'])('422 for the id "%s"', async (id) => {
    expect(await codeOf(await send([row(1)], id))).toBe('422 request-invalid')
  })

  test('is for owners, and written down with what it brought', async () => {
    const authorization = `Bearer ${await gate.keyOf(['usage:read'])}`
    expect(await codeOf(await send([row(1)], 'a', { authorization }))).toBe('403 scope-insufficient')
    const id = crypto.randomUUID()
    await send([row(3), row(9)], id)
    const { items } = await gate.json<{ items: { action: string; target: { id: string }; detail: object }[] }>('GET', '/audit?limit=100')
    expect(items.find(({ target }) => target.id === id)).toMatchObject({
      action: 'usage.import',
      detail: { rows: 2, requests: 10, from: row(9).minute, to: row(3).minute },
    })
  })
})
