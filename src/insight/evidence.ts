import { addressKey } from '../http/address.ts'
import { clientName } from '../revocation/restrictions.ts'
import type { SubjectKind } from './abuse/traffic.ts'
import type { Observation } from './observation.ts'

/** Of one anomaly. */
export const MAX_EVIDENCE = 50
/** The newest observations of all, out of which evidence is taken. */
const MAX_KEPT = 10_000

/** The newest observations, for when one of them turns out to be part of something. */
export interface Evidence {
  add(observation: Observation): void
  /** The newest of a subject, at most 50, with the `earlier` ones as far as there is room. Oldest first. */
  of(kind: SubjectKind, subject: string, earlier: readonly Observation[]): readonly Observation[]
}

export function createEvidence(): Evidence {
  const kept: Observation[] = []
  let next = 0
  return {
    add(observation) {
      kept[next] = observation
      next = (next + 1) % MAX_KEPT
    },
    of(kind, subject, earlier) {
      const own: Observation[] = []
      for (let back = 1; back <= kept.length && own.length < MAX_EVIDENCE; back += 1) {
        const one = kept[(next - back + MAX_KEPT) % MAX_KEPT]
        if (one !== undefined && subjectOf(kind, one) === subject) own.push(one)
      }
      const seen = new Set(own.map(({ requestId }) => requestId))
      return [...earlier.filter(({ requestId }) => !seen.has(requestId)), ...own.toReversed()].slice(-MAX_EVIDENCE)
    },
  }
}

function subjectOf(kind: SubjectKind, { address, credential, tls, userAgent }: Observation): string | undefined {
  if (kind === 'address') return addressKey(address) ?? address
  return kind === 'credential' ? credential : clientName(tls, userAgent)
}
