const MAX_LENGTH = 2048
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])$/u
/** Names that only a network of its own resolves (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and `internal` by ICANN). */
const LOCAL_NAMES = /(?:^|\.)(?:localhost|local|internal|home\.arpa|alt|test|invalid|onion)$/u

/**
 * What is wrong with a URL as a place for webhooks; `undefined`: nothing. Whoever may add one must not be able to make the gate call
 * what only the gate can reach: https to a public name alone. `isLocal`: http to this machine as well, in `portcullis dev`.
 */
export function webhookUrlFault(text: string, isLocal: boolean): string | undefined {
  const url = text.length > MAX_LENGTH ? null : URL.parse(text)
  if (url === null) return `must be an absolute URL of at most ${MAX_LENGTH} characters`
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password'
  if (url.hash !== '') return 'must not have a fragment'
  if (isLocal && url.protocol === 'http:' && LOOPBACK.test(url.hostname)) return undefined
  if (url.protocol !== 'https:') return 'must be https'
  const host = url.hostname.replace(/\.$/u, '')
  // Every spelling of an IPv4 address has become four numbers by now.
  if (host.startsWith('[') || /^[\d.]+$/u.test(host)) return 'must name a host, not an address'
  if (!host.includes('.') || LOCAL_NAMES.test(host)) return 'must name a host that is known publicly'
  return undefined
}
