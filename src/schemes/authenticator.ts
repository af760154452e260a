import type { CanonicalUrl } from '../http/canonical-url.ts'
import type { RequestBody } from '../http/request-body.ts'
import type { KnownChanges } from '../revocation/changes.ts'

/** Where a credential travels. The proxy removes every declared carrier before forwarding. */
export type Carrier = { readonly in: 'header' | 'query' | 'cookie'; readonly name: string } | { readonly in: 'tls' }

/** Who one credential speaks for, as its issuer vouches for it. */
export interface Principal {
  /** Name of the security scheme in the policy. */
  readonly scheme: string
  /** Kind of the scheme: a revocation of a key never matches a token. */
  readonly kind: SchemeKind
  readonly issuer: string
  /** Unique only together with `issuer`. */
  readonly subject: string
  /** Of a session: who it is, whichever identity they signed in with (docs/sessions.md, "People"). */
  readonly person?: string
  /** The consumer this credential names. Absent: it names none. */
  readonly consumer?: string
  /** The plan the credential itself carries; absent: the consumer's plan counts. */
  readonly plan?: string
  /** What a revocation names: jti, key id, certificate fingerprint, session id. */
  readonly credentialId: string
  /** Generation of the root secret the credential was derived from; absent for credentials issued elsewhere. */
  readonly generation?: string
  readonly scopes: ReadonlySet<string>
  readonly claims: Readonly<Record<string, unknown>>
  /** Milliseconds since the epoch. */
  readonly issuedAt?: number
  /** Milliseconds since the epoch; Infinity where the credential has no end of its own. */
  readonly expiresAt: number
  /** It was replaced: when that was, in milliseconds. It still counts until `expiresAt`. */
  readonly replacedAt?: number
}

export type SchemeKind = 'jwt' | 'api-key' | 'http-signature' | 'mutual-tls' | 'session'

/**
 * Why a presented credential was refused. For logs and the decision trace; `denial.ts` merges what a prober
 * could tell apart.
 */
export const REJECTION_REASONS = [
  /** Not of the credential's syntax, or over its size cap. */
  'malformed',
  /** Sent twice, or in two places at once: 400 (RFC 6750 §2). */
  'ambiguous',
  'unknown_key',
  'unknown_issuer',
  'unknown_consumer',
  'unknown_plan',
  'unknown_certificate',
  'algorithm_not_allowed',
  'signature_invalid',
  'type_not_allowed',
  'audience_mismatch',
  'claim_missing',
  'claim_invalid',
  'critical_header',
  'expired',
  'not_yet_valid',
  /** Older than the policy's `maxAgeSeconds`. */
  'too_old',
  'component_not_covered',
  'digest_missing',
  /** The content is not what its Content-Digest says: 400. */
  'digest_mismatch',
  /** The content is over the cap within which it can be digested: 413. */
  'content_too_large',
  'replayed',
  'revoked',
  /** Switched off, itself or its consumer, until it is switched on again. */
  'disabled',
  /** Replaced by another key, and its time beside that one is over. */
  'replaced',
  /** The credential is not for use from this address: 403. */
  'address_not_allowed',
  'origin_not_allowed',
  'binding_missing',
  'binding_mismatch',
  'certificate_not_verified',
  'certificate_revoked',
  'certificate_unreadable',
  'issuer_not_pinned',
  /** Another site may have made the browser send it: 403. */
  'cross_site',
] as const
export type RejectionReason = (typeof REJECTION_REASONS)[number]

/** Which dependency was down while a credential was verified. */
export type OutageReason =
  | 'key_set_unavailable'
  | 'replay_memory_unavailable'
  | 'revocation_unavailable'
  | 'secret_unavailable'
  | 'directory_unavailable'
  | 'session_unavailable'

export interface Rejected {
  readonly status: 'rejected'
  readonly reason: RejectionReason
  /** For logs and the trace only; never holds a credential. */
  readonly detail?: string
  /** True once a MAC or signature held: only then may the public answer be specific. */
  readonly authentic?: boolean
}
export interface Unavailable {
  readonly status: 'unavailable'
  readonly reason: OutageReason
  readonly retryAfterSeconds?: number
  readonly detail?: string
}
export interface Verified {
  readonly status: 'verified'
  readonly principal: Principal
  /** The one-time part (nonce, jti): runs only when its alternative has won and its limits hold in memory. */
  readonly consume?: () => Promise<Consumed>
}
/** What verification concluded about one credential. */
export type Verdict = Verified | Rejected | Unavailable
export type Consumed = { readonly status: 'consumed' } | Rejected | Unavailable

/** Why one term of an alternative was not satisfied. */
export type Shortfall =
  | { readonly status: 'absent' }
  | Rejected
  | Unavailable
  | { readonly status: 'insufficient_scope'; readonly required: readonly string[] }
  /** RFC 9470: the caller must sign in again, or more strongly. */
  | { readonly status: 'insufficient_authentication'; readonly acrValues?: readonly string[]; readonly maxAgeSeconds?: number }
  | { readonly status: 'forbidden'; readonly condition: string }
  | { readonly status: 'credentials_disagree' }

/** A credential that was found, closed over so that nothing else can log or forward it. At once where all that it takes is in memory. */
export type Attempt = (context: VerifyContext) => Verdict | Promise<Verdict>

export interface VerifyContext {
  /** The canonical URL: the one form that match, signatures and the origin share. */
  readonly target: CanonicalUrl
  readonly request: Request
  /** Bounded, digested at most once, replayable to the origin. */
  readonly body: RequestBody
  /** Milliseconds since the epoch, read once per request. */
  readonly now: number
  /**
   * The reason a principal must stop, or undefined: at once from memory, but in an isolate that does not hold the feed yet. Rejects
   * with `RevocationOutage`.
   */
  revoked(principal: Principal): string | undefined | Promise<string | undefined>
  /** What has changed of a credential since it was issued; asked once its MAC or signature held. */
  changesOf(credential: Pick<Principal, 'kind' | 'credentialId' | 'consumer'>): KnownChanges | Promise<KnownChanges>
  /** Of the client, as the edge reports it. */
  readonly address: string | undefined
  /** Work that starts after the response: a thunk, so it cannot start early; named, so failures are countable. */
  defer(task: DeferredTask): void
}
export interface DeferredTask {
  readonly name: string
  readonly run: () => Promise<void>
}

/** How the client could do better, merged into the refusal by `denial.ts`. */
export interface Remedy {
  /** Complete `WWW-Authenticate` challenges (RFC 9110 §11.6.1), one each; merged in declared order, duplicates dropped. */
  readonly challenges: readonly string[]
  /** Further response fields, such as `Accept-Signature` (RFC 9421 §5) or `DPoP-Nonce` (RFC 9449 §8). */
  readonly fields?: readonly (readonly [name: string, value: string])[]
  /** Path and query on our host where a person can sign in. */
  readonly login?: string
}

/** One configured security scheme (OpenAPI Security Scheme Object) at work. */
export interface Authenticator {
  readonly name: string
  readonly kind: SchemeKind
  readonly carriers: readonly Carrier[]
  /**
   * Finds the credential without I/O and without judging it. `undefined`: absent, or recognisably another scheme's
   * (other `iss`, key prefix, signature label or tag).
   */
  read(request: Request): Attempt | undefined
  /** How the client could do better; asked only while denying. `undefined`: it cannot (mTLS after the handshake). */
  remedy(shortfall: Shortfall, context: VerifyContext): Promise<Remedy | undefined>
}
