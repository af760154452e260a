/**
 * The root secret: `generation:base64url(32 random bytes)` entries, newest first, separated by commas or white space
 * (design §7). Everything secret that Portcullis issues or keeps is derived from it.
 */
export interface RootSecret {
  /** Names of the generations, newest first. */
  readonly generations: readonly string[]
  /**
   * 32 bytes for one purpose, by HKDF-SHA-256; the label holds purpose, generation and the gateway's name and environment.
   * Cached. Throws on a generation that is not in the list.
   */
  derive(purpose: string, generation: string): Promise<Uint8Array>
}
