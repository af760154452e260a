import type { ChangeRequest } from '../revocation/change-request.ts'
import { KNOWN_VERSION, type KnownCredential } from './abuse/detector.ts'
import type { SubjectKind } from './abuse/traffic.ts'
import type { GateEvent } from './gate-event.ts'
import type { Anomaly, FindingState } from './insight.ts'

/** Anomalies that are kept; of more the oldest that nobody need look at are forgotten first, then the oldest. */
export const MAX_ANOMALIES = 2000
/** Credentials whose baseline is kept; those that were not used for longest are forgotten. */
const MAX_BASELINES = 50_000
/** What waits to be told; of more events the oldest are dropped, never restrictions. */
const MAX_WAITING_EVENTS = 5000
const MAX_ANSWERED = 500

/** A restriction for the feed, or an event. Told again until it arrived: both bear that. */
export type Message = { readonly kind: 'restrict'; readonly request: ChangeRequest } | { readonly kind: 'event'; readonly event: GateEvent }
/** With what the watch alone needs to know. */
export interface StoredAnomaly extends Anomaly {
  /** How often a restriction was set of it. */
  readonly restrictions: number
}

/** What the watch keeps in the insight object's storage. */
export interface WatchStore {
  put(anomaly: StoredAnomaly): void
  get(id: string): StoredAnomaly | undefined
  /** The newest of this subject. */
  latestOf(kind: SubjectKind, subject: string): StoredAnomaly | undefined
  /** Restrictions of a subject set since `after`. */
  restrictionsSince(kind: SubjectKind, subject: string, after: number): number
  /** Newest first. */
  list(asked: { readonly state?: FindingState; readonly consumer?: string; readonly limit?: number }): readonly StoredAnomaly[]
  tell(messages: readonly Message[]): void
  waiting(kind: Message['kind'], limit: number): readonly { readonly sequence: number; readonly message: Message }[]
  told(sequences: readonly number[]): void
  hasWaiting(): boolean
  loadBaseline(credential: string): KnownCredential | undefined
  keepBaseline(credential: string, known: KnownCredential, now: number): void
  trimBaselines(): void
  atomically<Value>(work: () => Value): Value
}

export function createWatchStore(storage: Pick<DurableObjectStorage, 'sql' | 'transactionSync'>): WatchStore {
  const { sql } = storage
  sql.exec(`create table if not exists anomalies (id text primary key, kind text not null, subject text not null, consumer text,
    state text not null, last_at integer not null, restrictions integer not null, body text not null)`)
  sql.exec('create index if not exists anomalies_by_subject on anomalies (kind, subject, last_at)')
  sql.exec('create index if not exists anomalies_by_age on anomalies (last_at)')
  sql.exec('create table if not exists watch_outbox (sequence integer primary key autoincrement, kind text not null, body text not null)')
  sql.exec('create table if not exists baselines (credential text primary key, at integer not null, known text not null) without rowid')
  sql.exec('create index if not exists baselines_by_age on baselines (at)')

  const read = (query: string, ...values: readonly SqlStorageValue[]): StoredAnomaly[] =>
    [...sql.exec<{ body: string }>(`select body from anomalies ${query}`, ...values)].map(({ body }) => JSON.parse(body) as StoredAnomaly)
  const count = (query: string, ...values: readonly SqlStorageValue[]): number =>
    sql.exec<{ count: number | null }>(query, ...values).one().count ?? 0

  return {
    put(anomaly) {
      const { id, kind, subject, consumer, state, lastAt, restrictions } = anomaly
      sql.exec(
        'insert or replace into anomalies values (?, ?, ?, ?, ?, ?, ?, ?)',
        id,
        kind,
        subject,
        consumer ?? null,
        state,
        lastAt,
        restrictions,
        JSON.stringify(anomaly),
      )
      const over = count('select count(*) as count from anomalies') - MAX_ANOMALIES
      if (over > 0)
        sql.exec(
          `delete from anomalies where id in (select id from anomalies where id <> ? order by state = 'open', last_at limit ?)`,
          id,
          over,
        )
    },
    get: (id) => read('where id = ?', id)[0],
    latestOf: (kind, subject) => read('where kind = ? and subject = ? order by last_at desc limit 1', kind, subject)[0],
    restrictionsSince: (kind, subject, after) =>
      count('select sum(restrictions) as count from anomalies where kind = ? and subject = ? and last_at >= ?', kind, subject, after),
    list: ({ state, consumer, limit = 100 }) =>
      read(
        'where (?1 is null or state = ?1) and (?2 is null or consumer = ?2) order by last_at desc limit ?3',
        state ?? null,
        consumer ?? null,
        Math.min(limit, MAX_ANSWERED),
      ),
    tell(messages) {
      for (const message of messages) sql.exec('insert into watch_outbox (kind, body) values (?, ?)', message.kind, JSON.stringify(message))
      const over = count(`select count(*) as count from watch_outbox where kind = 'event'`) - MAX_WAITING_EVENTS
      if (over > 0)
        sql.exec(
          `delete from watch_outbox where sequence in (select sequence from watch_outbox where kind = 'event' order by sequence limit ?)`,
          over,
        )
    },
    waiting: (kind, limit) =>
      [
        ...sql.exec<{ sequence: number; body: string }>(
          'select sequence, body from watch_outbox where kind = ? order by sequence limit ?',
          kind,
          limit,
        ),
      ].map(({ sequence, body }) => ({ sequence, message: JSON.parse(body) as Message })),
    told(sequences) {
      for (const sequence of sequences) sql.exec('delete from watch_outbox where sequence = ?', sequence)
    },
    hasWaiting: () => [...sql.exec('select 1 from watch_outbox limit 1')].length > 0,
    loadBaseline(credential) {
      const [row] = sql.exec<{ known: string }>('select known from baselines where credential = ?', credential).toArray()
      if (row === undefined) return undefined
      const known = JSON.parse(row.known) as KnownCredential
      return known.version === KNOWN_VERSION ? known : undefined
    },
    keepBaseline(credential, known, now) {
      sql.exec('insert or replace into baselines values (?, ?, ?)', credential, now, JSON.stringify(known))
    },
    trimBaselines() {
      const over = count('select count(*) as count from baselines') - MAX_BASELINES
      if (over > 0)
        sql.exec('delete from baselines where credential in (select credential from baselines order by at limit ?)', Math.min(over, 1000))
    },
    atomically: (work) => storage.transactionSync(work),
  }
}
