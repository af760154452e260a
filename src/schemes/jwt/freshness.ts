/** For how long a fetched document may be used without asking again. */
export interface Freshness {
  readonly seconds: number
  /** False where the response wants no shared copy (`no-store`, `no-cache`, `private`). */
  readonly isShareable: boolean
}

/** In seconds: the least keeps an issuer from being asked on every request, the most bounds how long a removed key is believed. */
const FRESH = { least: 30, most: 86_400, unsaid: 600 }

/**
 * RFC 9111 §4.2.1: `s-maxage`, else `max-age`, else `Expires` less `Date`, and less `Age`; between 30 s and 24 h, 10 min
 * where nothing is said. What cannot be read counts as stale. `now` in milliseconds.
 */
export function freshnessOf(headers: Headers, now: number): Freshness {
  const directives = directivesOf(headers.get('cache-control') ?? '')
  const isShareable = !['no-store', 'no-cache', 'private'].some((name) => directives.has(name))
  if (directives.has('no-store') || directives.has('no-cache')) return { seconds: FRESH.least, isShareable }
  const lifetime = directives.get('s-maxage') ?? directives.get('max-age') ?? lifetimeByExpires(headers, now)
  if (lifetime === undefined) return { seconds: FRESH.unsaid, isShareable }
  const left = lifetime - (seconds(headers.get('age') ?? '') ?? 0)
  return { seconds: Math.min(FRESH.most, Math.max(FRESH.least, left)), isShareable }
}

/** Of a directive that is repeated the smallest value counts; one that is no number is 0. */
function directivesOf(field: string): ReadonlyMap<string, number> {
  const directives = new Map<string, number>()
  for (const part of field.split(',')) {
    const [name = '', value = ''] = part.split('=', 2).map((text) => text.trim().toLowerCase())
    const number = seconds(value.replaceAll('"', '')) ?? 0
    directives.set(name, Math.min(directives.get(name) ?? Number.POSITIVE_INFINITY, number))
  }
  return directives
}

function lifetimeByExpires(headers: Headers, now: number): number | undefined {
  const expires = headers.get('expires')
  if (expires === null) return undefined
  const date = Date.parse(headers.get('date') ?? '')
  const lifetime = (Date.parse(expires) - (Number.isNaN(date) ? now : date)) / 1000
  return Number.isNaN(lifetime) ? 0 : lifetime
}

function seconds(text: string): number | undefined {
  return /^[0-9]{1,10}$/u.test(text) ? Number(text) : undefined
}
