import { decodeHex, encodeBase64Url } from '../http/base64url.ts'
import type { RootSecret } from './root-secret.ts'

export interface DerivedP256Key {
  readonly privateKey: CryptoKey
  /** Extractable: it is published. */
  readonly publicKey: CryptoKey
  readonly publicJwk: { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  /** RFC 7638 thumbprint. */
  readonly kid: string
}

/** PKCS#8 of a P-256 scalar without its public half, up to the scalar (RFC 5208, RFC 5915 §3). */
const PKCS8_HEADER = bytesOf('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420')
const ORDER = bytesOf('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' }

/** The P-256 key of one purpose and generation: nothing is stored, every isolate has the same. */
export async function deriveP256(root: RootSecret, purpose: string, generation: string): Promise<DerivedP256Key> {
  const pkcs8 = new Uint8Array([...PKCS8_HEADER, ...(await scalarOf(root, purpose, generation))])
  const extractable = await crypto.subtle.importKey('pkcs8', pkcs8, ECDSA, true, ['sign'])
  const { x, y } = (await crypto.subtle.exportKey('jwk', extractable)) as JsonWebKey
  if (x === undefined || y === undefined) throw new Error('the public half of a derived key could not be exported')
  const publicJwk = { kty: 'EC', crv: 'P-256', x, y } as const
  const thumbprint = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y })))
  return {
    privateKey: await crypto.subtle.importKey('pkcs8', pkcs8, ECDSA, false, ['sign']),
    publicKey: await crypto.subtle.importKey('jwk', publicJwk, ECDSA, true, ['verify']),
    publicJwk,
    kid: encodeBase64Url(new Uint8Array(thumbprint)),
  }
}

/** Whether 32 bytes are a private key of the curve: from 1 to its order less one (FIPS 186-5, A.2.2). */
export function isP256Scalar(bytes: Uint8Array): boolean {
  const first = bytes.findIndex((byte, index) => byte !== ORDER[index])
  return first !== -1 && (bytes[first] ?? 0) < (ORDER[first] ?? 0) && bytes.some((byte) => byte !== 0)
}

/** Of 2^32 seeds one is none: then the next. */
async function scalarOf(root: RootSecret, purpose: string, generation: string): Promise<Uint8Array> {
  for (let attempt = 0; ; attempt += 1) {
    const bytes = await root.derive(`p256:${purpose}${attempt === 0 ? '' : `:${attempt}`}`, generation)
    if (isP256Scalar(bytes)) return bytes
  }
}

function bytesOf(hex: string): Uint8Array {
  return decodeHex(hex) ?? new Uint8Array()
}
