import { describe, expect, test } from 'vitest'
import { createTokenRefresher } from '../../../src/identity/oidc/refresher.ts'
import type { OpenIdProviderConfig } from '../../../src/policy/identity-providers.ts'
import { base64Url, createHostileProvider, SUBJECT, type Ways } from '../../support/hostile-provider.ts'
import { CLIENT_ID, providerConfig, TEST_ROOT } from '../../support/identity.ts'

const NOW = 1_800_000_000_000
const seconds = NOW / 1000

async function startRefresher(changes: Partial<OpenIdProviderConfig> = {}) {
  const provider = await createHostileProvider({ clientId: CLIENT_ID, now: () => NOW })
  const refresher = createTokenRefresher([providerConfig(changes)], {
    rootSecret: TEST_ROOT,
    fetch: provider.fetch,
    isLocal: false,
    now: () => NOW,
  })
  const idToken = await provider.sign({
    iss: provider.issuer,
    aud: CLIENT_ID,
    sub: SUBJECT,
    auth_time: seconds - 10,
    iat: seconds - 10,
    exp: seconds,
  })
  const tokens = { accessToken: 'old', tokenType: 'bearer', refreshToken: 'r-1', idToken, scope: 'openid' } as const
  const refreshAt = async (now: number) => refresher.refresh('acme', tokens, { issuer: provider.issuer, subject: SUBJECT }, now)
  return { provider, refresher, tokens, refreshAt, refresh: async () => refreshAt(NOW) }
}

/** A second key that would do as well. */
const twice: NonNullable<Ways['jwks']> = ({ keys }) => ({ keys: keys.flatMap((key) => [key, { ...key, kid: 'other' }]) })

const unsecured = (claims: object): string =>
  [{ alg: 'none' }, claims].map((part) => base64Url(new TextEncoder().encode(JSON.stringify(part)))).join('.')

describe('a refresh at the provider', () => {
  test('OC-8: gives new tokens and what the person may do now', async () => {
    const { provider, refresh } = await startRefresher()
    const bodies: URLSearchParams[] = []
    provider.ways.token = (right, body) => {
      bodies.push(body)
      return { ...right, access_token: 'new', refresh_token: 'r-2', scope: 'openid profile' }
    }
    provider.ways.claims = (claims) => ({ ...claims, groups: ['none'], at_hash: undefined })
    const refreshed = await refresh()
    expect(bodies[0]?.get('refresh_token')).toBe('r-1')
    expect(refreshed).toMatchObject({
      status: 'refreshed',
      tokens: { accessToken: 'new', refreshToken: 'r-2', tokenType: 'bearer', expiresAt: NOW + 300_000, scope: 'openid profile' },
      signIn: { groups: ['none'], scopes: ['openid'], claims: { name: 'Ada', auth_time: seconds - 10 } },
    })
  })

  test('what a provider does not say again stays', async () => {
    const { provider, refresh, tokens } = await startRefresher()
    provider.ways.token = () => ({ access_token: 'new', token_type: 'Bearer' })
    expect(await refresh()).toEqual({
      status: 'refreshed',
      tokens: { accessToken: 'new', tokenType: 'bearer', refreshToken: 'r-1', idToken: tokens.idToken, scope: 'openid' },
    })
  })

  test('UserInfo is asked again where it was asked at the sign-in', async () => {
    const mapping = { claims: { department: 'department' }, groups: 'groups', scopes: [], groupScopes: {} }
    const { refresh } = await startRefresher({ userInfo: true, mapping })
    expect(await refresh()).toMatchObject({ signIn: { claims: { department: 'engines' } } })
  })

  test.each<[string, Ways]>([
    ['OC-8: somebody else', { claims: (claims) => ({ ...claims, sub: 'admin' }) }],
    ['OC-8: another issuer', { claims: (claims) => ({ ...claims, iss: 'https://evil.example' }) }],
    ['OC-8: another audience', { claims: (claims) => ({ ...claims, aud: 'other' }) }],
    ['OC-8: another time of sign-in', { claims: (claims) => ({ ...claims, auth_time: seconds }) }],
    ['OC-5: another access token', { claims: (claims) => ({ ...claims, at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }) }],
    ['OC-5: an expired token', { claims: (claims) => ({ ...claims, exp: seconds - 60 }) }],
    ['invalid_grant', { instead: { '/token': () => Response.json({ error: 'invalid_grant' }, { status: 400 }) } }],
  ])('%s ends the session', async (_, ways) => {
    const { provider, refresh } = await startRefresher()
    Object.assign(provider.ways, ways)
    expect(await refresh()).toEqual({ status: 'ended' })
  })

  test('OC-6: UserInfo about somebody else ends the session', async () => {
    const { provider, refresh } = await startRefresher({ userInfo: true })
    provider.ways.userInfo = (right) => ({ ...right, sub: 'admin' })
    expect(await refresh()).toEqual({ status: 'ended' })
  })

  test.each<[string, Ways]>([
    ['the token endpoint is down', { instead: { '/token': () => new Response(null, { status: 502 }) } }],
    ['the provider does not know us today', { instead: { '/token': () => Response.json({ error: 'invalid_client' }, { status: 401 }) } }],
    ['no access token', { token: () => ({ token_type: 'Bearer' }) }],
    ['a page in place of an answer', { instead: { '/token': () => new Response('<title>Maintenance</title>') } }],
    ['a page that refuses', { instead: { '/token': () => new Response('<title>Blocked</title>', { status: 403 }) } }],
    ['an answer without end', { instead: { '/token': () => new Response('x'.repeat(256 * 1024 + 1)) } }],
    ['discovery is down', { instead: { '/.well-known/openid-configuration': () => new Response(null, { status: 500 }) } }],
    ['discovery is wrong', { discovery: (right) => ({ ...right, issuer: 'https://evil.example' }) }],
  ])('%s: the session stays, and the request is 503', async (_, ways) => {
    const { provider, refresh } = await startRefresher()
    Object.assign(provider.ways, ways)
    expect(await refresh()).toEqual({ status: 'unavailable' })
  })

  test('the keys are down: the grant counts, its ID token does not', async () => {
    const { provider, refresh, tokens } = await startRefresher()
    provider.ways.instead = { '/jwks': () => new Response(null, { status: 500 }) }
    provider.ways.token = (right) => ({ ...right, access_token: 'new', refresh_token: 'r-2' })
    expect(await refresh()).toMatchObject({
      status: 'refreshed',
      tokens: { accessToken: 'new', refreshToken: 'r-2', idToken: tokens.idToken },
    })
    expect(await refresh()).not.toHaveProperty('signIn')
  })

  test('OC-5: a key within the cool-down: the grant counts, its ID token does not; after it, the new key set decides', async () => {
    const { provider, refresh, refresher, tokens, refreshAt } = await startRefresher()
    expect(await refresh()).toHaveProperty('signIn')
    provider.ways.header = () => ({ kid: 'rotated' })
    provider.ways.token = (right) => ({ ...right, access_token: 'new', refresh_token: 'r-2' })
    provider.ways.claims = (claims) => ({ ...claims, at_hash: undefined })
    const within = await refreshAt(NOW + 29_999)
    expect(within).toMatchObject({ status: 'refreshed', tokens: { refreshToken: 'r-2', idToken: tokens.idToken } })
    expect(within).not.toHaveProperty('signIn')
    expect(provider.calls.filter((call) => call === 'GET /jwks')).toHaveLength(1)
    provider.ways.jwks = ({ keys }) => ({ keys: keys.map((key) => ({ ...key, kid: 'rotated' })) })
    expect(await refreshAt(NOW + 30_000)).toMatchObject({ status: 'refreshed', signIn: { groups: ['staff'] } })
    expect(provider.calls.filter((call) => call === 'GET /jwks')).toHaveLength(2)
    provider.ways.idToken = (jwt) => `${jwt.slice(0, -6)}AAAAAA`
    expect(await refreshAt(NOW + 30_001)).not.toHaveProperty('signIn')
    expect(await refresher.refresh('gone', tokens, { issuer: provider.issuer, subject: SUBJECT }, NOW)).toEqual({ status: 'ended' })
  })

  test.each<[string, Ways]>([
    ['OC-5: a signature that does not hold', { idToken: (jwt) => `${jwt.slice(0, -6)}AAAAAA` }],
    ...['iss', 'aud', 'sub', 'exp'].map((claim): [string, Ways] => [
      `OC-8: another ${claim} under a signature that does not hold`,
      { claims: (claims) => ({ ...claims, [claim]: claim === 'exp' ? 1 : 'evil' }), idToken: (jwt) => `${jwt.slice(0, -6)}AAAAAA` },
    ]),
    ['OC-5: somebody else without a signature', { idToken: (jwt) => `${unsecured({ sub: 'evil' })}.${jwt.split('.')[2]}` }],
    ['OC-5: an encrypted ID token', { idToken: () => 'a.b.c.d.e' }],
    ['OC-5: what is no JWT', { idToken: () => 'token' }],
    ['OC-5: a key that is not published', { header: () => ({ kid: 'unknown' }) }],
    [
      'OC-5: a signature without a key id that does not hold by the only key',
      { header: () => ({ kid: undefined }), idToken: (jwt) => `${jwt.slice(0, -6)}AAAAAA` },
    ],
    ['OC-5: no key id beside two keys', { header: () => ({ kid: undefined }), jwks: twice }],
  ])('%s decides nothing: the grant counts, its ID token does not', async (_, ways) => {
    const { provider, refresh, tokens } = await startRefresher()
    Object.assign(provider.ways, ways)
    provider.ways.token = (right) => ({ ...right, refresh_token: 'r-2' })
    const refreshed = await refresh()
    expect(refreshed).toMatchObject({ status: 'refreshed', tokens: { refreshToken: 'r-2', idToken: tokens.idToken } })
    expect(refreshed).not.toHaveProperty('signIn')
  })

  test.each<[string, () => Response]>([
    ['is a page', () => new Response('<title>Maintenance</title>')],
    ['refuses the token', () => new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })],
  ])('UserInfo that %s says nothing of the person: the grant counts', async (_, answer) => {
    const { provider, refresh } = await startRefresher({ userInfo: true })
    provider.ways.instead = { '/userinfo': answer }
    provider.ways.token = (right) => ({ ...right, refresh_token: 'r-2' })
    const refreshed = await refresh()
    expect(refreshed).toMatchObject({ status: 'refreshed', tokens: { refreshToken: 'r-2' } })
    expect(refreshed).not.toHaveProperty('signIn')
  })

  test('a provider that has left the policy, or another issuer under its name, ends the session', async () => {
    const { provider, refresher, tokens } = await startRefresher()
    const signIn = { issuer: provider.issuer, subject: SUBJECT }
    expect(await refresher.refresh('gone', tokens, signIn, NOW)).toEqual({ status: 'ended' })
    expect(await refresher.refresh('acme', tokens, { ...signIn, issuer: 'https://old.example' }, NOW)).toEqual({ status: 'ended' })
    expect(provider.calls).not.toContain('POST /token')
  })

  test('BF-7: the refresh token is revoked; without one, the access token', async () => {
    const { provider, refresher, tokens } = await startRefresher()
    const bodies: URLSearchParams[] = []
    const inner = provider.fetch
    const watching = createTokenRefresher([providerConfig()], {
      rootSecret: TEST_ROOT,
      isLocal: false,
      now: () => NOW,
      fetch: async (url, init) => {
        if (url.endsWith('/revoke')) bodies.push(init?.body as URLSearchParams)
        return inner(url, init)
      },
    })
    await watching.revoke('acme', tokens)
    const { refreshToken: _none, ...others } = tokens
    await watching.revoke('acme', others)
    expect(bodies.map((form) => [form.get('token'), form.get('token_type_hint')])).toEqual([
      ['r-1', 'refresh_token'],
      ['old', 'access_token'],
    ])
    await expect(refresher.revoke('gone', tokens)).resolves.toBeUndefined()
  })

  test('RFC 7009 §2.2.1: a token of a kind that is not revoked there is nothing to do; any other error is told', async () => {
    const { provider, refresher, tokens } = await startRefresher()
    const answering = (error: string) => {
      provider.ways.instead = { '/revoke': () => Response.json({ error }, { status: 400 }) }
      return refresher.revoke('acme', tokens)
    }
    await expect(answering('unsupported_token_type')).resolves.toBeUndefined()
    await expect(answering('invalid_client')).rejects.toThrow('the provider answered invalid_client')
  })
})
