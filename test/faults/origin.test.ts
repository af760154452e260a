import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFaultGate } from '../support/fault-gate.ts'
import { createOrdersGate, get, key, prepare, send, signed } from '../support/orders.ts'

const HEADERS_MS = 30_000
const helper = createOrdersGate()
type Answer = () => Response | Promise<Response>

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

/** A gate, and an origin that answers as it is told to. */
function scene() {
  const state: { answer: Answer } = { answer: () => new Response('ok') }
  let asked = Promise.withResolvers<void>()
  const gate = createFaultGate({
    fetch: async () => {
      asked.resolve()
      return state.answer()
    },
  })
  return {
    ...gate,
    state,
    /** Status and code, the origin's time limit having passed where it does not answer. */
    toldOf: async (request: Request, isSilent: boolean): Promise<string> => {
      asked = Promise.withResolvers()
      const telling = gate.told(request)
      await asked.promise
      if (isSilent) await vi.advanceTimersByTimeAsync(HEADERS_MS)
      return telling
    },
  }
}
const metered = async (): Promise<Request> => prepare(helper, get(helper, '/v1/metered'), [key('globex')])
const never = async (): Promise<Response> => new Promise(() => undefined)

const FAULTS: readonly (readonly [string, string, Answer])[] = [
  ['cannot be reached', '502 origin-unreachable', async () => Promise.reject(new TypeError('connection refused'))],
  ['resets before its answer', '502 origin-unreachable', async () => Promise.reject(new Error('Network connection lost.'))],
  ['never answers', '504 origin-timeout', never],
  ['answers 500', '500', () => new Response('{}', { status: 500 })],
]

describe.each(FAULTS)('the origin %s', (_fault, told, answer) => {
  test(`${told}: a charge on success is given back, exactly once`, async () => {
    const { state, toldOf, told: ask } = scene()
    const request = await metered()
    const isSilent = answer === never
    expect(await toldOf(request, false)).toBe('200')
    state.answer = answer
    expect((await toldOf(request, isSilent)).trim()).toBe(told)
    expect((await toldOf(request, isSilent)).trim()).toBe(told)
    state.answer = () => new Response('ok')
    // A quota of three: one is spent, and the two that failed cost nothing.
    expect([await ask(request), await ask(request), await ask(request)]).toEqual(['200', '200', '429 quota-exceeded retry'])
  })

  test(`${told}: the nonce is spent, so that nothing is done twice; a request signed anew passes`, async () => {
    const { state, toldOf, told: ask } = scene()
    const request = await prepare(helper, send(helper, 'POST', '/v1/payments', '{}'), [signed()])
    state.answer = answer
    expect((await toldOf(request, answer === never)).trim()).toBe(told)
    state.answer = () => new Response('ok')
    expect(await ask(request)).toBe('401 replayed')
    expect(await ask(await prepare(helper, send(helper, 'POST', '/v1/payments', '{}'), [signed()]))).toBe('200')
  })
})

test('the origin answers after its time: what it says is thrown away', async () => {
  const { state, toldOf } = scene()
  const late = Promise.withResolvers<Response>()
  const cancelled = Promise.withResolvers<void>()
  state.answer = async () => late.promise
  expect(await toldOf(get(helper, '/v1/status'), true)).toBe('504 origin-timeout')
  late.resolve(new Response(new ReadableStream({ cancel: () => cancelled.resolve() })))
  await cancelled.promise
})

test('the origin resets in mid answer: the client sees it cut off, never whole, and the request counts', async () => {
  const { state, answer, told } = scene()
  const request = await metered()
  state.answer = () => {
    const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => controller.enqueue(new TextEncoder().encode('half'))
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => controller.error(new Error('Network connection lost.'))
    return new Response(new ReadableStream({ start, pull }, { highWaterMark: 0 }))
  }
  const response = await answer(request)
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow('Network connection lost.')
  state.answer = () => new Response('ok')
  expect([await told(request), await told(request), await told(request)]).toEqual(['200', '200', '429 quota-exceeded retry'])
})
