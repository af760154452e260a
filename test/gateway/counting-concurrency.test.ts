import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createGate } from '../../src/gate.ts'
import { createMemoryReplay } from '../../src/replay/replay-store.ts'
import { createMemoryRevocations } from '../../src/revocation/memory-revocations.ts'
import { codeOf, VALUES } from '../support/orders.ts'

const HOST = 'https://api.example.com'
const modes = ['leased', 'strict', 'local'] as const
type Mode = (typeof modes)[number]

/** An open route with at most `concurrent` requests of one address at a time. */
const policyOf = (consistency: Mode, concurrent: number) => ({
  openapi: '3.1.0',
  info: { title: 'Slow', version: '1' },
  servers: [{ url: HOST }],
  'x-portcullis': {
    origins: { main: { url: 'https://origin.example', timeouts: { headersSeconds: 1 } } },
    defaults: { origin: 'main', limits: ['busy'] },
    limits: { busy: { by: ['address'], concurrent, consistency } },
  },
  paths: { '/': { get: { security: [{}] }, post: { security: [{}] } } },
})

interface World {
  readonly send: (gate?: number, init?: RequestInit) => Promise<Response>
}
/** Gates of as many isolates, with the real ledgers between them, each of an address of its own. */
function world(mode: Mode, concurrent: number, origin: (request: Request) => Response | Promise<Response>, gateCount = 1): World {
  const address = [...crypto.getRandomValues(new Uint8Array(4))].join('.')
  const gates = Array.from({ length: gateCount }, () =>
    createGate(
      policyOf(mode, concurrent),
      { ...(env as unknown as Bindings), ...VALUES },
      {
        replay: createMemoryReplay(),
        revocations: createMemoryRevocations(),
        log: () => undefined,
        fetch: async (input, init) => origin(new Request(input, init)),
      },
    ),
  )
  return {
    async send(gate = 0, init = {}) {
      const request = new Request(`${HOST}/`, { ...init, headers: { 'cf-connecting-ip': address } })
      const one = gates[gate]
      if (one === undefined) throw new RangeError('no such gate')
      return one.handle(request, { waitUntil: () => undefined })
    },
  }
}

/** As long as everything that can happen now has happened: ledgers are other objects, and take a few turns. */
const settled = async (check: () => boolean | Promise<boolean>): Promise<boolean> => {
  for (let turn = 0; turn < 600; turn += 1) {
    if (await check()) return true
    await scheduler.wait(5)
  }
  return false
}

/** Whether one more passes, soon: a strict permit comes back by a call, and a refusal is remembered for a quarter of a second. */
const passesAgain = async ({ send }: World, gate = 0): Promise<boolean> =>
  settled(async () => {
    const response = await send(gate)
    await response.body?.cancel()
    return response.status !== 429
  })

describe.each(modes)('a concurrency limit that is %s', (mode) => {
  const gateCount = mode === 'local' ? 1 : 3

  test('of 60 parallel requests on 5 permits never more than 5 are at the origin, and all permits come back', async () => {
    let [inside, most, served] = [0, 0, 0]
    const { send } = world(
      mode,
      5,
      async () => {
        inside += 1
        most = Math.max(most, inside)
        await scheduler.wait(10)
        inside -= 1
        served += 1
        return new Response('done')
      },
      gateCount,
    )
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const response = await send(index % gateCount)
        await response.text()
        return response.status
      }),
    )
    expect(most).toBeLessThanOrEqual(5)
    expect(served).toBeGreaterThanOrEqual(5)
    expect(answers.filter((status) => status === 200)).toHaveLength(served)
    expect(new Set(answers)).toEqual(new Set([200, 429]))
    const one = async (): Promise<number> => {
      const response = await send()
      await response.text()
      return response.status
    }
    const fivePass = async (): Promise<boolean> =>
      (await Promise.all([one(), one(), one(), one(), one()])).every((status) => status === 200)
    expect(await settled(fivePass)).toBe(true)
  })

  test('a permit is held until the content has been sent to its end', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const slow = world(mode, 1, () => new Response(readable))
    const response = await slow.send()
    expect(await codeOf(await slow.send())).toBe('429 concurrency-exceeded')
    const writer = writable.getWriter()
    const reading = response.text()
    await writer.write(new TextEncoder().encode('half'))
    expect((await slow.send()).status).toBe(429)
    await writer.close()
    expect(await reading).toBe('half')
    expect(await passesAgain(slow)).toBe(true)
  })

  test.each([
    ['an error of the origin', () => new Response('no', { status: 500 }), {}],
    ['an origin that cannot be reached', () => Promise.reject(new Error('down')), {}],
    ['304', () => new Response(null, { status: 304 }), {}],
    ['204', () => new Response(null, { status: 204 }), {}],
    ['HEAD', () => new Response(null, { headers: { 'content-length': '5' } }), { method: 'HEAD' }],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: '/' } }), {}],
    ['content that breaks off', () => new Response(new ReadableStream({ start: (stream) => stream.error(new Error('cut')) })), {}],
  ] as const)('a permit comes back after %s', async (_what, origin, init) => {
    const one = world(mode, 1, origin)
    const response = await one.send(0, init)
    await response.text().catch(() => '')
    expect(response.status).not.toBe(429)
    expect(await passesAgain(one)).toBe(true)
  })

  test('a permit comes back when the client leaves in the middle', async () => {
    const endless = new ReadableStream<Uint8Array>({ pull: (stream) => stream.enqueue(new Uint8Array(1024)) })
    let isFirst = true
    const one = world(mode, 1, () => {
      const body = isFirst ? endless : null
      isFirst = false
      return new Response(body)
    })
    const response = await one.send()
    const reader = response.body?.getReader()
    await reader?.read()
    expect((await one.send()).status).toBe(429)
    await reader?.cancel()
    expect(await passesAgain(one)).toBe(true)
  })
})

describe('what the client sees of a concurrency limit', () => {
  test('RL-1, RL-2: a refusal names it, with no time at which it is whole again', async () => {
    const { readable } = new TransformStream<Uint8Array, Uint8Array>()
    const { send } = world('leased', 1, () => new Response(readable))
    const [first, refused] = [await send(), await send()]
    expect([first.headers.get('ratelimit'), first.headers.get('ratelimit-policy')]).toEqual([
      '"busy";r=0',
      '"busy";q=1;qu="concurrent-requests"',
    ])
    expect([refused.headers.get('ratelimit'), refused.headers.get('retry-after')]).toEqual(['"busy";r=0', '1'])
    expect(await refused.json()).toMatchObject({ code: 'concurrency-exceeded', 'violated-policies': ['busy'] })
  })

  test.each([
    ['stated', { 'content-length': '5' }, '5'],
    ['not stated', {}, null],
  ])('content and its length, %s, are the origin’s', async (_what, headers, length) => {
    const { send } = world('leased', 1, () => new Response('hello', { headers: { ...headers, etag: '"1"' } }))
    const response = await send()
    expect([await response.text(), response.headers.get('content-length'), response.headers.get('etag')]).toEqual(['hello', length, '"1"'])
  })

  test('HEAD keeps the length that GET would have', async () => {
    const { send } = world('leased', 1, () => new Response(null, { headers: { 'content-length': '5' } }))
    const response = await send(0, { method: 'HEAD' })
    expect([response.body, response.headers.get('content-length')]).toEqual([null, '5'])
  })

  test('a WebSocket goes through, and holds its permit', async () => {
    const one = world('leased', 1, () => {
      const [client, server] = Object.values(new WebSocketPair())
      if (client === undefined || server === undefined) throw new Error('no pair')
      server.accept()
      return new Response(null, { status: 101, webSocket: client })
    })
    const response = await one.send()
    expect([response.status, response.webSocket === null]).toEqual([101, false])
    expect((await one.send()).status).toBe(429)
  })
})
