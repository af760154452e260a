import { createRevocationsOf, type ReadFeed } from '../../src/revocation/feed-client.ts'
import type { Revocation, Revocations } from '../../src/revocation/revocations.ts'
import { createRandom } from './random.ts'

/** How long a revocation takes to be in force, with the feed client that the Worker runs: many busy isolates, each asked ten times a second. */
export interface RevocationOutcome {
  readonly isolates: number
  readonly boundSeconds: number
  readonly revocationSeconds: { readonly p50: number; readonly p99: number; readonly max: number }
  /** Of every isolate, the shortest first. */
  readonly delaysSeconds: readonly number[]
  /** Reads of the feed per request. */
  readonly readsPerRequest: number
}

const START = Date.UTC(2026, 10, 25, 12)
const STEP_MS = 100
const KEY = { kind: 'api-key', issuer: 'portcullis', subject: 'acme', credentialId: 'stolen' } as const

interface Isolate {
  readonly revocations: Revocations
  readonly phaseMs: number
  readonly latencyMs: number
  /** A background read on its way: when it is back, and how to end it. */
  pending: { readonly backAt: number; readonly run: () => Promise<void> } | undefined
  knownAfterMs: number | undefined
}

export async function simulateRevocation(isolateCount: number, boundSeconds: number, seed: number): Promise<RevocationOutcome> {
  const random = createRandom(seed)
  const entries: Revocation[] = []
  let reads = 0
  let requests = 0
  /** What the feed held when the read was sent: the least that its answer says. */
  let asOf = START
  const read: ReadFeed = async (position) => {
    reads += 1
    const from = position?.sequence ?? 0
    const seen = entries.filter(({ before = 0, sequence }) => before <= asOf && sequence > from)
    return {
      from,
      position: { sequence: seen.at(-1)?.sequence ?? from, mark: 'e' },
      entries: seen.map(({ before: _before, ...entry }) => entry),
      hasMore: false,
    }
  }
  const isolates = Array.from({ length: isolateCount }, (): Isolate => ({
    revocations: createRevocationsOf(read, { boundSeconds, random: () => random.next() }),
    phaseMs: random.next() * STEP_MS,
    latencyMs: random.latency(60),
    pending: undefined,
    knownAfterMs: undefined,
  }))
  const revokedAt = START + 2 * boundSeconds * 1000 + random.next() * 1000
  entries.push({ sequence: 1, target: { type: 'key', id: 'stolen' }, before: revokedAt, expiresAt: START + 1e9, reason: 'leaked' })

  for (let step = START; step < revokedAt + 2 * boundSeconds * 1000; step += STEP_MS) {
    for (const isolate of isolates) {
      const now = step + isolate.phaseMs
      if (isolate.pending !== undefined && isolate.pending.backAt <= now) {
        asOf = isolate.pending.backAt - isolate.latencyMs
        await isolate.pending.run()
        isolate.pending = undefined
      }
      requests += 1
      asOf = now
      const answer = isolate.revocations.snapshot(now, ({ run }) => {
        isolate.pending = { backAt: now + isolate.latencyMs, run }
      })
      const snapshot = answer instanceof Promise ? await answer : answer
      if (isolate.knownAfterMs === undefined && snapshot.find(KEY) !== undefined) isolate.knownAfterMs = now - revokedAt
    }
  }
  const delays = isolates.map(({ knownAfterMs }) => (knownAfterMs ?? Number.POSITIVE_INFINITY) / 1000).toSorted((one, other) => one - other)
  const at = (share: number): number => delays[Math.min(delays.length - 1, Math.floor(share * delays.length))] ?? 0
  return {
    isolates: isolateCount,
    boundSeconds,
    revocationSeconds: { p50: at(0.5), p99: at(0.99), max: at(1) },
    delaysSeconds: delays,
    readsPerRequest: reads / requests,
  }
}
