import { decodeBase64Url, encodeBase64Url } from '../http/base64url.ts'
import type { RootSecret } from '../credentials/root-secret.ts'

/** What a browser keeps for us and can neither read nor change: AES-256-GCM with a key derived for one purpose. */
export interface Seal {
  /** `generation.base64url(iv, ciphertext, tag)`. */
  close(text: string): Promise<string>
  /** `undefined`: not sealed by us for this purpose, or by a generation that is gone. */
  open(sealed: string): Promise<string | undefined>
}

const IV_BYTES = 12

export function createSeal(rootSecret: RootSecret, purpose: string): Seal {
  async function keyOf(generation: string, usage: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
    return crypto.subtle.importKey('raw', await rootSecret.derive(purpose, generation), 'AES-GCM', false, [usage])
  }
  return {
    async close(text) {
      const [generation = ''] = rootSecret.generations
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
      const key = await keyOf(generation, 'encrypt')
      const ciphertext = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, new TextEncoder().encode(text))
      return `${generation}.${encodeBase64Url(new Uint8Array([...iv, ...new Uint8Array(ciphertext)]))}`
    },
    async open(sealed) {
      const [generation = '', encoded = '', ...rest] = sealed.split('.', 3)
      const bytes = decodeBase64Url(encoded)
      if (rest.length > 0 || bytes === undefined || !rootSecret.generations.includes(generation)) return undefined
      const key = await keyOf(generation, 'decrypt')
      try {
        const iv = bytes.slice(0, IV_BYTES)
        return new TextDecoder().decode(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, bytes.slice(IV_BYTES)))
      } catch {
        return undefined
      }
    },
  }
}
