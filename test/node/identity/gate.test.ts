import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startLocalGate, type LocalGate } from '../../../cli/local/local-gate.ts'
import { compilePolicy } from '../../../src/policy/parse-policy.ts'
import { startOrigin, temporaryFolder, type Origin } from '../local/support.ts'
import { CLIENT_ID, startOpenProvider, type OpenProvider } from './open-provider.ts'
import { createWebBrowser, type WebBrowser } from './web-browser.ts'

/* oxlint-disable no-template-curly-in-string -- placeholders */
const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Orders', version: '1' },
  servers: [{ url: 'https://api.example.com' }],
  'x-portcullis': {
    origins: { main: { url: '${ORIGIN}' } },
    defaults: { origin: 'main' },
    identityProviders: {
      acme: {
        kind: 'oidc',
        issuer: '${ISSUER}',
        clientId: CLIENT_ID,
        idTokenAlgorithm: 'ES256',
        dpop: 'always',
        pushedAuthorization: 'always',
        userInfo: true,
        mapping: { groups: 'groups', groupScopes: { staff: ['orders:read'] } },
      },
    },
  },
  components: {
    securitySchemes: { web: { type: 'apiKey', in: 'cookie', name: '__Host-portcullis', 'x-portcullis': { kind: 'session' } } },
  },
  paths: {
    '/orders': { get: { security: [{ web: ['orders:read'] }] } },
    '/payments': { get: { security: [{ web: ['payments:write'] }] } },
    '/fresh': { get: { security: [{ web: [] }], 'x-portcullis': { require: { web: { acrValues: ['mfa'] } } } } },
  },
}
/* oxlint-enable no-template-curly-in-string */

const seen: Readonly<Record<string, string | string[] | undefined>>[] = []

describe('the whole way through the Worker in its runtime, with a certified provider', () => {
  const folder = temporaryFolder()
  let provider: OpenProvider
  let origin: Origin
  let gate: LocalGate
  const log: string[] = []

  beforeAll(async () => {
    provider = await startOpenProvider(300)
    origin = await startOrigin((request, response) => {
      seen.push(request.headers)
      response.end('order 42')
    })
    const compiled = compilePolicy(DOCUMENT, { placeholders: 'keep' })
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
    gate = await startLocalGate({
      policy: compiled.document,
      stateDirectory: folder.path,
      port: 0,
      log: (line) => log.push(line),
      bindings: {
        PORTCULLIS_ROOT_KEY: 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0',
        PORTCULLIS_GATEWAY: 'test',
        PORTCULLIS_ENVIRONMENT: 'local',
        ORIGIN: origin.url,
        ISSUER: provider.url,
      },
    })
    provider.register(gate.url)
  })
  afterAll(async () => {
    await gate.stop()
    await Promise.all([provider.stop(), origin.stop()])
    folder.remove()
  })

  const callback = (): string => `${gate.url}/.portcullis/oidc/acme/callback`
  async function signIn(browser: WebBrowser = createWebBrowser()): Promise<WebBrowser> {
    const response = await browser.travel(`${gate.url}/orders`, { until: callback() })
    expect({ status: response.status, location: response.headers.get('location') }).toEqual({ status: 303, location: '/orders' })
    return browser
  }
  const ask = async (browser: WebBrowser, path: string, accept = 'application/json'): Promise<number> =>
    (await browser.send(gate.url + path, { headers: { accept } })).status

  test('a page without a session leads to the provider and back; the origin sees who it is, and no cookie', async () => {
    const browser = await signIn()
    expect(await ask(browser, '/orders')).toBe(200)
    expect(seen.at(-1)).not.toHaveProperty('cookie')
    const [, claims = ''] = String(seen.at(-1)?.['portcullis-assertion']).split('.')
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      principals: [{ scheme: 'web', kind: 'session', iss: provider.url, sub: 'lovelace', scope: 'orders:read' }],
    })
    expect(await ask(browser, '/payments')).toBe(403)
    expect([...browser.cookies(new URL(gate.url).host).keys()]).toEqual(['__Host-portcullis'])
    const session = (await (await browser.send(`${gate.url}/.portcullis/session`)).json()) as object
    expect(session).toMatchObject({
      provider: 'acme',
      subject: 'lovelace',
      groups: ['staff'],
      claims: { name: 'Person lovelace', email: 'lovelace@example.net' },
    })
  })

  test('a program without a session is told so, and led nowhere', async () => {
    expect(await ask(createWebBrowser(), '/orders')).toBe(401)
  })

  test('step-up: a route that wants more leads back to the provider with what it wants; the provider does not give it', async () => {
    const browser = await signIn()
    const asked = await browser.send(`${gate.url}/fresh`, { headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' } })
    const location = new URL(asked.headers.get('location') ?? '', gate.url)
    expect(location.searchParams.get('acr_values')).toBe('mfa')
    const answer = await browser.travel(location.href, { until: callback() })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('<code>authentication-insufficient</code>')
    expect(await ask(browser, '/orders')).toBe(200)
  })

  test('OC-10: signed out here, there, and nowhere signed in again', async () => {
    const browser = await signIn()
    const copy = new Map(browser.cookies(new URL(gate.url).host))
    const left = await browser.send(`${gate.url}/.portcullis/logout`, { method: 'POST', headers: { origin: gate.url } })
    const back = await browser.travel(left.headers.get('location') ?? '', { until: `${gate.url}/.portcullis/oidc/acme/signed-out` })
    expect(back.headers.get('location')).toBe('/.portcullis/logout')
    for (const [name, value] of copy) browser.cookies(new URL(gate.url).host).set(name, value)
    expect(await ask(browser, '/orders')).toBe(401)
    const silent = await browser.travel(`${gate.url}/.portcullis/login?prompt=none`, { until: callback() })
    expect(silent.status).toBe(401)
  })

  test('OC-11: signed out there, and so here at once', async () => {
    const browser = await signIn()
    const told = provider.told()
    const query = new URLSearchParams({ client_id: CLIENT_ID, post_logout_redirect_uri: `${gate.url}/.portcullis/oidc/acme/signed-out` })
    await browser.travel(`${provider.url}/session/end?${query.toString()}`, { until: `${gate.url}/.portcullis/oidc/acme/signed-out` })
    expect(await told).toBe(true)
    expect(await ask(browser, '/orders')).toBe(401)
  })

  test('BF-7: a sign-in ends the session that the browser had', async () => {
    const browser = await signIn()
    const host = new URL(gate.url).host
    const former = browser.cookies(host).get('__Host-portcullis') ?? ''
    await browser.travel(`${gate.url}/.portcullis/login?return_to=/orders`, { until: callback() })
    expect(browser.cookies(host).get('__Host-portcullis')).not.toBe(former)
    expect(await ask(browser, '/orders')).toBe(200)
    browser.cookies(host).set('__Host-portcullis', former)
    expect(await ask(browser, '/orders')).toBe(401)
  })

  test('OC-1: an answer is good once, over the whole gate', async () => {
    const browser = createWebBrowser()
    const host = new URL(gate.url).host
    const begun = await browser.send(`${gate.url}/.portcullis/login`)
    const cookie = browser.cookies(host).get('__Host-portcullis-login') ?? ''
    const asked: string[] = []
    await browser.travel(begun.headers.get('location') ?? '', { until: callback(), passing: (url) => asked.push(url) })
    browser.cookies(host).set('__Host-portcullis-login', cookie)
    const again = await browser.send(asked.at(-1) ?? '')
    expect(again.status).toBe(400)
    expect(await again.text()).toContain('<code>sign-in-replayed</code>')
  })

  test('the provider is down: a page, 503 and Retry-After, never a bug; who is signed in stays so', async () => {
    const browser = await signIn()
    await provider.stop()
    const response = await createWebBrowser().travel(`${gate.url}/.portcullis/login`, { until: `${gate.url}/.portcullis/login` })
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '30'])
    expect(await response.text()).toContain('<code>provider-unavailable</code>')
    expect(await ask(browser, '/orders')).toBe(200)
  })

  test('GW-4: nothing of a person, a code or a token is in the log', () => {
    const text = log.join('\n')
    expect(text).toContain('"code":"signed-in"')
    expect(text).not.toMatch(/deferred-failure|token-revocation-failure/u)
    for (const secret of ['lovelace', 'code=', 'state=', 'eyJ', 'Person']) expect(text).not.toContain(secret)
  })
})
