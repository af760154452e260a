import type { Carrier } from '../schemes/authenticator.ts'

/** Of a browser's sign-ins under way (src/identity/transaction.ts): the gate's own, so it never passes. */
export const SIGN_IN_COOKIE = '__Host-portcullis-login'

/** Everything of a request that can carry a credential and must not reach the origin. */
export interface StrippedCarriers {
  /** Lower case, with `-` for `_`, as `foldedName` writes it. */
  readonly headers: ReadonlySet<string>
  readonly queries: ReadonlySet<string>
  readonly cookies: ReadonlySet<string>
}

/** An origin behind CGI cannot tell `x_api_key` from `x-api-key`. `name` is lower case. */
export function foldedName(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name
}

export function strippedCarriers(carriers: Iterable<Carrier>): StrippedCarriers {
  const headers = new Set<string>()
  const queries = new Set<string>()
  const cookies = new Set<string>([SIGN_IN_COOKIE])
  for (const carrier of carriers) {
    if (carrier.in === 'header') headers.add(foldedName(carrier.name.toLowerCase()))
    else if (carrier.in === 'query') queries.add(carrier.name)
    else if (carrier.in === 'cookie') cookies.add(carrier.name)
  }
  return { headers, queries, cookies }
}

/** `query` with its `?`, without the named parameters; the others keep their bytes and order. */
export function withoutQueries(query: string, names: ReadonlySet<string>): string {
  if (names.size === 0 || query.length < 2) return query
  const kept = query
    .slice(1)
    .split('&')
    .filter((pair) => !names.has(parameterName(pair)))
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

/** The name as an origin's form parser would read it: `a%70i_key` is `api_key`. */
function parameterName(pair: string): string {
  const [first] = new URLSearchParams(pair).keys()
  return first ?? ''
}

/** A `Cookie` field without the named cookies; `undefined` when none is left. */
export function withoutCookies(cookie: string, names: ReadonlySet<string>): string | undefined {
  const kept = cookie.split(';').flatMap((pair) => withoutNamed(pair, names))
  return kept.length === 0 ? undefined : kept.join('; ')
}

/** A `Cookie` field that was sent twice arrives joined by a comma: what follows one may be a cookie of its own to an origin. */
function withoutNamed(pair: string, names: ReadonlySet<string>): string[] {
  const kept = pair.split(',').filter((part) => !names.has((part.split('=', 1)[0] ?? '').trim()))
  const text = kept.join(',').trim()
  return text === '' ? [] : [text]
}
