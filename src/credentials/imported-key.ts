import { encodeHex } from '../http/base64url.ts'
import type { RootSecret } from './root-secret.ts'

/** Longest key of somebody else's making, in characters. */
export const MAX_IMPORTED_KEY_LENGTH = 512
/** The directory takes no shorter ones: they can be guessed. */
export const MIN_IMPORTED_KEY_LENGTH = 20
/** Of this gate, or looks like it: the directory takes none of these either. */
export const OWN_KEY = /^pc[kabi]_/u
/** Whether the directory may know it: everything else is nobody's without being asked for. */
export const mayBeImported = (text: string): boolean =>
  text.length >= MIN_IMPORTED_KEY_LENGTH && text.length <= MAX_IMPORTED_KEY_LENGTH && !OWN_KEY.test(text)

/** The peppered hashes under which the policy may know a key made elsewhere, newest generation first: 64 hexadecimal digits each. */
export async function importedKeyDigests(root: RootSecret, key: string): Promise<readonly string[]> {
  return Promise.all(
    root.generations.map(async (generation) => {
      const pepper = await crypto.subtle.importKey(
        'raw',
        await root.derive('imported-keys', generation),
        { name: 'HMAC', hash: 'SHA-256' },
        false,
        ['sign'],
      )
      return encodeHex(new Uint8Array(await crypto.subtle.sign('HMAC', pepper, new TextEncoder().encode(key))))
    }),
  )
}
