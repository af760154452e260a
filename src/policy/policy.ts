import type { LimitPolicy } from '../limits/limiter.ts'
import type { SchemeConfig } from '../schemes/index.ts'
import type { TokenTarget } from '../sessions/session.ts'
import type { IdentityProviderConfig, SessionsConfig } from './identity-providers.ts'

/**
 * A policy after parsing: every name resolved, every default filled in, every inheritance applied. Plain data; the
 * authenticators are made from it by `link.ts`.
 */
export interface Policy {
  readonly title: string
  /** Hosts that are answered (lower-case, with port unless default); empty: any. */
  readonly hosts: readonly string[]
  /** What a path that no route matches answers: 404, or 401 for who cannot authenticate anywhere. */
  readonly unknownPaths: 'not-found' | 'authenticate'
  readonly schemes: readonly SchemeConfig[]
  readonly origins: readonly OriginConfig[]
  readonly limits: readonly LimitPolicy[]
  readonly plans: readonly PlanConfig[]
  /** `undefined`: the policy declares none, so any consumer a key names is taken. */
  readonly consumers: readonly ConsumerConfig[] | undefined
  readonly routes: readonly Route[]
  /** How long a revocation may take everywhere, and how much longer while the feed cannot be read. */
  readonly revocation: { readonly boundSeconds: number; readonly graceSeconds: number; readonly relays?: number }
  readonly identityProviders: readonly IdentityProviderConfig[]
  readonly sessions: SessionsConfig
  /** `undefined`: nobody operates it but with admin keys, and there are no developers. */
  readonly control: ControlConfig | undefined
  readonly abuse: AbuseConfig
}

/** What is done about what the detector finds, and about addresses that fail again and again (docs/abuse.md). */
export interface AbuseConfig {
  /** From which score on; what is absent is never done. Empty: everything is recorded, and nothing done by itself. */
  readonly answers: { readonly slow?: number; readonly limit?: number; readonly stepUp?: number; readonly block?: number }
  /** How long a first answer lasts; each further one of a week twice as long, up to the most. */
  readonly blockSeconds: { readonly first: number; readonly most: number }
  /** Nothing is done to these by itself. `networks`: canonical. */
  readonly allow: { readonly networks: readonly string[]; readonly consumers: readonly string[]; readonly keys: readonly string[] }
  /** Failures a minute in one isolate. Absent: the default, but in `portcullis dev`, where all come from one address, none. */
  readonly failureBudget?: false | { readonly address: number; readonly network: number }
}

/** Who operates this gate, and what developers may do by themselves (docs/accounts.md). */
/** Who tells of leaked keys, and by what keys they sign: published at a URL, or written in the policy. */
export type ScannerConfig =
  | { readonly name: string; readonly keysUrl: string }
  | { readonly name: string; readonly keys: readonly { readonly id: string; readonly publicKey: string }[] }
export interface ControlConfig {
  /** Besides admin keys. Their scopes name roles, such as `portcullis:operator`. */
  readonly security: readonly Alternative[]
  readonly portal?: {
    /** A session scheme. */
    readonly scheme: string
    /** Those that developers may choose. */
    readonly plans: readonly string[]
    readonly defaultPlan: string
    readonly maxOrganisations: number
    readonly maxApps: number
    readonly maxKeys: number
  }
  /** Empty: nobody tells. */
  readonly secretScanning: readonly ScannerConfig[]
}

export interface Route {
  /** `operationId`, else `GET /orders/{id}`. */
  readonly id: string
  /** For developers to read, as the document says it. */
  readonly summary?: string
  readonly description?: string
  /** Upper case. */
  readonly method: string
  /** The server's base path and the path template, such as `/v1/orders/{id}`; `{rest+}` only at the end. */
  readonly template: string
  /** Length of the base path, for origins that want it stripped. */
  readonly basePath: string
  /** OR in declared order; an empty alternative is anonymous access. Never empty itself. */
  readonly alternatives: readonly Alternative[]
  readonly origin: string
  /** Names of limits. */
  readonly limits: readonly string[]
  /** As how many requests one counts on each of its limits. */
  readonly cost: number
  /** Schemes whose carriers reach the origin. */
  readonly forwardCredentials: readonly string[]
  readonly maxBodyBytes?: number
  readonly cors?: CorsConfig
}
/** AND of terms. */
export type Alternative = readonly TermConfig[]
export interface TermConfig {
  readonly scheme: string
  readonly scopes: readonly string[]
  readonly require?: Conditions
}
/** What a verified credential must further satisfy (docs/policy.md, "require"). */
export interface Conditions {
  /** Claim path (dots descend) to the value, or to one of the values, that it must have. */
  readonly claims?: Readonly<Record<string, ClaimValue | readonly ClaimValue[]>>
  /** Path parameter to the claim it must equal. */
  readonly pathParameters?: Readonly<Record<string, string>>
  /** RFC 9470: one of these `acr` values. */
  readonly acrValues?: readonly string[]
  /** RFC 9470: at most this long since `auth_time`, in seconds. */
  readonly maxAgeSeconds?: number
}
export type ClaimValue = string | number | boolean

export interface OriginConfig {
  readonly name: string
  /** Origin or origin and path prefix; https, or http to loopback in `portcullis dev`. */
  readonly url: string
  readonly stripBasePath: boolean
  readonly timeouts: {
    /** Until the origin's response headers, in seconds. Default 30, 1 to 300. */
    readonly headersSeconds: number
  }
  readonly forwardCredentials: readonly string[]
  /**
   * Callers by this session scheme bring its access token, which is for `resource` and nothing else (BF-6), or the one that the provider
   * gives in exchange for it (RFC 8693).
   */
  readonly attachToken?: { readonly scheme: string } & ({ readonly resource: string } | { readonly exchange: TokenTarget })
}
export interface CorsConfig {
  readonly origins: readonly string[]
  readonly allowHeaders: readonly string[]
  readonly exposeHeaders: readonly string[]
  readonly credentials: boolean
  readonly maxAgeSeconds: number
}
export interface PlanConfig {
  readonly name: string
  readonly scopes?: readonly string[]
  readonly limits: readonly string[]
}
export interface ConsumerConfig {
  readonly name: string
  readonly plan?: string
  /** Limits whose numbers are other ones for this consumer. */
  readonly limits: readonly LimitPolicy[]
  readonly clients: readonly { readonly issuer: string; readonly clientId: string }[]
  readonly certificates: readonly { readonly uri?: string; readonly dns?: string; readonly subject?: string; readonly sha256?: string }[]
  /** `hash`: `hmac-sha256:` and 64 hexadecimal digits. */
  readonly keys: readonly { readonly id: string; readonly hash: string; readonly scopes?: readonly string[]; readonly plan?: string }[]
  /** Exactly one of `secret` (base64 or base64url of at least 32 bytes) and `jwk` (an Ed25519 public key). */
  readonly signingKeys: readonly {
    readonly keyid: string
    readonly secret?: string
    readonly jwk?: JsonWebKey
    readonly scopes?: readonly string[]
  }[]
}
