import type { Principal } from '../authenticator.ts'
import type { KeySet } from './key-set.ts'

/** A token whose signature held and whose claims do not change: only time, revocation and key set are asked again. */
export interface VerifiedToken {
  readonly principal: Principal
  /** The very set that verified it: with another one it is verified anew, so a removed key is not believed. */
  readonly keySet: KeySet
  readonly issuer: string
}

/** Tokens that verified, within a bound of bytes; the oldest leaves first. Nobody can fill it with guesses. */
export interface VerifiedTokens {
  get(token: string): VerifiedToken | undefined
  set(token: string, entry: VerifiedToken): void
  delete(token: string): void
}

/** A token's text, its claims as objects and the entry: what one costs, as a multiple of its length. */
const COST_PER_CHARACTER = 4

export function createVerifiedTokens(maxBytes: number): VerifiedTokens {
  const entries = new Map<string, VerifiedToken>()
  let bytes = 0
  const remove = (token: string): void => {
    if (entries.delete(token)) bytes -= token.length * COST_PER_CHARACTER
  }
  return {
    get: (token) => entries.get(token),
    set(token, entry) {
      remove(token)
      entries.set(token, entry)
      bytes += token.length * COST_PER_CHARACTER
      for (const oldest of entries.keys()) {
        if (bytes <= maxBytes) break
        remove(oldest)
      }
    },
    delete: remove,
  }
}
