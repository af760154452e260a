import { describe, expect, test } from 'vitest'
import { ADMIN_SCOPES } from '../../../src/control/operation.ts'
import { scopesOfRole } from '../../../src/control/roles.ts'
import { issueKey } from '../../../src/credentials/key-format.ts'
import { parsePolicy } from '../../../src/policy/parse-policy.ts'
import { controlPolicy, createControlGate } from '../../support/control.ts'
import { codeOf } from '../../support/orders.ts'
import { HOST } from '../../support/session-gate.ts'
import { ROOT } from '../../support/sessions.ts'

const gate = createControlGate()
const adminKey = async (scopes: readonly string[]) => issueKey(ROOT, 'admin', { consumer: 'ops', scopes }, Date.now())
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
/** Another isolate, which knows of what was done meanwhile. */
const elsewhere = () => createControlGate()
const BOSS = { role: 'owner', display: 'me' }
const me = 'f'.repeat(64)

interface Made {
  readonly id: string
}
async function app(): Promise<{ readonly id: string; readonly organisation: string }> {
  const organisation = await gate.json<Made>('POST', '/organisations', { name: 'Acme' })
  return gate.json('POST', '/apps', { organisation: organisation.id, name: 'web', plan: 'free' })
}

describe('an operator who would be more', () => {
  test('gives their own admin key all scopes by a change: a change of an admin key only takes away', async () => {
    const key = await adminKey(['changes:write', 'status:read'])
    const change = async (scopes: readonly string[] | null) =>
      gate.call('POST', '/changes', { type: 'key', id: key.id, scopes }, bearer(key.key))
    expect((await change([...ADMIN_SCOPES])).status).toBe(201)
    expect(await codeOf(await elsewhere().call('PUT', `/operators/${me}`, BOSS, bearer(key.key)))).toBe('403 scope-insufficient')
    expect((await elsewhere().call('GET', '/status', undefined, bearer(key.key))).status).toBe(200)
    expect((await change(['changes:write'])).status).toBe(201)
    expect(await codeOf(await elsewhere().call('GET', '/status', undefined, bearer(key.key)))).toBe('403 scope-insufficient')
    expect((await change(null)).status).toBe(201)
    expect((await elsewhere().call('GET', '/status', undefined, bearer(key.key))).status).toBe(200)
  })

  test('support restores an admin key as a key of an app, to change or revoke it: apply names any key, and needs what that needs', async () => {
    const owner = await adminKey(ADMIN_SCOPES)
    const support = await adminKey(scopesOfRole('support'))
    const { id, organisation } = await app()
    const keys = [{ id: owner.id, name: 'mine', kind: 'secret', expiresAt: Date.now() + 86_400_000, state: 'revoked' }]
    const document = { organisations: [{ id: organisation, name: 'Acme', apps: [{ id, name: 'web', plan: 'free', keys }] }] }
    const applied = await gate.call('POST', '/apply', document, bearer(support.key))
    expect(await codeOf(applied)).toBe('403 scope-insufficient')
    expect((await elsewhere().call('GET', '/status', undefined, bearer(owner.key))).status).toBe(200)
  })

  test('a key of the API with a name of a role opens nothing here', async () => {
    const key = await issueKey(ROOT, 'api', { consumer: 'acme', scopes: ['portcullis:owner', ...ADMIN_SCOPES] }, Date.now())
    expect((await gate.call('GET', '/status', undefined, bearer(key.key))).status).toBe(401)
    expect((await gate.fetch('/.portcullis/admin/v1/status', { headers: { 'x-api-key': key.key } })).status).toBe(401)
  })

  test('a policy may not let in operators by keys, which support and developers give out with any scope', () => {
    for (const security of [[{ app: [] }], [{ web: [] }, { app: [], web: [] }]]) {
      const document = controlPolicy((one) => Object.assign(one['x-portcullis'], { control: { security } }))
      const parsed = parsePolicy(document, { placeholders: 'forbid' })
      expect(parsed.ok ? 'taken' : parsed.problems.map(({ pointer }) => pointer)).toEqual([
        `/x-portcullis/control/security/${security.length - 1}/app`,
      ])
    }
  })

  test('who signed in by a provider that is not of control.security has no role, whatever their scopes say', async () => {
    const policy = controlPolicy((one) => {
      one.components.securitySchemes['other'] = {
        type: 'apiKey',
        in: 'cookie',
        name: '__Host-portcullis',
        'x-portcullis': { kind: 'session', login: ['other'] },
      }
      one.paths['/other'] = { get: { security: [{ other: [] }] } }
    })
    const both = createControlGate({ policy })
    const issuer = 'https://other.example.net'
    const cookie = await both.signIn({ subject: crypto.randomUUID(), provider: 'other', issuer, scopes: ['portcullis:owner'] })
    expect((await both.fetch('/v1/other', { headers: { cookie } })).status).toBe(200)
    expect((await both.asPerson(cookie, 'GET', '/status')).status).toBe(401)
  })
})

describe('a developer who would be more', () => {
  test('a plan that the portal offers bounds the scopes of keys: without scopes it would be every scope there is', () => {
    const document = controlPolicy((one) => {
      one['x-portcullis'].plans = { free: {}, gold: { scopes: [] } }
    })
    const parsed = parsePolicy(document, { placeholders: 'forbid' })
    expect(parsed.ok ? 'taken' : parsed.problems.map(({ pointer }) => pointer)).toEqual(['/x-portcullis/plans/free'])
  })

  test('a session of the portal is none of an operator, nor are the roles of an organisation', async () => {
    const cookie = await gate.signIn({ subject: crypto.randomUUID(), scopes: ['owner', 'portcullis', 'portcullis:', 'Portcullis:owner'] })
    for (const path of ['/organisations', '/audit', '/export', '/operators'])
      expect(await codeOf(await gate.asPerson(cookie, 'GET', path))).toBe('403 scope-insufficient')
  })
})

describe('forgery of requests', () => {
  test.each([
    ['null', { origin: 'null' }],
    ['a page of another host of the same site', { origin: 'https://evil.example.com' }],
    ['the same host without TLS', { origin: 'http://api.example.com' }],
    ['nobody', { origin: '' }],
  ])('a write of the admin API by a session from %s is refused', async (_, headers) => {
    const cookie = await gate.signIn({ subject: crypto.randomUUID(), scopes: ['portcullis:owner'] })
    const response = await gate.asPerson(cookie, 'POST', '/organisations', { name: 'Evil' }, headers)
    expect(response.status).toBe(403)
    expect((await gate.asPerson(cookie, 'POST', '/organisations', { name: 'Good' }, { origin: HOST })).status).toBe(201)
  })
})
