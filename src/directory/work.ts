import type { AccountFault, Actor, Written } from './accounts.ts'
import type { AuditLine } from './audit-log.ts'
import type { FeedCall } from './outbox.ts'
import type { Tables } from './tables.ts'

/** One change, within one transaction: what it writes, says to the log and tells the feed is all or nothing. */
export interface Work {
  readonly tables: Tables
  readonly actor: Actor
  /** Milliseconds since the epoch, by the object's clock. */
  readonly now: number
  readonly log: (action: string, target: AuditLine['target'], detail: AuditLine['detail'], organisation?: string) => void
  readonly tell: (call: FeedCall) => void
}

type WithoutForce<One> = One extends { readonly status: 'written' } ? Omit<One, 'inForce'> : One
/** What a change came to. Whatever is not `written` wrote nothing. */
export type Outcome<Value> = WithoutForce<Written<Value>>

export const written = <Value>(value: Value): Outcome<Value> => ({ status: 'written', value })
export const NOT_FOUND = { status: 'not_found' } as const
export const invalid = (pointer: string, detail: string): { readonly status: 'invalid'; readonly errors: readonly AccountFault[] } => ({
  status: 'invalid',
  errors: [{ pointer, detail }],
})
export const full = (limit: number): { readonly status: 'full'; readonly limit: number } => ({ status: 'full', limit })

/** The end of 9999: it names something that has no end of its own. */
export const NEVER = 253_402_300_799_000

/** What a patch changes, for the log: only what is another value than before. */
export function changedBy(before: object, patch: object): Record<string, unknown> {
  const known = before as Record<string, unknown>
  return Object.fromEntries(
    Object.entries(patch).filter(([field, value]) => JSON.stringify(known[field] ?? null) !== JSON.stringify(value)),
  )
}
