import type { Actor } from './accounts.ts'

/** Changes of one developer: so many at once, and one more each so many milliseconds. */
const BURST = 120
const EVERY_MS = 60_000

/**
 * Takes one of the changes that a developer may make. Each may leave something in the feed that stays for years, and the feed is
 * everybody's: nobody may fill it by making and deleting. Within the transaction of the change; operators are not counted.
 */
export function takeChange(sql: SqlStorage, { kind, id }: Actor, now: number): boolean {
  if (kind !== 'developer') return true
  sql.exec('delete from pace where arrives_at <= ?', now)
  const [row] = sql.exec<{ at: number }>('select arrives_at as at from pace where person = ?', id).toArray()
  // Further ahead than there is room for: the clock was set back.
  const from = row === undefined || row.at > now + BURST * EVERY_MS ? now : row.at
  const arrivesAt = from + EVERY_MS
  if (arrivesAt - now > BURST * EVERY_MS) return false
  sql.exec('insert or replace into pace values (?, ?)', id, arrivesAt)
  return true
}
