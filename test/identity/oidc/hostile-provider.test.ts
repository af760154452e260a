import { describe, expect, test } from 'vitest'
import type { OpenIdProviderConfig } from '../../../src/policy/identity-providers.ts'
import { base64Url, leftHalf, type Ways } from '../../support/hostile-provider.ts'
import { createTestIdentity, ORIGIN, providerConfig } from '../../support/identity.ts'

type Claims = Readonly<Record<string, unknown>>
interface Case {
  readonly does: string
  readonly ways: Ways
  readonly config?: Partial<OpenIdProviderConfig>
  /** Of the login. */
  readonly query?: string
  readonly code: string
  readonly status: number
  /** Of the log line. */
  readonly detail: RegExp
}

const seconds = 1_800_000_000
const claims = (changes: Claims): Ways => ({ claims: (right) => ({ ...right, ...changes }) })
const header = (changes: Claims): Ways => ({ header: (right) => ({ ...right, ...changes }) })
const token = (changes: Claims): Ways => ({ token: (right) => ({ ...right, ...changes }) })
const metadata = (changes: Claims): Ways => ({ discovery: (right) => ({ ...right, ...changes }) })
const instead = (path: string, answer: () => Response | Promise<Response>): Ways => ({ instead: { [path]: answer } })
const oauthError = (error: string) => () => Response.json({ error, error_description: 'for a prober' }, { status: 400 })
const html = () => new Response('<h1>Sorry</h1>', { headers: { 'content-type': 'text/html' } })
const huge = () => new Response(new Uint8Array(300 * 1024).fill(0x20), { headers: { 'content-type': 'application/json' } })
const unreachable = () => {
  throw new TypeError('connection refused')
}
const late = () => {
  throw new DOMException('The operation timed out', 'TimeoutError')
}
const elsewhere = () => new Response(null, { status: 302, headers: { location: 'https://evil.example/' } })

const encode = (value: unknown): string => base64Url(new TextEncoder().encode(JSON.stringify(value)))
const unsigned = (alg: string) => (jwt: string) => `${encode({ alg })}.${jwt.split('.')[1] ?? ''}.`
async function signedWithSecret(jwt: string): Promise<string> {
  const signed = `${encode({ alg: 'HS256' })}.${jwt.split('.')[1] ?? ''}`
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode('gate'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return `${signed}.${base64Url(new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(signed))))}`
}
const tampered = (jwt: string): string => {
  const [head = '', body = '', signature = ''] = jwt.split('.')
  return [head, body, (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)].join('.')
}

const invalid = { code: 'provider-answer-invalid', status: 502 }
const refused = { code: 'provider-refused', status: 502 }
const unavailable = { code: 'provider-unavailable', status: 503 }
const insufficient = { code: 'authentication-insufficient', status: 403 }

/** After the tests of the OpenID Foundation for relying parties, and what else a provider, or somebody between, could do. */
const CASES: readonly Case[] = [
  // The ID token.
  { does: 'OC-5: names another issuer', ways: claims({ iss: 'https://evil.example' }), ...invalid, detail: /iss/u },
  { does: 'OC-5: is for another client', ways: claims({ aud: 'other' }), ...invalid, detail: /aud/u },
  { does: 'OC-5: is for nobody', ways: claims({ aud: undefined }), ...invalid, detail: /aud/u },
  { does: 'OC-5: has several audiences and no azp', ways: claims({ aud: ['gate', 'other'] }), ...invalid, detail: /azp|aud/u },
  { does: 'OC-5: has several audiences and the azp of another', ways: claims({ aud: ['gate', 'other'], azp: 'other' }), ...invalid, detail: /azp/u },
  { does: 'OC-5: has the azp of another beside our aud', ways: claims({ azp: 'other' }), ...invalid, detail: /azp/u },
  { does: 'OC-5: has another nonce', ways: claims({ nonce: 'stolen' }), ...invalid, detail: /nonce/u },
  { does: 'OC-5: has no nonce', ways: claims({ nonce: undefined }), ...invalid, detail: /nonce/u },
  { does: 'OC-5: is expired', ways: claims({ exp: seconds - 60 }), ...invalid, detail: /exp/u },
  { does: 'OC-5: never expires', ways: claims({ exp: undefined }), ...invalid, detail: /exp/u },
  { does: 'OC-5: is issued in the future', ways: claims({ iat: seconds + 120 }), ...invalid, detail: /iat/u },
  { does: 'OC-5: is issued at no time', ways: claims({ iat: undefined }), ...invalid, detail: /iat/u },
  { does: 'OC-5: is not yet valid', ways: claims({ nbf: seconds + 120 }), ...invalid, detail: /nbf|before/u },
  { does: 'OC-5: belongs to another access token', ways: claims({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }), ...invalid, detail: /at_hash/u },
  { does: 'OC-5: is about nobody', ways: claims({ sub: undefined }), ...invalid, detail: /sub/u },
  { does: 'OC-5: is about somebody with no name', ways: claims({ sub: '' }), ...invalid, detail: /sub/u },
  { does: 'OC-5: is about somebody with an endless name', ways: claims({ sub: 'x'.repeat(256) }), ...invalid, detail: /sub/u },
  { does: 'OC-5: is not signed', ways: { idToken: unsigned('none') }, ...invalid, detail: /alg|signed by another/iu },
  { does: 'OC-5: is signed with our client id as a secret', ways: { idToken: signedWithSecret }, ...invalid, detail: /alg|signed by another/iu },
  { does: 'OC-5: is signed by an algorithm that is not the registered one', ways: {}, config: { idTokenAlgorithm: 'RS256' }, ...invalid, detail: /alg|signed by another/iu },
  { does: 'OC-5: has a signature that was changed', ways: { idToken: tampered }, ...invalid, detail: /signature/u },
  { does: 'OC-5: is signed by a key that is not published', ways: header({ kid: 'unknown' }), ...invalid, detail: /key that the provider does not publish/u },
  { does: 'OC-5: is signed by a key that is published for encryption', ways: { jwks: ({ keys }) => ({ keys: keys.map((key) => Object.assign({}, key, { use: 'enc' })) }) }, ...invalid, detail: /does not publish/u },
  { does: 'JB-9: is an access token', ways: header({ typ: 'at+jwt' }), ...invalid, detail: /typ|another kind/u },
  { does: 'JB-9: is a logout token', ways: header({ typ: 'logout+jwt' }), ...invalid, detail: /typ|another kind/u },
  { does: 'JW-4: has a critical extension', ways: header({ crit: ['b64'], b64: true }), ...invalid, detail: /crit/u },
  { does: 'names a member twice', ways: { idToken: (jwt) => { const [head = '', body = '', signature = ''] = jwt.split('.'); return `${head}.${base64Url(new TextEncoder().encode(atob(body.replaceAll('-', '+').replaceAll('_', '/')).replace('{', '{"sub":"admin",')))}.${signature}` } }, ...invalid, detail: /no JWT|parsing/u },
  { does: 'is no JWT', ways: token({ id_token: 'nothing' }), ...invalid, detail: /JWT/u },
  { does: 'is missing', ways: token({ id_token: undefined }), ...invalid, detail: /no ID token/u },
  { does: 'is encrypted', ways: token({ id_token: 'a.b.c.d.e' }), ...invalid, detail: /encrypted/u },
  { does: 'has more groups than a session keeps', ways: claims({ groups: Array.from({ length: 501 }, (_, index) => `g${index}`) }), ...invalid, detail: /500 groups/u },
  { does: 'has more to say than a session keeps', ways: claims({ name: 'x'.repeat(9000) }), ...invalid, detail: /8192/u },
  // Step-up.
  { does: 'OC-5: max_age was asked for and auth_time is missing', query: '?max_age=60', ways: claims({ auth_time: undefined }), ...insufficient, detail: /auth_time/u },
  { does: 'OC-5: max_age was asked for and the sign-in is older', query: '?max_age=60', ways: claims({ auth_time: seconds - 91 }), ...insufficient, detail: /auth_time/u },
  { does: 'OC-5: acr was asked for and is another', query: '?acr_values=mfa', ways: {}, ...insufficient, detail: /acr/u },
  { does: 'OC-5: the policy asks for an acr that is another', config: { acrValues: ['mfa'] }, ways: {}, ...insufficient, detail: /acr/u },
  { does: 'OC-5: acr was asked for and is missing', query: '?acr_values=mfa', ways: claims({ acr: undefined }), ...insufficient, detail: /acr/u },
  // What the browser brings back.
  { does: 'OC-3: the answer has the iss of another', ways: { callback: (answer) => answer.set('iss', 'https://evil.example') }, ...invalid, detail: /issuer that was asked/u },
  { does: 'OC-3: the answer has no iss though it was announced', ways: { callback: (answer) => answer.delete('iss') }, ...invalid, detail: /issuer that was asked/u },
  { does: 'OC-3: an error has the iss of another', ways: { callback: (answer) => { answer.set('error', 'access_denied'); answer.set('iss', 'https://evil.example') } }, ...invalid, detail: /issuer that was asked/u },
  { does: 'OC-1: the state is another', ways: { callback: (answer) => answer.set('state', 'AAAAAAAAAAAAAAAAAAAAAA') }, code: 'sign-in-unknown', status: 400, detail: /has not begun/u },
  { does: 'OC-1: the state is missing', ways: { callback: (answer) => answer.delete('state') }, code: 'request-malformed', status: 400, detail: /no state/u },
  { does: 'a parameter is there twice', ways: { callback: (answer) => answer.append('code', 'second') }, code: 'request-malformed', status: 400, detail: /twice/u },
  { does: 'the code is missing', ways: { callback: (answer) => answer.delete('code') }, ...invalid, detail: /code/u },
  { does: 'the code is one that was never given', ways: { callback: (answer) => answer.set('code', 'guessed') }, code: 'sign-in-unknown', status: 400, detail: /invalid_grant/u },
  { does: 'an implicit answer comes beside the code', ways: { callback: (answer) => answer.set('id_token', 'x.y.z') }, ...invalid, detail: /unsupported|implicit/u },
  { does: 'a signed response comes that nobody asked for', ways: { callback: (answer) => answer.set('response', 'x.y.z') }, ...invalid, detail: /JARM/u },
  { does: 'the person says no', ways: { callback: (answer) => answer.set('error', 'access_denied') }, code: 'sign-in-denied', status: 403, detail: /access_denied/u },
  { does: 'the provider would have to ask', query: '?prompt=none', ways: { callback: (answer) => answer.set('error', 'login_required') }, code: 'interaction-required', status: 401, detail: /login_required/u },
  { does: 'the provider is overloaded', ways: { callback: (answer) => answer.set('error', 'temporarily_unavailable') }, ...unavailable, detail: /temporarily_unavailable/u },
  { does: 'the error is a script', ways: { callback: (answer) => answer.set('error', '<script>alert(1)</script>') }, ...refused, detail: /an error without a name/u },
  // The token endpoint.
  { does: 'answers with a page', ways: instead('/token', html), ...invalid, detail: /content-type/u },
  { does: 'answers with an endless document', ways: instead('/token', huge), ...invalid, detail: /longer than 262144/u },
  { does: 'answers with broken JSON', ways: instead('/token', () => new Response('{', { headers: { 'content-type': 'application/json' } })), ...invalid, detail: /JSON|parse/u },
  { does: 'redirects the code to somebody else', ways: instead('/token', elsewhere), ...invalid, detail: /./u },
  { does: 'does not know us', ways: instead('/token', oauthError('invalid_client')), ...refused, detail: /invalid_client/u },
  { does: 'fails', ways: instead('/token', () => new Response('oops', { status: 500 })), ...unavailable, detail: /500/u },
  { does: 'is gone', ways: instead('/token', unreachable), ...unavailable, detail: /not be reached/u },
  { does: 'takes too long', ways: instead('/token', late), ...unavailable, detail: /in time/u },
  { does: 'gives no access token', ways: token({ access_token: undefined }), ...invalid, detail: /access_token/u },
  { does: 'gives an access token that is no text', ways: token({ access_token: { toString: 'x' } }), ...invalid, detail: /access_token/u },
  { does: 'gives an endless access token', ways: { token: async (right) => Response.json({ ...right, access_token: 'x'.repeat(20_000) }), claims: (right) => ({ ...right, at_hash: undefined }) }, ...invalid, detail: /16384/u },
  { does: 'gives a token of an unknown kind', ways: token({ token_type: 'mac' }), ...invalid, detail: /./u },
  { does: 'gives a token that ends at no time', ways: token({ expires_in: 'soon' }), ...invalid, detail: /expires_in/u },
  { does: 'OB-1: gives a bearer token where a bound one was asked for', config: { dpop: 'always' }, ways: metadata({ dpop_signing_alg_values_supported: ['ES256'] }), ...invalid, detail: /not bound/u },
  // UserInfo.
  { does: 'OC-6: UserInfo is about somebody else', config: { userInfo: true }, ways: { userInfo: (right) => ({ ...right, sub: 'admin' }) }, ...invalid, detail: /sub/u },
  { does: 'OC-6: UserInfo is about nobody', config: { userInfo: true }, ways: { userInfo: () => ({ name: 'Ada' }) }, ...invalid, detail: /sub/u },
  { does: 'UserInfo is a page', config: { userInfo: true }, ways: instead('/userinfo', html), ...invalid, detail: /content-type/u },
  { does: 'UserInfo does not take the token', config: { userInfo: true }, ways: instead('/userinfo', () => new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })), ...refused, detail: /401/u },
  { does: 'UserInfo was asked for and there is none', config: { userInfo: true }, ways: metadata({ userinfo_endpoint: undefined }), ...refused, detail: /UserInfo/u },
  // The keys.
  { does: 'the keys are gone', ways: instead('/jwks', unreachable), ...unavailable, detail: /./u },
  { does: 'the keys are a page', ways: instead('/jwks', html), ...unavailable, detail: /JWK Set/u },
  { does: 'the keys have no end', ways: instead('/jwks', huge), ...unavailable, detail: /longer/u },
] // prettier-ignore

/** Those that show before the browser has left. */
const AT_THE_DOOR: readonly Case[] = [
  { does: 'discovery names another issuer', ways: metadata({ issuer: 'https://evil.example' }), ...invalid, detail: /another issuer/u },
  { does: 'discovery names the issuer with a slash', ways: metadata({ issuer: 'https://idp.example.net/' }), ...invalid, detail: /another issuer/u },
  { does: 'discovery names an endpoint without TLS', ways: metadata({ token_endpoint: 'http://idp.example.net/token' }), ...invalid, detail: /token_endpoint/u },
  { does: 'discovery names a script', ways: metadata({ authorization_endpoint: 'javascript:alert(1)' }), ...invalid, detail: /authorization_endpoint/u },
  { does: 'discovery names no place to sign in', ways: metadata({ authorization_endpoint: undefined }), ...invalid, detail: /authorization_endpoint/u },
  { does: 'discovery hides a password in an endpoint', ways: metadata({ end_session_endpoint: 'https://a:b@idp.example.net/' }), ...invalid, detail: /end_session_endpoint/u },
  { does: 'discovery is a page', ways: instead('/.well-known/openid-configuration', html), ...invalid, detail: /JSON/u },
  { does: 'discovery leads elsewhere', ways: instead('/.well-known/openid-configuration', elsewhere), ...invalid, detail: /302/u },
  { does: 'discovery has no end', ways: instead('/.well-known/openid-configuration', huge), ...invalid, detail: /longer/u },
  { does: 'the provider is down', ways: instead('/.well-known/openid-configuration', unreachable), ...unavailable, detail: /not be reached/u },
  { does: 'the provider is slow', ways: instead('/.well-known/openid-configuration', late), ...unavailable, detail: /in time/u },
  { does: 'the provider is overloaded', ways: instead('/.well-known/openid-configuration', () => new Response(null, { status: 429 })), ...unavailable, detail: /429/u },
  { does: 'OC-4: a pushed request is refused', ways: instead('/par', oauthError('invalid_request')), ...refused, detail: /invalid_request/u },
  { does: 'OC-4: a pushed request is answered with 200', ways: { par: async (right) => new Response(right.body, { status: 200, headers: right.headers }) }, ...invalid, detail: /./u },
  { does: 'OC-4: a pushed request has no name', ways: { par: () => Response.json({ expires_in: 60 }, { status: 201 }) }, ...invalid, detail: /request_uri/u },
  { does: 'OC-4: the endpoint for pushed requests is down', ways: instead('/par', unreachable), ...unavailable, detail: /not be reached/u },
  { does: 'OC-4: pushed requests must be and cannot', config: { pushedAuthorization: 'always' }, ways: metadata({ pushed_authorization_request_endpoint: undefined }), ...refused, detail: /pushed/u },
  { does: 'OB-1: bound tokens must be and cannot', config: { dpop: 'always' }, ways: {}, ...refused, detail: /DPoP/u },
] // prettier-ignore

describe('a hostile provider', () => {
  test.each(CASES)('after the browser is back: $does: $status $code', async ({ ways, config, query, code, status, detail }) => {
    const { provider, signIn, sessions, log, browser } = await createTestIdentity(config)
    Object.assign(provider.ways, ways)
    const response = await signIn(query)
    expect(log.at(-1)).toMatchObject({ code, status, detail: expect.stringMatching(detail) as string })
    expect(response.status).toBe(status)
    expect(await response.text()).toContain(`<code>${code}</code>`)
    expect(sessions.started).toEqual([])
    expect(response.headers.get('retry-after')).toBe(status === 503 ? '30' : null)
    expect([...browser.cookies.keys()].filter((name) => name.includes('session'))).toEqual([])
  })

  test.each(AT_THE_DOOR)('before the browser leaves: $does: $status $code', async ({ ways, config, code, status, detail }) => {
    const { provider, browser, log } = await createTestIdentity(config)
    Object.assign(provider.ways, ways)
    const response = await browser.get(`${ORIGIN}/.portcullis/login`)
    expect(log.at(-1)).toMatchObject({ code, status, detail: expect.stringMatching(detail) as string })
    expect(response.status).toBe(status)
    expect(response.headers.get('retry-after')).toBe(status === 503 ? '30' : null)
    expect(browser.cookies.size).toBe(0)
  })

  test('every rule that the cases break holds without them: the same provider signs somebody in', async () => {
    const { signIn, sessions, provider } = await createTestIdentity({ userInfo: true })
    provider.ways.claims = (right) => ({
      ...right,
      aud: ['gate', 'other'],
      azp: 'gate',
      iat: seconds + 30,
      exp: seconds - 29,
      auth_time: seconds - 90,
      acr: 'mfa',
    })
    expect((await signIn('?max_age=60&acr_values=mfa')).status).toBe(303)
    expect(sessions.started).toHaveLength(1)
  })

  test('OC-1: a code and its state are good once, also from a copy of the browser', async () => {
    const { provider, browser, newBrowser, sessions, log } = await createTestIdentity()
    const begun = await browser.get(`${ORIGIN}/.portcullis/login`)
    const copy = newBrowser()
    for (const [name, value] of browser.cookies) copy.cookies.set(name, value)
    const back = await provider.authorize(begun.headers.get('location') ?? '')
    const answers = await Promise.all([browser.get(back), copy.get(back)])
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['303', '400'])
    expect(log.find(({ code }) => code === 'sign-in-replayed')).toBeDefined()
    expect((await copy.get(back)).status).toBe(400)
    expect(sessions.started).toHaveLength(1)
    expect(provider.calls.filter((call) => call === 'POST /token')).toHaveLength(1)
  })

  test('OC-1: an answer for one browser is nothing in another (session fixation)', async () => {
    const { provider, browser, newBrowser, sessions } = await createTestIdentity()
    const begun = await browser.get(`${ORIGIN}/.portcullis/login`)
    const victim = newBrowser()
    await victim.get(`${ORIGIN}/.portcullis/login`)
    expect((await victim.get(await provider.authorize(begun.headers.get('location') ?? ''))).status).toBe(400)
    expect(sessions.started).toEqual([])
  })

  test('OC-3: an answer of one provider is nothing at the address of another', async () => {
    const { provider, browser, sessions } = await createTestIdentity(
      {},
      { others: [providerConfig({ issuer: 'https://evil.example', name: 'evil' })] },
    )
    const begun = await browser.get(`${ORIGIN}/.portcullis/login/acme`)
    const back = await provider.authorize(begun.headers.get('location') ?? '')
    expect((await browser.get(back.replace('/oidc/acme/', '/oidc/evil/'))).status).toBe(400)
    expect(sessions.started).toEqual([])
    expect((await browser.get(back)).status).toBe(303)
  })

  test('OC-1: the state of a sign-out signs nobody in', async () => {
    const { provider, browser, signIn, sessions } = await createTestIdentity()
    await signIn()
    const left = await browser.post(`${ORIGIN}/.portcullis/logout`, {}, { 'sec-fetch-site': 'same-origin' })
    const state = new URL(left.headers.get('location') ?? '').searchParams.get('state') ?? ''
    const query = new URLSearchParams({ state, code: 'x', iss: provider.issuer }).toString()
    expect((await browser.get(`${ORIGIN}/.portcullis/oidc/acme/callback?${query}`)).status).toBe(400)
    expect(sessions.started).toHaveLength(1)
  })

  test('GW-3: our own memory is down: 503, nobody is signed in, and the code is not spent', async () => {
    const { provider, signIn, failReplay, sessions } = await createTestIdentity()
    failReplay()
    const response = await signIn()
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(provider.calls).not.toContain('POST /token')
    expect(sessions.started).toEqual([])
  })

  test('GW-3: sessions cannot be started: 503', async () => {
    const { sessions, signIn } = await createTestIdentity()
    sessions.fail(true)
    expect((await signIn()).status).toBe(503)
  })

  test('an outage is asked about once in five seconds, and forgotten when it is over', async () => {
    const { provider, browser, advance } = await createTestIdentity()
    provider.ways.instead = { '/.well-known/openid-configuration': unreachable }
    for (let attempt = 0; attempt < 5; attempt += 1) expect((await browser.get(`${ORIGIN}/.portcullis/login`)).status).toBe(503)
    expect(provider.calls).toHaveLength(1)
    delete provider.ways.instead
    advance(4.999)
    expect((await browser.get(`${ORIGIN}/.portcullis/login`)).status).toBe(503)
    advance(0.001)
    expect((await browser.get(`${ORIGIN}/.portcullis/login`)).status).toBe(303)
  })

  test('metadata that was good is used for an hour while the provider is down, then no longer', async () => {
    const { provider, browser, advance } = await createTestIdentity({ pushedAuthorization: 'never' })
    await browser.get(`${ORIGIN}/.portcullis/login`)
    provider.ways.instead = { '/.well-known/openid-configuration': unreachable }
    advance(600 + 3599)
    expect((await browser.get(`${ORIGIN}/.portcullis/login`)).status).toBe(303)
    advance(6)
    expect((await browser.get(`${ORIGIN}/.portcullis/login`)).status).toBe(503)
  })

  test('the at_hash of the cases is that of the access token', async () => {
    expect(await leftHalf('jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y')).toBe('77QmUPtjPfzWtF2AnpK9RQ')
  })
})
