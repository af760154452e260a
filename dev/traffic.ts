import { LATENCY_BOUNDS } from '../src/insight/observation.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
/** The last hours minute by minute, as their chart is; what is older in steps of five. */
const FINE_MS = 2 * HOUR_MS

/** Somebody who calls the API: how much by day and by night, and what goes wrong. */
export interface Caller {
  readonly consumer: string
  readonly credential: string
  readonly rhythm: Rhythm
  /** Requests a minute when it is busiest. */
  readonly most: number
  /** Route with its share. */
  readonly routes: Readonly<Record<string, number>>
  /** Refusals: code, status, and share of all that it asks. */
  readonly refusals?: readonly (readonly [code: string, status: number, share: number])[]
}
/** `office`: by day; `always`: somewhat more by day; `nightly`: for an hour after two. UTC. */
type Rhythm = 'office' | 'always' | 'nightly'

/** A row of `POST /usage/import`. */
export interface Row {
  readonly minute: string
  readonly consumer: string
  readonly credential: string
  readonly route: string
  readonly status: number
  readonly code: string
  readonly requests: number
  readonly latency: readonly number[]
}

/** What these would have asked in the minutes from `from` until `to`, which is no part of it. The same for the same minutes. */
export function plausibleTraffic(callers: readonly Caller[], from: number, to: number): readonly Row[] {
  const rows: Row[] = []
  for (let at = Math.ceil(from / MINUTE_MS) * MINUTE_MS; at < to;) {
    const step = to - at > FINE_MS && at % (5 * MINUTE_MS) === 0 && at + 5 * MINUTE_MS <= to ? 5 : 1
    for (const caller of callers) rows.push(...rowsOf(caller, at, step))
    at += step * MINUTE_MS
  }
  return rows
}

function rowsOf({ consumer, credential, rhythm, most, routes, refusals = [] }: Caller, at: number, minutes: number): readonly Row[] {
  const random = randomOf(`${consumer}${at}`)
  const all = most * minutes * shareAt(rhythm, at) * (0.75 + random() / 2)
  const row = (route: string, status: number, code: string, share: number): readonly Row[] => {
    // What is less than one comes now and then.
    const requests = Math.floor(all * share + random())
    if (requests === 0) return []
    return [{ minute: new Date(at).toISOString(), consumer, credential, route, status, code, requests, latency: spread(requests, random) }]
  }
  const [first = ''] = Object.keys(routes)
  return [
    ...Object.entries(routes).flatMap(([route, share]) => row(route, 200, 'forwarded', share)),
    ...refusals.flatMap(([code, status, share]) => row(code === 'route-unknown' ? '' : first, status, code, share)),
  ]
}

function shareAt(rhythm: Rhythm, at: number): number {
  const hour = (at % DAY_MS) / HOUR_MS
  if (rhythm === 'nightly') return hour >= 2 && hour < 3 ? 1 : 0
  // Most at two in the afternoon, least at two in the night.
  const day = (1 - Math.cos(((hour - 2) / 12) * Math.PI)) / 2
  return rhythm === 'always' ? 0.35 + 0.65 * day : 0.04 + 0.96 * day ** 2
}

/** Most within 25 ms, a long tail. */
const WITHIN = [0.3, 0.42, 0.18, 0.07, 0.02, 0.008, 0.002]
function spread(requests: number, random: () => number): readonly number[] {
  const buckets = Array.from({ length: LATENCY_BOUNDS.length + 1 }, () => 0)
  for (let left = requests; left > 0; left -= 1) {
    let place = random()
    const bucket = WITHIN.findIndex((share) => (place -= share) < 0)
    buckets[Math.max(0, bucket)] = (buckets[Math.max(0, bucket)] ?? 0) + 1
  }
  return buckets
}

/** Mulberry32 from a name: the same numbers at every start. */
function randomOf(name: string): () => number {
  let state = Buffer.from(name).reduce((hash, byte) => Math.imul(hash ^ byte, 16_777_619), 2_166_136_261)
  return () => {
    state = Math.trunc(state + 0x6d_2b_79_f5)
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
