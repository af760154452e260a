import type { RootSecret } from '../credentials/root-secret.ts'
import { decodeBase64Url, encodeBase64Url } from '../http/base64url.ts'
import { within } from '../http/object-call.ts'
import type { DirectoryKey } from './key-look-up.ts'

export type ProjectionStore = Pick<KVNamespace, 'get' | 'put'>

const READ_MS = 1000
/** The projection forgets what nobody has renewed: 30 days. */
const KEPT_SECONDS = 30 * 86_400

export interface Projection {
  /** `undefined`: none, or nothing that we wrote under this name, or the projection is out of order. */
  get(lookup: string): Promise<DirectoryKey | undefined>
  put(lookup: string, key: DirectoryKey): Promise<void>
}

/**
 * Copies in KV, under a MAC that names the place: what others write there, or move, is a miss. What is put back from earlier says what a
 * key was given when it was added, as any copy does.
 */
export function createProjection(store: ProjectionStore, rootSecret: RootSecret): Projection {
  const macKey = async (): Promise<CryptoKey> => {
    const secret = await rootSecret.derive('projection', rootSecret.generations[0] ?? '')
    return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  }
  return {
    async get(lookup) {
      try {
        const value = await within(store.get(lookup), READ_MS, 'the projection')
        const at = value?.indexOf('.') ?? -1
        const mac = decodeBase64Url(value?.slice(0, Math.max(at, 0)) ?? '')
        if (value === null || mac?.byteLength !== 32) return undefined
        const text = value.slice(at + 1)
        const isOurs = await crypto.subtle.verify('HMAC', await macKey(), mac, covered(lookup, text))
        return isOurs ? (JSON.parse(text) as DirectoryKey) : undefined
      } catch {
        return undefined
      }
    },
    async put(lookup, key) {
      const text = JSON.stringify(key)
      const mac = new Uint8Array(await crypto.subtle.sign('HMAC', await macKey(), covered(lookup, text)))
      await store.put(lookup, `${encodeBase64Url(mac)}.${text}`, { expirationTtl: KEPT_SECONDS })
    },
  }
}

function covered(lookup: string, text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(JSON.stringify([lookup, text])))
}
