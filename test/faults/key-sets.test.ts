import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createSigner, SECONDS, type Signer } from '../schemes/jwt/scene.ts'
import { NOW } from '../support/authenticators.ts'
import { createFaultGate } from '../support/fault-gate.ts'
import { AUDIENCE, createOrdersGate, get, key, prepare } from '../support/orders.ts'

type Fetched = (url: string, init?: RequestInit) => Response | Promise<Response>
const OUTAGE = '503 dependency-unavailable retry'
const FRESH_MS = 300_000
const HOUR = 3_600_000
const [good, attacker] = await Promise.all([createSigner('Ed25519', 'k'), createSigner('Ed25519', 'k')])
const helper = createOrdersGate()
const setOf = (signer: Signer, init: ResponseInit = { headers: { 'cache-control': 'max-age=300' } }): Response =>
  Response.json({ keys: [signer.jwk] }, init)

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

/** A gate whose issuer, known to no other test, answers for its key set what it is told to. */
function scene() {
  const issuer = `https://${crypto.randomUUID()}.example`
  const state: { now: number; keySet: Fetched; metadata: Fetched } = {
    now: NOW,
    keySet: () => setOf(good),
    metadata: () => Response.json({ issuer, jwks_uri: `${issuer}/jwks` }),
  }
  const fetched: string[] = []
  let reached = 0
  const gate = createFaultGate({
    bindings: { ISSUER: issuer },
    now: () => state.now,
    async fetch(input, init) {
      const url = new Request(input).url
      fetched.push(url)
      if (url === `${issuer}/jwks`) return state.keySet(url, init)
      if (url.startsWith(issuer)) return state.metadata(url, init)
      if (!url.startsWith('https://orders.internal.example/')) return setOf(attacker)
      reached += 1
      return new Response('ok')
    },
  })
  const tokenOf = async (signer: Signer): Promise<Request> => {
    const token = await signer.sign({ iss: issuer, aud: AUDIENCE, client_id: 'acme-app', scope: 'orders:read', exp: SECONDS + 100_000 })
    return get(helper, '/v1/orders/1', { authorization: `Bearer ${token}` })
  }
  return { ...gate, state, fetched, tokenOf, reached: () => reached }
}

/** An answer that does not come: as `fetch` does, it fails once its time limit has passed, and this passes it at once. */
const never: Fetched = async (_url, init) =>
  new Promise((_resolve, reject) => {
    const { signal } = init ?? {}
    if (signal === null || signal === undefined) throw new Error('asked without a time limit')
    signal.addEventListener('abort', () => reject(signal.reason as Error))
    stopwatch.abort()
  })
let stopwatch = new AbortController()
function watchTime(): void {
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
    expect(ms).toBe(5000)
    stopwatch = new AbortController()
    return stopwatch.signal
  })
}

const text = JSON.stringify({ keys: [good.jwk] })
const endless = (): Response => {
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => controller.enqueue(new Uint8Array(65_536).fill(0x20))
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }))
}
const breaking = (): Response => {
  const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    controller.enqueue(new TextEncoder().encode(text.slice(0, 20)))
    controller.error(new Error('reset'))
  }
  return new Response(new ReadableStream({ start }))
}

const FAULTS: readonly (readonly [string, Fetched])[] = [
  ['cannot be reached', async () => Promise.reject(new TypeError('connection refused'))],
  ['never answers', never],
  ['answers 500', () => new Response('{"keys":[]}', { status: 500 })],
  ['answers 404', () => new Response(text, { status: 404 })],
  ['answers HTML', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
  ['answers without end', endless],
  ['resets in mid answer', breaking],
  ['redirects to other keys', () => Response.redirect('https://attacker.example/jwks', 302)],
  ['answers with half of its set', () => new Response(text.slice(0, text.length / 2))],
  ['answers with nothing', () => new Response('')],
  ['answers with another document', () => Response.json({ issuer: 'https://idp.example.com' })],
  ['answers with bytes that are no text', () => new Response(new Uint8Array([0xff, 0xfe, 0x7b]))],
]

describe.each(FAULTS)('the key set of the issuer: it %s', (_fault, answer) => {
  test('cold: 503 and nothing forwarded, other credentials go on; 30 seconds later all is well', async () => {
    watchTime()
    const { state, told, fetched, tokenOf, reached } = scene()
    state.keySet = answer
    const [request, forged] = [await tokenOf(good), await tokenOf(attacker)]
    expect([await told(request), await told(forged), reached()]).toEqual([OUTAGE, OUTAGE, 0])
    expect(await told(await prepare(helper, get(helper, '/v1/orders/1'), [key('acme')]))).toBe('200')
    expect(fetched).not.toContain('https://attacker.example/jwks')
    vi.restoreAllMocks()
    state.keySet = () => setOf(good)
    state.now = NOW + 29_999
    expect(await told(request)).toBe(OUTAGE)
    state.now = NOW + 30_000
    expect([await told(request), await told(forged)]).toEqual(['200', '401 credential-rejected'])
  })

  test('warm: the known keys count for an hour beyond their time, then 503, never 401', async () => {
    const { state, told, tokenOf } = scene()
    const request = await tokenOf(good)
    expect(await told(request)).toBe('200')
    watchTime()
    state.keySet = answer
    state.now = NOW + FRESH_MS
    expect([await told(request), await told(await tokenOf(attacker))]).toEqual(['200', '401 credential-rejected'])
    state.now = NOW + FRESH_MS + HOUR - 1
    expect(await told(request)).toBe('200')
    state.now = NOW + FRESH_MS + HOUR
    expect(await told(request)).toBe(OUTAGE)
    vi.restoreAllMocks()
    state.keySet = () => setOf(good)
    state.now += 30_000
    expect(await told(request)).toBe('200')
  })
})

test('the metadata of the issuer names another issuer: 503, and its keys are not asked for', async () => {
  const { state, told, fetched, tokenOf } = scene()
  state.metadata = () => Response.json({ issuer: 'https://attacker.example', jwks_uri: 'https://attacker.example/jwks' })
  expect(await told(await tokenOf(attacker))).toBe(OUTAGE)
  expect(fetched).not.toContain('https://attacker.example/jwks')
})
