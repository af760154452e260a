/** A count that fades: what is `halfLifeMs` ago counts half. */
export interface Fading {
  add(amount: number, now: number): void
  at(now: number): number
  encode(): EncodedFading
}
export type EncodedFading = readonly [value: number, from: number]

export function createFading(halfLifeMs: number, [earlier, since]: EncodedFading = [0, 0]): Fading {
  let value = earlier
  let from = since
  const at = (now: number): number => (now <= from ? value : value * 0.5 ** ((now - from) / halfLifeMs))
  return {
    add(amount, now) {
      value = at(now) + amount
      from = Math.max(from, now)
    },
    at,
    encode: () => [value, from],
  }
}

/** The distinct texts of the last `windowMs`, at most `most`; further ones replace the oldest. */
export interface RecentSet {
  /** False: it was there already. */
  add(text: string, now: number): boolean
  sizeAt(now: number): number
  encode(): EncodedRecent
}
export type EncodedRecent = readonly (readonly [text: string, at: number])[]

export function createRecentSet(windowMs: number, most: number, encoded: EncodedRecent = []): RecentSet {
  const seen = new Map(encoded)
  const forget = (now: number): void => {
    for (const [text, at] of seen) {
      if (now - at < windowMs && seen.size <= most) return
      seen.delete(text)
    }
  }
  return {
    add(text, now) {
      const isNew = !seen.delete(text)
      seen.set(text, now)
      forget(now)
      return isNew
    },
    sizeAt(now) {
      forget(now)
      return seen.size
    },
    encode: () => [...seen],
  }
}

/** Values by key, at most `most`: what was used longest ago is dropped first, and may then be made again from what `dropped` kept. */
export interface Kept<Value> {
  of(key: string): Value
  known(key: string): Value | undefined
  /** What was used longest ago first. */
  entries(): readonly (readonly [key: string, value: Value])[]
}

export function createKept<Value>(
  most: number,
  make: (key: string) => Value,
  dropped: (key: string, value: Value) => void = () => undefined,
): Kept<Value> {
  const values = new Map<string, Value>()
  return {
    of(key) {
      const value = values.get(key) ?? make(key)
      values.delete(key)
      values.set(key, value)
      if (values.size > most) {
        const [oldest] = values
        if (oldest !== undefined) {
          values.delete(oldest[0])
          dropped(...oldest)
        }
      }
      return value
    },
    known: (key) => values.get(key),
    entries: () => [...values],
  }
}
