import type { ReplayRecord } from '../../src/replay/replay-index.ts'

export const LIFE = 330_000
export const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(16))

/** An id that nobody has used, good for as long as a signature is. */
export const record = (overrides: Partial<ReplayRecord> = {}): ReplayRecord => ({
  hash: random(),
  token: random(),
  expiresAt: Date.now() + LIFE,
  ...overrides,
})
