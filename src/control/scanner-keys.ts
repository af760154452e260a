import { within } from '../http/object-call.ts'
import { readPem } from '../http/pem.ts'
import { isObject } from '../policy/closed-schema.ts'
import type { ScannerConfig } from '../policy/policy.ts'
import { readJson } from './json-call.ts'

export interface ScannerKey {
  readonly scanner: string
  readonly key: CryptoKey
}
/** The keys of all scanners by their identifiers. Holds values, never a promise. */
export interface ScannerKeys {
  /** `undefined`: nobody's. Rejects where a list that may have it cannot be had. */
  find(identifier: string): Promise<ScannerKey | undefined>
}

const IDENTIFIER = /^[\w.-]{1,128}$/u
const FRESH_MS = 3_600_000
/** While the list cannot be had, the old one counts so long. */
const STALE_MS = 86_400_000
/** An identifier nobody knows, or a list that could not be had, asks for it again no sooner. */
const COOLDOWN_MS = 60_000
const FETCH_MS = 5000
const MAX_LIST_BYTES = 64 * 1024
const MAX_KEYS = 64

interface Parts {
  readonly scanners: readonly ScannerConfig[]
  /** Follows no redirect. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly now: () => number
}

export function createScannerKeys({ scanners, fetch, now }: Parts): ScannerKeys {
  const lists = scanners.map((scanner) => ({
    scanner: scanner.name,
    find: 'keysUrl' in scanner ? published(scanner.keysUrl, fetch, now) : async (id: string) => keyOf(scanner.keys, id),
  }))
  return {
    async find(identifier) {
      if (!IDENTIFIER.test(identifier)) return undefined
      let outage: unknown
      for (const { scanner, find } of lists) {
        try {
          const key = await find(identifier)
          if (key !== undefined) return { scanner, key }
        } catch (error) {
          outage ??= error
        }
      }
      if (outage !== undefined) throw outage
      return undefined
    },
  }
}

type Listed = readonly { readonly id: string; readonly publicKey: string }[]

function published(url: string, fetch: Parts['fetch'], now: Parts['now']): (id: string) => Promise<CryptoKey | undefined> {
  let held: { readonly keys: Listed; readonly at: number } | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let fault: Error | undefined

  async function refresh(): Promise<void> {
    askedAt = now()
    try {
      held = { keys: await within(load(url, fetch), FETCH_MS, 'the scanner'), at: now() }
      fault = undefined
    } catch (error) {
      fault = error instanceof Error ? error : new Error('the keys of the scanner cannot be had')
    }
  }

  return async (id) => {
    const listed = held !== undefined && now() - held.at < FRESH_MS ? await keyOf(held.keys, id) : undefined
    if (listed !== undefined) return listed
    if (Math.abs(now() - askedAt) >= COOLDOWN_MS) await refresh()
    const known = held !== undefined && now() - held.at < STALE_MS ? await keyOf(held.keys, id) : undefined
    if (known === undefined && fault !== undefined) throw fault
    return known
  }
}

async function load(url: string, fetch: Parts['fetch']): Promise<Listed> {
  const headers = { accept: 'application/json', 'user-agent': 'Portcullis' }
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(FETCH_MS) })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`the keys of the scanner: status ${response.status}`)
  }
  const read = await readJson(response, MAX_LIST_BYTES)
  const list = 'value' in read && isObject(read.value) ? read.value['public_keys'] : undefined
  if (!Array.isArray(list)) throw new Error('the keys of the scanner: not a list')
  return (list as readonly unknown[]).slice(0, MAX_KEYS).flatMap((entry) => {
    if (!isObject(entry)) return []
    const { key_identifier: id, key: publicKey } = entry
    return typeof id === 'string' && typeof publicKey === 'string' ? [{ id, publicKey }] : []
  })
}

/** P-256 alone (ECDSA-NIST-P256V1-SHA256). */
async function keyOf(keys: Listed, id: string): Promise<CryptoKey | undefined> {
  const found = keys.find((key) => key.id === id)
  const spki = found === undefined ? undefined : readPem(found.publicKey)
  return spki === undefined ? undefined : crypto.subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
}
