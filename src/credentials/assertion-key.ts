import { encodeBase64Url } from '../http/base64url.ts'
import type { RootSecret } from './root-secret.ts'

export interface DerivedSigningKey {
  readonly privateKey: CryptoKey
  readonly publicJwk: { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
  /** RFC 7638 thumbprint. */
  readonly kid: string
}

/** PKCS#8 of an Ed25519 seed, up to the seed (RFC 8410 §7). */
const PKCS8_HEADER = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20)

/** The Ed25519 key of one purpose and generation: nothing is stored, every isolate has the same. */
export async function deriveEd25519(root: RootSecret, purpose: string, generation: string): Promise<DerivedSigningKey> {
  const seed = await root.derive(`ed25519:${purpose}`, generation)
  const pkcs8 = new Uint8Array([...PKCS8_HEADER, ...seed])
  const extractable = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign'])
  const { x } = (await crypto.subtle.exportKey('jwk', extractable)) as JsonWebKey
  if (x === undefined) throw new Error('the public half of a derived key could not be exported')
  const thumbprint = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x })))
  return {
    privateKey: await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']),
    publicJwk: { kty: 'OKP', crv: 'Ed25519', x },
    kid: encodeBase64Url(new Uint8Array(thumbprint)),
  }
}
