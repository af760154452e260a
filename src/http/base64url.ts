/**
 * Strict text forms of bytes (RFC 4648). A decoder takes exactly what its encoder gives: one text per byte string, so a
 * credential cannot be respelt past a cache, a revocation or a replay memory. `undefined`: not that form.
 */
const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const URL_SAFE = `${STANDARD.slice(0, 62)}-_`
const HEX = '0123456789abcdef'
const NONE = 0xff

const STANDARD_VALUES = valuesOf(STANDARD)
const URL_SAFE_VALUES = valuesOf(URL_SAFE)

/** RFC 4648 §5 without padding, as JWS wants it (RFC 7515 §2). */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encode(bytes, URL_SAFE)
}

/** No padding, no white space, no other alphabet, unused trailing bits zero (RFC 4648 §3.5). */
export function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  return decode(text, text.length, URL_SAFE_VALUES)
}

/** RFC 4648 §4 with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = encode(bytes, STANDARD)
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

/** The padding must be there, no white space, unused trailing bits zero. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined
  let length = text.length
  if (text.endsWith('==')) length -= 2
  else if (text.endsWith('=')) length -= 1
  return decode(text, length, STANDARD_VALUES)
}

/** Lower case. */
export function encodeHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX.charAt(byte >> 4) + HEX.charAt(byte & 15)
  return text
}

/** Either case, an even number of digits, no separators. */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let index = 0; index < bytes.length; index++) {
    const high = hexValue(text.charCodeAt(index * 2))
    const low = hexValue(text.charCodeAt(index * 2 + 1))
    if (high === NONE || low === NONE) return undefined
    bytes[index] = (high << 4) | low
  }
  return bytes
}

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(256).fill(NONE)
  for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value
  return values
}

function encode(bytes: Uint8Array, alphabet: string): string {
  let text = ''
  let pending = 0
  let bits = 0
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 6) {
      bits -= 6
      text += alphabet.charAt((pending >> bits) & 63)
    }
  }
  return bits === 0 ? text : text + alphabet.charAt((pending << (6 - bits)) & 63)
}

/** Decodes the first `length` characters. */
function decode(text: string, length: number, values: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  if (length % 4 === 1) return undefined
  const bytes = new Uint8Array(Math.floor((length * 3) / 4))
  let pending = 0
  let bits = 0
  let written = 0
  for (let index = 0; index < length; index++) {
    // A code over 255 has no entry: it reads as `undefined`, like any other foreign character.
    const value = values[text.charCodeAt(index)] ?? NONE
    if (value === NONE) return undefined
    pending = ((pending << 6) | value) & 0xfff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[written++] = (pending >> bits) & 0xff
    }
  }
  return (pending & ((1 << bits) - 1)) === 0 ? bytes : undefined
}

function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : NONE
}
