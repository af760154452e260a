import { encodeHex } from '../http/base64url.ts'
import { callObject } from '../http/object-call.ts'
import type { ReplayRecord } from './replay-index.ts'
import { MAX_LIFE_MS, type OneTimeId, type ReplayMemory } from './replay-memory.ts'
import type { ReplayShard, ReplayStatistics } from './replay-object.ts'

/**
 * Objects that share the ids of one scope; one answers about 1,000 calls a second. More of them would mean smaller
 * batches, so more rows for the same ids. To change it is to forget what was used before.
 */
export const SHARDS_PER_SCOPE = 2
const MAX_ID_BYTES = 256

export interface DurableReplayMemory extends ReplayMemory {
  /** What is held for a scope, over all its shards. */
  stats(scope: string): Promise<ReplayStatistics>
}

/**
 * The replay memory in Durable Objects. A call is repeated once where the platform says that it may (`retryable`), with
 * a new stub; its token keeps a repeated insertion from looking like a replay.
 */
export function createReplayMemory(namespace: DurableObjectNamespace<ReplayShard>): DurableReplayMemory {
  return {
    async use(entry, now) {
      if (!isStillNeeded(entry, now)) return 'replayed'
      const { shard, hash } = await locate(entry)
      const record: ReplayRecord = { hash, token: crypto.getRandomValues(new Uint8Array(16)), expiresAt: Math.ceil(entry.expiresAt) }
      return callObject(async () => namespace.getByName(shard).use(record, now))
    },
    async stats(scope) {
      const place = await placeOf(scope)
      const names = Array.from({ length: SHARDS_PER_SCOPE }, (_, number) => shardOf(place, number))
      return sumOf(await Promise.all(names.map(async (name) => callObject(async () => namespace.getByName(name).stats()))))
    },
  }
}

/** The same in the memory of one isolate, for tests. */
export function createMemoryReplay(): ReplayMemory {
  const seen = new Map<string, number>()
  return {
    async use(entry, now) {
      if (!isStillNeeded(entry, now)) return 'replayed'
      for (const [key, expiresAt] of seen) if (expiresAt <= now) seen.delete(key)
      const key = keyOf(entry)
      if (seen.has(key)) return 'replayed'
      seen.set(key, Math.ceil(entry.expiresAt))
      return 'fresh'
    },
  }
}

/** False: already over, to be refused. Throws on what the caller should have refused as malformed. */
function isStillNeeded({ id, expiresAt }: OneTimeId, now: number): boolean {
  if (new TextEncoder().encode(id).byteLength > MAX_ID_BYTES) throw new RangeError(`an id has at most ${MAX_ID_BYTES} bytes`)
  if (!Number.isFinite(expiresAt) || expiresAt - now > MAX_LIFE_MS) throw new RangeError('an id is remembered for two hours at most')
  return expiresAt > now
}

/** One text per pair: no scope can end where an id of another begins. */
function keyOf({ scope, id }: OneTimeId): string {
  return JSON.stringify([scope, id])
}

async function locate(entry: OneTimeId): Promise<{ readonly shard: string; readonly hash: Uint8Array }> {
  const [place, whole] = await Promise.all([placeOf(entry.scope), sha256(keyOf(entry))])
  return { shard: shardOf(place, (whole[31] ?? 0) % SHARDS_PER_SCOPE), hash: whole.slice(0, 16) }
}

/** Names of objects are logged and listed by the platform, so they hold hashes alone. */
async function placeOf(scope: string): Promise<string> {
  return encodeHex((await sha256(scope)).subarray(0, 16))
}

function shardOf(place: string, number: number): string {
  return `${place}.${number}`
}

function sumOf(shards: readonly ReplayStatistics[]): ReplayStatistics {
  const sum = (member: keyof ReplayStatistics): number => shards.reduce((total, shard) => total + shard[member], 0)
  return { ids: sum('ids'), windows: sum('windows'), rows: sum('rows'), bytes: sum('bytes'), rowsWritten: sum('rowsWritten') }
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}
