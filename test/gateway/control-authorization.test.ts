import { describe, expect, test } from 'vitest'
import { ADMIN_SCOPES, type AdminScope } from '../../src/control/operation.ts'
import { OPERATOR_ROLES, type OperatorRole } from '../../src/directory/accounts.ts'
import { personName } from '../../src/sessions/person-name.ts'
import { createControlGate } from '../support/control.ts'
import { codeOf } from '../support/orders.ts'
import { HOST } from '../support/session-gate.ts'

const gate = createControlGate()
const ISSUER = 'https://login.example.net'

interface Described {
  readonly operationId: string
  readonly 'x-portcullis-scope': AdminScope
  readonly security: readonly [{ readonly adminKey: readonly AdminScope[] }]
  readonly requestBody?: object
}
interface Listed {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly scope: AdminScope
  /** All of them are needed. */
  readonly scopes: readonly AdminScope[]
}
/** Every operation there is, by the API's own description: a new one is covered by being there. */
async function operations(): Promise<readonly Listed[]> {
  const { paths } = await gate.json<{ paths: Record<string, Record<string, Described>> }>('GET', '/openapi.json')
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({
      id: described.operationId,
      method: method.toUpperCase(),
      path: path.replaceAll(/\{[a-zA-Z]+\}/gu, 'nothing'),
      scope: described['x-portcullis-scope'],
      scopes: described.security[0].adminKey,
    })),
  )
}

/** Written down here once more, so that a change of the roles is meant. */
const READS: readonly AdminScope[] = [
  'status:read',
  'credits:read',
  'people:read',
  'accounts:read',
  'usage:read',
  'decisions:read',
  'anomalies:read',
  'events:read',
  'audit:read',
]
const SUPPORT: readonly AdminScope[] = [...READS, 'keys:write', 'credits:write', 'accounts:write']
const MAY: Readonly<Record<OperatorRole, readonly AdminScope[]>> = {
  viewer: READS,
  support: SUPPORT,
  operator: [...SUPPORT, 'revocations:write', 'changes:write', 'blocks:write', 'anomalies:write', 'webhooks:write', 'people:write'],
  owner: ADMIN_SCOPES,
}
/** Nothing that any operation takes, so that whoever may do it does nothing. */
const NONSENSE = 'nonsense'
const send = async (cookie: string, { method, path }: Listed): Promise<Response> =>
  gate.asPerson(cookie, method, path, method === 'GET' ? undefined : NONSENSE, { 'if-match': '"1"' })

describe('who may do what', () => {
  test('every operation is listed, each with a scope of the roles', async () => {
    const all = await operations()
    expect(all.length).toBeGreaterThan(30)
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    expect(all.filter(({ scope }) => !ADMIN_SCOPES.includes(scope))).toEqual([])
  })

  test.each([...OPERATOR_ROLES, 'none', 'unknown'] as const)(
    'role %s, for every operation',
    async (role) => {
      const cookie = await gate.signIn({
        subject: crypto.randomUUID(),
        scopes: role === 'none' ? ['owner', 'accounts:read'] : [`portcullis:${role}`],
      })
      const allowed: readonly AdminScope[] = role === 'none' || role === 'unknown' ? [] : MAY[role]
      for (const operation of await operations()) {
        const response = await send(cookie, operation)
        const outcome = response.status === 403 || response.status === 401 ? await codeOf(response) : 'let in'
        expect(`${operation.id}: ${outcome}`).toBe(
          `${operation.id}: ${operation.scopes.every((scope) => allowed.includes(scope)) ? 'let in' : '403 scope-insufficient'}`,
        )
      }
    },
    60_000,
  )

  test('no session, and an admin key without the scope, for every operation', async () => {
    const { key } = { key: await gate.keyOf(['status:read']) }
    for (const operation of await operations()) {
      const { method, path, scope } = operation
      const content = method === 'GET' ? {} : { body: JSON.stringify(NONSENSE) }
      expect(await codeOf(await gate.fetch(`/.portcullis/admin/v1${path}`, { method, ...content }))).toBe('401 credential-missing')
      if (scope === 'status:read') continue
      const response = await gate.fetch(`/.portcullis/admin/v1${path}`, { method, headers: { authorization: `Bearer ${key}` }, ...content })
      expect(`${operation.id} ${await codeOf(response)}`).toBe(`${operation.id} 403 scope-insufficient`)
    }
  }, 60_000)

  test('a single scope is enough for its operations and for no other', async () => {
    const cookie = await gate.signIn({ subject: crypto.randomUUID(), scopes: ['portcullis:audit:read'] })
    expect((await gate.asPerson(cookie, 'GET', '/audit')).status).toBe(200)
    expect(await codeOf(await gate.asPerson(cookie, 'GET', '/apps'))).toBe('403 scope-insufficient')
  })

  test('a role given in the directory counts until it is taken away', async () => {
    const subject = crypto.randomUUID()
    const cookie = await gate.signIn({ subject })
    expect(await codeOf(await gate.asPerson(cookie, 'GET', '/apps'))).toBe('403 scope-insufficient')
    await gate.json('POST', '/operators', { issuer: ISSUER, subject, role: 'viewer', display: 'Ada' })
    expect((await gate.asPerson(cookie, 'GET', '/apps')).status).toBe(200)
    expect(
      await codeOf(await gate.asPerson(cookie, 'POST', '/operators', { issuer: ISSUER, subject, role: 'owner', display: 'Ada' })),
    ).toBe('403 scope-insufficient')
    await gate.json('DELETE', `/operators/${await personName(ISSUER, subject)}`)
    expect(await codeOf(await gate.asPerson(cookie, 'GET', '/apps'))).toBe('403 scope-insufficient')
  })

  test('a key of the guarded API opens nothing here, whatever its scopes and whatever its scheme is called', async () => {
    const { secret } = await gate.json<{ secret: string }>('POST', `/apps/${await newApp()}/keys`, {
      name: 'k',
      scopes: ['read', 'status:read'],
    })
    const response = await gate.fetch('/.portcullis/admin/v1/status', {
      headers: { authorization: `Bearer ${secret}`, 'x-api-key': secret },
    })
    expect(response.status).toBe(401)
  })
})

async function newApp(): Promise<string> {
  const organisation = await gate.json<{ id: string }>('POST', '/organisations', { name: 'Acme' })
  const app = await gate.json<{ id: string }>('POST', '/apps', { organisation: organisation.id, name: 'web', plan: 'free' })
  return app.id
}

describe('a page of another origin', () => {
  const body = { name: 'Forged' }
  test.each([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['a sibling host', { origin: 'https://www.example.com', 'sec-fetch-site': 'same-site' }],
    ['a page without an origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['a form of another site', { origin: 'https://evil.example', 'content-type': 'text/plain' }],
  ])('BF-4: %s writes nothing by the session of an owner', async (_, headers) => {
    const cookie = await gate.signIn({ subject: crypto.randomUUID(), scopes: ['portcullis:owner'] })
    const before = (await gate.json<{ items: unknown[] }>('GET', '/audit?limit=1')).items
    const response = await gate.fetch('/.portcullis/admin/v1/organisations', {
      method: 'POST',
      headers: { cookie, ...headers },
      body: JSON.stringify(body),
    })
    expect(await codeOf(response)).toBe('403 request-cross-site')
    expect((await gate.json<{ items: unknown[] }>('GET', '/audit?limit=1')).items).toEqual(before)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('asks first, and is told nothing; our own page may', async () => {
    const preflight = await gate.fetch('/.portcullis/admin/v1/organisations', {
      method: 'OPTIONS',
      headers: {
        origin: 'https://evil.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-portcullis-csrf',
      },
    })
    expect(preflight.status).toBe(405)
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
    const cookie = await gate.signIn({ subject: crypto.randomUUID(), scopes: ['portcullis:owner'] })
    const sent = await gate.fetch('/.portcullis/admin/v1/organisations', {
      method: 'POST',
      headers: { cookie, origin: HOST },
      body: JSON.stringify({ name: 'Ours' }),
    })
    expect(sent.status).toBe(201)
  })
})
