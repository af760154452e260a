/**
 * The text under which an address is counted: an IPv4 address itself, of an IPv6 address its /64, since one subscriber has that
 * many (RFC 6177 §2). An IPv4-mapped address counts as the IPv4 one (RFC 4291 §2.5.5.2). `undefined`: not an address.
 */
export function addressKey(text: string): string | undefined {
  if (text.length > 45) return undefined
  if (isIpv4(text)) return text
  const groups = ipv6Groups(text)
  if (groups === undefined) return undefined
  const [high, low] = [groups[6] ?? 0, groups[7] ?? 0]
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (isMapped) return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
  const prefix = groups.slice(0, 4).map((group) => group.toString(16))
  return `${prefix.join(':')}::/64`
}

/** The eight groups of an address, an IPv4 one as IPv4-mapped. `undefined`: not an address. */
export function addressWords(text: string): readonly number[] | undefined {
  if (text.length > 45) return undefined
  return ipv6Groups(isIpv4(text) ? `::ffff:${text}` : text)
}

/** Dotted decimal without leading zeros: `010` is 8 to some readers. */
function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/u.test(text)
}

function ipv6Groups(text: string): number[] | undefined {
  const [left = '', right, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const head = groupsOf(left)
  const tail = right === undefined ? [] : groupsOf(right)
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (right === undefined ? missing !== 0 : missing < 1) return undefined
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail]
}

/** The last group may be an IPv4 address. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const last = parts.at(-1) ?? ''
  if (isIpv4(last)) {
    const [a = 0, b = 0, c = 0, d = 0] = last.split('.').map(Number)
    parts.splice(-1, 1, ((a << 8) | b).toString(16), ((c << 8) | d).toString(16))
  }
  return parts.every((part) => /^[0-9a-f]{1,4}$/iu.test(part)) ? parts.map((part) => Number.parseInt(part, 16)) : undefined
}
