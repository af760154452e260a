/** A key that was made elsewhere and that the directory knows, as it was added: what has changed since is the feed's to say. */
export interface DirectoryKey {
  readonly id: string
  readonly consumer: string
  readonly plan?: string
  readonly scopes?: readonly string[]
  readonly publicKey?: JsonWebKey
  /** Absent: it has no end of its own. */
  readonly expiresAt?: number
}

/** Whose request it is. */
export interface LookUpContext {
  readonly now: number
  readonly address: string | undefined
  defer(task: { readonly name: string; readonly run: () => Promise<void> }): void
}
/**
 * Imported keys (`digest:` and 64 hexadecimal digits) and public keys (`keyid:` and the id) of the directory, for the data path: from
 * memory, else from the projection, else from the object. Rejects where it cannot be known: 503, never 401.
 */
export interface LookedUpKeys {
  find(lookups: readonly string[], context: LookUpContext): Promise<DirectoryKey | undefined>
}
/** Asks the directory itself. */
export type KeyLookUp = (lookups: readonly string[]) => Promise<DirectoryKey | undefined>
