import { decodeBase64Url, encodeBase64Url, encodeHex } from '../http/base64url.ts'
import { within } from '../http/object-call.ts'
import type { RootSecret } from './root-secret.ts'

/**
 * What isolates of one data centre hand each other. The cache is not trusted, other Workers of the zone share it: a
 * value counts only under a MAC from the root secret that names it, so nothing planted or swapped is believed. What is
 * put back late is: a value states its own time.
 *
 * `authority`: the host of the request, on which the cache wants its names. Where the platform has no cache, every
 * look-up misses.
 */
export interface ColoCache {
  /** `undefined`: a miss, whatever the cause. Never rejects. */
  get(authority: string, name: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  put(authority: string, name: string, content: string | Uint8Array<ArrayBuffer>, maxAgeSeconds: number): Promise<void>
  delete(authority: string, name: string): Promise<void>
}

export interface ColoCacheOptions {
  /** Label of the derived key. */
  readonly purpose: string
  /** Where in `/.portcullis/` the names stand. */
  readonly folder: string
  /** Longer values miss. */
  readonly maxBytes: number
}

const UTF8 = new TextEncoder()
/** A cache that does not say by then whether it has a value misses, in milliseconds. It is in the same building. */
const FIND_MS = 500
/** The same for the value itself, of up to `maxBytes`. */
const READ_MS = 2000
/** 43 characters of base64url and a dot. */
const MAC_BYTES = 44

export function createColoCache(rootSecret: RootSecret, { purpose, folder, maxBytes }: ColoCacheOptions): ColoCache {
  const [generation] = rootSecret.generations
  const isThere = (): boolean => typeof caches !== 'undefined' && generation !== undefined

  async function macKey(usage: 'sign' | 'verify'): Promise<CryptoKey> {
    const secret = await rootSecret.derive(purpose, generation ?? '')
    return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [usage])
  }
  async function locate(authority: string, name: string): Promise<string> {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', UTF8.encode(name)))
    return `https://${authority}/.portcullis/${folder}/${encodeHex(digest)}`
  }

  async function look(authority: string, name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const address = await locate(authority, name)
    const found = await within(
      open().then(async (cache) => cache.match(address)),
      FIND_MS,
      'the cache',
    )
    if (found === undefined || Number(found.headers.get('content-length') ?? 0) > maxBytes) {
      await found?.body?.cancel()
      return undefined
    }
    const value = await within(readUpTo(maxBytes, found), READ_MS, 'the cache')
    const mac = decodeBase64Url(new TextDecoder().decode(value.subarray(0, MAC_BYTES - 1)))
    if (mac?.byteLength !== 32 || value[MAC_BYTES - 1] !== 0x2e) return undefined
    const content = value.slice(MAC_BYTES)
    return (await crypto.subtle.verify('HMAC', await macKey('verify'), mac, covered(name, content))) ? content : undefined
  }

  return {
    async get(authority, name) {
      // A cache that fails is a miss: whoever keeps the original is still there to be asked.
      return isThere() ? look(authority, name).catch(() => undefined) : undefined
    },
    async put(authority, name, content, maxAgeSeconds) {
      if (!isThere()) return
      const bytes = typeof content === 'string' ? UTF8.encode(content) : content
      const mac = new Uint8Array(await crypto.subtle.sign('HMAC', await macKey('sign'), covered(name, bytes)))
      const value = concatenate(UTF8.encode(`${encodeBase64Url(mac)}.`), bytes)
      const response = new Response(value, { headers: { 'cache-control': `max-age=${maxAgeSeconds}` } })
      const address = await locate(authority, name)
      await whereThereIsOne(async () => (await open()).put(address, response))
    },
    async delete(authority, name) {
      if (!isThere()) return
      const address = await locate(authority, name)
      await whereThereIsOne(async () =>
        within(
          open().then(async (cache) => cache.delete(address)),
          FIND_MS,
          'the cache',
        ),
      )
    },
  }
}

const open = async (): Promise<Cache> => caches.open('portcullis')

/** The open runtime has the interface without a cache behind it: what there is nowhere to keep is not a failure. */
async function whereThereIsOne(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('No Cache was configured')) throw error
  }
}

/** Whatever `Content-Length` says, or does not. */
async function readUpTo(maxBytes: number, { body, headers }: Response): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(headers.get('content-length') ?? Number.NaN)
  let value = new Uint8Array(declared <= maxBytes ? declared : 0)
  let size = 0
  for await (const chunk of body ?? []) {
    const part = chunk as Uint8Array
    if (size + part.byteLength > maxBytes) throw new RangeError('longer than what is kept here')
    if (size + part.byteLength > value.byteLength) {
      const larger = new Uint8Array(Math.min(maxBytes, Math.max(size + part.byteLength, value.byteLength * 2)))
      larger.set(value.subarray(0, size))
      value = larger
    }
    value.set(part, size)
    size += part.byteLength
  }
  return value.subarray(0, size)
}

function covered(name: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatenate(UTF8.encode(`${JSON.stringify(name)}\n`), content)
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.byteLength + second.byteLength)
  whole.set(first)
  whole.set(second, first.byteLength)
  return whole
}
