import type { UsageCount, UsageKey } from './observation.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000
/** In place of what there was no room for. */
export const OTHER = 'other'
/** Kinds of requests counted apart in one minute, hour or day; beyond, by consumer and status alone, and beyond twice as many, by status. */
export const MAX_KINDS = 1000

/** A kind of requests, and how many, in any step of time. */
export type Counted = Omit<UsageKey, 'minute'> & Pick<UsageCount, 'requests' | 'latency'>

/** As isolates tell it: arrays take less room than objects. */
type Packed = readonly [
  minute: number,
  consumer: string,
  credential: string,
  route: string,
  status: number,
  code: string,
  requests: number,
  latency: readonly number[],
]
export const pack = (counts: readonly UsageCount[]): string =>
  JSON.stringify(
    counts.map((one): Packed => [one.minute, one.consumer, one.credential, one.route, one.status, one.code, one.requests, one.latency]),
  )
/** `held`: the minute that one is counted in. */
export const unpack = (text: string, held: (minute: number) => number): readonly UsageCount[] =>
  (JSON.parse(text) as readonly Packed[]).map(([minute, consumer, credential, route, status, code, requests, latency]) => ({
    minute: held(minute),
    consumer,
    credential,
    route,
    status,
    code,
    requests,
    latency,
  }))

export const kindOf = ({ consumer, credential, route, status, code }: Omit<UsageKey, 'minute'>): string =>
  JSON.stringify([consumer, credential, route, status, code])

/** Adds up counts of one kind, and those for which there is no room among `known` under `OTHER`; new kinds become known. */
export function fit(counts: readonly Counted[], known: Set<string>, most = MAX_KINDS): readonly Counted[] {
  const sums = new Map<string, Counted>()
  for (const count of counts.toSorted((one, other) => other.requests - one.requests)) {
    const consumerAlone = { ...count, credential: OTHER, route: OTHER, code: OTHER }
    const choices: readonly (readonly [Counted, number])[] = [
      [count, most],
      [consumerAlone, 2 * most],
      [{ ...consumerAlone, consumer: OTHER }, Number.POSITIVE_INFINITY],
    ]
    const chosen = choices.find(([one, room]) => known.has(kindOf(one)) || known.size < room)?.[0] ?? count
    const kind = kindOf(chosen)
    known.add(kind)
    const sum = sums.get(kind)
    sums.set(kind, sum === undefined ? chosen : added(sum, chosen))
  }
  return [...sums.values()]
}

function added(one: Counted, other: Counted): Counted {
  return {
    ...one,
    requests: one.requests + other.requests,
    latency: one.latency.map((count, bucket) => count + (other.latency[bucket] ?? 0)),
  }
}

/** Counts by the start of their step. */
export function byStart(counts: readonly UsageCount[], stepMs: number): ReadonlyMap<number, readonly Counted[]> {
  return Map.groupBy(counts, ({ minute }) => Math.floor(minute / stepMs) * stepMs)
}
