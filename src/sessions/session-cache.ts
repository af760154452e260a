import type { FoundSession } from './session-lookup.ts'

/** What one isolate was told of sessions a moment ago: values alone. Revocation is asked of the feed besides, on every request. */
export interface SessionCache {
  find(cookie: string, now: number): FoundSession | undefined
  keep(cookie: string, found: FoundSession, now: number): void
  /** `target`: for whom it was exchanged; empty: the session's own. */
  token(id: string, now: number, target?: string): string | undefined
  keepToken(id: string, kept: { readonly token: string; readonly usableUntil: number }, now: number, target?: string): void
  /** It ended here: nothing more is said of it. */
  forget(id: string): void
}

/** All that is kept may take this much memory, in characters. */
const MAX_LENGTH = 4 * 1024 * 1024

interface Entry<Value> {
  readonly value: Value
  readonly from: number
  readonly until: number
}

/** `freshMs`: how long an answer counts. */
export function createSessionCache(freshMs: number): SessionCache {
  const found = new Map<string, Entry<FoundSession>>()
  const tokens = new Map<string, Entry<string>>()
  let length = 0

  function put<Value>(map: Map<string, Entry<Value>>, key: string, entry: Entry<Value>, size: number): void {
    if (length + size > MAX_LENGTH) {
      found.clear()
      tokens.clear()
      length = 0
    }
    // What replaces an entry is counted again: at the worst all is forgotten sooner.
    length += size
    map.set(key, entry)
  }
  // A clock that was set back knows nothing of what came after.
  const current = <Value>(entry: Entry<Value> | undefined, now: number): Value | undefined =>
    entry !== undefined && now >= entry.from && now < entry.until ? entry.value : undefined

  return {
    find: (cookie, now) => current(found.get(cookie), now),
    keep(cookie, value, now) {
      const until = Math.min(now + freshMs, value.status === 'active' ? value.session.expiresAt : Number.POSITIVE_INFINITY)
      const size = cookie.length + (value.status === 'active' ? JSON.stringify(value.session).length : 0)
      put(found, cookie, { value, from: now, until }, size)
    },
    token: (id, now, target = '') => current(tokens.get(`${id} ${target}`), now),
    keepToken(id, { token, usableUntil }, now, target = '') {
      const key = `${id} ${target}`
      put(tokens, key, { value: token, from: now, until: Math.min(now + freshMs, usableUntil) }, key.length + token.length)
    },
    forget(id) {
      for (const key of tokens.keys()) if (key.startsWith(`${id} `)) tokens.delete(key)
      for (const [cookie, { value }] of found) if (value.status === 'active' && value.session.id === id) found.delete(cookie)
    },
  }
}
