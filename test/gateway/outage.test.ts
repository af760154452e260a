import { env } from 'cloudflare:workers'
import document from '#policy'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createGate, type GateOverrides } from '../../src/gate.ts'
import { createMemoryLimiter } from '../../src/limits/memory-limiter.ts'
import { createMemoryReplay } from '../../src/replay/replay-store.ts'
import { createMemoryRevocations } from '../../src/revocation/memory-revocations.ts'
import { NOW } from '../support/authenticators.ts'
import { codeOf, createOrdersGate, get, key, prepare, send, signed, token, VALUES } from '../support/orders.ts'

const down = async (): Promise<never> => {
  throw new Error('down')
}
const lifetime = { waitUntil: (): void => undefined }

/** The gate with one of its dependencies down, and what it logged. */
function gateWith(overrides: GateOverrides, values: Readonly<Record<string, string>> = VALUES) {
  const log: string[] = []
  const gate = createGate(
    document,
    { ...(env as unknown as Bindings), ...values },
    {
      limiter: createMemoryLimiter(() => NOW),
      replay: createMemoryReplay(),
      revocations: createMemoryRevocations(),
      now: () => NOW,
      log: (line) => log.push(line),
      fetch: async () => new Response('ok'),
      ...overrides,
    },
  )
  return { answer: async (request: Request) => gate.handle(request, lifetime), log }
}

describe('our own fault is 503: never open, never 401', () => {
  const helper = createOrdersGate()
  const withKey = async (): Promise<Request> => prepare(helper, get(helper, '/v1/orders/1'), [key('acme')])

  test('the revocation feed is down: every protected route, and no open one', async () => {
    const { answer } = gateWith({ revocations: { snapshot: down } })
    const refused = await answer(await withKey())
    expect([await codeOf(refused), refused.headers.get('retry-after')]).toEqual(['503 dependency-unavailable', '5'])
    expect((await answer(get(helper, '/v1/status'))).status).toBe(200)
    expect(await codeOf(await answer(get(helper, '/v1/orders/1')))).toBe('503 dependency-unavailable')
  })

  test('the ledger is down', async () => {
    const { answer } = gateWith({ limiter: { refuseEarly: () => undefined, admit: down } })
    expect(await codeOf(await answer(await withKey()))).toBe('503 dependency-unavailable')
  })

  test('the replay memory is down', async () => {
    const { answer } = gateWith({ replay: { use: down } })
    const request = await prepare(helper, send(helper, 'POST', '/v1/payments', '{}'), [signed()])
    expect(await codeOf(await answer(request))).toBe('503 dependency-unavailable')
  })

  test('the issuer is down, and was never up', async () => {
    const { answer } = gateWith({ fetch: down })
    const issuer = 'https://idp-that-no-test-shares.example'
    const gate = createOrdersGate()
    const request = await prepare(gate, get(gate, '/v1/orders/1'), [token(['orders:read'], 'acme-app', { issuer })])
    const other = gateWith({ fetch: down }, { ...VALUES, ISSUER: issuer })
    expect(await codeOf(await other.answer(request.clone()))).toBe('503 dependency-unavailable')
    expect(await codeOf(await answer(request))).toBe('401 credential-missing')
  })

  test.each([
    ['a value is missing', { ISSUER: undefined }, 'ISSUER is not set'],
    ['the root secret is no secret', { PORTCULLIS_ROOT_KEY: 'g1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }, 'does not look random'],
    ['a plain http origin', { ORDERS_ORIGIN: 'http://orders.internal.example' }, 'https'],
    ['a short signing secret', { ACME_SIGNING_SECRET: 'short-secret-value' }, '/x-portcullis/consumers/acme/signingKeys/0/secret'],
  ])('the policy does not hold: %s', async (_fault, values, reason) => {
    const { answer, log } = gateWith({}, { ...VALUES, ...(values as Record<string, string>) })
    for (const path of ['/v1/status', '/v1/orders/1', '/.portcullis/admin/v1/status', '/.well-known/portcullis/jwks.json'])
      expect(await codeOf(await answer(get(helper, path)))).toBe('503 policy-unavailable')
    expect(log.join('\n')).toContain(reason)
    expect(log.join('\n')).not.toContain('short-secret-value')
  })

  test('a bug is 500, with its request id and no detail', async () => {
    const { answer, log } = gateWith({
      limiter: {
        refuseEarly: () => {
          throw new TypeError('inner detail')
        },
        admit: down,
      },
    })
    const response = await answer(await withKey())
    expect(await codeOf(response)).toBe('500 internal-error')
    expect(await response.text()).not.toContain('inner detail')
    expect(log.join('\n')).toContain('inner detail')
  })
})
