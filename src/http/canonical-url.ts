/**
 * The one form of a request's URL that route matching, signatures and the origin share. It is made from the raw
 * `request.url`; a target that parsing would change is refused rather than repaired, because the part of the system
 * that did not repair it would see another route (docs/architecture.md, "One URL").
 */
export interface CanonicalUrl {
  readonly scheme: 'https' | 'http'
  /** Lower-case host, with the port unless it is the scheme's default (RFC 9421 §2.2.3). */
  readonly authority: string
  /** Exactly the bytes the client sent, `/` if it sent none. */
  readonly path: string
  /** With the leading `?`; empty when there was none. */
  readonly query: string
  readonly href: string
}

/** Longest target we look at, in characters: the platform's own bound on a URL is 16 KiB. */
export const MAX_URL_LENGTH = 16_384

export type TargetFault =
  | 'too_long'
  | 'not_absolute'
  | 'userinfo'
  | 'bad_host'
  | 'bad_character'
  | 'bad_escape'
  | 'encoded_separator'
  | 'dot_segment'
  | 'empty_segment'
  | 'would_change'

export type Canonicalization =
  | { readonly status: 'canonical'; readonly url: CanonicalUrl }
  | { readonly status: 'refused'; readonly fault: TargetFault }

const refused = (fault: TargetFault): Canonicalization => ({ status: 'refused', fault })

/** `scheme://authority`, then the rest as it came; the raw string, because `new URL` would repair it first. */
const ABSOLUTE = /^(https?):\/\/([^/?#\\]*)([^?]*)(\?.*)?$/su
/** RFC 3986 §3.3: pchar and `/`. */
const PATH_CHARACTERS = /^[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*$/u
/** What a URL parser leaves as it is in a query: no space, `"`, `#`, `'`, `<`, `>`, nothing outside ASCII. */
const QUERY_CHARACTERS = /^[\x21\x24-\x26\x28-\x3b\x3d\x3f-\x7e]*$/u
/** Host names, IPv4 and bracketed IPv6, with an optional port. */
const AUTHORITY = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/u
/** `/`, `\` and control characters have no business in escaped form. */
const ENCODED_SEPARATOR = /%(?:2[fF]|5[cC]|[01][0-9A-Fa-f]|7[fF])/u
const ENCODED_DOT = /%2[eE]/u
/** Also with parameters (`..;x`): servers that cut those off first would climb (RFC 3986 §3.3). */
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:(?:;|%3[bB])[^/]*)?(?:\/|$)/u
/** Letters, digits, `-`, `_` and `~` escaped: equal by RFC 3986 §6.2.2.2, yet origins differ on it. */
const ENCODED_UNRESERVED = /%(?:2[dD]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])/u

export function canonicalize(raw: string): Canonicalization {
  if (raw.length > MAX_URL_LENGTH) return refused('too_long')
  const match = ABSOLUTE.exec(raw)
  if (match === null) return refused('not_absolute')
  const scheme = match[1] as 'https' | 'http'
  const host = (match[2] ?? '').toLowerCase()
  if (host.includes('@')) return refused('userinfo')
  const defaultPort = scheme === 'https' ? ':443' : ':80'
  const authority = host.endsWith(defaultPort) ? host.slice(0, -defaultPort.length) : host
  if (!AUTHORITY.test(authority)) return refused('bad_host')
  const path = match[3] || '/'
  const query = match[4] ?? ''
  const fault = pathFault(path)
  if (fault !== undefined) return refused(fault)
  if (!QUERY_CHARACTERS.test(query.slice(1))) return refused('bad_character')
  const href = `${scheme}://${authority}${path}${query}`
  // The last word has the parser that `fetch` will use: what it would change, we refuse.
  if (!staysAsItIs(href)) return refused('would_change')
  return { status: 'canonical', url: { scheme, authority, path, query, href } }
}

function staysAsItIs(href: string): boolean {
  try {
    return new URL(href).href === href
  } catch {
    return false
  }
}

function pathFault(path: string): TargetFault | undefined {
  if (!PATH_CHARACTERS.test(path)) return 'bad_character'
  if (path.includes('//')) return 'empty_segment'
  if (DOT_SEGMENT.test(path)) return 'dot_segment'
  if (!path.includes('%')) return undefined
  if (ENCODED_SEPARATOR.test(path)) return 'encoded_separator'
  if (ENCODED_DOT.test(path)) return 'dot_segment'
  if (ENCODED_UNRESERVED.test(path)) return 'would_change'
  return isDecodable(path) ? undefined : 'bad_escape'
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}
