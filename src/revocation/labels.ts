/** Different reasons that are kept; more become `revoked`. They are for the log alone. */
const MAX_REASONS = 256
/** Labels with an end to the millisecond; from then on ends are rounded up to a day. */
const MAX_EXACT = 4096
/** What 16 bits can name. */
const MAX_LABELS = 65_536
const DAY_MS = 86_400_000
const COMMON_REASON = 'revoked'

/** End and reason of entries, kept once for all entries that share them. An end is never earlier than it was stated. */
export interface Labels {
  /** The label of one more entry, below 65,536. `end` in milliseconds since the epoch. */
  take(end: number, reason: string): number
  /** One entry fewer. */
  release(label: number): void
  endOf(label: number): number
  reasonOf(label: number): string
  /** How many entries are over at `now`. */
  overCount(now: number): number
  /** Those entries are gone. */
  releaseOver(now: number): void
  encode(): readonly EncodedLabel[]
}
/** End (null: none), reason, number of entries. */
export type EncodedLabel = readonly [end: number | null, reason: string, count: number]

interface Label {
  readonly end: number
  readonly reason: string
  count: number
}

export function createLabels(encoded: readonly EncodedLabel[] = [[null, COMMON_REASON, 0]]): Labels {
  const labels = encoded.map(([end, reason, count]): Label => ({ end: end ?? Number.POSITIVE_INFINITY, reason, count }))
  const byReason = new Map<string, Map<number, number>>()
  for (const [index, { end, reason }] of labels.entries()) endsOf(reason).set(end, index)

  function endsOf(reason: string): Map<number, number> {
    const known = byReason.get(reason)
    if (known !== undefined) return known
    const ends = new Map<number, number>()
    byReason.set(reason, ends)
    return ends
  }

  function indexOf(end: number, reason: string): number {
    const known = byReason.get(reason)?.get(end)
    if (known !== undefined) return known
    if (labels.length >= MAX_EXACT && end % DAY_MS !== 0 && end !== Number.POSITIVE_INFINITY)
      return indexOf(Math.ceil(end / DAY_MS) * DAY_MS, reason)
    if (byReason.size >= MAX_REASONS && !byReason.has(reason)) return indexOf(end, COMMON_REASON)
    // The first label has no end: it may stand for any other.
    if (labels.length >= MAX_LABELS) return 0
    endsOf(reason).set(end, labels.length)
    return labels.push({ end, reason, count: 0 }) - 1
  }

  return {
    take(end, reason) {
      const index = indexOf(end, reason)
      const label = labels[index]
      if (label !== undefined) label.count += 1
      return index
    },
    release(index) {
      const label = labels[index]
      if (label !== undefined) label.count -= 1
    },
    endOf: (index) => labels[index]?.end ?? Number.POSITIVE_INFINITY,
    reasonOf: (index) => labels[index]?.reason ?? COMMON_REASON,
    overCount: (now) => labels.reduce((sum, { end, count }) => (end <= now ? sum + count : sum), 0),
    releaseOver(now) {
      for (const label of labels) if (label.end <= now) label.count = 0
    },
    encode: () => labels.map(({ end, reason, count }) => [end === Number.POSITIVE_INFINITY ? null : end, reason, count]),
  }
}
