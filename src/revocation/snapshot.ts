import type { Revocable, Revocation, RevocationSnapshot, RevocationTarget } from './revocations.ts'

/** A snapshot that grows with the feed. */
export interface GrowingSnapshot extends RevocationSnapshot {
  /** Of two entries for one target the later instant and the later end count; order and repeats do not matter. */
  add(entries: readonly Pick<Revocation, 'target' | 'before' | 'expiresAt' | 'reason'>[]): void
  /** Drops what has expired by itself. `now` in milliseconds. */
  forget(now: number): void
}

interface Known {
  /** Credentials issued before this instant must stop, in milliseconds; Infinity: whenever it was issued. */
  readonly before: number
  readonly expiresAt: number
  readonly reason: string
}

export function createSnapshot(): GrowingSnapshot {
  const known = new Map<string, Known>()
  return {
    add(entries) {
      for (const { target, before = Number.POSITIVE_INFINITY, expiresAt, reason } of entries) {
        const name = nameOf(target)
        const earlier = known.get(name)
        known.set(name, {
          reason,
          before: Math.max(before, earlier?.before ?? before),
          expiresAt: Math.max(expiresAt, earlier?.expiresAt ?? expiresAt),
        })
      }
    },
    forget(now) {
      for (const [name, { expiresAt }] of known) if (expiresAt <= now) known.delete(name)
    },
    find(credential) {
      if (known.size === 0) return undefined
      // What does not say when it was issued was issued before.
      const issuedAt = credential.issuedAt ?? Number.NEGATIVE_INFINITY
      const found = targetsOf(credential)
        .map((target) => known.get(nameOf(target)))
        .find((entry) => entry !== undefined && issuedAt < entry.before)
      return found?.reason
    },
  }
}

/** Everything by which this credential could have been revoked. */
function targetsOf({ kind, issuer, subject, consumer, credentialId, generation }: Revocable): RevocationTarget[] {
  const targets: RevocationTarget[] = []
  switch (kind) {
    case 'jwt':
      targets.push({ type: 'jti', id: credentialId, issuer }, { type: 'jti', id: credentialId })
      targets.push({ type: 'subject', id: subject, issuer }, { type: 'subject', id: subject })
      break
    case 'mutual-tls':
      targets.push({ type: 'certificate', id: credentialId })
      break
    default:
      targets.push({ type: 'key', id: credentialId })
      if (generation !== undefined) targets.push({ type: 'generation', id: generation })
  }
  if (consumer !== undefined) targets.push({ type: 'consumer', id: consumer })
  return targets
}

/** One text per target: no issuer can end where an id begins. */
function nameOf(target: RevocationTarget): string {
  return JSON.stringify([target.type, target.id, 'issuer' in target ? target.issuer : undefined])
}
