import type { Changes, KnownChanges } from './changes.ts'
import type { FoundRestriction } from './restrictions.ts'

/** What can be revoked. A `jti`, `session` or `subject` without `issuer` is revoked whoever issued it. */
export type RevocationTarget =
  /** One API key or signing key, issued here or imported. */
  | { readonly type: 'key'; readonly id: string }
  /** Every key derived from one generation of the root secret. */
  | { readonly type: 'generation'; readonly id: string }
  /** One token, by its `jti` (RFC 7519 §4.1.7). */
  | { readonly type: 'jti'; readonly id: string; readonly issuer?: string }
  /** One session, by its id; `issuer`: the identity provider that vouched for who signed in. */
  | { readonly type: 'session'; readonly id: string; readonly issuer?: string }
  /** Every token and session of a subject issued before the revocation. */
  | { readonly type: 'subject'; readonly id: string; readonly issuer?: string }
  /** Every credential of a consumer issued before the revocation. */
  | { readonly type: 'consumer'; readonly id: string }
  /** One client certificate, by the SHA-256 of its DER in lower-case hexadecimal. */
  | { readonly type: 'certificate'; readonly id: string }
  /** Every request from an address, until the entry expires. `id`: an `addressKey`; of IPv6 a whole /64. */
  | { readonly type: 'address'; readonly id: string }
  /** Never revoked, but restricted for a while: `changed` says how. `id`: a `restrictedName`. */
  | { readonly type: 'restricted'; readonly id: string }

/** One entry of the feed. */
export interface Revocation {
  /** Position in the feed; strictly rising. */
  readonly sequence: number
  readonly target: RevocationTarget
  /**
   * `subject` and `consumer`: credentials issued before this instant must stop, in milliseconds since the epoch; a
   * credential that does not say when it was issued stops too.
   */
  readonly before?: number
  /** It stops nothing: `key` and `consumer` are changed so, all that was ever set of them. */
  readonly changed?: Changes
  /** Milliseconds since the epoch after which what it names has expired by itself; the entry is then forgotten. */
  readonly expiresAt: number
  /** For the log; never shown to the caller. */
  readonly reason: string
}

/** The part of a principal that a revocation can name; a `Principal` is one. */
export interface Revocable {
  readonly kind: string
  readonly issuer: string
  readonly subject: string
  readonly consumer?: string
  readonly credentialId: string
  readonly generation?: string
  readonly issuedAt?: number
}

/** What an isolate that holds the feed knows of it. Freshness is the caller's to ensure first. */
export interface HeldSnapshot {
  /** The reason this credential must stop, or `undefined`. */
  find(credential: Revocable): string | undefined
  /** What has changed of it since it was issued. Asked only once it verified. */
  changesOf(credential: Pick<Revocable, 'kind' | 'credentialId' | 'consumer'>): KnownChanges
  /** The reason nothing is taken from this address at `now`, in milliseconds, or `undefined`. */
  findAddress(address: string, now: number): string | undefined
  /** The strongest restriction of any of these at `now`. `names` is asked only where anything is restricted: each is a `restrictedName`. */
  findRestriction(names: () => readonly string[], now: number): FoundRestriction | undefined
}

/** The same for an isolate that may not hold all of it yet: it then asks the feed, and rejects with `RevocationOutage` where that fails. */
export type RevocationSnapshot = {
  readonly [Method in keyof HeldSnapshot]: (
    ...asked: Parameters<HeldSnapshot[Method]>
  ) => ReturnType<HeldSnapshot[Method]> | Promise<ReturnType<HeldSnapshot[Method]>>
}

/** The feed cannot be asked: 503, never 401 and never open. */
export class RevocationOutage extends Error {
  override readonly name = 'RevocationOutage'
}

/** Work that starts after the response. */
export type Defer = (task: { readonly name: string; readonly run: () => Promise<void> }) => void

export interface Revocations {
  /**
   * A snapshot no older than the bound; while the feed cannot be read, than bound and grace. Returns at once while the
   * isolate's snapshot is fresh (refreshing in the background from half the bound on, through `defer`), else waits for
   * the feed. Throws when the feed cannot be read: callers deny with 503. `authority`: the host of the request, under
   * which isolates of one data centre share what they read.
   */
  snapshot(now: number, defer: Defer, authority?: string): RevocationSnapshot | Promise<RevocationSnapshot>
  /** What the isolate has in memory, however old; nothing is read for it. */
  held?(): HeldSnapshot | undefined
  /** How old what the isolate has may be at `now`, in milliseconds; `undefined`: it has nothing yet. */
  ageMs?(now: number): number | undefined
  /** Refreshes what is held after the response, where that is due: for requests that need not know it. */
  keepFresh?(now: number, defer: Defer, authority: string): void
  /** The feed has grown: who asks in this data centre from now on reads it anew. */
  announce?(authority: string): Promise<void>
}
