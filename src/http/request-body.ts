/** Digest algorithms of RFC 9530 §5 that are secure enough to count. */
export type DigestAlgorithm = 'sha-256' | 'sha-512'

export type BodyDigest =
  | { readonly status: 'digested'; readonly digest: Uint8Array }
  /** Longer than the cap; nothing was forwarded. */
  | { readonly status: 'too_large'; readonly maxBodyBytes: number }

/**
 * The content of one request: digested at most once per algorithm, then still there for the origin. Nothing is read
 * until somebody asks for a digest; then at most `maxBodyBytes` are held in memory.
 */
export interface RequestBody {
  /** False where the request has no content at all (no body, or a body of declared length 0). */
  readonly isPresent: boolean
  digest(algorithm: DigestAlgorithm): Promise<BodyDigest>
  /** What to send to the origin: the untouched stream, or the bytes that were digested. Call once. */
  forward(): ReadableStream<Uint8Array> | Uint8Array | null
}
