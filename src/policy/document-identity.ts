import * as v from 'valibot'
import { closed, named } from './closed-schema.ts'
import { whole } from './document-numbers.ts'
import { acr, name, names, scope, scopes, text } from './document-texts.ts'

/** A certificate or key in PEM: longer than other texts. */
const pem = v.pipe(v.string(), v.minLength(1, 'must not be empty'), v.maxLength(16_384, 'longer than 16384 characters'))
const hosts = v.pipe(v.array(text), v.maxLength(64, 'more than 64 hosts'))
const domains = v.pipe(
  v.array(v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+$/u, 'not a domain in lower case, such as example.com'))),
  v.maxLength(256, 'more than 256 domains'),
)
const claim = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/u
const mapping = closed({
  claims: v.optional(named(text, claim, 'a claim')),
  groups: v.optional(text),
  scopes: v.optional(scopes),
  groupScopes: v.optional(named(scopes, /^.{1,256}$/u, 'a group')),
})
const common = {
  title: v.optional(v.pipe(v.string(), v.minLength(1, 'must not be empty'), v.maxLength(64, 'longer than 64 characters'))),
  hosts: v.optional(hosts),
  domains: v.optional(domains),
  mapping: v.optional(mapping),
  consumer: v.optional(name),
}

const choice = v.picklist(['auto', 'always', 'never'])
const clientAuthentication = closed({
  method: v.picklist(['private_key_jwt', 'client_secret_basic', 'client_secret_post']),
  algorithm: v.optional(v.picklist(['ES256', 'EdDSA', 'RS256', 'PS256'])),
  privateKey: v.optional(pem),
  clientSecret: v.optional(text),
})
const openIdProvider = closed({
  kind: v.literal('oidc'),
  ...common,
  issuer: text,
  tenants: v.optional(
    v.union([v.literal('any'), v.pipe(v.array(text), v.minLength(1, 'must not be empty'), v.maxLength(256, 'more than 256 tenants'))]),
  ),
  clientId: text,
  clientAuthentication: v.optional(clientAuthentication),
  scopes: v.optional(v.pipe(v.array(scope), v.maxLength(32, 'more than 32 scopes'))),
  resource: v.optional(text),
  pushedAuthorization: v.optional(choice),
  dpop: v.optional(choice),
  userInfo: v.optional(v.boolean()),
  idTokenAlgorithm: v.optional(v.picklist(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'])),
  acrValues: v.optional(v.pipe(v.array(acr), v.maxLength(16, 'more than 16'))),
  responseMode: v.optional(v.picklist(['query', 'form_post'])),
  followTokens: v.optional(v.boolean()),
})
export type OpenIdProviderDocument = v.InferOutput<typeof openIdProvider>

const binding = v.picklist(['redirect', 'post'])
const samlProvider = closed({
  kind: v.literal('saml'),
  ...common,
  entityId: text,
  serviceProviderEntityId: v.optional(text),
  singleSignOn: closed({ url: text, binding }),
  singleLogout: v.optional(closed({ url: text, responseUrl: v.optional(text), binding })),
  certificates: v.pipe(v.array(pem), v.minLength(1, 'must not be empty'), v.maxLength(8, 'more than 8 certificates')),
  privateKey: v.optional(pem),
  certificate: v.optional(pem),
  signRequests: v.optional(v.boolean()),
  wantSigned: v.optional(v.picklist(['assertion', 'response', 'both', 'either'])),
  wantEncrypted: v.optional(v.boolean()),
  allowCbc: v.optional(v.boolean()),
  allowIdpInitiated: v.optional(v.boolean()),
  relayStates: v.optional(v.pipe(v.array(text), v.maxLength(32, 'more than 32'))),
  nameIdFormat: v.optional(v.picklist(['persistent', 'emailAddress', 'unspecified', 'transient'])),
  subjectAttribute: v.optional(text),
  authnContexts: v.optional(v.pipe(v.array(text), v.maxLength(16, 'more than 16'))),
  clockToleranceSeconds: v.optional(whole(0, 180, 'How far the clocks may disagree, in seconds. Default 60 (SA-4).')),
})
export type SamlProviderDocument = v.InferOutput<typeof samlProvider>

export const identityProviderSchema = v.variant('kind', [openIdProvider, samlProvider])

export const sessionsSchema = closed({
  idleSeconds: v.optional(whole(60, 2_592_000, 'A session ends after this long without a request, in seconds. Default 3600.')),
  absoluteSeconds: v.optional(whole(60, 7_776_000, 'A session ends after this long whatever happens, in seconds. Default 43200.')),
  sameSite: v.optional(v.picklist(['lax', 'strict'])),
})

/** `x-portcullis` of a scheme of kind `session`. */
export const sessionSchema = closed({
  kind: v.literal('session'),
  login: v.optional(v.pipe(names, v.minLength(1, 'must not be empty'))),
  consumer: v.optional(v.literal('any')),
})

/** The access token of a session goes along to an origin: RFC 6750, for this one audience. `exchange`: another one, by RFC 8693. */
export const attachTokenSchema = closed({
  scheme: name,
  resource: v.optional(text),
  exchange: v.optional(
    closed({
      audience: v.optional(text),
      resource: v.optional(text),
      scopes: v.optional(v.pipe(v.array(scope), v.maxLength(32, 'more than 32 scopes'))),
    }),
  ),
})
