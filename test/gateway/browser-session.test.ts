import { expect, test } from 'vitest'
import { browserSession, checkPolicy, createTestGate } from '../../src/testing/index.ts'
import { sessionPolicy } from '../support/session-gate.ts'

const ada = (more: object = {}) => browserSession({ provider: 'acme', scopes: ['read'], ...more })
const document = () =>
  sessionPolicy((d) => {
    d['x-portcullis'].origins.main.attachToken = { scheme: 'web', resource: 'https://origin.example.com' }
    d.paths['/orders'].get = { ...d.paths['/orders'].get, 'x-portcullis': { origin: 'plain' } }
    d['x-portcullis'].origins.plain = { url: 'https://plain.example.com' }
  })

test('a table of requests can hold people', async () => {
  const gate = createTestGate({ policy: document() })
  await checkPolicy(gate, [
    { given: 'Ada', request: { path: '/v1/orders' }, credentials: [ada()], expect: { status: 200 } },
    { given: 'Ada without the scope', request: { path: '/v1/scoped' }, credentials: [ada()], expect: { status: 403, code: 'scope-insufficient' } },
    { given: 'a change by her', request: { path: '/v1/orders', method: 'POST' }, credentials: [ada({ accessToken: 't-1' })], expect: { status: 200 } },
    { given: 'one who has no token for the origin', request: { path: '/v1/orders', method: 'POST' }, credentials: [ada()], expect: { status: 401 } },
    { given: 'a strong sign-in', request: { path: '/v1/strong' }, credentials: [ada({ claims: { acr: 'mfa' }, accessToken: 't-2' })], expect: { status: 200 } },
    { given: 'a weak one', request: { path: '/v1/strong' }, credentials: [ada()], expect: { status: 401, code: 'step-up-required' } },
    { given: 'another provider', request: { path: '/v1/orders' }, credentials: [browserSession({ provider: 'other', scopes: ['read'] })], expect: { status: 401 } },
    { given: 'nobody', request: { path: '/v1/orders' }, expect: { status: 401, code: 'credential-missing' } },
  ]) // prettier-ignore
  expect(gate.forwarded.map(({ headers }) => headers.get('authorization'))).toEqual([null, 'Bearer t-1', 'Bearer t-2'])
})

test('her session ends by the clock, and by a revocation', async () => {
  const gate = createTestGate({ policy: document() })
  const cookie = await gate.signIn({ provider: 'acme', scopes: ['read'] })
  const ask = async () => gate.fetch(new Request(`${gate.baseUrl}/v1/orders`, { headers: { cookie } }))
  gate.advance(3599)
  expect((await ask()).status).toBe(200)
  gate.advance(3600)
  expect((await ask()).status).toBe(401)
  const again = await gate.signIn({ provider: 'acme', subject: 'eve', scopes: ['read'] })
  gate.advance(1)
  gate.revoke({ type: 'subject', id: 'eve' })
  expect((await gate.fetch(new Request(`${gate.baseUrl}/v1/orders`, { headers: { cookie: again } }))).status).toBe(401)
})
