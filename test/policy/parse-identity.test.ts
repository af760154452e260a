import { describe, expect, test } from 'vitest'
import { loadPolicy } from '../../src/policy/load-policy.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import { listPlaceholders } from '../../src/policy/placeholders.ts'
import type { Policy } from '../../src/policy/policy.ts'
import type { Problem } from '../../src/policy/problems.ts'
import { policyDocument, type PolicyDocument } from '../support/policy-document.ts'

type Change = (document: PolicyDocument) => void
const OIDC = { kind: 'oidc', issuer: 'https://login.example.net', clientId: 'gate' }
const SAML = {
  kind: 'saml',
  entityId: 'urn:example:idp',
  singleSignOn: { url: 'https://saml.example.net/sso', binding: 'redirect' },
  // A sequence, as certificates and keys are; which key it is shows when it is first used.
  certificates: ['MAMCAQA='],
}
const SCHEME = { type: 'apiKey', in: 'cookie', name: '__Host-portcullis', 'x-portcullis': { kind: 'session' } }

function documentWith(change: Change): PolicyDocument {
  const document = policyDocument()
  document['x-portcullis'].identityProviders = { acme: { ...OIDC }, corp: { ...SAML } }
  document.components.securitySchemes.web = structuredClone(SCHEME)
  document.paths['/orders/{id}'].get.security.push({ web: [] })
  change(document)
  return document
}
function problemsOf(change: Change): readonly Problem[] {
  const result = parsePolicy(documentWith(change), { placeholders: 'keep' })
  return result.ok ? [] : result.problems
}
function policyOf(change: Change = () => {}): Policy {
  const result = parsePolicy(documentWith(change), { placeholders: 'keep' })
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.policy
}
const provider =
  (name: 'acme' | 'corp', value: object): Change =>
  (d) =>
    Object.assign(d['x-portcullis'].identityProviders[name], value)
const web =
  (value: object): Change =>
  (d) =>
    Object.assign(d.components.securitySchemes.web, value)
const sessions =
  (value: object): Change =>
  (d) =>
    void (d['x-portcullis'].sessions = value)
const attach =
  (value: object, more: Change = () => {}): Change =>
  (d) => {
    d['x-portcullis'].origins.main.attachToken = { scheme: 'web', resource: 'https://origin.example.com', ...value }
    more(d)
  }
const auth = (value: object): Change => provider('acme', { clientAuthentication: value })

const P = '/x-portcullis/identityProviders'
const WEB = '/components/securitySchemes/web'
const ATTACH = '/x-portcullis/origins/main/attachToken'
const onlyAcme: Change = web({ 'x-portcullis': { kind: 'session', login: ['acme'] } })

const entra = (value: object): Change =>
  provider('acme', {
    issuer: 'https://login.microsoftonline.com/organizations/v2.0',
    tenants: 'any',
    clientAuthentication: { method: 'client_secret_post', clientSecret: '${SECRET}' }, // oxlint-disable-line no-template-curly-in-string -- a placeholder
    ...value,
  })

const ERRORS: readonly (readonly [name: string, change: Change, pointer: string, message: RegExp])[] = [
  ['a kind that is none', provider('acme', { kind: 'ldap' }), `${P}/acme/kind`, /oidc/u],
  ['an unknown field', provider('acme', { clientSecret: 'x' }), `${P}/acme/clientSecret`, /unknown field/u],
  ['a plain http issuer', provider('acme', { issuer: 'http://login.example.net' }), `${P}/acme/issuer`, /https/u],
  ['a host that the policy has not', provider('acme', { hosts: ['other.example'] }), `${P}/acme/hosts/0`, /unknown host/u],
  ['an unknown consumer', provider('acme', { consumer: 'nobody' }), `${P}/acme/consumer`, /unknown consumer/u],
  ['a domain in capitals', provider('acme', { domains: ['Example.com'] }), `${P}/acme/domains/0`, /lower case/u],
  [
    'a domain twice',
    (d) => {
      provider('acme', { domains: ['example.com'] })(d)
      provider('corp', { domains: ['example.com'] })(d)
    },
    `${P}/corp/domains/0`,
    /already/u,
  ],
  ['an issuer that names no tenant', provider('acme', { issuer: 'https://login.microsoftonline.com/common/v2.0' }), `${P}/acme/issuer`, /names no tenant/u], // prettier-ignore
  ['tenants of an issuer of one', provider('acme', { tenants: 'any' }), `${P}/acme/tenants`, /that of one tenant/u],
  ['a tenant by its domain', entra({ tenants: ['contoso.com'] }), `${P}/acme/tenants/0`, /id of a tenant/u],
  ['a tenant in capitals', entra({ tenants: ['ABCDEF00-1111-4111-8111-111111111111'] }), `${P}/acme/tenants/0`, /lower case/u],
  ['no tenants', entra({ tenants: [] }), `${P}/acme/tenants`, /empty/u],
  ['a wildcard', entra({ tenants: ['*'] }), `${P}/acme/tenants/0`, /id of a tenant/u],
  ['tenants with a derived key', entra({ clientAuthentication: undefined }), `${P}/acme`, /by a secret/u],
  ['a token for nobody', attach({ resource: undefined }), ATTACH, /whom is the token for/u],
  [
    'an exchange for nobody',
    attach({ resource: undefined, exchange: { scopes: ['read'] } }),
    `${ATTACH}/exchange`,
    /either audience or resource/u,
  ],
  ['an exchange for two', attach({ resource: undefined, exchange: { audience: 'a', resource: 'https://a.example' } }), `${ATTACH}/exchange`, /either audience or resource/u], // prettier-ignore
  ['an exchange beside an audience', attach({ exchange: { audience: 'a' } }), `${ATTACH}/resource`, /whom exchange names/u],
  ['a resource that is no URL', attach({ resource: undefined, exchange: { resource: 'billing' } }), `${ATTACH}/exchange/resource`, /URL/u],
  ['a bound token to be exchanged', attach({ resource: undefined, exchange: { audience: 'a' } }, onlyAcme), ATTACH, /DPoP/u],
  ['a secret in the policy', auth({ method: 'client_secret_post', clientSecret: 'hush' }), `${P}/acme/clientAuthentication/clientSecret`, /does not belong/u], // prettier-ignore
  ['no secret at all', auth({ method: 'client_secret_basic' }), `${P}/acme/clientAuthentication`, /needs a clientSecret/u],
  ['RSA without a key', auth({ method: 'private_key_jwt', algorithm: 'RS256' }), `${P}/acme/clientAuthentication`, /needs a privateKey/u],
  [
    'a key that is derived',
    auth({ method: 'private_key_jwt', privateKey: '${KEY}' }),
    `${P}/acme/clientAuthentication/privateKey`,
    /derived/u,
  ], // oxlint-disable-line no-template-curly-in-string -- a placeholder
  ['an ID token with an HMAC', provider('acme', { idTokenAlgorithm: 'HS256' }), `${P}/acme/idTokenAlgorithm`, /RS256/u],
  ['SA-9: what is no certificate', provider('corp', { certificates: ['MAMCAQA=', 'MIIB'] }), `${P}/corp/certificates/1`, /no certificate/u],
  [
    'what is no certificate of ours',
    provider('corp', { privateKey: '${KEY}', certificate: 'none' }),
    `${P}/corp/certificate`,
    /no certificate/u,
  ], // oxlint-disable-line no-template-curly-in-string -- a placeholder
  ['SAML without certificates', provider('corp', { certificates: [] }), `${P}/corp/certificates`, /empty/u],
  ['SA-4: a tolerance of more than three minutes', provider('corp', { clockToleranceSeconds: 181 }), `${P}/corp/clockToleranceSeconds`, /at most 180/u], // prettier-ignore
  ['signing without a key', provider('corp', { signRequests: true }), `${P}/corp/signRequests`, /privateKey/u],
  ['a SAML key in the policy', provider('corp', { privateKey: '-----BEGIN' }), `${P}/corp/privateKey`, /does not belong/u],
  ['a relay state elsewhere', provider('corp', { allowIdpInitiated: true, relayStates: ['//evil.example'] }), `${P}/corp/relayStates/0`, /path of this gate/u], // prettier-ignore
  ['one name for two kinds', provider('corp', { entityId: OIDC.issuer }), `${P}/corp/entityId`, /two/u],
  ['idle for longer than all', sessions({ idleSeconds: 3600, absoluteSeconds: 3599 }), '/x-portcullis/sessions/idleSeconds', /longer/u],
  ['59 seconds of idling', sessions({ idleSeconds: 59 }), '/x-portcullis/sessions/idleSeconds', /at least 60/u],
  ['SameSite none', sessions({ sameSite: 'none' }), '/x-portcullis/sessions/sameSite', /lax/u],
  ['BF-2: a cookie that a sibling host can set', web({ name: 'session' }), `${WEB}/name`, /__Host-/u],
  ['a session in a header', web({ in: 'header' }), `${WEB}/in`, /cookie/u],
  ['an unknown provider', web({ 'x-portcullis': { kind: 'session', login: ['acne'] } }), `${WEB}/x-portcullis/login/0`, /unknown identity provider/u], // prettier-ignore
  ['nowhere to sign in', (d) => delete d['x-portcullis'].identityProviders, WEB, /nobody can sign in/u],
  [
    'two cookies',
    (d) => void (d.components.securitySchemes.other = { ...structuredClone(SCHEME), name: '__Host-other' }),
    '/components/securitySchemes/other/name',
    /same cookie/u,
  ],
  ['BF-6: a cookie that is forwarded', (d) => void (d['x-portcullis'].defaults.forwardCredentials = ['web']), '/paths', /never leaves/u],
  ['BF-6: a token of SAML', attach({}), ATTACH, /corp: SAML/u],
  ['a token that may be bound to a key', attach({}, onlyAcme), ATTACH, /DPoP/u],
  ['BF-6: a token for another', attach({}, (d) => { onlyAcme(d); provider('acme', { dpop: 'never', resource: 'https://other.example' })(d) }), ATTACH, /not asked for this resource/u], // prettier-ignore
  ['a limit by consumer, which a session may not name', (d) => { d['x-portcullis'].limits.calls.by = ['consumer']; d.paths['/orders/{id}'].get.security = [{ web: [] }] }, '/paths/~1orders~1{id}/get/x-portcullis/limits', /calls/u], // prettier-ignore
  ['a token of no session', attach({ scheme: 'app' }), `${ATTACH}/scheme`, /unknown session scheme/u],
]

describe('sign-in in a policy', () => {
  test.each(ERRORS)('%s', (_name, change, pointer, message) => {
    const problems = problemsOf(change)
    expect(problems.filter((problem) => problem.pointer === pointer && message.test(problem.message))).toHaveLength(1)
  })

  test('defaults', () => {
    const { identityProviders, sessions: config, schemes } = policyOf()
    expect(identityProviders[0]).toMatchObject({
      kind: 'oidc', title: 'acme', hosts: [], scopes: ['profile', 'email'], dpop: 'auto', idTokenAlgorithm: 'RS256', followTokens: true,
      clientAuthentication: { method: 'private_key_jwt', algorithm: 'ES256' },
      mapping: { claims: { name: 'name', email: 'email' }, groups: 'groups', scopes: [], groupScopes: {} },
    }) // prettier-ignore
    expect(identityProviders[1]).toMatchObject({ kind: 'saml', wantSigned: 'assertion', signRequests: false, clockToleranceSeconds: 60 })
    expect(config).toEqual({ idleSeconds: 3600, absoluteSeconds: 43_200, sameSite: 'lax' })
    expect(schemes.find(({ name }) => name === 'web')).toMatchObject({
      kind: 'session',
      cookie: '__Host-portcullis',
      login: [{ provider: 'acme' }, { provider: 'corp' }],
      consumerOptional: false,
    })
  })

  test('one bound alone moves the other with it', () => {
    expect(policyOf(sessions({ idleSeconds: 86_400 })).sessions).toMatchObject({ idleSeconds: 86_400, absoluteSeconds: 86_400 })
    expect(policyOf(sessions({ absoluteSeconds: 600 })).sessions).toMatchObject({ idleSeconds: 600, absoluteSeconds: 600 })
  })

  test('BF-6: a token goes to its own audience', () => {
    const policy = policyOf(
      attach({}, (d) => {
        onlyAcme(d)
        provider('acme', { dpop: 'never', resource: 'https://origin.example.com' })(d)
      }),
    )
    expect(policy.origins[0]?.attachToken).toEqual({ scheme: 'web', resource: 'https://origin.example.com' })
  })

  test('RFC 8693: a token that is exchanged need not be for the origin', () => {
    const exchange = { audience: 'billing', scopes: ['read'] }
    const policy = policyOf(
      attach({ resource: undefined, exchange }, (d) => {
        onlyAcme(d)
        provider('acme', { dpop: 'never' })(d)
      }),
    )
    expect(policy.origins[0]?.attachToken).toEqual({ scheme: 'web', exchange })
  })

  test('OC-5: tenants are those that are listed', () => {
    const tenants = ['11111111-1111-4111-8111-111111111111']
    expect(policyOf(entra({ tenants })).identityProviders[0]).toMatchObject({ tenants })
    expect(policyOf(entra({})).identityProviders[0]).toMatchObject({ tenants: 'any' })
  })

  test('secrets stand where a secret is expected, and no value is repeated', () => {
    const placeholder = '${OIDC_SECRET}' // oxlint-disable-line no-template-curly-in-string -- a placeholder
    const document = documentWith(auth({ method: 'client_secret_basic', clientSecret: placeholder }))
    expect(listPlaceholders(document)).toEqual([
      { name: 'OIDC_SECRET', pointer: `${P}/acme/clientAuthentication/clientSecret`, isSecret: true },
    ])
    document['x-portcullis'].identityProviders.acme.clientId = placeholder
    const result = parsePolicy(document, { placeholders: 'keep' })
    expect(result.ok ? [] : result.problems.map(({ pointer }) => pointer)).toEqual([`${P}/acme/clientId`])
  })

  /* oxlint-disable no-template-curly-in-string -- placeholders */
  test.each([
    ['corp', 'privateKey', provider('corp', { privateKey: '${KEY}' }), 'no private key'],
    ['corp', 'certificate', provider('corp', { privateKey: '${GOOD}', certificate: '${KEY}' }), 'no certificate'],
    ['corp', 'certificates/0', provider('corp', { certificates: ['${KEY}'] }), 'no certificate'],
    ['acme', 'clientAuthentication/privateKey', auth({ method: 'private_key_jwt', algorithm: 'RS256', privateKey: '${KEY}' }), 'no private key'], // prettier-ignore
  ] as const)('%s %s: a placeholder is open, what fills it is checked, and not repeated', (name, field, change, message) => {
    const document = documentWith(change)
    expect(parsePolicy(document, { placeholders: 'keep' }).ok).toBe(true)
    const load = (KEY: string) => loadPolicy(document, { KEY, GOOD: 'MAMCAQA=' }, { isLocal: false })
    expect(load('MAMCAQA=').ok).toBe(true)
    expect(load('-----BEGIN X-----\nMAMCAQA=\n-----END X-----\n').ok).toBe(true)
    const refused = load('hush')
    expect(refused.ok ? [] : refused.problems).toMatchObject([{ pointer: `${P}/${name}/${field}`, message: `this is ${message}` }])
    expect(JSON.stringify(refused)).not.toContain('hush')
  })
  /* oxlint-enable no-template-curly-in-string */

  test('the policy of an environment is filled and read again', () => {
    const placeholder = '${ISSUER}' // oxlint-disable-line no-template-curly-in-string -- a placeholder
    const document = documentWith(provider('acme', { issuer: placeholder }))
    const loaded = loadPolicy(document, { ISSUER: 'https://login.example.net' }, { isLocal: false })
    expect(loaded.ok && loaded.policy.identityProviders[0]).toMatchObject({ issuer: 'https://login.example.net' })
    const clash = loadPolicy(document, { ISSUER: SAML.entityId }, { isLocal: false })
    expect(clash.ok).toBe(false)
  })
})
