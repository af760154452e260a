import { describe, expect, test } from 'vitest'
import { PROVIDER_SESSION, SUBJECT } from '../../support/hostile-provider.ts'
import { CLIENT_ID, createTestIdentity, ORIGIN, type TestIdentity } from '../../support/identity.ts'

type Claims = Readonly<Record<string, unknown>>
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const seconds = 1_800_000_000
const LOGOUT = `${ORIGIN}/.portcullis/logout`
const ours = { 'sec-fetch-site': 'same-origin' }

const notice = (issuer: string): Claims => ({
  iss: issuer,
  aud: CLIENT_ID,
  iat: seconds,
  exp: seconds + 120,
  jti: crypto.randomUUID(),
  sub: SUBJECT,
  sid: PROVIDER_SESSION,
  events: { [EVENT]: {} },
})
async function notify({ fetch }: TestIdentity, body: BodyInit, type = 'application/x-www-form-urlencoded'): Promise<Response> {
  return fetch(
    new Request(`${ORIGIN}/.portcullis/oidc/acme/backchannel-logout`, { method: 'POST', body, headers: { 'content-type': type } }),
  )
}

describe('sign-out here', () => {
  test('OC-10: ours ends first, then the browser is sent to the provider with hint, client, address and state', async () => {
    const { sessions, browser, signIn } = await createTestIdentity()
    await signIn()
    const response = await browser.post(LOGOUT, { return_to: '/bye' }, ours)
    expect(response.status).toBe(303)
    const { origin, pathname, searchParams } = new URL(response.headers.get('location') ?? '')
    expect(origin + pathname).toBe('https://idp.example.net/end')
    expect(Object.fromEntries(searchParams)).toEqual({
      client_id: CLIENT_ID,
      id_token_hint: sessions.started[0]?.tokens?.idToken,
      post_logout_redirect_uri: `${ORIGIN}/.portcullis/oidc/acme/signed-out`,
      state: expect.stringMatching(/^[\w-]{22}$/u) as string,
    })
    expect(sessions.ended).toEqual([{ id: 'session-1', reason: 'signed-out' }])
    expect(browser.cookies.has('__Host-test-session')).toBe(false)
    const state = searchParams.get('state') ?? ''
    const back = await browser.get(`${ORIGIN}/.portcullis/oidc/acme/signed-out?state=${state}`)
    expect(back.headers.get('location')).toBe('/bye')
    expect(browser.cookies.size).toBe(0)
  })

  test('whoever comes back from the provider without having been sent is told that they are signed out', async () => {
    const { browser } = await createTestIdentity()
    const back = await browser.get(`${ORIGIN}/.portcullis/oidc/acme/signed-out?state=other`)
    expect(back.headers.get('location')).toBe('/.portcullis/logout')
    expect(await (await browser.get(LOGOUT)).text()).toContain('You are signed out')
  })

  test('OC-10: a link only asks; another site, or a sibling of ours, signs nobody out', async () => {
    const { sessions, browser, signIn } = await createTestIdentity()
    await signIn()
    const page = await browser.get(`${LOGOUT}?return_to=/orders`)
    const text = await page.text()
    expect(text).toContain('<form action="/.portcullis/logout" method="post">')
    expect(text).toContain('<input type="hidden" name="return_to" value="/orders" />')
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: ORIGIN },
      { 'sec-fetch-site': 'none' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      {},
    ])
      expect((await browser.post(LOGOUT, {}, headers)).status).toBe(403)
    expect(sessions.ended).toEqual([])
    expect((await browser.post(LOGOUT, {}, { origin: ORIGIN })).status).toBe(303)
    expect(sessions.ended).toHaveLength(1)
  })

  test('OB-4: a sign-out leads to no other site', async () => {
    const { sessions, browser, signIn } = await createTestIdentity()
    await signIn()
    for (const address of ['//evil.example', 'https://evil.example', '/.portcullis/login']) {
      expect((await browser.post(LOGOUT, { return_to: address }, ours)).status).toBe(400)
      expect((await browser.get(`${LOGOUT}?return_to=${encodeURIComponent(address)}`)).status).toBe(400)
    }
    expect(sessions.ended).toEqual([])
  })

  test('a provider that is down, or has no end of its own, keeps nobody signed in here', async () => {
    for (const outage of [true, false]) {
      const { provider, sessions, browser, signIn, advance } = await createTestIdentity()
      if (!outage) provider.ways.discovery = ({ end_session_endpoint: _end, ...others }) => others
      await signIn()
      if (outage) {
        advance(601 + 3600)
        provider.ways.instead = { '/.well-known/openid-configuration': () => new Response(null, { status: 503 }) }
      }
      const response = await browser.post(LOGOUT, { return_to: '/bye' }, ours)
      expect(response.headers.get('location')).toBe('/bye')
      expect(sessions.ended).toHaveLength(1)
      expect(browser.cookies.has('__Host-test-session')).toBe(false)
    }
  })

  test('an ID token that makes the address too long stays out of it', async () => {
    const { provider, browser, signIn } = await createTestIdentity()
    provider.ways.claims = (claims) => ({ ...claims, groups: Array.from({ length: 300 }, (_, index) => `group-with-a-long-name-${index}`) })
    await signIn()
    const response = await browser.post(LOGOUT, {}, ours)
    const { searchParams } = new URL(response.headers.get('location') ?? '')
    expect([...searchParams.keys()]).toEqual(['post_logout_redirect_uri', 'state', 'client_id'])
  })

  test('without a session there is nothing to end', async () => {
    const { browser } = await createTestIdentity()
    expect((await browser.post(LOGOUT, { return_to: '/bye' }, ours)).headers.get('location')).toBe('/bye')
    expect((await browser.get(`${LOGOUT}?return_to=/bye`)).headers.get('location')).toBe('/bye')
  })

  test('GW-3: sessions cannot be ended: 503, and the cookie stays for another attempt', async () => {
    const { sessions, browser, signIn } = await createTestIdentity()
    await signIn()
    sessions.fail(true)
    expect((await browser.post(LOGOUT, {}, ours)).status).toBe(503)
    expect(browser.cookies.has('__Host-test-session')).toBe(true)
  })
})

describe('sign-out there, told by the back channel', () => {
  test('OC-11: the session that is named ends; the answer is empty and is not stored', async () => {
    const identity = await createTestIdentity()
    await identity.signIn()
    const response = await notify(
      identity,
      `logout_token=${await identity.provider.sign(notice(identity.provider.issuer), { typ: 'logout+jwt' })}`,
    )
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(identity.sessions.ended).toEqual([{ id: 'session-1', reason: 'signed-out-at-provider' }])
    expect(identity.log.at(-1)).toMatchObject({ event: 'sign-out', code: 'signed-out-at-provider', sessions: ['session-1'] })
  })

  test.each([
    ['a sid alone names one session', { sub: undefined }, 1],
    ['a sub alone names all of a person', { sid: undefined }, 2],
    ['a sid that nobody has ends nothing', { sid: 'other' }, 0],
    ['a sub that nobody is ends nothing', { sid: undefined, sub: 'other' }, 0],
    ['several audiences with our azp', { aud: [CLIENT_ID, 'other'], azp: CLIENT_ID }, 1],
  ] as const)('OC-11: %s', async (_, changes, count) => {
    const identity = await createTestIdentity()
    await identity.signIn()
    identity.provider.ways.claims = (claims) => ({ ...claims, sid: 'sid-2' })
    await identity.signIn('', identity.newBrowser())
    const response = await notify(
      identity,
      `logout_token=${await identity.provider.sign({ ...notice(identity.provider.issuer), ...changes })}`,
    )
    expect(response.status).toBe(200)
    expect(identity.sessions.ended).toHaveLength(count)
  })

  test.each<[string, Claims, Claims?]>([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['for another client', { aud: 'other' }],
    ['for several clients without azp', { aud: [CLIENT_ID, 'other'] }],
    ['that is an ID token', { nonce: 'n' }],
    ['with an empty nonce', { nonce: '' }],
    ['that is expired', { exp: seconds - 30 }],
    ['that never expires', { exp: undefined }],
    ['of the future', { iat: seconds + 31 }],
    ['of no time', { iat: undefined }],
    ['that is more than an hour old', { iat: seconds - 3630, exp: seconds + 9999 }],
    ['without an id', { jti: undefined }],
    ['with an endless id', { jti: 'x'.repeat(256) }],
    ['with an id of two bytes a letter', { jti: 'é'.repeat(200) }],
    ['that names nobody', { sub: undefined, sid: undefined }],
    ['that names an object', { sub: {} }],
    ['without events', { events: undefined }],
    ['with other events', { events: { 'https://example.com/other': {} } }],
    ['with an event that is no object', { events: { [EVENT]: true } }],
    ['with a list of events', { events: [EVENT] }],
    ['of another type', {}, { typ: 'at+jwt' }],
  ])('OC-11: a token %s ends nothing: 400', async (_, changes, header = {}) => {
    const identity = await createTestIdentity()
    await identity.signIn()
    const token = await identity.provider.sign({ ...notice(identity.provider.issuer), ...changes }, header)
    const response = await notify(identity, `logout_token=${token}`)
    expect(response.status).toBe(400)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toMatchObject({ error: 'invalid_request' })
    expect(identity.sessions.ended).toEqual([])
  })

  test('OC-11: exactly at its end a token is over, just before it is not', async () => {
    for (const [exp, status] of [
      [seconds - 29, 200],
      [seconds - 30, 400],
    ]) {
      const identity = await createTestIdentity()
      const token = await identity.provider.sign({ ...notice(identity.provider.issuer), exp })
      expect((await notify(identity, `logout_token=${token}`)).status).toBe(status)
    }
  })

  test('OC-11: an unsigned token, two tokens, none, no form or an endless one: 400', async () => {
    const identity = await createTestIdentity()
    await identity.signIn()
    const token = await identity.provider.sign(notice(identity.provider.issuer))
    const [, body = ''] = token.split('.')
    const bodies: readonly [string, string?][] = [
      [`logout_token=${btoa('{"alg":"none"}').replaceAll('=', '')}.${body}.`],
      [`logout_token=${token}&logout_token=${token}`],
      [''],
      [`logout_token=${token}`, 'text/plain'],
      [`logout_token=${token}&padding=${'x'.repeat(65_536)}`],
    ]
    for (const [text, type] of bodies) expect((await notify(identity, text, type)).status).toBe(400)
    expect(identity.sessions.ended).toEqual([])
  })

  test('OC-11: a token is good once: a repetition ends nothing that began meanwhile', async () => {
    const identity = await createTestIdentity()
    const text = `logout_token=${await identity.provider.sign({ ...notice(identity.provider.issuer), sid: undefined })}`
    expect((await notify(identity, text)).status).toBe(200)
    await identity.signIn()
    for (let time = 0; time < 5; time += 1) {
      const again = await notify(identity, text)
      expect([again.status, again.headers.get('cache-control')]).toEqual([400, 'no-store'])
    }
    expect(identity.sessions.ended).toEqual([])
  })

  test('OC-11: what could not be ended is 503, and the provider may try twice more with the same token', async () => {
    const identity = await createTestIdentity()
    await identity.signIn()
    const text = `logout_token=${await identity.provider.sign(notice(identity.provider.issuer))}`
    identity.sessions.fail(true)
    for (let time = 0; time < 2; time += 1) {
      const failed = await notify(identity, text)
      expect([failed.status, failed.headers.get('cache-control')]).toEqual([503, 'no-store'])
    }
    identity.sessions.fail(false)
    expect((await notify(identity, text)).status).toBe(200)
    expect(identity.sessions.ended).toHaveLength(1)
    expect((await notify(identity, text)).status).toBe(400)
  })

  test('GW-3: the replay memory is down: 503, and nothing has ended', async () => {
    const identity = await createTestIdentity()
    await identity.signIn()
    identity.failReplay()
    const response = await notify(identity, `logout_token=${await identity.provider.sign(notice(identity.provider.issuer))}`)
    expect([response.status, response.headers.get('cache-control')]).toEqual([503, 'no-store'])
    expect(identity.sessions.ended).toEqual([])
  })

  test('OC-11: the keys cannot be had: 503', async () => {
    const identity = await createTestIdentity()
    identity.provider.ways.instead = { '/jwks': () => new Response(null, { status: 500 }) }
    const response = await notify(identity, `logout_token=${await identity.provider.sign(notice(identity.provider.issuer))}`)
    expect([response.status, response.headers.get('cache-control')]).toEqual([503, 'no-store'])
  })

  test('only POST is taken', async () => {
    const { browser } = await createTestIdentity()
    expect((await browser.get(`${ORIGIN}/.portcullis/oidc/acme/backchannel-logout`)).status).toBe(405)
  })
})

describe('sign-out there, told by the front channel', () => {
  const frame = async ({ browser }: TestIdentity, query: Readonly<Record<string, string>> | string) =>
    browser.get(`${ORIGIN}/.portcullis/oidc/acme/frontchannel-logout?${new URLSearchParams(query).toString()}`)

  test('OC-12: issuer and session together end it, in a frame of the provider alone', async () => {
    const identity = await createTestIdentity()
    await identity.signIn()
    const response = await frame(identity, { iss: identity.provider.issuer, sid: PROVIDER_SESSION })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors https://idp.example.net")
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(identity.sessions.ended).toHaveLength(1)
  })

  test.each([
    ['iss=https://evil.example&sid=sid-1', 400],
    ['iss=https://idp.example.net', 400],
    ['sid=sid-1', 400],
    ['', 400],
    ['iss=https://idp.example.net&sid=', 400],
    ['iss=https://idp.example.net&iss=https://idp.example.net&sid=sid-1', 400],
    ['iss=https://idp.example.net&sid=sid-1&sid=sid-2', 400],
    ['iss=https://idp.example.net&sid=other', 200],
  ])('OC-12: %s ends nothing: %i', async (query, status) => {
    const identity = await createTestIdentity()
    await identity.signIn()
    expect((await frame(identity, query)).status).toBe(status)
    expect(identity.sessions.ended).toEqual([])
  })
})
