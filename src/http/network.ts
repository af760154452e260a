import { addressWords } from './address.ts'

/** IPv4 is looked at as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2): 96 bits more. */
const MAPPED_BITS = 96

/**
 * A network in CIDR notation (RFC 4632 §3.1), or an address as a network of its own. `undefined`: it is none, or has bits beyond
 * its prefix: `192.0.2.7/24` may be meant as either.
 */
export function parseNetwork(text: string): string | undefined {
  const [address = '', length, ...more] = text.split('/')
  const words = addressWords(address)
  if (words === undefined || more.length > 0) return undefined
  const longest = isMapped(words) ? 32 : 128
  if (length !== undefined && !/^(?:0|[1-9]\d{0,2})$/u.test(length)) return undefined
  const bits = Number(length ?? longest)
  if (bits > longest) return undefined
  const kept = bits + (longest === 32 ? MAPPED_BITS : 0)
  return words.every((word, index) => (word & ~mask(kept, index) & 0xffff) === 0) ? `${address.toLowerCase()}/${bits}` : undefined
}

/** `network`: what `parseNetwork` gave. An IPv4 address is in no network of IPv6, not even in `::/0`. */
export function isInNetwork(address: string, network: string): boolean {
  const [base = '', length = ''] = network.split('/')
  const [words, start] = [addressWords(address), addressWords(base)]
  if (words === undefined || start === undefined || isMapped(words) !== isMapped(start)) return false
  const bits = Number(length) + (isMapped(start) ? MAPPED_BITS : 0)
  return words.every((word, index) => ((word ^ (start[index] ?? 0)) & mask(bits, index)) === 0)
}

/** The bits of the word at `index` that a prefix covers. */
function mask(bits: number, index: number): number {
  const covered = Math.min(16, Math.max(0, bits - index * 16))
  return (0xffff << (16 - covered)) & 0xffff
}

function isMapped(words: readonly number[]): boolean {
  return words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff
}
