import { env, exports } from 'cloudflare:workers'
import document from '#policy'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { portcullis } from '../../src/portcullis.ts'
import { codeOf } from '../support/orders.ts'

const HOST = 'https://api.example.com'
const { PORTCULLIS_ROOT_KEY } = env as unknown as Bindings
const root = parseRootSecret(PORTCULLIS_ROOT_KEY, { gateway: 'portcullis', environment: 'local' })

describe('the Worker as it is deployed', () => {
  const worker = exports as unknown as { readonly default: Fetcher }

  test('refuses what the policy refuses', async () => {
    expect(await codeOf(await worker.default.fetch(`${HOST}/v1/orders/1`))).toBe('401 credential-missing')
    expect(await codeOf(await worker.default.fetch(`${HOST}/v1/nothing`))).toBe('404 route-unknown')
    expect(await codeOf(await worker.default.fetch('https://elsewhere.example/v1/orders/1'))).toBe('421 host-unknown')
  })

  test('takes an admin key that the command makes, and answers from its real feed', async () => {
    const { key } = await issueKey(root, 'admin', { consumer: 'admin', scopes: ['status:read'] }, Date.now())
    const response = await worker.default.fetch(`${HOST}/.portcullis/admin/v1/status`, { headers: { authorization: `Bearer ${key}` } })
    expect([response.status, await response.json()]).toMatchObject([200, { gateway: 'portcullis', revocations: { boundSeconds: 5 } }])
  })
})

describe('portcullis()', () => {
  test('is the same gate in a Hono application of one’s own', async () => {
    const app = new Hono<{ Bindings: Bindings }>()
    app.get('/health', (context) => context.text('fine'))
    app.all('*', portcullis(document))
    const lifetime = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} }
    const answer = async (path: string): Promise<Response> => app.fetch(new Request(HOST + path), env, lifetime)
    expect(await (await answer('/health')).text()).toBe('fine')
    expect(await codeOf(await answer('/v1/orders/1'))).toBe('401 credential-missing')
    const published = await answer('/.well-known/portcullis/jwks.json')
    expect(await published.json()).toMatchObject({ keys: [{ kty: 'OKP', crv: 'Ed25519', use: 'sig' }] })
  })
})
