import type {
  AttributeMapping,
  IdentityProviderConfig,
  OpenIdProviderConfig,
  SamlProviderConfig,
  SessionsConfig,
} from './identity-providers.ts'
import type { attachTokenSchema, OpenIdProviderDocument, SamlProviderDocument, sessionsSchema } from './document-identity.ts'
import type * as v from 'valibot'
import { looksLikePem } from '../http/pem.ts'
import type { OriginConfig } from './policy.ts'
import { pointerTo } from './problems.ts'
import { checkName, checkUrl, isOpen, present, type Reading } from './reading.ts'

/** What providers refer to. */
export interface IdentityContext {
  /** The policy's hosts; empty: any. */
  readonly hosts: readonly string[]
  readonly consumers: ReadonlySet<string>
  readonly reading: Reading
}

export function parseIdentityProvider(
  name: string,
  document: OpenIdProviderDocument | SamlProviderDocument,
  place: string,
  context: IdentityContext,
): IdentityProviderConfig {
  checkCommon(document, place, context)
  return document.kind === 'oidc' ? parseOpenId(name, document, place, context.reading) : parseSaml(name, document, place, context.reading)
}

function checkCommon(document: OpenIdProviderDocument | SamlProviderDocument, place: string, context: IdentityContext): void {
  const { problems } = context.reading
  const known = new Set(context.hosts)
  for (const [index, host] of (document.hosts ?? []).entries()) {
    const at = pointerTo(place, 'hosts', index)
    if (known.size === 0) problems.error(at, 'the policy answers any host, so none can be named here', 'write servers with absolute URLs')
    else checkName(host, known, 'host', at, problems)
  }
  if (document.consumer !== undefined) checkName(document.consumer, context.consumers, 'consumer', pointerTo(place, 'consumer'), problems)
}

function commonOf(name: string, { title, hosts, domains, mapping, consumer }: OpenIdProviderDocument | SamlProviderDocument) {
  return {
    name,
    title: title ?? name,
    hosts: hosts ?? [],
    domains: domains ?? [],
    mapping: mappingOf(mapping),
    ...present('consumer', consumer),
  }
}

function mappingOf(mapping: OpenIdProviderDocument['mapping']): AttributeMapping {
  return {
    claims: mapping?.claims ?? { name: 'name', email: 'email' },
    groups: mapping?.groups ?? 'groups',
    scopes: mapping?.scopes ?? [],
    groupScopes: mapping?.groupScopes ?? {},
  }
}

function parseOpenId(name: string, document: OpenIdProviderDocument, place: string, reading: Reading): OpenIdProviderConfig {
  const { issuer, clientId, scopes, resource, pushedAuthorization, dpop, userInfo, idTokenAlgorithm, acrValues, followTokens } = document
  checkUrl(issuer, pointerTo(place, 'issuer'), reading)
  checkTenants(document, place, reading)
  if (resource !== undefined) checkUrl(resource, pointerTo(place, 'resource'), reading, { query: true })
  return {
    kind: 'oidc',
    ...commonOf(name, document),
    issuer,
    ...present('tenants', document.tenants),
    clientId,
    clientAuthentication: clientAuthenticationOf(document, place, reading),
    // `openid` is asked for anyhow.
    scopes: (scopes ?? ['profile', 'email']).filter((scope) => scope !== 'openid'),
    ...present('resource', resource),
    pushedAuthorization: pushedAuthorization ?? 'auto',
    dpop: dpop ?? 'auto',
    userInfo: userInfo ?? false,
    idTokenAlgorithm: idTokenAlgorithm ?? 'RS256',
    acrValues: acrValues ?? [],
    ...(document.responseMode === 'form_post' ? { responseMode: 'form_post' as const } : {}),
    followTokens: followTokens ?? true,
  }
}

/** Metadata of Entra ID for many tenants: its issuer is a template, to which tenants are held one by one. */
const MANY_TENANTS = /^https?:\/\/[^/]+\/(?:common|organizations|consumers)\/v2\.0$/u
const TENANT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u

function checkTenants({ issuer, tenants, clientAuthentication }: OpenIdProviderDocument, place: string, reading: Reading): void {
  const { problems } = reading
  if (isOpen(issuer, reading)) return
  if (tenants === undefined) {
    if (MANY_TENANTS.test(issuer) && new URL(issuer).hostname.startsWith('login.microsoftonline.'))
      problems.error(pointerTo(place, 'issuer'), 'this issuer names no tenant', 'name the tenant in it, or list them: tenants: ["<id>"]')
    return
  }
  if (!MANY_TENANTS.test(issuer))
    problems.error(pointerTo(place, 'tenants'), 'this issuer is that of one tenant', 'https://login.microsoftonline.com/organizations/v2.0')
  for (const [index, tenant] of tenants === 'any' ? [] : tenants.entries()) {
    if (!isOpen(tenant, reading) && !TENANT.test(tenant))
      problems.error(
        pointerTo(place, 'tenants', index),
        'expected the id of a tenant, in lower case',
        'such as "72f988bf-86f1-41af-91ab-2d7cd011db47"',
      )
  }
  // The audience of our assertion would be the issuer, which is none here.
  if ((clientAuthentication?.method ?? 'private_key_jwt') === 'private_key_jwt')
    problems.error(place, 'with tenants the gate authenticates by a secret', 'clientAuthentication: { method: client_secret_post, … }')
}

type ClientAuthentication = NonNullable<OpenIdProviderDocument['clientAuthentication']>

function clientAuthenticationOf(
  { clientAuthentication: given }: OpenIdProviderDocument,
  place: string,
  reading: Reading,
): OpenIdProviderConfig['clientAuthentication'] {
  const authentication = given ?? { method: 'private_key_jwt' as const }
  const at = pointerTo(place, 'clientAuthentication')
  checkPrivateKey(authentication.privateKey, pointerTo(at, 'privateKey'), reading)
  checkSecret(authentication.clientSecret, pointerTo(at, 'clientSecret'), reading)
  const { method, algorithm, privateKey, clientSecret } = authentication
  if (method === 'private_key_jwt') {
    checkKey(authentication, at, reading)
    if (algorithm === 'RS256' || algorithm === 'PS256') return { method, algorithm, privateKey: privateKey ?? '' }
    return { method, algorithm: algorithm ?? 'ES256' }
  }
  const { problems } = reading
  if (clientSecret === undefined) problems.error(at, `${method} needs a clientSecret`, 'name a secret: clientSecret: "${OIDC_SECRET}"') // oxlint-disable-line no-template-curly-in-string -- a placeholder
  if (algorithm !== undefined || privateKey !== undefined) problems.error(at, `${method} has neither algorithm nor privateKey`)
  return { method, clientSecret: clientSecret ?? '' }
}

function checkKey({ algorithm, privateKey, clientSecret }: ClientAuthentication, at: string, { problems }: Reading): void {
  if (clientSecret !== undefined) problems.error(pointerTo(at, 'clientSecret'), 'private_key_jwt has no clientSecret')
  const isRsa = algorithm === 'RS256' || algorithm === 'PS256'
  if (isRsa && privateKey === undefined)
    problems.error(at, `${algorithm} needs a privateKey`, 'name a secret, or use ES256, whose key is derived from the root secret')
  if (!isRsa && privateKey !== undefined)
    problems.error(pointerTo(at, 'privateKey'), 'this key is derived from the root secret', 'for a key of your own use RS256 or PS256')
}

/** By form alone, which needs no await: what kind of key it is shows when it is first used. */
function checkPem(value: string | undefined, what: string, pointer: string, reading: Reading): void {
  if (value === undefined || isOpen(value, reading) || looksLikePem(value)) return
  reading.problems.error(pointer, `this is no ${what}`, 'expected PEM, or the Base64 of DER')
}

/** A secret in the policy is one in the repository. Once filled, nobody can tell. */
function checkSecret(value: string | undefined, pointer: string, { keepsPlaceholders, problems }: Reading): void {
  if (value === undefined || !keepsPlaceholders || /^\$\{[A-Z][A-Z0-9_]{0,63}\}$/u.test(value)) return
  problems.error(pointer, 'a secret does not belong in the policy', 'name one: "${NAME}"') // oxlint-disable-line no-template-curly-in-string -- a placeholder
}

function checkPrivateKey(value: string | undefined, pointer: string, reading: Reading): void {
  if (reading.keepsPlaceholders) checkSecret(value, pointer, reading)
  else checkPem(value, 'private key', pointer, reading)
}

function parseSaml(name: string, document: SamlProviderDocument, place: string, reading: Reading): SamlProviderConfig {
  const { entityId, singleSignOn, singleLogout, privateKey, certificate } = document
  checkUrl(singleSignOn.url, pointerTo(place, 'singleSignOn', 'url'), reading, { query: true })
  if (singleLogout !== undefined) checkUrl(singleLogout.url, pointerTo(place, 'singleLogout', 'url'), reading, { query: true })
  if (singleLogout?.responseUrl !== undefined)
    checkUrl(singleLogout.responseUrl, pointerTo(place, 'singleLogout', 'responseUrl'), reading, { query: true })
  checkSaml(document, place, reading)
  return {
    kind: 'saml',
    ...commonOf(name, document),
    entityId,
    ...present('serviceProviderEntityId', document.serviceProviderEntityId),
    singleSignOn,
    ...(singleLogout === undefined
      ? {}
      : {
          singleLogout: {
            url: singleLogout.url,
            binding: singleLogout.binding,
            ...present('responseUrl', singleLogout.responseUrl),
          },
        }),
    certificates: document.certificates,
    ...present('privateKey', privateKey),
    ...present('certificate', certificate),
    signRequests: document.signRequests ?? privateKey !== undefined,
    wantSigned: document.wantSigned ?? 'assertion',
    wantEncrypted: document.wantEncrypted ?? false,
    allowCbc: document.allowCbc ?? false,
    allowIdpInitiated: document.allowIdpInitiated ?? false,
    relayStates: document.relayStates ?? [],
    nameIdFormat: document.nameIdFormat ?? 'persistent',
    ...present('subjectAttribute', document.subjectAttribute),
    authnContexts: document.authnContexts ?? [],
    clockToleranceSeconds: document.clockToleranceSeconds ?? 60,
  }
}

function checkSaml(document: SamlProviderDocument, place: string, reading: Reading): void {
  const { problems } = reading
  const { privateKey, certificate, signRequests, wantEncrypted, allowIdpInitiated, relayStates = [] } = document
  checkPrivateKey(privateKey, pointerTo(place, 'privateKey'), reading)
  for (const [index, text] of document.certificates.entries())
    checkPem(text, 'certificate', pointerTo(place, 'certificates', index), reading)
  checkPem(certificate, 'certificate', pointerTo(place, 'certificate'), reading)
  const needsKey = [
    ['signRequests', signRequests],
    ['wantEncrypted', wantEncrypted],
  ] as const
  for (const [field, isOn] of needsKey) {
    if (isOn === true && privateKey === undefined) problems.error(pointerTo(place, field), 'this needs a privateKey')
  }
  if (certificate !== undefined && privateKey === undefined)
    problems.error(pointerTo(place, 'certificate'), 'a certificate without its privateKey is of no use')
  for (const [index, path] of relayStates.entries()) {
    const at = pointerTo(place, 'relayStates', index)
    if (!/^\/(?![/\\])/u.test(path)) problems.error(at, 'expected a path of this gate, such as "/app" (SA-9)')
    else if (allowIdpInitiated !== true) problems.error(at, 'says nothing without allowIdpInitiated')
  }
}

/** Across providers: nobody may be two people, and no address may lead two ways. */
export function checkDistinctProviders(providers: readonly IdentityProviderConfig[], pointer: string, reading: Reading): void {
  const kinds = new Map<string, IdentityProviderConfig['kind']>()
  const domains = new Map<string, string>()
  for (const provider of providers) {
    const [field, id] = provider.kind === 'oidc' ? (['issuer', provider.issuer] as const) : (['entityId', provider.entityId] as const)
    const other = kinds.get(id)
    if (other !== undefined && other !== provider.kind && !isOpen(id, reading))
      reading.problems.error(
        pointerTo(pointer, provider.name, field),
        'an OpenID issuer and a SAML entityID of the same name would make one person of two',
        'keep one of the two kinds for this provider',
      )
    kinds.set(id, other ?? provider.kind)
    for (const [index, domain] of provider.domains.entries()) {
      const taken = domains.get(domain)
      if (taken !== undefined)
        reading.problems.error(pointerTo(pointer, provider.name, 'domains', index), `this domain is already that of ${taken}`)
      domains.set(domain, taken ?? provider.name)
    }
  }
}

/** Whom the token that goes along is for: as the provider was asked at the sign-in, or by an exchange. */
export function parseAttachToken(
  { scheme, resource, exchange }: v.InferOutput<typeof attachTokenSchema>,
  pointer: string,
  reading: Reading,
): NonNullable<OriginConfig['attachToken']> {
  const { problems } = reading
  if (exchange === undefined) {
    if (resource === undefined) problems.error(pointer, 'whom is the token for?', 'write resource, or exchange')
    return { scheme, resource: resource ?? '' }
  }
  const at = pointerTo(pointer, 'exchange')
  if (resource !== undefined) problems.error(pointerTo(pointer, 'resource'), 'an exchanged token is for whom exchange names')
  if ((exchange.audience === undefined) === (exchange.resource === undefined))
    problems.error(
      at,
      'a token is for one: write either audience or resource',
      'resource is a URL (RFC 8707), audience a name that the provider knows',
    )
  if (exchange.resource !== undefined) checkUrl(exchange.resource, pointerTo(at, 'resource'), reading, { query: true })
  return {
    scheme,
    exchange: {
      ...present('audience', exchange.audience),
      ...present('resource', exchange.resource),
      ...present('scopes', exchange.scopes),
    },
  }
}

export function parseSessions(
  { idleSeconds, absoluteSeconds, sameSite }: v.InferOutput<typeof sessionsSchema>,
  pointer: string,
  { problems }: Reading,
): SessionsConfig {
  const config: SessionsConfig = {
    idleSeconds: idleSeconds ?? Math.min(3600, absoluteSeconds ?? 3600),
    absoluteSeconds: absoluteSeconds ?? Math.max(43_200, idleSeconds ?? 0),
    sameSite: sameSite ?? 'lax',
  }
  if (config.idleSeconds > config.absoluteSeconds)
    problems.error(pointerTo(pointer, 'idleSeconds'), 'longer than absoluteSeconds, so it would never count')
  return config
}
