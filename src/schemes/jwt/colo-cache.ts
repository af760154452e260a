import { decodeBase64Url, encodeBase64Url, encodeHex } from '../../http/base64url.ts'
import type { RootSecret } from '../../credentials/root-secret.ts'
import type { Fetched } from './key-set-source.ts'

/**
 * Key sets that isolates of one data centre hand each other. The cache is not trusted: a value counts only under a MAC
 * from the root secret that names the issuer and the end of its freshness, so nothing planted, swapped or put back late
 * is believed.
 */
export interface ColoCache {
  /** `undefined`: a miss, whatever the cause. `authority`: the host of the request, on which the cache wants its names. */
  get(authority: string, now: number): Promise<Fetched | undefined>
  put(authority: string, value: Fetched): Promise<void>
}

const VALUE = /^([A-Za-z0-9_-]{43})\.([0-9]{1,16})\.([0-9]{1,16})\./u
/** How far the clocks of two isolates may lie apart; what was fetched later than that is not believed. */
const SKEW_MS = 60_000
const MAX_VALUE_BYTES = 257 * 1024
const UTF8 = new TextEncoder()

/** `name`: what the key set is of. Where the platform has no cache, every look-up misses. */
export function createColoCache(name: string, rootSecret: RootSecret): ColoCache {
  const [generation] = rootSecret.generations

  async function macKey(usage: 'sign' | 'verify'): Promise<CryptoKey> {
    const secret = await rootSecret.derive('jwks-cache', generation ?? '')
    return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [usage])
  }
  const covered = (content: string): Uint8Array => UTF8.encode(`${JSON.stringify(name)}\n${content}`)
  async function locate(authority: string): Promise<string> {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', UTF8.encode(name)))
    return `https://${authority}/.portcullis/key-sets/${encodeHex(digest)}`
  }

  async function look(authority: string, now: number): Promise<Fetched | undefined> {
    const found = await (await caches.open('portcullis')).match(await locate(authority))
    if (found === undefined || Number(found.headers.get('content-length') ?? 0) > MAX_VALUE_BYTES) return undefined
    const value = await found.text()
    const [prefix = '', mac = '', fetchedAt, freshUntil] = VALUE.exec(value) ?? []
    const signature = decodeBase64Url(mac)
    if (signature?.byteLength !== 32) return undefined
    if (!(await crypto.subtle.verify('HMAC', await macKey('verify'), signature, covered(value.slice(44))))) return undefined
    if (Number(freshUntil) <= now || Number(fetchedAt) > now + SKEW_MS) return undefined
    return { text: value.slice(prefix.length), fetchedAt: Number(fetchedAt), freshUntil: Number(freshUntil), isShareable: true }
  }

  return {
    async get(authority, now) {
      if (typeof caches === 'undefined' || generation === undefined) return undefined
      // A cache that fails is a miss: the issuer is still there to be asked.
      return look(authority, now).catch(() => undefined)
    },
    async put(authority, { text, fetchedAt, freshUntil, isShareable }) {
      if (typeof caches === 'undefined' || generation === undefined || !isShareable) return
      const content = `${Math.floor(fetchedAt)}.${Math.floor(freshUntil)}.${text}`
      const mac = new Uint8Array(await crypto.subtle.sign('HMAC', await macKey('sign'), covered(content)))
      const maxAge = Math.max(1, Math.floor((freshUntil - fetchedAt) / 1000))
      const response = new Response(`${encodeBase64Url(mac)}.${content}`, { headers: { 'cache-control': `max-age=${maxAge}` } })
      await (await caches.open('portcullis')).put(await locate(authority), response)
    },
  }
}
