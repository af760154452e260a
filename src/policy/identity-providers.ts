/** One place where people sign in. Its name stands in URLs (`/.portcullis/login/{name}`) and in logs. */
export type IdentityProviderConfig = OpenIdProviderConfig | SamlProviderConfig

interface CommonConfig {
  readonly name: string
  /** What the choice page calls it. Default: the name. */
  readonly title: string
  /** Hosts that offer it (lower-case, with port unless default); empty: all of the policy's. */
  readonly hosts: readonly string[]
  /** E-mail domains whose people are sent here without a choice. Only a hint: it decides nothing about who somebody is. */
  readonly domains: readonly string[]
  readonly mapping: AttributeMapping
  /** The consumer of everybody who signs in here. Absent: none. */
  readonly consumer?: string
}

/** How what a provider says becomes claims, groups and scopes. Nothing else of it is kept. */
export interface AttributeMapping {
  /** Claim of ours to the provider's claim or attribute name. Default for both kinds: `name`, `email` under their usual names. */
  readonly claims: Readonly<Record<string, string>>
  /** The provider's claim or attribute that lists groups. Default `groups`. */
  readonly groups: string
  /** Scopes that everybody has who signs in. Default none. */
  readonly scopes: readonly string[]
  /** Group to the scopes that its members have. */
  readonly groupScopes: Readonly<Record<string, readonly string[]>>
}

export interface OpenIdProviderConfig extends CommonConfig {
  readonly kind: 'oidc'
  /** Exact issuer; metadata by discovery. https, or http to loopback in `portcullis dev`. */
  readonly issuer: string
  /**
   * Ids of the tenants whose people may sign in, where `issuer` is that of many (Entra ID). `any`: all that there are. A person is the
   * tenant's own issuer and the subject.
   */
  readonly tenants?: readonly string[] | 'any'
  readonly clientId: string
  readonly clientAuthentication:
    /** ES256 or Ed25519 (`EdDSA`): derived from the root secret. Its JWK set is at `/.portcullis/oidc/{name}/jwks.json`. */
    | { readonly method: 'private_key_jwt'; readonly algorithm: 'ES256' | 'EdDSA' }
    /** `privateKey`: PKCS#8 PEM of an RSA key, a secret. */
    | { readonly method: 'private_key_jwt'; readonly algorithm: 'RS256' | 'PS256'; readonly privateKey: string }
    | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly clientSecret: string }
  /** Asked for besides `openid`. Default `profile email`. `offline_access` asks for a refresh token. */
  readonly scopes: readonly string[]
  /** RFC 8707: whom access tokens are for. */
  readonly resource?: string
  /** Default `auto`: where the provider offers it. */
  readonly pushedAuthorization: 'auto' | 'always' | 'never'
  /** DPoP-bound tokens. Default `auto`: where the provider's metadata names DPoP algorithms that we have. */
  readonly dpop: 'auto' | 'always' | 'never'
  /** Ask the UserInfo endpoint after every sign-in. Default false. */
  readonly userInfo: boolean
  /** Algorithm of ID tokens as registered. Default RS256 (OC-5). */
  readonly idTokenAlgorithm: string
  /** Send along: `acr_values`, `prompt`. */
  readonly acrValues: readonly string[]
  /** Absent: the answer comes in the address. `form_post`: in a form that the browser posts, for providers that do nothing else (Apple). */
  readonly responseMode?: 'form_post'
  /** A session lives and ends with the refresh token that came with it. Default true. */
  readonly followTokens: boolean
}

export interface SamlProviderConfig extends CommonConfig {
  readonly kind: 'saml'
  /** The identity provider's entityID. */
  readonly entityId: string
  /** Ours. Default: the URL of our metadata on the host that is asked. */
  readonly serviceProviderEntityId?: string
  readonly singleSignOn: { readonly url: string; readonly binding: 'redirect' | 'post' }
  readonly singleLogout?: { readonly url: string; readonly responseUrl?: string; readonly binding: 'redirect' | 'post' }
  /** Base64 DER or PEM certificates whose keys sign; several while keys are replaced. Only the keys count. */
  readonly certificates: readonly string[]
  /** PKCS#8 PEM of an RSA key for signing and decryption, a secret of its own; absent: nothing is signed or can be decrypted. */
  readonly privateKey?: string
  /** The certificate published beside it in our metadata, PEM. */
  readonly certificate?: string
  /** Default true where there is a `privateKey`. */
  readonly signRequests: boolean
  /** What must be signed. Default `assertion`; `either`: the Response or the Assertion. */
  readonly wantSigned: 'assertion' | 'response' | 'both' | 'either'
  readonly wantEncrypted: boolean
  /** AES-CBC inside a signed Response (XW-5). Default false: GCM alone. */
  readonly allowCbc: boolean
  /** SA-7: responses that nobody asked for. Default false. */
  readonly allowIdpInitiated: boolean
  /** Where such a response may lead, paths of ours. */
  readonly relayStates: readonly string[]
  /** Requested NameID format. Default persistent. `transient` makes no person. */
  readonly nameIdFormat: 'persistent' | 'emailAddress' | 'unspecified' | 'transient'
  /** Attribute that names the person instead of NameID; absent: NameID. */
  readonly subjectAttribute?: string
  /** `AuthnContextClassRef`s asked for. */
  readonly authnContexts: readonly string[]
  /** How far the clocks may disagree, in seconds. Default 60, at most 180 (SA-4). */
  readonly clockToleranceSeconds: number
}

/** Browser sessions of the whole gate. */
export interface SessionsConfig {
  /** Ends after this long without a request, in seconds. Default 3600, 60 to 2,592,000. */
  readonly idleSeconds: number
  /** Ends after this long whatever happens, in seconds. Default 43,200, 60 to 7,776,000. */
  readonly absoluteSeconds: number
  /** Default `lax`. `strict` takes one same-site hop after the sign-in. */
  readonly sameSite: 'lax' | 'strict'
}
