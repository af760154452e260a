import type { GateEvent } from './gate-event.ts'
import type { Attempt, WebhookEndpoint } from './webhook.ts'

/** Attempts that are kept of each endpoint: the newest. */
export const MAX_ATTEMPTS_KEPT = 100

/** An endpoint as it is kept: with how deliveries to it go. */
export interface StoredEndpoint extends WebhookEndpoint {
  /** One after the other, without anything that arrived in between. */
  readonly failures: number
  /** Nothing is tried before, in milliseconds since the epoch. */
  readonly pausedUntil: number
}
/** What is still to arrive. */
export interface Delivery {
  readonly sequence: number
  /** Those that failed. */
  readonly attempts: number
  readonly event: GateEvent
}

/** Endpoints, what is to be delivered to each, and what became of it. */
export interface WebhookBook {
  endpoints(): readonly StoredEndpoint[]
  endpoint(id: string): StoredEndpoint | undefined
  put(endpoint: StoredEndpoint): void
  /** With all that is to be delivered to it. */
  drop(id: string): void
  /** An event of the log is to be delivered to all that want it. */
  enqueue(sequence: number, event: GateEvent, now: number): void
  /** The next that is due, earliest first. */
  due(endpoint: string, now: number): Delivery | undefined
  postpone(endpoint: string, sequence: number, until: number): void
  done(endpoint: string, sequence: number): void
  /** Nothing more is to be delivered to it. */
  forget(endpoint: string): void
  /** How many are still to arrive. */
  waiting(endpoint: string): number
  /** When something is due next. */
  nextDue(): number | undefined
  note(endpoint: string, attempt: Attempt): void
  /** Newest first. */
  attempts(endpoint: string): readonly Attempt[]
}

export function createWebhookBook(sql: SqlStorage): WebhookBook {
  sql.exec('create table if not exists endpoints (id text primary key, value text not null)')
  sql.exec(`create table if not exists deliveries (endpoint text not null, sequence integer not null, attempts integer not null default 0,
    due_at integer not null, primary key (endpoint, sequence))`)
  sql.exec('create index if not exists deliveries_by_time on deliveries (endpoint, due_at, sequence)')
  sql.exec('create table if not exists attempts (number integer primary key autoincrement, endpoint text not null, value text not null)')
  sql.exec('create index if not exists attempts_by_endpoint on attempts (endpoint, number)')

  const endpoints = (): readonly StoredEndpoint[] =>
    sql
      .exec<{ value: string }>('select value from endpoints order by rowid')
      .toArray()
      .map(({ value }) => JSON.parse(value) as StoredEndpoint)
  const forget = (endpoint: string): void => {
    sql.exec('delete from deliveries where endpoint = ?', endpoint)
  }

  return {
    endpoints,
    endpoint(id) {
      const [row] = sql.exec<{ value: string }>('select value from endpoints where id = ?', id).toArray()
      return row === undefined ? undefined : (JSON.parse(row.value) as StoredEndpoint)
    },
    put(endpoint) {
      const value = JSON.stringify(endpoint)
      sql.exec('insert into endpoints (id, value) values (?, ?) on conflict (id) do update set value = excluded.value', endpoint.id, value)
    },
    drop(id) {
      forget(id)
      sql.exec('delete from attempts where endpoint = ?', id)
      sql.exec('delete from endpoints where id = ?', id)
    },
    enqueue(sequence, { type }, now) {
      for (const { id, state, types } of endpoints()) {
        if (state !== 'active' || types?.includes(type) === false) continue
        sql.exec('insert or ignore into deliveries (endpoint, sequence, due_at) values (?, ?, ?)', id, sequence, now)
      }
    },
    due(endpoint, now) {
      const [row] = sql
        .exec<{ sequence: number; attempts: number; value: string }>(
          `select d.sequence, d.attempts, e.value from deliveries d join events e on e.sequence = d.sequence
           where d.endpoint = ? and d.due_at <= ? order by d.due_at, d.sequence limit 1`,
          endpoint,
          now,
        )
        .toArray()
      return row === undefined ? undefined : { sequence: row.sequence, attempts: row.attempts, event: JSON.parse(row.value) as GateEvent }
    },
    postpone(endpoint, sequence, until) {
      sql.exec('update deliveries set attempts = attempts + 1, due_at = ? where endpoint = ? and sequence = ?', until, endpoint, sequence)
    },
    done(endpoint, sequence) {
      sql.exec('delete from deliveries where endpoint = ? and sequence = ?', endpoint, sequence)
    },
    forget,
    waiting: (endpoint) => sql.exec<{ count: number }>('select count(*) as count from deliveries where endpoint = ?', endpoint).one().count,
    nextDue() {
      // What the log has no room for is not delivered any more.
      sql.exec('delete from deliveries where sequence < (select coalesce(min(sequence), 9007199254740991) from events)')
      const times = endpoints().flatMap(({ id, pausedUntil }) => {
        const { due } = sql.exec<{ due: number | null }>('select min(due_at) as due from deliveries where endpoint = ?', id).one()
        return due === null ? [] : [Math.max(due, pausedUntil)]
      })
      return times.length === 0 ? undefined : Math.min(...times)
    },
    note(endpoint, attempt) {
      sql.exec('insert into attempts (endpoint, value) values (?, ?)', endpoint, JSON.stringify(attempt))
      sql.exec(
        `delete from attempts where endpoint = ?1 and number <=
         (select number from attempts where endpoint = ?1 order by number desc limit 1 offset ?2)`,
        endpoint,
        MAX_ATTEMPTS_KEPT,
      )
    },
    attempts: (endpoint) =>
      sql
        .exec<{ value: string }>('select value from attempts where endpoint = ? order by number desc', endpoint)
        .toArray()
        .map(({ value }) => JSON.parse(value) as Attempt),
  }
}
