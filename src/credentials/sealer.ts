import { decodeBase64Url, encodeBase64Url } from '../http/base64url.ts'
import type { RootSecret } from './root-secret.ts'

/**
 * Bytes that leave our memory and may be neither read nor changed: AES-256-GCM with a key derived for one purpose. `context`: what the
 * sealed text belongs to; it opens there alone.
 */
export interface Sealer {
  /** `generation.base64url(iv, ciphertext, tag)`, by the newest generation. */
  seal(bytes: Uint8Array, context: string): Promise<string>
  /** `undefined`: not sealed by us for this purpose and context, or by a generation that is gone. */
  open(sealed: string, context: string): Promise<Uint8Array<ArrayBuffer> | undefined>
}

const IV_BYTES = 12
const TAG_BYTES = 16
const UTF8 = new TextEncoder()

export function createSealer(rootSecret: RootSecret, purpose: string): Sealer {
  const keys = new Map<string, CryptoKey>()

  async function keyOf(generation: string): Promise<CryptoKey> {
    const known = keys.get(generation)
    if (known !== undefined) return known
    const secret = await rootSecret.derive(purpose, generation)
    const key = await crypto.subtle.importKey('raw', secret, 'AES-GCM', false, ['encrypt', 'decrypt'])
    keys.set(generation, key)
    return key
  }

  return {
    async seal(bytes, context) {
      const [generation] = rootSecret.generations
      if (generation === undefined) throw new Error('the root secret has no generation')
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
      const algorithm = { name: 'AES-GCM', iv, additionalData: UTF8.encode(context) }
      const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, await keyOf(generation), new Uint8Array(bytes)))
      const whole = new Uint8Array(IV_BYTES + sealed.byteLength)
      whole.set(iv)
      whole.set(sealed, IV_BYTES)
      return `${generation}.${encodeBase64Url(whole)}`
    },
    async open(sealed, context) {
      const at = sealed.indexOf('.')
      const generation = sealed.slice(0, Math.max(at, 0))
      const whole = decodeBase64Url(sealed.slice(at + 1))
      if (!rootSecret.generations.includes(generation) || whole === undefined || whole.byteLength < IV_BYTES + TAG_BYTES) return undefined
      const algorithm = { name: 'AES-GCM', iv: whole.subarray(0, IV_BYTES), additionalData: UTF8.encode(context) }
      try {
        return new Uint8Array(await crypto.subtle.decrypt(algorithm, await keyOf(generation), whole.subarray(IV_BYTES)))
      } catch {
        return undefined
      }
    },
  }
}
