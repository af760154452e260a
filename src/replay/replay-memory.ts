/** Longest an id is remembered, in milliseconds; it bounds what one look-up visits. */
export const MAX_LIFE_MS = 7_200_000

/** One thing that may be used once: a signature nonce, a DPoP `jti`, an assertion id. */
export interface OneTimeId {
  /** What the id is unique within, such as `http-signature:acme-1`. */
  readonly scope: string
  /** The id as the client chose it; at most 256 bytes (callers refuse longer ones as malformed). */
  readonly id: string
  /**
   * Milliseconds since the epoch after which the id can no longer be accepted anyway, skew included. At or before `now` it
   * is answered with `replayed`; further away than `MAX_LIFE_MS` it throws.
   */
  readonly expiresAt: number
}

/**
 * Remembers what was used. Of any number of identical ids in parallel, exactly one call answers `fresh`, and none is
 * answered before it is durable.
 */
export interface ReplayMemory {
  /** Throws when the memory cannot answer: callers deny with 503, never with 401. */
  use(entry: OneTimeId, now: number): Promise<'fresh' | 'replayed'>
}
