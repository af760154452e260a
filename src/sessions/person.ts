/** What was last seen of a person. */
export interface Seen {
  readonly provider: string
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
}
/** An identity of a person, as the name of its own object. */
export interface Person {
  /** Random; the same for all identities of one person that were linked. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly firstSeen: number
  readonly lastSeen: number
  readonly provider: string
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
  /** Other identities of the same person, linked by proof: names of their objects. */
  readonly linked: readonly string[]
}

/** Identities that one person may have. */
export const MAX_LINKED = 16
