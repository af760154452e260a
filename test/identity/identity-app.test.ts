import { describe, expect, test } from 'vitest'
import { createTestIdentity, ORIGIN, providerConfig } from '../support/identity.ts'
import { CONFIG } from '../support/saml-provider.ts'

const LOGIN = `${ORIGIN}/.portcullis/login`
const contoso = providerConfig({
  name: 'contoso',
  title: 'Contoso <b>&</b> Sons',
  issuer: 'https://contoso.example',
  domains: ['contoso.example'],
})
const elsewhere = providerConfig({ name: 'elsewhere', hosts: ['other.example.com'] })
const several = async () => createTestIdentity({ domains: ['acme.example'] }, { others: [contoso, elsewhere] })

async function pemPair(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  if (!('privateKey' in pair)) throw new Error('no pair')
  const encode = async (format: 'pkcs8' | 'spki', key: CryptoKey): Promise<string> =>
    btoa(String.fromCharCode(...new Uint8Array((await crypto.subtle.exportKey(format, key)) as ArrayBuffer)))
  return { privateKey: await encode('pkcs8', pair.privateKey), publicKey: await encode('spki', pair.publicKey) }
}

describe('the choice of a provider', () => {
  test('one provider: straight on', async () => {
    const { browser } = await createTestIdentity({}, { others: [elsewhere] })
    const response = await browser.get(LOGIN)
    expect([response.status, response.headers.get('location')?.startsWith('https://idp.example.net/authorize?')]).toEqual([303, true])
  })

  test('several: a page that carries on what was asked, escapes what it says, and runs nothing', async () => {
    const { browser } = await several()
    const response = await browser.get(`${LOGIN}?return_to=/orders&acr_values=mfa`)
    const text = await response.text()
    expect(response.status).toBe(200)
    expect(text).toContain('href="/.portcullis/login/acme?return_to=%2Forders&amp;acr_values=mfa"')
    expect(text).toContain('Continue with Contoso &lt;b&gt;&amp;&lt;/b&gt; Sons')
    expect(text).toContain('<label for="address">')
    expect(text).toContain('<input type="hidden" name="acr_values" value="mfa" />')
    expect(text).not.toContain('elsewhere')
    expect(text).not.toMatch(/<script|javascript:|style="|\son\w+=/iu)
    const nonce = /<style nonce="([\w-]+)">/u.exec(text)?.[1] ?? ''
    expect(response.headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'`,
    )
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('referrer-policy')).toBe('same-origin')
    expect(response.headers.getSetCookie()).toEqual([])
  })

  test('the domain of an address chooses; an unknown one is said to be', async () => {
    const { browser } = await several()
    const chosen = await browser.get(`${LOGIN}?login_hint=Ada%40ACME.example`)
    expect(chosen.headers.get('location')).toContain('https://idp.example.net/authorize')
    const text = await (await browser.get(`${LOGIN}?login_hint=ada%40other.example`)).text()
    expect(text).toContain('role="alert"')
    expect(text).not.toContain('ada@other.example" name')
  })

  test('by name in the path or in the query; none of another host, and none that does not exist', async () => {
    const { browser } = await several()
    expect((await browser.get(`${LOGIN}/acme`)).status).toBe(303)
    expect((await browser.get(`${LOGIN}?provider=acme`)).status).toBe(303)
    for (const path of ['/elsewhere', '?provider=elsewhere', '/nobody', '/__proto__', '?provider=constructor'])
      expect((await browser.get(LOGIN + path)).status).toBe(404)
    for (const path of ['oidc/elsewhere/callback', 'saml/acme/metadata', 'oidc/acme/other', 'oidc/acme/__proto__', 'oidc/acme/toString'])
      expect((await browser.get(`${ORIGIN}/.portcullis/${path}`)).status).toBe(404)
  })

  test.each([
    ['return_to=//evil.example', 'return-to-invalid'],
    ['return_to=https%3A%2F%2Fevil.example', 'return-to-invalid'],
    ['return_to=/.portcullis/login', 'return-to-invalid'],
    ['return_to=/a&return_to=/b', 'request-malformed'],
    ['prompt=consent', 'request-malformed'],
    ['max_age=-1', 'request-malformed'],
    ['max_age=1e3', 'request-malformed'],
    [`max_age=${'9'.repeat(9)}`, 'request-malformed'],
    [`acr_values=${'a'.repeat(513)}`, 'request-malformed'],
    [`acr_values=${Array.from({ length: 17 }, () => 'a').join('+')}`, 'request-malformed'],
    ['acr_values=a%0Ab', 'request-malformed'],
    [`login_hint=${'a'.repeat(255)}`, 'request-malformed'],
    ['login_hint=a%00b', 'request-malformed'],
  ])('OB-4: %s: 400 %s, and no cookie', async (query, code) => {
    const { browser } = await createTestIdentity()
    const response = await browser.get(`${LOGIN}?${query}`)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain(code)
    expect(browser.cookies.size).toBe(0)
  })

  test.each([`acr_values=${'a'.repeat(512)}`, `login_hint=${'a'.repeat(254)}`, 'max_age=99999999', `acr_values=${'a+'.repeat(15)}a`])(
    'just within the bounds: %s',
    async (query) => {
      const { browser } = await createTestIdentity()
      expect((await browser.get(`${LOGIN}?${query}`)).status).toBe(303)
    },
  )
})

describe('refusals', () => {
  test('a program gets problem details, a person a page with the same code and request id', async () => {
    const { browser, fetch, log } = await createTestIdentity()
    const problem = await fetch(new Request(`${LOGIN}/nobody`, { headers: { accept: 'application/json' } }))
    expect(problem.headers.get('content-type')).toBe('application/problem+json')
    expect(await problem.json()).toMatchObject({
      code: 'provider-unknown',
      status: 404,
      instance: `urn:uuid:${String(log[0]?.['requestId'])}`,
    })
    const page = await browser.get(`${LOGIN}/nobody`)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await page.text()).toContain(`<code>${String(log[1]?.['requestId'])}</code>`)
    expect(page.headers.get('portcullis-request-id')).toBe(log[1]?.['requestId'])
  })

  test('to begin again leads where the sign-in would have led', async () => {
    const { provider, signIn } = await createTestIdentity()
    provider.ways.callback = (answer) => answer.set('error', 'access_denied')
    const response = await signIn('?return_to=/orders%3Fpage%3D2')
    expect(await response.text()).toContain('href="/.portcullis/login/acme?return_to=%2Forders%3Fpage%3D2"')
  })

  test('another host is not answered, nor a target that is not canonical', async () => {
    const { fetch } = await createTestIdentity()
    expect((await fetch(new Request('https://evil.example/.portcullis/login'))).status).toBe(421)
    expect((await fetch(new Request(`${ORIGIN}/.portcullis//login`))).status).toBe(400)
  })

  test('other methods: 405; other addresses: 404', async () => {
    const { browser } = await createTestIdentity()
    expect((await browser.post(LOGIN, {})).status).toBe(405)
    expect((await browser.post(`${LOGIN}/acme`, {})).status).toBe(405)
    expect((await browser.post(`${ORIGIN}/.portcullis/oidc/acme/callback`, {})).status).toBe(405)
    expect((await browser.get(`${ORIGIN}/.portcullis/oidc/acme`)).status).toBe(404)
    expect((await browser.get(`${LOGIN}/acme/more`)).status).toBe(404)
  })

  test('GW-3: a key of the policy that cannot be imported is an outage with its field in the log, never a bug and never a sign-in', async () => {
    const NO_KEY = 'MAMCAQA='
    const { browser, log } = await createTestIdentity(
      { clientAuthentication: { method: 'private_key_jwt', algorithm: 'RS256', privateKey: NO_KEY } },
      {
        others: [
          { ...CONFIG, name: 'corp', certificates: [NO_KEY] },
          { ...CONFIG, name: 'keyed', privateKey: NO_KEY },
        ],
      },
    )
    for (const path of ['login/acme', 'login/corp', 'login/keyed', 'oidc/acme/jwks.json', 'saml/keyed/metadata']) {
      const response = await browser.get(`${ORIGIN}/.portcullis/${path}`)
      expect([path, response.status, response.headers.get('retry-after')]).toEqual([path, 503, '5'])
    }
    expect(log.map(({ code, detail }) => [code, detail])).toEqual(
      [
        'acme.clientAuthentication.privateKey is no RSA key in PKCS#8',
        'corp.certificates[0] is no certificate with a key of RSA (2048 to 8192 bits), P-256, P-384 or P-521',
        'keyed.privateKey is no PKCS#8 key of RSA, P-256, P-384 or P-521',
        'acme.clientAuthentication.privateKey is no RSA key in PKCS#8',
        'keyed.privateKey is no PKCS#8 key of RSA, P-256, P-384 or P-521',
      ].map((detail) => ['dependency-unavailable', `DependencyOutage: ${detail}`]),
    )
  })

  test('GW-3: a certificate that is not that of our key is an outage that says so', async () => {
    const [ours, another] = [await pemPair(), await pemPair()]
    const { browser, log } = await createTestIdentity(
      {},
      { others: [{ ...CONFIG, name: 'keyed', privateKey: ours.privateKey, certificate: another.publicKey }] },
    )
    expect((await browser.get(`${ORIGIN}/.portcullis/saml/keyed/metadata`)).status).toBe(503)
    expect(log.at(-1)?.['detail']).toContain('keyed.certificate is not that of the privateKey')
  })

  test('GW-4: no log line holds a code, a state, a token or a name', async () => {
    const { provider, signIn, sessions, log, browser } = await createTestIdentity()
    await signIn('?login_hint=lovelace%40example.net')
    provider.ways.claims = (claims) => ({ ...claims, aud: 'other' })
    await signIn()
    await browser.post(`${ORIGIN}/.portcullis/logout`, {}, { 'sec-fetch-site': 'same-origin' })
    const text = JSON.stringify(log)
    const { accessToken = '', refreshToken = '', idToken = '' } = sessions.started[0]?.tokens ?? {}
    for (const secret of [
      accessToken,
      refreshToken,
      idToken,
      provider.asked.get('state') ?? 'x',
      provider.asked.get('nonce') ?? 'x',
      // No random hexadecimal id spells one of these.
      'lovelace',
      '@',
      'Ada',
      'person-1',
    ])
      expect(text.includes(secret)).toBe(false)
    expect(log).toHaveLength(3)
  })
})
