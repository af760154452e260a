import { describe, expect, test } from 'vitest'
import { createBootstrapToken } from '../../src/credentials/bootstrap-token.ts'
import { scopesOfRole } from '../../src/control/roles.ts'
import { OPERATOR_ROLES } from '../../src/directory/accounts.ts'
import { ADMIN_SCOPES } from '../../src/control/operation.ts'
import { controlPolicy, createControlGate } from '../support/control.ts'
import { HOST } from '../support/session-gate.ts'
import { ROOT } from '../support/sessions.ts'

const CONSOLE = '/.portcullis/console'
const gate = createControlGate()

interface Page {
  readonly response: Response
  readonly text: string
  /** Of its first form. */
  readonly token: string
}
async function pageOf(response: Response): Promise<Page> {
  const text = await response.text()
  return { response, text, token: /name="token" value="([^"]+)"/u.exec(text)?.[1] ?? '' }
}
const operator = async (scope = 'portcullis:owner'): Promise<string> => gate.signIn({ subject: crypto.randomUUID(), scopes: [scope] })
const get = async (cookie: string, path = ''): Promise<Page> =>
  pageOf(await gate.fetch(CONSOLE + path, { headers: { cookie, accept: 'text/html' } }))
async function post(
  cookie: string,
  path: string,
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = { origin: HOST },
): Promise<Response> {
  return gate.fetch(CONSOLE + path, { method: 'POST', headers: { cookie, ...headers }, body: new URLSearchParams(fields) })
}

/** Every page that names nothing, with what it takes to see it. */
const PAGES = [
  ['', 'usage:read', 'Overview'],
  ['/consumers', 'usage:read', 'Consumers'],
  ['/consumers/acme', 'usage:read', 'acme'],
  ['/decisions', 'decisions:read', 'Decisions'],
  ['/anomalies', 'anomalies:read', 'Anomalies'],
  ['/blocks', 'anomalies:read', 'Blocks'],
  ['/blocks/new', 'blocks:write', 'Restrict somebody'],
  ['/switches', 'anomalies:read', 'Kill switches'],
  ['/switches/everything/close', 'kill-switches:write', 'Close “Everything”?'],
  ['/people', 'people:read', 'People'],
  ['/policy', 'status:read', 'Policy'],
  ['/health', 'status:read', 'Health'],
  ['/audit', 'audit:read', 'Audit'],
  ['/operators', 'audit:read', 'Operators'],
] as const

describe('who may see the console', () => {
  test.each(OPERATOR_ROLES)('%s: the pages of that role, and no other', async (role) => {
    const cookie = await operator(`portcullis:${role}`)
    const allowed = new Set<string>(scopesOfRole(role))
    for (const [path, scope, title] of PAGES) {
      const { response, text } = await get(cookie, path)
      expect([path, response.status]).toEqual([path, allowed.has(scope) ? 200 : 403])
      expect([path, text.includes(`<h1>${title}</h1>`)]).toEqual([path, allowed.has(scope)])
    }
  })

  test('every scope alone shows its own pages alone', async () => {
    for (const scope of ADMIN_SCOPES.filter((one) => PAGES.some(([, needed]) => needed === one))) {
      const cookie = await operator(`portcullis:${scope}`)
      for (const [path, needed] of PAGES)
        expect([scope, path, (await get(cookie, path)).response.status]).toEqual([scope, path, needed === scope ? 200 : 403])
    }
  })

  test('nobody is led to the sign-in and back; a person without a role is told so', async () => {
    const nobody = await gate.fetch(CONSOLE, {
      headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    })
    expect(nobody.status).toBe(303)
    expect(nobody.headers.get('location')).toContain('/.portcullis/login')
    expect(nobody.headers.get('location')).toContain(encodeURIComponent(CONSOLE))
    const { response, text } = await get(await gate.signIn({ subject: crypto.randomUUID(), scopes: ['read'] }))
    expect(response.status).toBe(403)
    expect(text).toContain('<h1>This is not allowed</h1>')
  })

  test('a policy that has no control section has no console', async () => {
    const without = createControlGate({
      policy: controlPolicy((document) => void delete (document['x-portcullis'] as { control?: unknown }).control),
    })
    expect((await without.fetch(CONSOLE)).status).toBe(404)
  })
})

describe('every page', () => {
  test('is in nobody’s frame, runs no script but ours, and is not kept', async () => {
    const cookie = await operator()
    for (const [path] of PAGES) {
      const { response, text } = await get(cookie, path)
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('unsafe')
      expect(response.headers.get('x-frame-options')).toBe('DENY')
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(text).not.toMatch(/ style=| on[a-z]+=/u)
    }
  })

  test('without the objects behind it is 503, and finished', async () => {
    const broken = {
      getByName: () => ({ usage: async () => Promise.reject(new Error('gone')), anomalies: async () => Promise.reject(new Error('gone')) }),
    }
    const failing = createControlGate({ bindings: { INSIGHT: broken as never } })
    const cookie = await failing.signIn({ subject: crypto.randomUUID(), scopes: ['portcullis:owner'] })
    const { response, text } = await pageOf(await failing.fetch(CONSOLE, { headers: { cookie } }))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(text).toContain('<h1>This page is not to be had at the moment</h1>')
  })

  test('what a name says stays text', async () => {
    const attack = '"><script>alert(1)</script>'
    const cookie = await operator()
    const organisation = await gate.json<{ id: string }>('POST', '/organisations', { name: 'Acme' })
    const app = await gate.json<{ id: string }>('POST', '/apps', {
      organisation: organisation.id,
      name: attack,
      description: attack,
      plan: 'free',
    })
    for (const path of [`/consumers/${app.id}`, `/decisions?consumer=${encodeURIComponent(attack)}`]) {
      const { text } = await get(cookie, path)
      expect(text).not.toContain('<script>alert')
      expect(text).toContain('&lt;script&gt;')
    }
  })
})

describe('forms of the console', () => {
  const block = { kind: 'consumer', id: 'acme', answer: 'block', seconds: '900', reason: 'tried by a test' }

  test('block, and lift: in force on another isolate, and written down', async () => {
    const cookie = await operator()
    const { token } = await get(cookie, '/blocks/new')
    const set = await post(cookie, '/blocks/new', { ...block, token })
    expect([set.status, set.headers.get('location')]).toEqual([303, `${CONSOLE}/blocks?done=blocked`])
    const { text } = await get(cookie, '/blocks')
    const lift = /href="([^"]+\/lift)"/u.exec(text)?.[1]?.slice(CONSOLE.length) ?? ''
    expect(text).toContain('tried by a test')
    const asked = await get(cookie, lift)
    const lifted = await post(cookie, lift, { token: asked.token })
    expect(lifted.headers.get('location')).toBe(`${CONSOLE}/blocks?done=lifted`)
    expect((await get(cookie, '/blocks')).text).toContain('Nobody is restricted')
    const audit = (await get(cookie, '/audit')).text
    expect(audit).toContain('blocks.set')
    expect(audit).toContain('blocks.lift')
  })

  test('the same form twice does it once', async () => {
    const cookie = await operator()
    const { token } = await get(cookie, '/blocks/new')
    const answers = await Promise.all([1, 2].map(async () => post(cookie, '/blocks/new', { ...block, id: 'twice', token })))
    expect(answers.map(({ status }) => status)).toEqual([303, 303])
    const audit = (await get(cookie, '/audit')).text
    expect(audit.split('consumer twice').length - 1).toBe(1)
    expect((await get(cookie, '/blocks')).text).toContain('twice')
  })

  test.each([
    ['another site', { origin: 'https://evil.example' }],
    ['a form that is no browser’s', {}],
    ['another page of the same site', { origin: HOST, 'sec-fetch-site': 'same-site' }],
  ])('from %s changes nothing', async (_, headers) => {
    const cookie = await operator()
    const { token } = await get(cookie, '/blocks/new')
    const response = await post(cookie, '/blocks/new', { ...block, id: 'foreign', token }, headers)
    expect(response.status).toBe(403)
    expect((await get(cookie, '/blocks')).text).not.toContain('foreign')
  })

  test('with the token of another session, or none, changes nothing', async () => {
    const [cookie, other] = [await operator(), await operator()]
    for (const token of ['', (await get(other, '/blocks/new')).token])
      expect((await post(cookie, '/blocks/new', { ...block, id: 'stolen', token })).status).toBe(403)
    expect((await get(cookie, '/blocks')).text).not.toContain('stolen')
  })

  test('a role that may look may not do, though it has seen a token', async () => {
    const cookie = await operator('portcullis:viewer')
    const { token } = await get(cookie, '/people')
    for (const path of ['/blocks/new', '/switches/everything/close', '/people', '/consumers/acme/disable'])
      expect([path, (await post(cookie, path, { ...block, issuer: 'https://a.example', subject: 'x', token })).status]).toEqual([path, 403])
  })

  test('what was typed stays, with what is wrong beside it', async () => {
    const cookie = await operator()
    const { token } = await get(cookie, '/blocks/new')
    const { response, text } = await pageOf(await post(cookie, '/blocks/new', { ...block, kind: 'address', id: '300.1.2.3', token }))
    expect(response.status).toBe(422)
    expect(text).toContain('value="300.1.2.3"')
    expect(text).toContain('value="tried by a test"')
    expect(text).toMatch(/aria-invalid="true"/u)
    expect(text).toContain('An IPv4 or IPv6 address')
  })

  test('a kill switch closes a route, says so on the overview, and opens it again', async () => {
    const cookie = await operator()
    const path =
      /href="([^"]+)\/close"/u.exec((await get(cookie, '/switches')).text.split('GET /keyed')[1] ?? '')?.[1]?.slice(CONSOLE.length) ?? ''
    const asked = await get(cookie, `${path}/close`)
    expect((await post(cookie, `${path}/close`, { token: asked.token })).headers.get('location')).toBe(`${CONSOLE}/switches?done=closed`)
    const other = createControlGate()
    expect((await other.fetch('/v1/keyed')).status).toBe(503)
    expect((await get(cookie)).text).toContain('Routes are closed.')
    const again = await get(cookie, `${path}/open`)
    expect((await post(cookie, `${path}/open`, { token: again.token })).headers.get('location')).toBe(`${CONSOLE}/switches?done=opened`)
    expect((await createControlGate().fetch('/v1/keyed')).status).toBe(401)
  })

  test('an app is disabled and enabled again', async () => {
    const cookie = await operator()
    const organisation = await gate.json<{ id: string }>('POST', '/organisations', { name: 'Acme' })
    const app = await gate.json<{ id: string }>('POST', '/apps', { organisation: organisation.id, name: 'Export', plan: 'free' })
    for (const [turn, state] of [
      ['disable', 'disabled'],
      ['enable', 'active'],
    ] as const) {
      const { token } = await get(cookie, `/consumers/${app.id}/${turn}`)
      expect((await post(cookie, `/consumers/${app.id}/${turn}`, { token })).status).toBe(303)
      expect(await gate.json('GET', `/apps/${app.id}`)).toMatchObject({ state })
    }
  })

  test('every session of a person ends', async () => {
    const cookie = await operator()
    const subject = crypto.randomUUID()
    const victim = await gate.signIn({ subject })
    const path = `/people?${new URLSearchParams({ issuer: 'https://login.example.net', subject }).toString()}`
    const { text, token } = await get(cookie, path)
    expect(text).toContain('End every session')
    expect((await post(cookie, '/people', { issuer: 'https://login.example.net', subject, token })).status).toBe(303)
    expect((await createControlGate().fetch('/v1/orders', { headers: { cookie: victim } })).status).toBe(401)
  })
})

describe('the first owner', () => {
  const stranger = async (): Promise<string> => gate.signIn({ subject: crypto.randomUUID(), scopes: ['read'] })

  test('gives the token once, and sees the console; nobody else does by it', async () => {
    const [cookie, other] = [await stranger(), await stranger()]
    const { token: bootstrap } = await createBootstrapToken(ROOT, Date.now())
    const { token } = await get(cookie, '/welcome')
    const done = await post(cookie, '/welcome', { token, bootstrap: ` ${bootstrap} ` })
    expect([done.status, done.headers.get('location')]).toEqual([303, `${CONSOLE}?done=welcome`])
    expect((await get(cookie, '/operators')).response.status).toBe(200)
    const again = await post(other, '/welcome', { token: (await get(other, '/welcome')).token, bootstrap })
    expect([again.status, (await again.text()).includes(bootstrap)]).toEqual([422, false])
    expect((await get(other)).response.status).toBe(403)
  })

  test('is a person: an admin key does not become one, and uses nothing up', async () => {
    const authorization = `Bearer ${await gate.keyOf(['status:read'])}`
    const { token: bootstrap } = await createBootstrapToken(ROOT, Date.now())
    const { token } = await pageOf(await gate.fetch(`${CONSOLE}/welcome`, { headers: { authorization } }))
    const body = new URLSearchParams({ token, bootstrap })
    const answer = await gate.fetch(`${CONSOLE}/welcome`, { method: 'POST', headers: { authorization, origin: HOST }, body })
    expect([answer.status, await answer.text()]).toEqual([422, expect.stringContaining('sign in as a person')])
    const cookie = await stranger()
    expect((await post(cookie, '/welcome', { token: (await get(cookie, '/welcome')).token, bootstrap })).status).toBe(303)
  })

  test('by a form of another site, or none, nothing is used up', async () => {
    const cookie = await stranger()
    const { token: bootstrap } = await createBootstrapToken(ROOT, Date.now())
    const { token } = await get(cookie, '/welcome')
    for (const [fields, headers] of [
      [{ token, bootstrap }, { origin: 'https://evil.example' }],
      [{ token: '', bootstrap }, { origin: HOST }],
    ] as const)
      expect((await post(cookie, '/welcome', fields, headers)).status).toBe(403)
    expect((await post(cookie, '/welcome', { token, bootstrap })).status).toBe(303)
  })
})

describe('the decisions', () => {
  test('stand still until somebody follows, and can be paused', async () => {
    const cookie = await operator()
    const still = await get(cookie, '/decisions')
    expect(still.response.headers.get('refresh')).toBeNull()
    const followed = await get(cookie, '/decisions?follow=yes&refused=yes')
    expect(followed.response.headers.get('refresh')).toBe('5')
    expect(followed.text).toContain('href="/.portcullis/console/decisions?refused=yes"')
  })
})
