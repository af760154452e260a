import { decodeBase64Url } from '../http/base64url.ts'

/**
 * The root secret: `generation:base64url(32 random bytes)` entries, newest first, separated by commas or white space
 * (design §7). Everything secret that Portcullis issues or keeps is derived from it.
 */
export interface RootSecret {
  /** Names of the generations, newest first. */
  readonly generations: readonly string[]
  /**
   * 32 bytes for one purpose, by HKDF-SHA-256; the label holds purpose, generation and the gateway's name and environment.
   * Cached. Throws on a generation that is not in the list.
   */
  derive(purpose: string, generation: string): Promise<Uint8Array<ArrayBuffer>>
}

export const ROOT_SECRET_BYTES = 32
/** Generations that are kept beside each other while keys are replaced. */
const MAX_GENERATIONS = 8
export const GENERATION = /^[a-z0-9]{1,8}$/u
/** 32 random bytes have fewer distinct values than this once in 10^12; text, zeros and counters never have as many or are caught below. */
const MIN_DISTINCT_BYTES = 20
const utf8 = new TextEncoder()

/** Throws when the text is not a root secret; the message says what to do and never repeats any of it. */
export function parseRootSecret(text: string, label: { readonly gateway: string; readonly environment: string }): RootSecret {
  const secrets = new Map<string, Uint8Array<ArrayBuffer>>()
  for (const entry of text.split(/[\s,]+/u).filter((part) => part !== '')) {
    const { generation, secret } = parseEntry(entry)
    if (secrets.has(generation)) throw new Error(`PORTCULLIS_ROOT_KEY names the generation ${generation} twice`)
    secrets.set(generation, secret)
  }
  if (secrets.size === 0) throw new Error('PORTCULLIS_ROOT_KEY is not set; make one with: portcullis keys root')
  if (secrets.size > MAX_GENERATIONS) throw new Error(`PORTCULLIS_ROOT_KEY has more than ${MAX_GENERATIONS} generations`)
  const derived = new Map<string, Uint8Array<ArrayBuffer>>()
  return {
    generations: [...secrets.keys()],
    async derive(purpose, generation) {
      const identity = `${generation} ${purpose}`
      const known = derived.get(identity)
      if (known !== undefined) return known
      const secret = secrets.get(generation)
      if (secret === undefined) throw new Error(`the root secret has no generation ${generation}`)
      const bytes = await expand(secret, JSON.stringify(['portcullis', purpose, generation, label.gateway, label.environment]))
      derived.set(identity, bytes)
      return bytes
    },
  }
}

function parseEntry(entry: string): { generation: string; secret: Uint8Array<ArrayBuffer> } {
  const [generation = '', encoded = '', ...rest] = entry.split(':')
  if (!GENERATION.test(generation) || rest.length > 0) {
    throw new Error(
      'PORTCULLIS_ROOT_KEY must be generation:base64url entries, newest first, each generation 1 to 8 lower-case letters or digits',
    )
  }
  const secret = decodeBase64Url(encoded)
  if (secret?.length !== ROOT_SECRET_BYTES) {
    throw new Error(
      `the root secret of generation ${generation} must be ${ROOT_SECRET_BYTES} random bytes in base64url; make one with: portcullis keys root`,
    )
  }
  if (!looksRandom(secret))
    throw new Error(`the root secret of generation ${generation} does not look random; make one with: portcullis keys root`)
  return { generation, secret }
}

function looksRandom(bytes: Uint8Array): boolean {
  const steps = new Set(Array.from(bytes.subarray(1), (byte, index) => (byte - (bytes[index] ?? 0)) & 0xff))
  const isText = bytes.every((byte) => byte >= 0x20 && byte < 0x7f)
  return new Set(bytes).size >= MIN_DISTINCT_BYTES && steps.size >= MIN_DISTINCT_BYTES / 2 && !isText
}

async function expand(secret: Uint8Array<ArrayBuffer>, info: string): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
  const bits = await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt: utf8.encode('portcullis/1'), info: utf8.encode(info) },
    key,
    256,
  )
  return new Uint8Array(bits)
}
