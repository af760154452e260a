import { expect, test } from 'vitest'
import { PROVIDER_SESSION } from '../../support/hostile-provider.ts'
import { CLIENT_ID, createTestIdentity, ORIGIN } from '../../support/identity.ts'

test('OC-11: a logout token by a key that is not known yet ends nothing: 503, so that it is sent again', async () => {
  const identity = await createTestIdentity()
  const { provider } = identity
  await identity.signIn()
  const send = async (): Promise<Response> => {
    const iat = Math.floor(identity.now() / 1000)
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const claims = { iss: provider.issuer, aud: CLIENT_ID, iat, exp: iat + 120, jti: crypto.randomUUID(), sid: PROVIDER_SESSION, events }
    const body = new URLSearchParams({ logout_token: await provider.sign(claims, { kid: 'rotated' }) })
    return identity.fetch(new Request(`${ORIGIN}/.portcullis/oidc/acme/backchannel-logout`, { method: 'POST', body }))
  }
  provider.ways.jwks = ({ keys }) => ({ keys: keys.map((key) => ({ ...key, kid: 'rotated' })) })
  identity.advance(29)
  const early = await send()
  expect([early.status, early.headers.get('retry-after')]).toEqual([503, '30'])
  expect(identity.sessions.ended).toEqual([])
  identity.advance(1)
  expect((await send()).status).toBe(200)
  expect(identity.sessions.ended).toHaveLength(1)
})
