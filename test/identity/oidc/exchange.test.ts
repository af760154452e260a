import { describe, expect, test } from 'vitest'
import { createTokenRefresher } from '../../../src/identity/oidc/refresher.ts'
import type { TokenTarget } from '../../../src/sessions/session.ts'
import { createHostileProvider, type HostileProvider, type Ways } from '../../support/hostile-provider.ts'
import { CLIENT_ID, providerConfig, TEST_ROOT } from '../../support/identity.ts'

const NOW = 1_800_000_000_000
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
type Claims = Readonly<Record<string, unknown>>

async function startExchange(
  ways: Ways = {},
  change: (right: Claims, provider: HostileProvider) => Claims | Promise<Claims> = (right) => right,
) {
  const provider = await createHostileProvider({ clientId: CLIENT_ID, now: () => NOW })
  const bodies: URLSearchParams[] = []
  provider.ways.token = async (_right, body) => {
    bodies.push(body)
    const right = { access_token: 'exchanged', issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 120 }
    return Response.json(await change(right, provider))
  }
  Object.assign(provider.ways, ways)
  const refresher = createTokenRefresher([providerConfig({ dpop: 'never' })], {
    rootSecret: TEST_ROOT,
    fetch: provider.fetch,
    isLocal: false,
    now: () => NOW,
  })
  const exchange = async (target: TokenTarget = { audience: 'billing' }, name = 'acme') => refresher.exchange(name, 'original', target, NOW)
  return { provider, bodies, exchange }
}
const answering = (status: number, content: object | string): Ways => ({
  instead: {
    '/token': () =>
      new Response(typeof content === 'string' ? content : JSON.stringify(content), {
        status,
        headers: { 'content-type': 'application/json' },
      }),
  },
})

describe('RFC 8693: an exchange at the provider', () => {
  test.each<[TokenTarget, Readonly<Record<string, string>>]>([
    [{ audience: 'billing' }, { audience: 'billing' }],
    [
      { resource: 'https://billing.example.com', scopes: ['read', 'write'] },
      { resource: 'https://billing.example.com', scope: 'read write' },
    ],
  ])('asks for %j, as the client that it is, and for an access token', async (target, expected) => {
    const { bodies, exchange } = await startExchange()
    expect(await exchange(target)).toEqual({ status: 'exchanged', token: 'exchanged', expiresAt: NOW + 120_000 })
    const { client_assertion: assertion, ...asked } = Object.fromEntries(bodies[0] ?? [])
    expect(assertion).toMatch(/^eyJ/u)
    expect(asked).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'original',
      subject_token_type: ACCESS_TOKEN,
      requested_token_type: ACCESS_TOKEN,
      client_id: CLIENT_ID,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      ...expected,
    })
  })

  test('a JWT for whom it was asked for; an end that is not said', async () => {
    const { exchange } = await startExchange({}, async ({ expires_in: _none, ...right }, provider) => ({
      ...right,
      access_token: await provider.sign({ aud: ['other', 'billing'] }),
    }))
    const exchanged = await exchange()
    expect(exchanged).toEqual({ status: 'exchanged', token: expect.stringMatching(/^eyJ/u) as string })
  })

  test.each<[string, (right: Claims, provider: HostileProvider) => Claims | Promise<Claims>, string]>([
    ['no issued_token_type', ({ issued_token_type: _none, ...right }) => right, 'issued_token_type'],
    ['an ID token', (right) => ({ ...right, issued_token_type: 'urn:ietf:params:oauth:token-type:id_token' }), 'issued_token_type'],
    [
      'a refresh token',
      (right) => ({ ...right, issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }),
      'issued_token_type',
    ],
    ['a token that is none to call with', (right) => ({ ...right, token_type: 'N_A' }), 'token_type'],
    ['a token bound to a key', (right) => ({ ...right, token_type: 'DPoP' }), 'token_type'],
    ['the token that was to be exchanged', (right) => ({ ...right, access_token: 'original' }), 'was to be exchanged'],
    ['a JWT for somebody else', async (right, provider) => ({ ...right, access_token: await provider.sign({ aud: 'gate' }) }), 'audience'],
    [
      'a JWT for several others',
      async (right, provider) => ({ ...right, access_token: await provider.sign({ aud: ['a', 'billing2'] }) }),
      'audience',
    ],
    ['a field of its own', (right) => ({ ...right, access_token: 'a\r\nx-admin: 1' }), 'cannot be sent'],
    ['a token without end', (right) => ({ ...right, access_token: 'x'.repeat(16_385) }), '16384'],
    ['a token that is over', (right) => ({ ...right, expires_in: 0 }), 'is over'],
  ])('BF-6: %s is refused, and the reason holds no token', async (_name, change, reason) => {
    const { exchange } = await startExchange({}, change)
    const exchanged = await exchange()
    expect(exchanged).toEqual({ status: 'refused', detail: expect.stringContaining(reason) as string })
    expect(JSON.stringify(exchanged)).not.toMatch(/original|eyJ|x-admin/u)
  })

  test.each(['invalid_request', 'invalid_target', 'invalid_scope', 'unauthorized_client', 'unsupported_grant_type', 'invalid_client'])(
    '%s is the operator’s to mend',
    async (error) => {
      const { exchange } = await startExchange(answering(400, { error, error_description: 'original' }))
      expect(await exchange()).toEqual({ status: 'refused', detail: `the provider answered ${error}` })
    },
  )

  test('invalid_grant: the session’s own token counts no longer', async () => {
    const { exchange } = await startExchange(answering(400, { error: 'invalid_grant' }))
    expect(await exchange()).toEqual({ status: 'over' })
  })

  test.each<[string, Ways]>([
    ['the token endpoint is down', answering(502, '')],
    ['too many ask', answering(429, '')],
    ['a page in place of an answer', answering(200, '<title>Maintenance</title>')],
    ['discovery is down', { instead: { '/.well-known/openid-configuration': () => new Response(null, { status: 500 }) } }],
  ])('%s: an outage', async (_name, ways) => {
    const { exchange } = await startExchange(ways)
    expect(await exchange()).toMatchObject({ status: 'unavailable' })
  })

  test('an answer without token or token_type is none', async () => {
    const { exchange } = await startExchange({}, () => ({ access_token: 'exchanged', issued_token_type: ACCESS_TOKEN }))
    expect(await exchange()).toMatchObject({ status: 'unavailable' })
  })

  test('a provider that has left the policy exchanges nothing', async () => {
    const { exchange, provider } = await startExchange()
    expect(await exchange({ audience: 'billing' }, 'gone')).toEqual({ status: 'over' })
    expect(provider.calls).toEqual([])
  })
})
