import type { Page } from '../directory/accounts.ts'
import { GATE_EVENT_TYPES, MAX_DATA_LENGTH, type GateEvent } from './gate-event.ts'

/** Events that are kept: the newest, and for so long. */
export const MAX_EVENTS = 10_000
export const KEPT_MS = 90 * 86_400_000
const MAX_PAGE = 100
const DEFAULT_PAGE = 50
const ID = /^[A-Za-z0-9_-]{1,128}$/u
const TYPES: ReadonlySet<string> = new Set(GATE_EVENT_TYPES)

export interface EventsAsked {
  /** `next` of the page before. */
  readonly after?: string
  readonly type?: string
  /** To keep to one organisation. */
  readonly organisation?: string
  /** 1 to 100, default 50. */
  readonly limit?: number
}

/** The events in their order. Each id is there once. */
export interface EventLog {
  /** Its place; `undefined`: it was there already. Throws on what is no event: a bug of ours. */
  add(event: GateEvent, now: number): number | undefined
  /** Newest first. */
  page(asked: EventsAsked): Page<GateEvent>
  /** What there are too many of, or too old, is gone. When the next one will be too old. */
  trim(now: number): number | undefined
}

export function createEventLog(sql: SqlStorage): EventLog {
  sql.exec(`create table if not exists events (sequence integer primary key autoincrement, id text not null unique, type text not null,
    organisation text, kept_at integer not null, value text not null)`)
  sql.exec('create index if not exists events_by_organisation on events (organisation, sequence)')
  return {
    add(event, now) {
      if (!ID.test(event.id) || !TYPES.has(event.type)) throw new RangeError('an event needs an id of letters, digits, _ and -, and a type')
      const value = JSON.stringify(JSON.stringify(event.data).length > MAX_DATA_LENGTH ? { ...event, data: { truncated: true } } : event)
      return sql
        .exec<{ sequence: number }>(
          'insert into events (id, type, organisation, kept_at, value) values (?, ?, ?, ?, ?) on conflict do nothing returning sequence',
          event.id,
          event.type,
          event.organisation ?? null,
          now,
          value,
        )
        .toArray()[0]?.sequence
    },
    page({ after, type, organisation, limit = DEFAULT_PAGE }) {
      const before = after === undefined ? Number.MAX_SAFE_INTEGER : Number(after)
      const most = Math.max(1, Math.min(Math.trunc(limit), MAX_PAGE))
      const rows = sql
        .exec<{ sequence: number; value: string }>(
          `select sequence, value from events where sequence < ?1 and (?2 is null or type = ?2) and (?3 is null or organisation = ?3)
           order by sequence desc limit ?4`,
          Number.isSafeInteger(before) ? before : 0,
          type ?? null,
          organisation ?? null,
          most + 1,
        )
        .toArray()
      const shown = rows.slice(0, most)
      const last = rows.length > most ? shown.at(-1)?.sequence : undefined
      return { items: shown.map(({ value }) => JSON.parse(value) as GateEvent), ...(last === undefined ? {} : { next: String(last) }) }
    },
    trim(now) {
      sql.exec('delete from events where kept_at <= ?', now - KEPT_MS)
      sql.exec('delete from events where sequence <= (select sequence from events order by sequence desc limit 1 offset ?)', MAX_EVENTS)
      const oldest = sql.exec<{ oldest: number | null }>('select min(kept_at) as oldest from events').one().oldest
      return oldest === null ? undefined : oldest + KEPT_MS
    },
  }
}
