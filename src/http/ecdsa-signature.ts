import { readChildren, readElements, TAG, type DerElement } from './der.ts'

/** An ECDSA signature of P-256 as Web Crypto takes it, r and s side by side, from its DER (RFC 3279 §2.2.3). `undefined`: not that. */
export function rawEcdsaSignature(der: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const [sequence, ...more] = readElements(der) ?? []
  const [r, s, ...rest] = readChildren(sequence, TAG.sequence) ?? []
  const numbers = [r, s].map(numberOf)
  const [first, second] = numbers
  if (more.length > 0 || rest.length > 0 || first === undefined || second === undefined) return undefined
  const raw = new Uint8Array(64)
  raw.set(first, 32 - first.length)
  raw.set(second, 64 - second.length)
  return raw
}

/** A positive INTEGER of at most 256 bits, without leading zeros. */
function numberOf(element: DerElement | undefined): Uint8Array | undefined {
  if (element?.tag !== TAG.integer) return undefined
  const [first = 0x80, second = 0] = element.content
  if (first >= 0x80 || (first === 0 && second < 0x80)) return undefined
  const digits = first === 0 ? element.content.subarray(1) : element.content
  return digits.length <= 32 ? digits : undefined
}
