import { createColoCache as createSharedCache } from '../../credentials/colo-cache.ts'
import type { RootSecret } from '../../credentials/root-secret.ts'
import type { Fetched } from './key-set-source.ts'

/**
 * Key sets that isolates of one data centre hand each other, under a MAC that covers the issuer and the end of their
 * freshness: nothing planted, swapped or put back late is believed.
 */
export interface ColoCache {
  /** `undefined`: a miss, whatever the cause. `authority`: the host of the request, on which the cache wants its names. */
  get(authority: string, now: number): Promise<Fetched | undefined>
  put(authority: string, value: Fetched): Promise<void>
}

const CONTENT = /^([0-9]{1,16})\.([0-9]{1,16})\./u
/** How far the clocks of two isolates may lie apart; what was fetched later than that is not believed. */
const SKEW_MS = 60_000
const MAX_VALUE_BYTES = 257 * 1024

/** `name`: what the key set is of. Where the platform has no cache, every look-up misses. */
export function createColoCache(name: string, rootSecret: RootSecret): ColoCache {
  const cache = createSharedCache(rootSecret, { purpose: 'jwks-cache', folder: 'key-sets', maxBytes: MAX_VALUE_BYTES })
  return {
    async get(authority, now) {
      const found = await cache.get(authority, name)
      const content = found === undefined ? '' : new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(found)
      const [prefix, fetchedAt, freshUntil] = CONTENT.exec(content) ?? []
      if (prefix === undefined || Number(freshUntil) <= now || Number(fetchedAt) > now + SKEW_MS) return undefined
      return { text: content.slice(prefix.length), fetchedAt: Number(fetchedAt), freshUntil: Number(freshUntil), isShareable: true }
    },
    async put(authority, { text, fetchedAt, freshUntil, isShareable }) {
      if (!isShareable) return
      const content = `${Math.floor(fetchedAt)}.${Math.floor(freshUntil)}.${text}`
      await cache.put(authority, name, content, Math.max(1, Math.floor((freshUntil - fetchedAt) / 1000)))
    },
  }
}
