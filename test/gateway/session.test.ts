import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { FEED_NAME } from '../../src/revocation/feed.ts'
import { createSessionCookies, newSessionId } from '../../src/sessions/cookie.ts'
import type { TokenAnswer } from '../../src/sessions/session-keeper.ts'
import { codeOf } from '../support/orders.ts'
import { COOKIE, createIsolate, HOST, sessionPolicy } from '../support/session-gate.ts'
import { ROOT, SESSION, START, tokensOf } from '../support/sessions.ts'

const now = () => START
const FEED = () => (env as unknown as Bindings).REVOCATIONS.getByName(FEED_NAME)
const navigate = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none', accept: 'text/html' }
const idOf = (url: string | null): URLSearchParams => new URL(url ?? '', HOST).searchParams

describe('a session opens a route', () => {
  test('BF-6: the cookie stays here, and the origin is told who it is', async () => {
    const gate = createIsolate({ now })
    const cookie = await gate.signIn()
    const response = await gate.fetch('/v1/orders', { headers: { cookie: `a=1; ${cookie}; b=2` } })
    expect(response.status).toBe(200)
    expect(gate.forwarded[0]?.headers.get('cookie')).toBe('a=1; b=2')
    const [, claims = ''] = (gate.forwarded[0]?.headers.get('portcullis-assertion') ?? '').split('.')
    expect(JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')))).toMatchObject({
      principals: [
        {
          scheme: 'web', kind: 'session', iss: 'https://login.example.net', sub: 'ada', scope: 'read',
          person: expect.stringMatching(/^[0-9a-f-]{36}$/u) as string, groups: ['staff'], acr: 'mfa', auth_time: Math.floor(START / 1000),
        },
      ],
    }) // prettier-ignore
  })

  test('a warm one costs no call: one in five seconds, however many requests', async () => {
    let at = START
    const gate = createIsolate({ now: () => at })
    const cookie = await gate.signIn()
    gate.calls()
    for (let request = 0; request < 200; request++) {
      expect((await gate.fetch('/v1/orders', { headers: { cookie } })).status).toBe(200)
      at += 24
    }
    expect(gate.calls()).toBe(1)
    at = START + 5000
    await gate.fetch('/v1/orders', { headers: { cookie } })
    expect(gate.calls()).toBe(1)
  })

  test('50 at once in a cold isolate all succeed', async () => {
    const cookie = await createIsolate({ now }).signIn()
    const cold = createIsolate({ now })
    const answers = await Promise.all(Array.from({ length: 50 }, async () => cold.fetch('/v1/orders', { headers: { cookie } })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  })

  test('it survives an eviction', async () => {
    let at = START
    const gate = createIsolate({ now: () => at })
    const cookie = await gate.signIn()
    const [name = ''] = [(await gate.sessions.find(new Request(HOST, { headers: { cookie } }), at))?.id]
    await runInDurableObject(SESSION.getByName(name), (_object, state) => state.abort('evicted')).catch(() => undefined)
    at += 5000
    expect((await gate.fetch('/v1/orders', { headers: { cookie } })).status).toBe(200)
  })

  test('under 200 bytes with everything: BF-2 Secure, HttpOnly, __Host-, no Domain', async () => {
    const gate = createIsolate({ now })
    const { setCookies } = await gate.sessions.start(
      { provider: 'acme', issuer: 'i', subject: 's', claims: {}, groups: [], scopes: [], authenticatedAt: START },
      new Request(HOST),
      START,
    )
    expect(setCookies).toHaveLength(1)
    expect(setCookies[0]).toMatch(/^__Host-portcullis=g1\.[A-Za-z0-9_-]{59}; Path=\/; Secure; HttpOnly; SameSite=Lax$/u)
    expect(setCookies[0]?.length).toBeLessThan(200)
  })
})

describe('who has no session', () => {
  test('a page is led to the sign-in, and back to what it asked for', async () => {
    const response = await createIsolate({ now }).fetch('/v1/orders?page=2&q=a%20b', { headers: navigate })
    expect([response.status, response.headers.get('cache-control')]).toEqual([303, 'no-store'])
    expect(response.headers.get('location')?.split('?')[0]).toBe('/.portcullis/login/acme')
    expect(idOf(response.headers.get('location')).get('return_to')).toBe('/v1/orders?page=2&q=a%20b')
  })
  test.each([
    ['a browser without Fetch Metadata', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }, 'GET', 303],
    ['a script', { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin', accept: 'text/html' }, 'GET', 401],
    ['a program', { accept: '*/*' }, 'GET', 401],
    ['a program that likes JSON better', { accept: 'application/json, text/html' }, 'GET', 401],
    ['a form', { ...navigate, origin: HOST }, 'POST', 401],
    ['a page that is looked at from afar', navigate, 'HEAD', 303],
  ])('%s', async (_name, headers, method, status) => {
    expect((await createIsolate({ now }).fetch('/v1/orders', { method, headers })).status).toBe(status)
  })
  test('a program is told where, and by which other scheme (OA-8)', async () => {
    const response = await createIsolate({ now }).fetch('/v1/mixed')
    expect(await response.clone().json()).toMatchObject({
      code: 'credential-missing',
      login: '/.portcullis/login/acme?return_to=%2Fv1%2Fmixed',
    })
    expect(response.headers.get('www-authenticate')).toBe(
      'ApiKey realm="portcullis", header="X-API-Key", Cookie realm="portcullis", cookie-name="__Host-portcullis"',
    )
  })
  test('a sign-in that would not be enough is not offered', async () => {
    const gate = createIsolate({ now })
    const cookie = await gate.signIn()
    const missesKey = await gate.fetch('/v1/both', { headers: { ...navigate, cookie } })
    expect([missesKey.status, await missesKey.json()]).toMatchObject([401, { code: 'credential-missing' }])
    expect((await gate.fetch('/v1/both', { headers: navigate })).status).toBe(401)
    const lacksScope = await gate.fetch('/v1/scoped', { headers: { ...navigate, cookie } })
    expect([lacksScope.status, await codeOf(lacksScope)]).toEqual([403, '403 scope-insufficient'])
  })
  test('a target too long to travel leads to the start', async () => {
    const gate = createIsolate({ now })
    const padding = (length: number) => `/v1/orders?q=${'x'.repeat(length - '/v1/orders?q='.length)}`
    const [fits, over] = await Promise.all([1024, 1025].map(async (length) => gate.fetch(padding(length), { headers: navigate })))
    expect(idOf(fits?.headers.get('location') ?? null).get('return_to')).toHaveLength(1024)
    expect(over?.headers.get('location')).toBe('/.portcullis/login/acme')
  })
  test('SU-1: too old or too weak a sign-in leads to another one', async () => {
    let at = START
    const gate = createIsolate({ now: () => at })
    const [cookie, weak] = [await gate.signIn(), await gate.signIn({ claims: { acr: 'pwd', auth_time: Math.floor(START / 1000) } })]
    expect((await gate.fetch('/v1/strong', { headers: { cookie } })).status).toBe(200)
    const stepUp = await gate.fetch('/v1/strong', { headers: { ...navigate, cookie: weak } })
    expect(stepUp.status).toBe(303)
    expect([...idOf(stepUp.headers.get('location'))]).toEqual([
      ['return_to', '/v1/strong'],
      ['acr_values', 'mfa'],
      ['max_age', '600'],
    ])
    at += 602_000
    const old = await gate.fetch('/v1/strong', { headers: { cookie } })
    expect(old.headers.get('www-authenticate')).toContain('error="insufficient_user_authentication", acr_values="mfa", max_age="600"')
    expect(await codeOf(old)).toBe('401 step-up-required')
  })
})

describe('cookies that are none of ours', () => {
  const cookiesOf = (root: string, gateway = 'test', name = COOKIE) =>
    createSessionCookies(parseRootSecret(root, { gateway, environment: 'test' }), { name, sameSite: 'lax' })
  const KEY = 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0'

  test.each([
    ['nothing', async () => `${COOKIE}=`],
    ['noise', async () => `${COOKIE}=g1.${'A'.repeat(59)}`],
    ['the id alone', async () => `${COOKIE}=${newSessionId()}`],
    ['another gateway', async () => cookiesOf(KEY, 'another').set(newSessionId())],
    ['another root', async () => cookiesOf('g1:8yQm1vR5nZ3kX7wT2bL9cJ4hG6fD0sA-qWeRtYuIoP0').set(newSessionId())],
    ['a generation that is gone', async () => cookiesOf(KEY.replace('g1', 'g0')).set(newSessionId())],
    ['a cookie of another name', async () => (await cookiesOf(KEY, 'test', '__Host-x').set(newSessionId())).replace('__Host-x', COOKIE)],
    [
      'a bit that was turned',
      async () => (await cookiesOf(KEY).set(newSessionId())).replace(/(?<=^.{30})./u, (one) => (one === 'A' ? 'B' : 'A')),
    ],
    ['very much', async () => `${COOKIE}=${'A'.repeat(8000)}`],
  ])('%s: 401, and no object is asked', async (_name, make) => {
    const gate = createIsolate({ now })
    const [cookie = ''] = (await make()).split(';')
    const response = await gate.fetch('/v1/orders', { headers: { cookie } })
    expect(await codeOf(response)).toBe('401 credential-rejected')
    expect(gate.calls()).toBe(0)
  })
  test('an id that never began is over', async () => {
    const cookie = (await cookiesOf(KEY).set(newSessionId())).split(';')[0] ?? ''
    expect(await codeOf(await createIsolate({ now }).fetch('/v1/orders', { headers: { cookie } }))).toBe('401 credential-expired')
  })
  test('generations roll over: a cookie of the older one opens as long as that is there', async () => {
    const older = createSessionCookies(ROOT, { name: COOKIE, sameSite: 'strict' })
    const both = parseRootSecret(`g2:8yQm1vR5nZ3kX7wT2bL9cJ4hG6fD0sA-qWeRtYuIoP0 ${KEY}`, { gateway: 'test', environment: 'test' })
    const id = newSessionId()
    const [, value = ''] = /=([^;]+);.*SameSite=Strict$/u.exec(await older.set(id)) ?? []
    expect(await createSessionCookies(both, { name: COOKIE, sameSite: 'strict' }).open(value)).toBe(id)
  })
  test('cookie tossing: two of the name are refused, whatever they are', async () => {
    const gate = createIsolate({ now })
    const cookie = await gate.signIn()
    for (const both of [`${cookie}; ${COOKIE}=x`, `${COOKIE}=x; ${cookie}`, `${cookie}; ${cookie}`])
      expect(await codeOf(await gate.fetch('/v1/orders', { headers: { cookie: both } }))).toBe('400 credential-ambiguous')
    expect((await gate.fetch('/v1/orders', { headers: { cookie: `${COOKIE}x=1; x${COOKIE}=2; ${cookie}` } })).status).toBe(200)
  })
})

describe('BF-4: a request that another site made the browser send', () => {
  test.each([
    ['a form of this origin', 'POST', { 'sec-fetch-site': 'same-origin', origin: HOST }, 200],
    ['a form of this origin that hides it', 'POST', { 'sec-fetch-site': 'same-origin', origin: 'null' }, 200],
    ['an older browser', 'POST', { origin: HOST }, 200],
    ['the custom field', 'POST', { 'x-portcullis-csrf': '1', origin: 'https://app.example.com', 'sec-fetch-site': 'same-site' }, 200],
    ['another value of it', 'POST', { 'x-portcullis-csrf': '0' }, 403],
    ['a sibling host', 'POST', { 'sec-fetch-site': 'same-site', origin: 'https://blog.example.com' }, 403],
    ['another site', 'PUT', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
    ['an address that was typed', 'DELETE', { 'sec-fetch-site': 'none' }, 403],
    ['a sibling of an older browser', 'POST', { origin: 'https://blog.example.com' }, 403],
    ['our host over http', 'POST', { origin: 'http://api.example.com' }, 403],
    ['an origin that is hidden', 'POST', { origin: 'null' }, 403],
    ['nothing said', 'POST', {}, 403],
    ['a page of another site that links here', 'GET', { 'sec-fetch-site': 'cross-site' }, 200],
    ['a WebSocket of this origin', 'GET', { upgrade: 'websocket', origin: HOST }, 200],
    ['a WebSocket of a sibling', 'GET', { upgrade: 'websocket', origin: 'https://blog.example.com', 'sec-fetch-site': 'same-site' }, 403],
    ['a WebSocket with the custom field', 'GET', { upgrade: 'websocket', 'x-portcullis-csrf': '1', origin: 'https://evil.example' }, 403],
    ['a WebSocket without an origin', 'GET', { upgrade: 'websocket' }, 403],
  ] as const)('%s', async (_name, method, headers, status) => {
    const gate = createIsolate({ now })
    const cookie = await gate.signIn()
    const response = await gate.fetch('/v1/orders', { method, headers: { cookie, ...headers } })
    expect(response.status === 200 ? '200' : await codeOf(response)).toBe(status === 200 ? '200' : '403 request-cross-site')
    expect(gate.forwarded).toHaveLength(status === 200 ? 1 : 0)
  })
})

describe('a session that ended', () => {
  test('BF-7: a sign-in gives another id; the old cookie is dead at once here, and elsewhere within the bound', async () => {
    let at = START
    const [here, there] = [createIsolate({ now: () => at }), createIsolate({ now: () => at })]
    const old = await here.signIn()
    for (const gate of [here, there]) expect((await gate.fetch('/v1/orders', { headers: { cookie: old } })).status).toBe(200)
    const renewed = await here.signIn({ claims: { acr: 'mfa' } }, old)
    expect(renewed).not.toBe(old)
    expect((await here.fetch('/v1/orders', { headers: { cookie: old } })).status).toBe(401)
    at += 5000
    expect((await there.fetch('/v1/orders', { headers: { cookie: old } })).status).toBe(401)
    expect((await there.fetch('/v1/orders', { headers: { cookie: renewed } })).status).toBe(200)
  })
  test('fixation: the cookie that an attacker planted is never the one that the victim is signed in by', async () => {
    const gate = createIsolate({ now })
    const planted = await gate.signIn({ subject: 'eve' })
    const victims = await gate.signIn({ subject: 'ada' }, planted)
    expect(victims).not.toBe(planted)
    expect((await gate.fetch('/v1/orders', { headers: { cookie: planted } })).status).toBe(401)
  })
  test('a warm isolate lets a revoked one through for no longer than the bound', async () => {
    let at = START
    const [warm, other] = [createIsolate({ now: () => at }), createIsolate({ now: () => at })]
    const cookie = await warm.signIn()
    await warm.fetch('/v1/orders', { headers: { cookie } })
    const session = await other.sessions.find(new Request(HOST, { headers: { cookie } }), at)
    await other.sessions.end({ id: session?.id ?? '' }, 'test', at)
    at += 4999
    await warm.fetch('/v1/orders', { headers: { cookie } })
    at += 1
    expect((await warm.fetch('/v1/orders', { headers: { cookie } })).status).toBe(401)
  })
  test('one that the feed stops is over for good, however soon the feed forgets it, and gives its refresh token back', async () => {
    const gate = createIsolate({ now })
    const cookie = await gate.signIn({ subject: 'revoked' })
    const id = (await gate.sessions.find(new Request(HOST, { headers: { cookie } }), START))?.id ?? ''
    const entry = { target: { type: 'session', id }, expiresAt: Date.now() + 60_000, reason: 'stolen' } as const
    await FEED().append([entry])
    const other = createIsolate({ now })
    expect(await codeOf(await other.fetch('/v1/orders', { headers: { cookie } }))).toBe('401 credential-revoked')
    expect(await gate.sessions.find(new Request(HOST, { headers: { cookie } }), START)).toBeUndefined()
  })
  test('of a person who was stopped: those from before, not the next one', async () => {
    let at = START
    const gate = createIsolate({ now: () => at })
    const cookie = await gate.signIn({ subject: 'stopped' })
    const target = { type: 'subject', id: 'stopped', issuer: 'https://login.example.net' } as const
    await FEED().append([{ target, before: START + 1, expiresAt: Date.now() + 60_000, reason: 'left' }])
    at += 5000
    expect(await codeOf(await gate.fetch('/v1/orders', { headers: { cookie } }))).toBe('401 credential-revoked')
    const again = await gate.signIn({ subject: 'stopped' })
    expect((await gate.fetch('/v1/orders', { headers: { cookie: again } })).status).toBe(200)
  })
  test('by the provider: its session, on whatever device; not another one, and not that of another provider', async () => {
    const gate = createIsolate({ now })
    const issuer = 'https://login.example.net'
    const subject = 'of-two-devices'
    const [laptop, phone] = [
      await gate.signIn({ subject, providerSession: 'sid-1' }),
      await gate.signIn({ subject, providerSession: 'sid-2' }),
    ]
    const stranger = await gate.signIn({ issuer: 'https://other.example.net', providerSession: 'sid-1' })
    expect(await gate.sessions.endByProvider({ issuer, providerSession: 'sid-1' }, 'logout', START)).toHaveLength(1)
    const statuses = await Promise.all(
      [laptop, phone, stranger].map(async (cookie) => (await gate.fetch('/v1/orders', { headers: { cookie } })).status),
    )
    expect(statuses).toEqual([401, 200, 200])
    expect(await gate.sessions.endByProvider({ issuer, providerSession: 'sid-2', subject: 'eve' }, 'logout', START)).toEqual([])
    expect(await gate.sessions.endByProvider({ issuer, subject }, 'logout', START)).toHaveLength(1)
    expect(await gate.sessions.endByProvider({ issuer, subject }, 'logout', START)).toEqual([])
    expect(await gate.sessions.endByProvider({ issuer }, 'logout', START)).toEqual([])
  })
  test('by a SAML NameID', async () => {
    const gate = createIsolate({ now })
    const cookie = await gate.signIn({ nameId: 'transient-1' })
    await gate.sessions.endByProvider({ issuer: 'https://login.example.net', nameId: 'transient-1' }, 'slo', START)
    expect((await gate.fetch('/v1/orders', { headers: { cookie } })).status).toBe(401)
  })
})

describe('GW-3: what cannot be known is 503, never 401 and never open', () => {
  test('the object is gone', async () => {
    const cookie = await createIsolate({ now }).signIn()
    const gate = createIsolate({
      now,
      bindings: { SESSION: { getByName: () => ({ look: async () => Promise.reject(new Error('gone')) }) } as never },
    })
    expect(await codeOf(await gate.fetch('/v1/orders', { headers: { cookie } }))).toBe('503 dependency-unavailable')
    expect((await gate.fetch('/.portcullis/session', { headers: { cookie } })).status).toBe(503)
    expect(gate.forwarded).toEqual([])
  })
})

describe('where a session counts', () => {
  test('only those of the providers that the scheme names', async () => {
    const gate = createIsolate({ now })
    const cookie = await gate.signIn({ provider: 'other', issuer: 'https://other.example.net' })
    expect(await codeOf(await gate.fetch('/v1/orders', { headers: { cookie } }))).toBe('401 credential-rejected')
  })
  test('only on the hosts of its provider, though the browser be made to bring the cookie elsewhere', async () => {
    const policy = sessionPolicy((d) => {
      d.servers.push({ url: 'https://b.example.com/v1' })
      d['x-portcullis'].identityProviders.acme.hosts = ['b.example.com']
    })
    const gate = createIsolate({ now, policy })
    const cookie = await gate.signIn()
    expect(await codeOf(await gate.fetch('/v1/orders', { headers: { cookie } }))).toBe('401 credential-rejected')
  })
})

describe('attachToken', () => {
  const policy = sessionPolicy((d) => {
    d['x-portcullis'].origins.main.attachToken = { scheme: 'web', resource: 'https://origin.example.com' }
  })
  const tokens = tokensOf(1, { expiresAt: START + 60_000 })
  const { refreshToken: _none, ...single } = tokens

  test('BF-6: the origin gets the access token of the session, and none that the client chose', async () => {
    const gate = createIsolate({ now, policy })
    const cookie = await gate.signIn({ tokens })
    for (let request = 0; request < 3; request++) await gate.fetch('/v1/orders', { headers: { cookie, authorization: 'Bearer chosen' } })
    expect(gate.forwarded.map(({ headers }) => [headers.get('authorization'), headers.get('cookie')])).toEqual(
      Array.from({ length: 3 }, () => ['Bearer access-1', null]),
    )
    gate.calls()
    await gate.fetch('/v1/orders', { headers: { cookie } })
    expect(gate.calls()).toBe(0)
    expect(JSON.stringify(gate.log)).not.toContain('access-1')
  })
  test('a token that is over and cannot be renewed asks for a sign-in', async () => {
    let at = START
    const gate = createIsolate({ now: () => at, policy })
    const cookie = await gate.signIn({ tokens: single })
    at = START + 59_999
    expect((await gate.fetch('/v1/orders', { headers: { cookie } })).status).toBe(200)
    at = START + 65_000
    const response = await gate.fetch('/v1/orders', { headers: { cookie } })
    expect([response.status, await response.json()]).toMatchObject([
      401,
      { code: 'credential-expired', login: expect.stringContaining('/login') },
    ])
    expect(gate.forwarded).toHaveLength(1)
  })
  test('a session that has none', async () => {
    const gate = createIsolate({ now, policy })
    const cookie = await gate.signIn()
    expect((await gate.fetch('/v1/orders', { headers: { cookie } })).status).toBe(401)
  })
})

describe('attachToken with exchange (RFC 8693)', () => {
  const policy = sessionPolicy((d) => {
    d['x-portcullis'].origins.main.attachToken = { scheme: 'web', exchange: { audience: 'billing' } }
  })
  const exchanging = (answer: TokenAnswer | Error) => {
    const asked: unknown[] = []
    const stub = {
      getByName: (name: string) => ({
        start: async (beginning: string, at: number) => SESSION.getByName(name).start(beginning, at),
        look: async (at: number) => SESSION.getByName(name).look(at),
        token: async (...all: unknown[]) => {
          asked.push(all)
          if (answer instanceof Error) throw answer
          return answer
        },
      }),
    }
    return { asked, gate: createIsolate({ now, policy, bindings: { SESSION: stub as never } }) }
  }

  test('BF-6: the origin gets the exchanged token alone', async () => {
    const { gate, asked } = exchanging({ status: 'token', token: 'exchanged', usableUntil: START + 60_000 })
    const cookie = await gate.signIn({ tokens: tokensOf(1) })
    for (let request = 0; request < 2; request++) await gate.fetch('/v1/orders', { headers: { cookie, authorization: 'Bearer chosen' } })
    expect(gate.forwarded.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer exchanged', 'Bearer exchanged'])
    expect(asked).toEqual([[START, '{"audience":"billing"}']])
  })

  test.each<[string, TokenAnswer | Error, string]>([
    ['the provider refuses', { status: 'refused', detail: 'the provider answered invalid_target' }, '502 token-exchange-refused'],
    ['the provider is down', { status: 'unavailable', detail: 'the provider answered 502' }, '503 dependency-unavailable'],
    ['the object is gone', new Error('gone'), '503 dependency-unavailable'],
    ['the session has no token that counts', { status: 'over' }, '401 credential-expired'],
  ])('GW-3: %s: nothing is forwarded, least of all another token', async (_name, answer, expected) => {
    const { gate } = exchanging(answer)
    const cookie = await gate.signIn({ tokens: tokensOf(1) })
    const response = await gate.fetch('/v1/orders', { headers: { cookie } })
    const said = await response.clone().text()
    expect(await codeOf(response)).toBe(expected)
    expect(said).not.toContain('invalid_target')
    expect(gate.forwarded).toEqual([])
  })

  test('the log says why', async () => {
    const { gate } = exchanging({ status: 'refused', detail: 'the provider answered invalid_target' })
    await gate.fetch('/v1/orders', { headers: { cookie: await gate.signIn({ tokens: tokensOf(1) }) } })
    expect(gate.log.at(-1)).toMatchObject({ status: 502, code: 'token-exchange-refused', fault: 'the provider answered invalid_target' })
  })
})

test('an origin cannot set the cookie of a session', async () => {
  const origin = () =>
    new Response('ok', {
      headers: [
        ['set-cookie', `${COOKIE}=planted; Path=/; Secure`],
        ['set-cookie', 'theme=dark'],
      ],
    })
  const gate = createIsolate({ now, origin })
  const cookie = await gate.signIn()
  const response = await gate.fetch('/v1/orders', { headers: { cookie } })
  expect(response.headers.getSetCookie()).toEqual(['theme=dark'])
})

describe('GET /.portcullis/session', () => {
  test('says who it is, and until when', async () => {
    const gate = createIsolate({ now })
    const cookie = await gate.signIn({ tokens: tokensOf(1) })
    const response = await gate.fetch('/.portcullis/session', { headers: { cookie } })
    expect(response.headers.get('cache-control')).toBe('no-store')
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({
      provider: 'acme',
      issuer: 'https://login.example.net',
      subject: 'ada',
      groups: ['staff'],
      expiresAt: new Date(START + 3_600_000).toISOString(),
    })
    expect(text).not.toContain('access-1')
  })
  test('401 and no redirect for who has none', async () => {
    const gate = createIsolate({ now })
    const response = await gate.fetch('/.portcullis/session', { headers: navigate })
    expect(await codeOf(response)).toBe('401 credential-missing')
    expect((await gate.fetch('/.portcullis/session', { method: 'POST' })).status).toBe(405)
  })
})
