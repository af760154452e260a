import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { CALL_MS } from '../../src/http/object-call.ts'
import { createFaultGate } from '../support/fault-gate.ts'
import { CALL_FAULTS, faulty, type CallFault } from '../support/faults.ts'
import { codeOf, createOrdersGate, get, key, prepare, send, signed } from '../support/orders.ts'

const bindings = env as unknown as Bindings
const helper = createOrdersGate()
const FAULTS = Object.entries(CALL_FAULTS) as [string, CallFault][]

/** The real gate over real objects, each of which can be made to fail. */
function scene() {
  const [ledger, replay, feed] = [faulty(bindings.LEDGER), faulty(bindings.REPLAY), faulty(bindings.REVOCATIONS)]
  let reached = 0
  const { answer } = createFaultGate({
    bindings: { LEDGER: ledger.namespace, REPLAY: replay.namespace, REVOCATIONS: feed.namespace },
    fetch: async () => {
      reached += 1
      return new Response('ok')
    },
  })
  return { ledger, replay, feed, answer, reached: () => reached }
}

/** The answer, the time limit of a call that never ends having passed. */
async function answerAfter(answering: Promise<Response>, fault: CallFault, hangs: () => Promise<void>): Promise<Response> {
  if (fault.does === 'never') {
    await hangs()
    await vi.advanceTimersByTimeAsync(CALL_MS)
  }
  return answering
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

const isRefused = async (response: Response): Promise<void> => {
  expect([await codeOf(response), Number(response.headers.get('retry-after')) > 0]).toEqual(['503 dependency-unavailable', true])
}

describe('the ledger', () => {
  test.each(FAULTS)(
    '%s: 503, nothing forwarded; afterwards never more than the quota passes, and at most one lease is lost',
    async (_name, fault) => {
      const { ledger, answer, reached } = scene()
      const request = await prepare(helper, get(helper, '/v1/metered'), [key('globex')])
      ledger.set(fault)
      // The rate counts in the isolate meanwhile; the quota is closed.
      await isRefused(await answerAfter(answer(request), fault, ledger.hangs))
      expect(reached()).toBe(0)
      ledger.set(undefined)
      const statuses: number[] = []
      for (let sent = 0; sent < 6; sent += 1) statuses.push((await answer(request)).status)
      const passed = statuses.filter((status) => status === 200).length
      expect(passed).toBeLessThanOrEqual(3)
      expect(passed).toBeGreaterThanOrEqual(fault.at === 'before' ? 3 : 2)
    },
  )
})

describe('the replay memory', () => {
  test.each(FAULTS)('%s: 503, and the nonce passes at most once afterwards', async (_name, fault) => {
    const { replay, answer, reached } = scene()
    const request = await prepare(helper, send(helper, 'POST', '/v1/payments', '{}'), [signed()])
    replay.set(fault)
    await isRefused(await answerAfter(answer(request), fault, replay.hangs))
    expect(reached()).toBe(0)
    replay.set(undefined)
    const codes = [(await answer(request)).status, (await answer(request)).status]
    expect(codes).toEqual(fault.at === 'before' ? [200, 401] : [401, 401])
    const other = await prepare(helper, send(helper, 'POST', '/v1/payments', '{}'), [signed()])
    expect((await answer(other)).status).toBe(200)
  })

  test('an answer lost once with `retryable`: asked again, and the rightful caller passes once', async () => {
    const { replay, answer } = scene()
    const request = await prepare(helper, send(helper, 'POST', '/v1/payments', '{}'), [signed()])
    replay.set({ at: 'after', does: 'throw', marks: { retryable: true }, times: 1 })
    expect([(await answer(request)).status, (await answer(request)).status]).toEqual([200, 401])
  })
})

describe('the revocation feed', () => {
  test.each(FAULTS)('%s: 503 on protected routes, open routes go on, and all is well once it answers', async (_name, fault) => {
    const { feed, answer } = scene()
    const request = await prepare(helper, get(helper, '/v1/orders/1'), [key('acme')])
    feed.set({ at: fault.at, does: fault.does, ...('marks' in fault ? { marks: fault.marks } : {}) })
    await isRefused(await answerAfter(answer(request), fault, feed.hangs))
    feed.set(undefined)
    expect((await answer(request)).status).toBe(200)
    expect((await answer(get(helper, '/v1/status'))).status).toBe(200)
  })
})
