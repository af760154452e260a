import { isObject } from '../../policy/closed-schema.ts'

export type ReadKey = { readonly jwk: JsonWebKey } | { readonly fault: string; readonly isPrivate: boolean }

const MAX_LENGTH = 2048
const PRIVATE = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi'] as const
/** 32 bytes in base64url. */
const COORDINATE = /^[\w-]{43}$/u

/** A public key as somebody pasted it: only what a public key is made of goes on. Whether it is a point of its curve is the directory's to say. */
export function readPublicKey(text: string): ReadKey {
  if (text.trim() === '') return fault('Paste the public key.')
  if (text.length > MAX_LENGTH) return fault(`At most ${MAX_LENGTH} characters.`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Somebody may have pasted a PEM file, and a private one at that.
    return text.includes('PRIVATE') ? PRIVATE_KEY : fault('This is no JWK: it begins with { and ends with }.')
  }
  if (!isObject(value)) return fault('This is no JWK: it begins with { and ends with }.')
  if (PRIVATE.some((member) => Object.hasOwn(value, member))) return PRIVATE_KEY
  const { kty, crv, x, y } = value
  if (kty === 'OKP' && crv === 'Ed25519' && isCoordinate(x)) return { jwk: { kty, crv, x } }
  if (kty === 'EC' && crv === 'P-256' && isCoordinate(x) && isCoordinate(y)) return { jwk: { kty, crv, x, y } }
  return fault('Neither a public Ed25519 key (kty OKP, crv Ed25519, x) nor a P-256 key (kty EC, crv P-256, x, y).')
}

const isCoordinate = (value: unknown): value is string => typeof value === 'string' && COORDINATE.test(value)
const fault = (text: string): ReadKey => ({ fault: text, isPrivate: false })
const PRIVATE_KEY: ReadKey = {
  fault: 'This is a private key, and it has left your machine now: use it no more, make a new pair, and paste the public half of that one.',
  isPrivate: true,
}
