/** The keys of one issuer as this isolate holds them, for operators to read. */
export interface KeySetReport {
  readonly issuer: string
  /** Milliseconds since the epoch. Absent: nothing was fetched yet. */
  readonly fetchedAt?: number
  readonly freshUntil?: number
  readonly keys: number
  /** What went wrong when the issuer was last asked. */
  readonly fault?: string
}
