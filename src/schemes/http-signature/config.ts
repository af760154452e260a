/** An `http-signature` scheme: RFC 9421 signatures over the request. */
export interface HttpSignatureConfig {
  readonly kind: 'http-signature'
  readonly name: string
  /** Components every signature must cover. Default `@method`, `@authority`, `@path`, `@query`. */
  readonly components: readonly string[]
  /** Whether `content-digest` must be covered and recomputed. Default `when-body`. */
  readonly contentDigest: 'when-body' | 'always' | 'never'
  /** Fields of the other credentials of the conjunction, lower case; filled in by the linker, never by the policy. */
  readonly coveredFields: readonly string[]
  /** Oldest `created` taken, in seconds; also the longest a nonce is remembered. Default 300, 1 to 3600. */
  readonly maxAgeSeconds: number
  /** How far `created` may lie in our future, in seconds. Default 30, at most 300. */
  readonly clockToleranceSeconds: number
  /** Whether a `nonce` is required and accepted once. Default true. */
  readonly nonce: boolean
  /** Only signatures with this `tag` are this scheme's. */
  readonly tag?: string
  /** Most content that is held in memory to be digested, in bytes. Default 1 MiB, at most 10 MiB. */
  readonly maxBodyBytes: number
  readonly consumerOptional: boolean
}
