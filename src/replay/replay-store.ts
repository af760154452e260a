import { encodeHex } from '../http/base64url.ts'
import { MAX_LIFE_MS, type OneTimeId, type ReplayMemory } from './replay-memory.ts'
import type { ReplayRecord, ReplayShard } from './replay-object.ts'

/** Objects that share the ids of one scope; one object answers about 1,000 calls a second. */
export const SHARDS_PER_SCOPE = 16
const MAX_ID_BYTES = 256

/**
 * The replay memory in Durable Objects. A call is repeated once where the platform says that it may (`retryable`), with
 * a new stub; its token keeps a repeated insertion from looking like a replay.
 */
export function createReplayMemory(namespace: DurableObjectNamespace<ReplayShard>): ReplayMemory {
  return {
    async use(entry, now) {
      if (!isStillNeeded(entry, now)) return 'replayed'
      const { shard, hash } = await placeOf(entry)
      const record: ReplayRecord = { hash, token: crypto.getRandomValues(new Uint8Array(16)), expiresAt: Math.ceil(entry.expiresAt) }
      try {
        return await namespace.getByName(shard).use(record, now)
      } catch (error) {
        if (!isRetryable(error)) throw error
        return namespace.getByName(shard).use(record, now)
      }
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

/** Names of objects are logged and listed by the platform, so they hold hashes alone. */
async function placeOf(entry: OneTimeId): Promise<{ readonly shard: string; readonly hash: Uint8Array }> {
  const [scope, whole] = await Promise.all([sha256(entry.scope), sha256(keyOf(entry))])
  const number = (whole[31] ?? 0) % SHARDS_PER_SCOPE
  return { shard: `${encodeHex(scope.subarray(0, 16))}.${number}`, hash: whole.slice(0, 16) }
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

function isRetryable(error: unknown): boolean {
  const { retryable, overloaded } = error as { readonly retryable?: boolean; readonly overloaded?: boolean }
  return retryable === true && overloaded !== true
}
