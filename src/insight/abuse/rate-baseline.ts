const HOUR_MS = 3_600_000
const BUCKET_MS = 10_000
/** Hours of one kind: the same hour of the day. */
const HOURS = 24
/** How much of an hour's mean the newest such hour makes. */
const WEIGHT = 0.3
/** Buckets that a surge is judged by. */
const WINDOW_BUCKETS = 3
/** The peak is taken as it comes for so long; later it rises by this factor, this often. */
const LEARNING_MS = 3 * HOUR_MS
const RAISE = 1.5
const RAISE_EVERY_MS = 600_000

/** How often a credential is used: what is usual at this hour, and what happens now. Means move by exponential weights. */
export interface RateBaseline {
  count(now: number): void
  /** Requests of the last half minute, and the most that is usual in half a minute at this hour. */
  at(now: number): { readonly seen: number; readonly usual: number }
  encode(): EncodedRate
}
export interface EncodedRate {
  /** By hour of the day (UTC); -1: not seen yet. */
  readonly hourly: readonly number[]
  readonly hour: number
  readonly inHour: number
  /** The busiest half minute of the last days, fading. */
  readonly peak: number
  readonly all: number
  readonly firstAt: number
  readonly raisedAt: number
  readonly buckets: readonly number[]
  readonly bucket: number
}

const NOTHING: EncodedRate = {
  hourly: Array.from({ length: HOURS }, () => -1),
  hour: -1,
  inHour: 0,
  peak: 0,
  all: -1,
  firstAt: -1,
  raisedAt: 0,
  buckets: Array.from({ length: WINDOW_BUCKETS }, () => 0),
  bucket: -1,
}

export function createRateBaseline(encoded: EncodedRate = NOTHING): RateBaseline {
  const hourly = Float32Array.from(encoded.hourly)
  const buckets = Uint32Array.from(encoded.buckets)
  let { hour, inHour, peak, all, firstAt, raisedAt, bucket } = encoded

  const closeHour = (next: number): void => {
    if (hour !== -1) {
      const slot = hour % HOURS
      const known = hourly[slot] ?? -1
      hourly[slot] = known < 0 ? inHour : known + WEIGHT * (inHour - known)
      all = all < 0 ? inHour : all + (WEIGHT / 4) * (inHour - all)
      peak *= 0.98
    }
    hour = next
    inHour = 0
  }
  /** Little by little: a surge must not become its own baseline. */
  const raisePeak = (seen: number, now: number): void => {
    if (seen <= peak) return
    const isEarly = now - firstAt < LEARNING_MS
    if (!isEarly && now - raisedAt < RAISE_EVERY_MS) return
    peak = isEarly ? seen : Math.min(seen, Math.max(8, peak * RAISE))
    raisedAt = now
  }
  const turn = (now: number): void => {
    if (firstAt === -1) firstAt = now
    const next = Math.floor(now / BUCKET_MS)
    if (next > bucket) {
      raisePeak(sumOf(buckets), now)
      for (let index = Math.max(bucket + 1, next - WINDOW_BUCKETS + 1); index <= next; index += 1) buckets[index % WINDOW_BUCKETS] = 0
      bucket = next
    }
    const nextHour = Math.floor(now / HOUR_MS)
    if (nextHour !== hour) closeHour(nextHour)
  }
  return {
    encode: () => ({ hourly: [...hourly], hour, inHour, peak, all, firstAt, raisedAt, buckets: [...buckets], bucket }),
    count(now) {
      turn(now)
      inHour += 1
      buckets[bucket % WINDOW_BUCKETS] = (buckets[bucket % WINDOW_BUCKETS] ?? 0) + 1
    },
    at(now) {
      turn(now)
      const slot = hourly[Math.floor(now / HOUR_MS) % HOURS] ?? -1
      const perHour = Math.max(slot, all, 0)
      return { seen: sumOf(buckets), usual: Math.max(peak, (perHour * WINDOW_BUCKETS * BUCKET_MS) / HOUR_MS) }
    },
  }
}

const sumOf = (numbers: Uint32Array): number => numbers.reduce((sum, one) => sum + one, 0)
