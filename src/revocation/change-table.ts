import { mergeChanges, type Changes } from './changes.ts'
import type { RevocationTarget } from './revocations.ts'

/** What changed of keys and consumers, by name: few entries beside what was revoked, which keeps fingerprints alone. */
export interface ChangeTable {
  readonly size: number
  /** Roughly what the texts take. */
  readonly bytes: number
  add(target: RevocationTarget, changed: Changes, expiresAt: number): void
  find(type: 'key' | 'consumer', id: string): Changes | undefined
  /** Drops what has expired by itself. `now` in milliseconds. */
  forget(now: number): void
  encode(): readonly EncodedChange[]
}
/** Name, changes, end. */
export type EncodedChange = readonly [name: string, text: string, expiresAt: number]

/** Of two entries for one target each field's later value counts, and the later end. Kept as text: a third of what objects take. */
export function createChangeTable(encoded: readonly EncodedChange[] = []): ChangeTable {
  const byName = new Map<string, { readonly text: string; readonly expiresAt: number }>()
  let characters = 0
  let nextEnd = Number.POSITIVE_INFINITY

  function put(name: string, text: string, expiresAt: number): void {
    drop(name)
    byName.set(name, { text, expiresAt })
    characters += name.length + text.length
    nextEnd = Math.min(nextEnd, expiresAt)
  }
  function drop(name: string): void {
    const known = byName.get(name)
    if (known === undefined) return
    characters -= name.length + known.text.length
    byName.delete(name)
  }
  for (const entry of encoded) put(...entry)

  return {
    get size() {
      return byName.size
    },
    get bytes() {
      return characters
    },
    add({ type, id }, changed, expiresAt) {
      const name = `${type}:${id}`
      const known = byName.get(name)
      const merged = mergeChanges(known === undefined ? undefined : (JSON.parse(known.text) as Changes), changed)
      put(name, JSON.stringify(merged), Math.max(expiresAt, known?.expiresAt ?? 0))
    },
    find(type, id) {
      const known = byName.get(`${type}:${id}`)
      return known === undefined ? undefined : (JSON.parse(known.text) as Changes)
    },
    forget(now) {
      if (now < nextEnd) return
      nextEnd = Number.POSITIVE_INFINITY
      for (const [name, { expiresAt }] of byName) {
        if (expiresAt <= now) drop(name)
        else nextEnd = Math.min(nextEnd, expiresAt)
      }
    },
    encode: () => [...byName].map(([name, { text, expiresAt }]) => [name, text, expiresAt]),
  }
}
