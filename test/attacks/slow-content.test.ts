import { describe, expect, test } from 'vitest'
import { createGate } from '../../src/gate.ts'
import { emptyBooks, settledAt } from '../../src/limits/ledger.ts'
import { limitOf, spendOne } from '../support/limits.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import { createMemoryLimiter } from '../../src/limits/memory-limiter.ts'
import { createMemoryReplay } from '../../src/replay/replay-store.ts'
import { createRevocationsOf } from '../../src/revocation/feed-client.ts'
import type { Revocation } from '../../src/revocation/revocations.ts'
import type { TestGate } from '../../src/testing/index.ts'
import { signature } from '../../src/testing/index.ts'
import { decodeBase64Url } from '../../src/http/base64url.ts'
import { NOW } from '../support/authenticators.ts'
import { codeOf, createOrdersGate, prepare, send, signed } from '../support/orders.ts'
import { policyDocument } from '../support/policy-document.ts'

const CONTENT = '{"amount":5}'

/** The same request, whose content comes only after `meanwhile`. */
function slowly(request: Request, meanwhile: () => Promise<void> | void): Request {
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
      await meanwhile()
      controller.enqueue(new TextEncoder().encode(CONTENT))
      controller.close()
    },
  }
  // Nothing is pulled before somebody reads.
  const body = new ReadableStream<Uint8Array>(source, { highWaterMark: 0 })
  return new Request(request.url, { method: request.method, headers: request.headers, body })
}
const payment = async (gate: TestGate): Promise<Request> => prepare(gate, send(gate, 'POST', '/v1/payments', CONTENT), [signed()])

describe('a request whose content comes slowly is judged by the time at which it is whole', () => {
  test('HS-11: held open until its nonce is forgotten, a signature does not pass again', async () => {
    const gate = createOrdersGate()
    const request = await payment(gate)
    expect((await gate.fetch(request.clone())).status).toBe(200)
    const held = slowly(request, async () => {
      gate.advance(3600)
      expect((await gate.fetch(await payment(gate))).status).toBe(200)
    })
    expect(await codeOf(await gate.fetch(held))).toBe('401 credential-out-of-time')
    expect(gate.forwarded).toHaveLength(2)
  })

  test('just under a second it is not decided twice, and passes', async () => {
    const gate = createOrdersGate()
    const held = slowly(await payment(gate), () => gate.advance(0.999))
    expect((await gate.fetch(held)).status).toBe(200)
  })

  test('within what the signature allows it passes, by the later time', async () => {
    const gate = createOrdersGate()
    const held = slowly(await payment(gate), () => gate.advance(30))
    expect((await gate.fetch(held)).status).toBe(200)
    const [, claims = ''] = (gate.forwarded[0]?.headers.get('portcullis-assertion') ?? '').split('.')
    const { iat } = JSON.parse(new TextDecoder().decode(decodeBase64Url(claims))) as { readonly iat: number }
    expect(iat).toBe(Math.floor(gate.now() / 1000))
  })

  test('a revocation that came meanwhile is known after the bound, as for any other', async () => {
    const secret = new Uint8Array(32).fill(7)
    const document = policyDocument()
    document['x-portcullis'].consumers.acme.signingKeys = [{ keyid: 'acme-1', secret: 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc' }]
    document.paths = { '/pay': { post: { security: [{ signed: [] }] } } }
    const entries: Revocation[] = []
    let now = NOW
    let forwarded = 0
    const gate = createGate(document, { PORTCULLIS_ROOT_KEY: 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0' } as never, {
      limiter: createMemoryLimiter(() => NOW),
      replay: createMemoryReplay(),
      revocations: createRevocationsOf(
        async () => ({ from: 0, position: { mark: 'e', sequence: entries.length }, entries, hasMore: false }),
        {
          boundSeconds: 5,
        },
      ),
      now: () => now,
      log: () => undefined,
      fetch: async () => {
        forwarded += 1
        return new Response('ok')
      },
    })
    const clock = { now: () => now } as TestGate
    const request = await signature({ keyid: 'acme-1', secret })(
      new Request('https://api.example.com/v1/pay', { method: 'POST', body: CONTENT }),
      clock,
    )
    const held = slowly(request, () => {
      entries.push({ sequence: 1, target: { type: 'key', id: 'acme-1' }, expiresAt: Number.MAX_SAFE_INTEGER, reason: 'leaked' })
      now += 5000
    })
    expect(await codeOf(await gate.handle(held, { waitUntil: () => undefined }))).toBe('401 credential-revoked')
    expect(forwarded).toBe(0)
  })
})

describe('a calendar quota', () => {
  const limit = limitOf({ name: 'monthly', quota: { count: 2, period: 'month' }, chargeOn: 'request' })
  const next = Date.parse('2026-12-01T00:00:00Z')

  test('does not start anew for requests that are counted with a time of the period before', () => {
    const books = emptyBooks()
    const statuses = [next, next + 1, next - 1, next + 2, next - 1, next + 3].map((at) => spendOne(books, [limit], at).status)
    expect(statuses).toEqual(['admitted', 'admitted', 'refused', 'refused', 'refused', 'refused'])
  })

  test('is not forgotten before its period ends, whatever time was counted last', () => {
    const books = emptyBooks()
    spendOne(books, [limit], next)
    spendOne(books, [limit], next - 1)
    expect(settledAt(books, [limit], next - 1)).toBe(Date.parse('2027-01-01T00:00:00Z'))
  })

  test('of another length, since the policy changed, starts by its own calendar', () => {
    const books = emptyBooks()
    const daily: LimitPolicy = { ...limit, quota: { count: 2, period: 'day' } }
    const at = Date.parse('2026-11-25T12:00:00Z')
    expect([1, 2, 3].map(() => spendOne(books, [daily], at).status)).toEqual(['admitted', 'admitted', 'refused'])
    expect([1, 2, 3].map(() => spendOne(books, [limit], at).status)).toEqual(['admitted', 'admitted', 'refused'])
  })
})
