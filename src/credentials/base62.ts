const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const VALUES = new Map(Array.from(ALPHABET, (character, value) => [character, value]))
/** Eight bytes are eleven digits: blocks keep the cost linear. A shorter last block has as many digits as its bytes need. */
const BLOCK_BYTES = 8
const DIGITS = [0, 2, 3, 5, 6, 7, 9, 10, 11] as const
const BYTES = new Map<number, number>(DIGITS.map((digits, bytes) => [digits, bytes]))

/** Letters and digits alone, so that a double click selects all of it (AK-1). One text per byte string. */
export function encodeBase62(bytes: Uint8Array): string {
  let text = ''
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const block = bytes.subarray(start, start + BLOCK_BYTES)
    let value = block.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    let digits = ''
    for (let digit = 0; digit < (DIGITS[block.length] ?? 0); digit++) {
      digits = ALPHABET.charAt(Number(value % 62n)) + digits
      value /= 62n
    }
    text += digits
  }
  return text
}

/** `undefined`: not what the encoder gives. */
export function decodeBase62(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes: number[] = []
  for (let start = 0; start < text.length; start += 11) {
    const block = decodeBlock(text.slice(start, start + 11))
    if (block === undefined) return undefined
    bytes.push(...block)
  }
  return Uint8Array.from(bytes)
}

function decodeBlock(digits: string): number[] | undefined {
  const length = BYTES.get(digits.length)
  if (length === undefined) return undefined
  let value = 0n
  for (const digit of digits) {
    const part = VALUES.get(digit)
    if (part === undefined) return undefined
    value = value * 62n + BigInt(part)
  }
  if (value >= 1n << BigInt(8 * length)) return undefined
  const bytes = Array.from({ length }, () => 0)
  for (let index = length - 1; index >= 0; index--) {
    bytes[index] = Number(value & 0xffn)
    value >>= 8n
  }
  return bytes
}
