import { createFading, createKept, createRecentSet } from './recent.ts'
import type { Reason, TrafficEvent } from './traffic.ts'

/** Distinct refused credentials of one address within five minutes that are no mistake any more. */
const STUFFED = 12
/** Refusals of whatever it was, fading by half in five minutes: no program with an old key is so stubborn. */
const FLOODED = 500
/** The same, fading by half in half a minute: three a second. */
const FLOODED_NOW = { refusals: 70, halfLifeMs: 30_000 } as const
/** Unknown paths of one address, fading by half in two minutes. */
const SCANNED = 20
const WINDOW_MS = 300_000
const HALF_LIFE_MS = 120_000
const MAX_ADDRESSES = 50_000
const MAX_FINGERPRINTS = 5000
/** Distinct refused credentials and addresses of one kind of client within five minutes. */
const DISTRIBUTED = { credentials: 30, addresses: 8 } as const

/** Judges an event by its address, before anybody is known. */
export interface AddressWatch {
  /** Points against the address (or its /64). */
  address(event: TrafficEvent, address: string): readonly Reason[]
  /** Points against a kind of client, wherever it comes from. */
  fingerprint(event: TrafficEvent, address: string, fingerprint: string): readonly Reason[]
}

export function createAddressWatch(): AddressWatch {
  const addresses = createKept(MAX_ADDRESSES, () => ({
    refused: createRecentSet(WINDOW_MS, 64),
    refusals: createFading(WINDOW_MS),
    refusalsNow: createFading(FLOODED_NOW.halfLifeMs),
    scanned: createFading(HALF_LIFE_MS),
    served: createFading(WINDOW_MS),
  }))
  const fingerprints = createKept(MAX_FINGERPRINTS, () => ({
    refused: createRecentSet(WINDOW_MS, 512),
    addresses: createRecentSet(WINDOW_MS, 512),
    refusals: createFading(WINDOW_MS),
    served: createFading(WINDOW_MS),
  }))
  return {
    address(event, address) {
      const { refused, refusals, refusalsNow, scanned, served } = addresses.of(address)
      const { at } = event
      if (event.presented !== undefined) {
        refused.add(event.presented, at)
        refusals.add(1, at)
        refusalsNow.add(1, at)
      } else if (event.route === undefined && event.status === 404) scanned.add(1, at)
      else {
        if (event.status < 400) served.add(1, at)
        return []
      }
      const reasons: Reason[] = []
      const distinct = refused.sizeAt(at)
      // Many people behind one address have some mistakes among much that is in order.
      const share = refusals.at(at) / (refusals.at(at) + served.at(at))
      if (distinct >= 4 && share > 0.3)
        reasons.push({
          code: 'credential-stuffing',
          points: (distinct / STUFFED) * Math.min(1, 1.5 * share),
          evidence: { distinctRefused: distinct, minutes: 5, refusedPercent: Math.round(100 * share) },
        })
      const flood = Math.max(refusals.at(at) / FLOODED, refusalsNow.at(at) / FLOODED_NOW.refusals)
      if (flood >= 0.7 && share > 0.5)
        reasons.push({
          code: 'refusal-flood',
          points: flood,
          evidence: { refused: Math.round(refusals.at(at)), minutes: 5, refusedPercent: Math.round(100 * share) },
        })
      const unknown = scanned.at(at)
      if (unknown >= 8 && unknown > served.at(at))
        reasons.push({ code: 'route-scanning', points: unknown / SCANNED, evidence: { unknownPaths: Math.round(unknown), minutes: 2 } })
      return reasons
    },
    fingerprint(event, address, fingerprint) {
      const known = fingerprints.of(fingerprint)
      const { at } = event
      if (event.presented === undefined) {
        if (event.status < 400) known.served.add(1, at)
        return []
      }
      known.refused.add(event.presented, at)
      known.addresses.add(address, at)
      known.refusals.add(1, at)
      const [credentials, sources] = [known.refused.sizeAt(at), known.addresses.sizeAt(at)]
      const share = known.refusals.at(at) / (known.refusals.at(at) + known.served.at(at))
      if (credentials < DISTRIBUTED.credentials / 2 || sources < DISTRIBUTED.addresses || share < 0.5) return []
      return [
        {
          code: 'distributed-stuffing',
          points: Math.min(credentials / DISTRIBUTED.credentials, 2) * Math.min(1, share * 1.25),
          evidence: { distinctRefused: credentials, addresses: sources, minutes: 5, refusedPercent: Math.round(100 * share) },
        },
      ]
    },
  }
}
