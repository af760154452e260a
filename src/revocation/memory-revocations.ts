import type { Revocations, RevocationTarget } from './revocations.ts'
import { createSnapshot } from './snapshot.ts'

/** Revocations that are in force at once, in the memory of one isolate, for tests. */
export interface MemoryRevocations extends Revocations {
  /** `now` in milliseconds; credentials of a subject or consumer issued before it stop. */
  revoke(target: RevocationTarget, now: number): void
}

export function createMemoryRevocations(): MemoryRevocations {
  const snapshot = createSnapshot()
  return {
    revoke(target, now) {
      const isOfParty = target.type === 'subject' || target.type === 'consumer'
      snapshot.add([{ target, ...(isOfParty ? { before: now } : {}), expiresAt: Number.POSITIVE_INFINITY, reason: 'revoked' }])
    },
    snapshot: () => snapshot,
  }
}
