import { describe, expect, test } from 'vitest'
import { createTokenRefresher } from '../../../src/identity/oidc/refresher.ts'
import type { OpenIdProviderConfig } from '../../../src/policy/identity-providers.ts'
import { SUBJECT, type Ways } from '../../support/hostile-provider.ts'
import { createTestIdentity, ORIGIN, providerConfig, TEST_ROOT, type TestIdentity } from '../../support/identity.ts'

const HOME = '11111111-1111-4111-8111-111111111111'
const PARTNER = '22222222-2222-4222-8222-222222222222'
const STRANGER = '33333333-3333-4333-8333-333333333333'
const issuerOf = (tenant: string): string => `https://idp.example.net/${tenant}/v2.0`
const TEMPLATE = issuerOf('{tenantid}')
const CONFIG: Partial<OpenIdProviderConfig> = {
  issuer: issuerOf('organizations'),
  tenants: [HOME, PARTNER],
  clientAuthentication: { method: 'client_secret_post', clientSecret: 'secret' },
}
type Claims = Readonly<Record<string, unknown>>

/** Metadata as Entra ID has them, an ID token of the tenant, and a key that says whose it is. */
function waysOf(tenant: string, changes: Claims = {}, keyIssuer: string | undefined = TEMPLATE): Ways {
  return {
    discovery: (right) => ({ ...right, issuer: TEMPLATE, authorization_response_iss_parameter_supported: false }),
    callback: (answer) => answer.delete('iss'),
    claims: (right) => ({ ...right, iss: issuerOf(tenant), tid: tenant, ...changes }),
    jwks: ({ keys }) => ({ keys: keys.map((key) => ({ ...key, ...(keyIssuer === undefined ? {} : { issuer: keyIssuer }) })) }),
  }
}
async function signIn(
  ways: Ways,
  config: Partial<OpenIdProviderConfig> = {},
): Promise<{ readonly scene: TestIdentity; readonly status: number }> {
  const scene = await createTestIdentity({ ...CONFIG, ...config })
  Object.assign(scene.provider.ways, ways)
  const { status } = await scene.signIn()
  return { scene, status }
}

describe('an issuer of many tenants', () => {
  test.each([
    ['the first of the list', HOME, TEMPLATE],
    ['another of the list, by a key of its own', PARTNER, issuerOf(PARTNER)],
    ['by a key that does not say whose it is', HOME, undefined],
  ])('OC-7: somebody of %s is a person of that tenant', async (_name, tenant, keyIssuer) => {
    const { scene, status } = await signIn(waysOf(tenant, {}, keyIssuer))
    expect(status).toBe(303)
    expect(scene.sessions.started).toMatchObject([{ issuer: issuerOf(tenant), subject: SUBJECT }])
  })

  test('of any tenant only where the policy says so', async () => {
    const { scene } = await signIn(waysOf(STRANGER), { tenants: 'any' })
    expect(scene.sessions.started).toMatchObject([{ issuer: issuerOf(STRANGER), subject: SUBJECT }])
  })

  test('the answer may name the tenant (RFC 9207)', async () => {
    const ways = waysOf(HOME)
    const { scene } = await signIn({ ...ways, callback: (answer) => answer.set('iss', issuerOf(HOME)) })
    expect(scene.sessions.started).toHaveLength(1)
  })

  test.each<[string, Ways, number, RegExp]>([
    ['a tenant that is not listed', waysOf(STRANGER), 403, /none of the tenants/u],
    ['a listed tid under the iss of a stranger', waysOf(STRANGER, { tid: HOME }), 403, /none of the tenants/u],
    ['a listed iss under the tid of a stranger', waysOf(HOME, { tid: STRANGER }), 502, /tid/u],
    ['a listed iss under the tid of another listed', waysOf(HOME, { tid: PARTNER }), 502, /tid/u],
    ['no tid', waysOf(HOME, { tid: undefined }), 502, /tid/u],
    ['a tid that is a list', waysOf(HOME, { tid: [HOME] }), 502, /tid/u],
    ['the template itself', waysOf(HOME, { iss: TEMPLATE }), 502, /iss/u],
    ['the issuer of all', waysOf(HOME, { iss: issuerOf('organizations') }), 502, /iss/u],
    ['a tenant in capitals', waysOf(HOME.replace('1', 'A'), { iss: issuerOf('AAAAAAAA-1111-4111-8111-111111111111') }), 502, /iss/u],
    ['a tenant with a path behind', waysOf(HOME, { iss: `${issuerOf(HOME)}/x` }), 502, /iss/u],
    ['a tenant at another host', waysOf(HOME, { iss: `https://evil.example/${HOME}/v2.0` }), 502, /iss/u],
    ['a key of another tenant', waysOf(HOME, {}, issuerOf(PARTNER)), 502, /key of another tenant/u],
    ['a key of a stranger', waysOf(HOME, {}, issuerOf(STRANGER)), 502, /key of another tenant/u],
    [
      'an answer by another tenant',
      { ...waysOf(HOME), callback: (answer) => answer.set('iss', issuerOf(PARTNER)) },
      502,
      /that of the answer/u,
    ],
    [
      'an answer by a stranger',
      { ...waysOf(HOME), callback: (answer) => answer.set('iss', issuerOf(STRANGER)) },
      502,
      /issuer that was asked/u,
    ],
    ['metadata of one tenant', { ...waysOf(HOME), discovery: (right) => ({ ...right, issuer: issuerOf(HOME) }) }, 502, /metadata/u],
  ])('OC-5: %s signs nobody in', async (_name, ways, expected, detail) => {
    const { scene } = await signIn(ways)
    expect(scene.sessions.started).toEqual([])
    expect(scene.log.at(-1)).toMatchObject({ status: expected, detail: expect.stringMatching(detail) as string })
  })

  test('OC-3: the template is no issuer where no tenants are listed', async () => {
    const scene = await createTestIdentity({ issuer: issuerOf('organizations') })
    Object.assign(scene.provider.ways, waysOf(HOME))
    await scene.signIn()
    expect(scene.sessions.started).toEqual([])
  })

  test.each<[string, Claims, string]>([
    ['of the same tenant', {}, 'refreshed'],
    ['of another that is listed', { iss: issuerOf(PARTNER), tid: PARTNER }, 'ended'],
    ['of a stranger', { iss: issuerOf(STRANGER), tid: STRANGER }, 'ended'],
    ['whose tid is another', { tid: PARTNER }, 'ended'],
  ])('OC-8: a refresh with an ID token %s', async (_name, changes, expected) => {
    const { scene } = await signIn(waysOf(HOME))
    const refresher = createTokenRefresher([providerConfig(CONFIG)], {
      rootSecret: TEST_ROOT, fetch: scene.provider.fetch, isLocal: false, now: scene.now,
    }) // prettier-ignore
    const tokens = { accessToken: 'old', tokenType: 'bearer', refreshToken: 'r-1' } as const
    Object.assign(scene.provider.ways, waysOf(HOME, changes))
    expect(await refresher.refresh('acme', tokens, { issuer: issuerOf(HOME), subject: SUBJECT }, scene.now())).toHaveProperty(
      'status',
      expected,
    )
    // The policy lists it no longer.
    expect(await refresher.refresh('acme', tokens, { issuer: issuerOf(STRANGER), subject: SUBJECT }, scene.now())).toEqual({
      status: 'ended',
    })
  })

  test.each([
    [HOME, 200, 1],
    [PARTNER, 200, 0],
    [STRANGER, 400, 0],
  ])('OC-12: a front-channel logout by %s', async (tenant, status, ended) => {
    const { scene } = await signIn(waysOf(HOME))
    const query = new URLSearchParams({ iss: issuerOf(tenant), sid: 'sid-1' })
    const answer = await scene.fetch(new Request(`${ORIGIN}/.portcullis/oidc/acme/frontchannel-logout?${query.toString()}`))
    expect([answer.status, scene.sessions.ended.length]).toEqual([status, ended])
  })
})
