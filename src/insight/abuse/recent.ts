/** A count that fades: what is `halfLifeMs` ago counts half. */
export interface Fading {
  add(amount: number, now: number): void
  at(now: number): number
}

export function createFading(halfLifeMs: number): Fading {
  let value = 0
  let from = 0
  const at = (now: number): number => (now <= from ? value : value * 0.5 ** ((now - from) / halfLifeMs))
  return {
    add(amount, now) {
      value = at(now) + amount
      from = Math.max(from, now)
    },
    at,
  }
}

/** The distinct texts of the last `windowMs`, at most `most`; further ones replace the oldest. */
export interface RecentSet {
  /** False: it was there already. */
  add(text: string, now: number): boolean
  sizeAt(now: number): number
}

export function createRecentSet(windowMs: number, most: number): RecentSet {
  const seen = new Map<string, number>()
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
  }
}

/** Values by key, at most `most`: what was used longest ago is forgotten first. */
export interface Kept<Value> {
  of(key: string): Value
  known(key: string): Value | undefined
}

export function createKept<Value>(most: number, make: () => Value): Kept<Value> {
  const values = new Map<string, Value>()
  return {
    of(key) {
      const value = values.get(key) ?? make()
      values.delete(key)
      values.set(key, value)
      if (values.size > most) {
        const [oldest] = values.keys()
        if (oldest !== undefined) values.delete(oldest)
      }
      return value
    },
    known: (key) => values.get(key),
  }
}
