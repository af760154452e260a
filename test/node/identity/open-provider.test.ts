import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { close } from '../../../dev/listen.ts'
import { createIdentity } from '../../../src/identity/identity.ts'
import { createTokenRefresher } from '../../../src/identity/oidc/refresher.ts'
import { createMemoryReplay } from '../../../src/replay/replay-store.ts'
import type { Sessions } from '../../../src/sessions/session.ts'
import { providerConfig, TEST_ROOT } from '../../support/identity.ts'
import { createMemorySessions, type MemorySessions } from '../../support/memory-sessions.ts'
import { BEARER_CLIENT_ID, startOpenProvider, type OpenProvider, CLIENT_ID } from './open-provider.ts'
import { createWebBrowser } from './web-browser.ts'

/** The gate's reserved paths behind a server of this process. */
async function startIdentity(issuer: string, sessions: Sessions) {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const parts = {
    rootSecret: TEST_ROOT,
    fetch: async (input: string, init?: RequestInit) => fetch(input, init),
    isLocal: true,
    now: Date.now,
  }
  const config = providerConfig({ issuer, clientId: CLIENT_ID, userInfo: true, dpop: 'always', pushedAuthorization: 'always' })
  const bearer = providerConfig({ name: 'bearer', issuer, clientId: BEARER_CLIENT_ID, dpop: 'never' })
  const log: string[] = []
  const identity = createIdentity({
    ...parts,
    service: 'Orders',
    providers: [config, bearer],
    sessions,
    sameSite: 'lax',
    replay: createMemoryReplay(),
    answersTo: () => true,
    log: (line) => log.push(line),
  })
  server.on('request', (request, response) => {
    void (async () => {
      const body = await buffer(request)
      const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      const asked = new Request(url + (request.url ?? ''), {
        method: request.method ?? 'GET',
        headers,
        ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
      })
      const answer = await identity.handle(asked, ({ run }) => void run().catch(() => undefined))
      response.writeHead(answer.status, [...answer.headers].flat())
      response.end(Buffer.from(await answer.arrayBuffer()))
    })()
  })
  return { url, log, refresher: createTokenRefresher([config, bearer], parts), stop: async () => close(server) }
}

describe('a certified OpenID provider that asks for all it can', () => {
  let provider: OpenProvider
  let gate: Awaited<ReturnType<typeof startIdentity>>
  let sessions: MemorySessions

  beforeAll(async () => {
    provider = await startOpenProvider(60)
    sessions = createMemorySessions()
    gate = await startIdentity(provider.url, sessions)
    provider.register(gate.url)
  })
  afterAll(async () => {
    await gate.stop()
    await provider.stop()
  })

  const signIn = async (browser = createWebBrowser(), query = '?return_to=/orders', name = 'acme') => {
    const response = await browser.travel(`${gate.url}/.portcullis/login/${name}${query}`, {
      until: `${gate.url}/.portcullis/oidc/${name}/callback`,
    })
    expect({ status: response.status, location: response.headers.get('location'), log: gate.log.at(-1) }).toMatchObject({
      status: 303,
      location: '/orders',
    })
    const signedIn = sessions.started.at(-1)
    if (signedIn?.tokens === undefined) throw new Error('nobody has signed in')
    return { browser, signIn: signedIn, tokens: signedIn.tokens, id: `session-${sessions.started.length}` }
  }

  test('OC-1, OC-4, OC-9, OB-1: pushed request, DPoP with the provider’s nonce, keys fetched from us, UserInfo', async () => {
    const { signIn: signedIn, tokens } = await signIn()
    expect(signedIn).toMatchObject({
      issuer: provider.url,
      subject: 'lovelace',
      claims: { name: 'Person lovelace', email: 'lovelace@example.net' },
      groups: ['staff'],
      providerSession: expect.any(String) as string,
    })
    expect(tokens).toMatchObject({ tokenType: 'dpop', refreshToken: expect.any(String) as string })
    expect(provider.calls.filter((call) => / \/(?:request|token|me) /u.test(call))).toEqual([
      'POST /request 400',
      'POST /request 201',
      'POST /token 200',
      'GET /me 200',
    ])
  })

  test('OC-8: refresh tokens rotate; the one before ends the grant, and so the session', async () => {
    const { tokens, signIn: signedIn } = await signIn()
    const first = await gate.refresher.refresh('acme', tokens, signedIn, Date.now())
    if (first.status !== 'refreshed') throw new Error(first.status)
    expect(first.tokens.refreshToken).not.toBe(tokens.refreshToken)
    expect(first.signIn).toMatchObject({ groups: ['staff'], claims: { name: 'Person lovelace' } })
    const second = await gate.refresher.refresh('acme', first.tokens, signedIn, Date.now())
    expect(second.status).toBe('refreshed')
    expect(await gate.refresher.refresh('acme', tokens, signedIn, Date.now())).toEqual({ status: 'ended' })
    const { tokens: newest = tokens } = second.status === 'refreshed' ? second : {}
    expect(await gate.refresher.refresh('acme', newest, signedIn, Date.now())).toEqual({ status: 'ended' })
  })

  test('BF-7: a revoked refresh token refreshes nothing', async () => {
    const { tokens, signIn: signedIn } = await signIn()
    await gate.refresher.revoke('acme', tokens)
    expect(await gate.refresher.refresh('acme', tokens, signedIn, Date.now())).toEqual({ status: 'ended' })
  })

  test('RFC 8693: an access token is exchanged for another audience; not for one that is unknown, nor once it was revoked', async () => {
    const { tokens } = await signIn(createWebBrowser(), undefined, 'bearer')
    const exchange = async (audience: string) =>
      gate.refresher.exchange('bearer', tokens.accessToken, { audience, scopes: ['read'] }, Date.now())
    const exchanged = await exchange('billing')
    expect(exchanged).toMatchObject({ status: 'exchanged', token: expect.any(String) as string })
    expect(JSON.stringify(exchanged)).not.toContain(tokens.accessToken)
    expect(await exchange('other')).toEqual({ status: 'refused', detail: 'the provider answered invalid_target' })
    const { refreshToken: _none, ...accessTokenAlone } = tokens
    await gate.refresher.revoke('bearer', accessTokenAlone)
    expect(await exchange('billing')).toEqual({ status: 'refused', detail: 'the provider answered invalid_request' })
  })

  test('prompt=none: silently while the provider knows the browser, else a page that offers to sign in', async () => {
    const { browser } = await signIn()
    const silent = await browser.travel(`${gate.url}/.portcullis/login/acme?prompt=none&return_to=/orders`, {
      until: `${gate.url}/.portcullis/oidc/acme/callback`,
    })
    expect(silent.status).toBe(303)
    const stranger = createWebBrowser()
    const asked = await stranger.travel(`${gate.url}/.portcullis/login/acme?prompt=none`, {
      until: `${gate.url}/.portcullis/oidc/acme/callback`,
    })
    expect(asked.status).toBe(401)
    expect(await asked.text()).toContain('interaction-required')
  })

  test('step-up: with max_age the provider asks again, and says when it did', async () => {
    const { browser, signIn: before } = await signIn()
    const asked = provider.calls.length
    const { signIn: after } = await signIn(browser, '?return_to=/orders&max_age=0')
    expect(provider.calls.slice(asked).some((call) => call.startsWith('GET /interaction/'))).toBe(true)
    expect(Number(after.claims['auth_time'])).toBeGreaterThanOrEqual(Number(before.claims['auth_time'] ?? 0))
    expect(sessions.ended.at(-1)?.reason).toBe('replaced')
  })

  test('step-up: an acr that the provider does not give is not taken for one', async () => {
    const response = await createWebBrowser().travel(`${gate.url}/.portcullis/login/acme?acr_values=mfa`, {
      until: `${gate.url}/.portcullis/oidc/acme/callback`,
    })
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('authentication-insufficient')
  })

  test('OC-10: signed out here, then there, and back', async () => {
    const { browser, id } = await signIn()
    const left = await browser.send(`${gate.url}/.portcullis/logout`, {
      method: 'POST',
      body: new URLSearchParams({ return_to: '/bye' }),
      headers: { 'sec-fetch-site': 'same-origin' },
    })
    expect(sessions.alive.has(id)).toBe(false)
    const back = await browser.travel(left.headers.get('location') ?? '', { until: `${gate.url}/.portcullis/oidc/acme/signed-out` })
    expect(back.headers.get('location')).toBe('/bye')
    const asked = await browser.travel(`${gate.url}/.portcullis/login/acme?prompt=none`, {
      until: `${gate.url}/.portcullis/oidc/acme/callback`,
    })
    expect(asked.status).toBe(401)
  })

  test('OC-11: signed out there, in another tab, and told by the back channel', async () => {
    const { browser, id } = await signIn()
    const told = provider.told()
    const back = new URLSearchParams({ client_id: CLIENT_ID, post_logout_redirect_uri: `${gate.url}/.portcullis/oidc/acme/signed-out` })
    await browser.travel(`${provider.url}/session/end?${back.toString()}`, { until: `${gate.url}/.portcullis/oidc/acme/signed-out` })
    expect(await told).toBe(true)
    expect(sessions.ended.at(-1)).toEqual({ id, reason: 'signed-out-at-provider' })
  })

  test('two tabs at once', async () => {
    const browser = createWebBrowser()
    const begin = async (path: string) =>
      (await browser.send(`${gate.url}/.portcullis/login/acme?return_to=${path}`)).headers.get('location') ?? ''
    const [first, second] = [await begin('/first'), await begin('/second')]
    const until = `${gate.url}/.portcullis/oidc/acme/callback`
    const done = [await browser.travel(first, { until }), await browser.travel(second, { until })]
    expect(done.map((response) => response.headers.get('location'))).toEqual(['/first', '/second'])
  })
})
