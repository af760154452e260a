import { describe, expect, test } from 'vitest'
import { decodeJwt } from 'jose'
import { SUBJECT } from '../../support/hostile-provider.ts'
import { createTestIdentity, ORIGIN } from '../../support/identity.ts'

describe('sign-in at an OpenID provider', () => {
  test('OC-1, OC-2: code flow with PKCE S256, state and nonce; the person is issuer and subject', async () => {
    const { provider, sessions, browser, signIn, now, log } = await createTestIdentity()
    const response = await signIn('?return_to=%2Forders%3Fpage%3D2')
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/orders?page=2')
    expect(Object.fromEntries(provider.asked)).toMatchObject({
      response_type: 'code',
      redirect_uri: `${ORIGIN}/.portcullis/oidc/acme/callback`,
      scope: 'openid profile email',
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{22}$/u) as string,
      nonce: expect.stringMatching(/^[\w-]{43}$/u) as string,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/u) as string,
    })
    const [started] = sessions.started
    expect(started).toMatchObject({
      provider: 'acme',
      issuer: provider.issuer,
      subject: SUBJECT,
      claims: { name: 'Ada', email: 'ada@example.net', acr: 'basic', amr: ['pwd'], auth_time: now() / 1000 - 10 },
      groups: ['staff'],
      scopes: ['openid', 'orders:read'],
      authenticatedAt: now() - 10_000,
      providerSession: 'sid-1',
      tokens: { tokenType: 'bearer', expiresAt: now() + 300_000 },
    })
    expect([...browser.cookies.keys()]).toEqual(['__Host-test-session'])
    expect(log.at(-1)).toMatchObject({ event: 'sign-in', code: 'signed-in', provider: 'acme', session: 'session-1' })
  })

  test('OC-4: the request is pushed where the provider offers it, and the browser carries only its name', async () => {
    const { provider, browser } = await createTestIdentity()
    const begun = await browser.get(`${ORIGIN}/.portcullis/login`)
    const location = new URL(begun.headers.get('location') ?? '')
    expect([...location.searchParams.keys()].toSorted()).toEqual(['client_id', 'request_uri'])
    expect(provider.calls).toContain('POST /par')
  })

  test.each([
    ['never', {}, true],
    ['auto', { pushed_authorization_request_endpoint: undefined }, true],
    ['never', { require_pushed_authorization_requests: true }, false],
  ] as const)('OC-4: pushed requests %s, metadata %j: in the address %s', async (pushedAuthorization, metadata, isInAddress) => {
    const { provider, browser } = await createTestIdentity({ pushedAuthorization })
    provider.ways.discovery = (document) => ({ ...document, ...metadata })
    const begun = await browser.get(`${ORIGIN}/.portcullis/login`)
    expect(new URL(begun.headers.get('location') ?? '').searchParams.has('code_challenge')).toBe(isInAddress)
  })

  test('OC-9: the client assertion is for the issuer alone, by a key that is published', async () => {
    const bodies: URLSearchParams[] = []
    const { provider, signIn, browser } = await createTestIdentity()
    provider.ways.token = (right, body) => {
      bodies.push(body)
      return right
    }
    await signIn()
    const assertion = bodies[0]?.get('client_assertion') ?? ''
    expect(decodeJwt(assertion)).toMatchObject({ iss: 'gate', sub: 'gate', aud: provider.issuer })
    const published = await (await browser.get(`${ORIGIN}/.portcullis/oidc/acme/jwks.json`)).json()
    const { kid } = JSON.parse(atob(assertion.split('.')[0] ?? '')) as { kid: string }
    expect(published).toEqual({
      keys: [{ kty: 'EC', crv: 'P-256', x: expect.any(String) as string, y: expect.any(String) as string, use: 'sig', alg: 'ES256', kid }],
    })
  })

  test('two tabs sign in side by side, in any order', async () => {
    const { provider, browser, sessions } = await createTestIdentity()
    const first = await browser.get(`${ORIGIN}/.portcullis/login?return_to=/first`)
    const second = await browser.get(`${ORIGIN}/.portcullis/login?return_to=/second`)
    const done = [await browser.get(await provider.authorize(second.headers.get('location') ?? ''))]
    done.push(await browser.get(await provider.authorize(first.headers.get('location') ?? '')))
    expect(done.map((response) => response.headers.get('location'))).toEqual(['/second', '/first'])
    expect(sessions.started).toHaveLength(2)
    expect(browser.cookies.has('__Host-portcullis-login')).toBe(false)
  })

  test('step-up: acr_values, max_age and prompt are sent, and held to', async () => {
    const { provider, signIn, sessions } = await createTestIdentity()
    provider.ways.claims = (claims) => ({ ...claims, acr: 'mfa' })
    const response = await signIn('?acr_values=mfa%20phr&max_age=60&prompt=login&login_hint=ada%40example.net')
    expect(response.status).toBe(303)
    expect(Object.fromEntries(provider.asked)).toMatchObject({
      acr_values: 'mfa phr',
      max_age: '60',
      prompt: 'login',
      login_hint: 'ada@example.net',
    })
    expect(sessions.started[0]?.claims['acr']).toBe('mfa')
  })

  test('OC-7: an address that the provider does not vouch for is none', async () => {
    for (const email_verified of [false, 'true', undefined]) {
      const { provider, signIn, sessions } = await createTestIdentity()
      provider.ways.claims = (claims) => ({ ...claims, email_verified })
      await signIn()
      expect(sessions.started[0]?.claims).not.toHaveProperty('email')
    }
  })

  test('OC-6: UserInfo adds what the ID token does not say', async () => {
    const { signIn, sessions } = await createTestIdentity({
      userInfo: true,
      mapping: { claims: { department: 'department' }, groups: 'groups', scopes: [], groupScopes: {} },
    })
    await signIn()
    expect(sessions.started[0]?.claims['department']).toBe('engines')
  })

  test('a session that must be strict takes one hop on our own site', async () => {
    const { signIn } = await createTestIdentity({}, { sameSite: 'strict' })
    const response = await signIn('?return_to=/orders%3Fa%3D1%26b')
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('<meta http-equiv="refresh" content="0; url=/orders?a=1&amp;b" />')
    expect(response.headers.getSetCookie().some((cookie) => cookie.startsWith('__Host-test-session='))).toBe(true)
  })
})
