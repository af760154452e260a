import { ADDRESS_LIFE_MS, addressRange } from './revocation-request.ts'
import type { Revocations, RevocationTarget } from './revocations.ts'
import { createSnapshot } from './snapshot.ts'

/** Revocations that are in force at once, in the memory of one isolate, for tests. */
export interface MemoryRevocations extends Revocations {
  /** `now` in milliseconds; credentials of a subject or consumer issued before it stop, an address is blocked for a day. */
  revoke(target: RevocationTarget, now: number): void
}

export function createMemoryRevocations(): MemoryRevocations {
  const snapshot = createSnapshot()
  return {
    revoke(target, now) {
      if (target.type === 'address') {
        const id = addressRange(target.id)
        if (id === undefined) throw new Error(`${target.id} is not an address`)
        snapshot.add([{ target: { type: 'address', id }, expiresAt: now + ADDRESS_LIFE_MS, reason: 'revoked' }])
        return
      }
      const isOfParty = target.type === 'subject' || target.type === 'consumer'
      snapshot.add([{ target, ...(isOfParty ? { before: now } : {}), expiresAt: Number.POSITIVE_INFINITY, reason: 'revoked' }])
    },
    snapshot: () => snapshot,
    held: () => snapshot,
  }
}
