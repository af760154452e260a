import { encodeBase64Url } from '../http/base64url.ts'
import { decodeBase62, encodeBase62 } from './base62.ts'
import { decodeClaims, encodeClaims, MAX_KEY_LENGTH, newClaims, type KeyClaims, type KeyOptions } from './key-format.ts'
import type { RootSecret } from './root-secret.ts'

/** The start of the `keyid` of a derived signing key. */
export const SIGNING_KEY_PREFIX = 'pcs_'

export interface IssuedSigningKey extends KeyClaims {
  /** Public: the `keyid` of its signatures (RFC 9421 §2.3). */
  readonly keyid: string
  /** The HMAC secret, base64url: shown once, kept nowhere. */
  readonly secret: string
}
export interface ResolvedSigningKey extends KeyClaims {
  readonly secret: Uint8Array<ArrayBuffer>
}

/** A new signing key of the newest generation. Its id says whose it is; a changed id is another secret that nobody was given. */
export async function issueSigningKey(root: RootSecret, options: KeyOptions, now: number): Promise<IssuedSigningKey> {
  const claims = newClaims(root, options, now)
  const keyid = SIGNING_KEY_PREFIX + encodeBase62(encodeClaims(claims))
  if (keyid.length > MAX_KEY_LENGTH) throw new RangeError('the key id would be too long: give it fewer scopes, or put them in a plan')
  return { ...claims, keyid, secret: encodeBase64Url(await secretOf(root, claims.generation, keyid)) }
}

/** The secret and what the id says; it is true once a signature by that secret holds. `undefined`: not such an id, at no cost. */
export async function resolveSigningKey(root: RootSecret, keyid: string): Promise<ResolvedSigningKey | undefined> {
  if (!keyid.startsWith(SIGNING_KEY_PREFIX) || keyid.length > MAX_KEY_LENGTH) return undefined
  const payload = decodeBase62(keyid.slice(SIGNING_KEY_PREFIX.length))
  const claims = payload === undefined ? undefined : decodeClaims(payload)
  if (claims === undefined || !root.generations.includes(claims.generation)) return undefined
  return { ...claims, secret: await secretOf(root, claims.generation, keyid) }
}

async function secretOf(root: RootSecret, generation: string, keyid: string): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey('raw', await root.derive('signing-key', generation), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(keyid)))
}
