import type { Usage, UsageAsked } from './insight.ts'
import type { Batch, UsageCount } from './observation.ts'
import { byStart, HOUR_MS, MINUTE_MS, pack, unpack } from './usage-count.ts'
import { readUsage } from './usage-read.ts'
import { addCounts, createTables, KEPT_MS, STEP_MS, sumOf, type Step } from './usage-tables.ts'

/** Of one batch in one row, which the platform bounds at 2 MB. */
const MAX_ROW_COUNTS = 2000
/** Rows that wait for the alarm; where there are more, they do not. */
const MAX_PENDING = 500
/** An hour is summed up when it has been over for so long: what comes later is added to it. */
const GRACE_MS = 2 * MINUTE_MS
/** The last sequence of an isolate, or of an import, is known for so long: longer than its minutes could be told again. */
const ISOLATE_MS = KEPT_MS.minute + HOUR_MS
/** Names in one statement: the platform binds 100 values. */
const MAX_NAMES = 45

/**
 * Usage in tables by minute, hour and day. A batch is written as it came, one row for each call; the alarm adds them up once a minute, so
 * that a kind of requests costs a row a minute however many isolates tell of it. What was answered is durable.
 */
export interface UsageStore {
  /** `isNew`: it was not counted before. `alarmAt`: to be set together with what was written. */
  add(batch: Batch, now: number): { readonly isNew: boolean; readonly alarmAt: number | undefined }
  /** Throws a RangeError where more steps are asked for than `mostSteps`. */
  read(asked: UsageAsked, now: number): Usage
  lastUsed(credentials: readonly string[], now: number): Readonly<Record<string, number>>
  /** For the alarm; gives the next one. */
  tidy(now: number): number
}

interface PendingRow extends Record<string, SqlStorageValue> {
  readonly isolate: string
  readonly sequence: number
  readonly counts: string
}

export function openUsage(storage: Pick<DurableObjectStorage, 'sql' | 'transactionSync'>): UsageStore {
  const { sql } = storage
  createTables(sql)
  sql.exec(
    'create table if not exists pending (id integer primary key, isolate text not null, sequence integer not null, counts text not null)',
  )
  sql.exec('create table if not exists isolates (isolate text primary key, sequence integer not null, at integer not null) without rowid')
  sql.exec('create table if not exists used (credential text primary key, at integer not null) without rowid')
  /** Up to when steps are summed up. */
  sql.exec('create table if not exists summed (step text primary key, until integer not null) without rowid')

  const sequences = new Map<string, number>()
  for (const table of ['isolates', 'pending'])
    for (const { isolate, sequence } of sql.exec<PendingRow>(`select isolate, max(sequence) as sequence from ${table} group by isolate`))
      sequences.set(isolate, Math.max(sequence, sequences.get(isolate) ?? 0))
  let pending = sql.exec<{ count: number }>('select count(*) as count from pending').one().count
  /** When the alarm is known to be set for. */
  let alarmFor = Number.POSITIVE_INFINITY

  function summedUntil(step: 'hour' | 'day', now: number): number {
    const [row] = sql.exec<{ until: number }>('select until from summed where step = ?', step).toArray()
    if (row !== undefined) return row.until
    const until = Math.floor(now / STEP_MS[step]) * STEP_MS[step]
    sql.exec('insert into summed (step, until) values (?, ?)', step, until)
    return until
  }

  /** Adds up what is pending. */
  function fold(now: number): void {
    if (pending === 0) return
    storage.transactionSync(() => {
      const rows = sql.exec<PendingRow>('select isolate, sequence, counts from pending order by id').toArray()
      const counts = rows.flatMap((row) => unpack(row.counts, (minute) => heldMinute(minute, now)))
      for (const [start, ofMinute] of byStart(counts, MINUTE_MS)) addCounts(sql, 'minute', start, ofMinute)
      addLate(counts, now)
      for (const { isolate, sequence } of new Map(rows.map((row) => [row.isolate, row])).values())
        sql.exec('insert or replace into isolates (isolate, sequence, at) values (?, ?, ?)', isolate, sequence, now)
      sql.exec('delete from pending')
    })
    pending = 0
  }

  /** Of an hour or day that is summed up already. */
  function addLate(counts: readonly UsageCount[], now: number): void {
    for (const step of ['hour', 'day'] as const) {
      const late = counts.filter(({ minute }) => minute < summedUntil(step, now))
      for (const [start, ofStep] of byStart(late, STEP_MS[step])) addCounts(sql, step, start, ofStep)
      if (step === 'hour') noteUsed(late.map(({ credential, minute }) => ({ credential, at: minute })))
    }
  }

  function noteUsed(uses: readonly { readonly credential: string; readonly at: number }[]): void {
    const latest = new Map<string, number>()
    for (const { credential, at } of uses) if (credential !== '') latest.set(credential, Math.max(at, latest.get(credential) ?? 0))
    for (const [credential, at] of latest)
      sql.exec('insert into used (credential, at) values (?, ?) on conflict do update set at = max(at, excluded.at)', credential, at)
  }

  /** The steps that are over, one transaction each. */
  function sumUp(from: Step, to: 'hour' | 'day', now: number): void {
    const stepMs = STEP_MS[to]
    const end = Math.floor((now - GRACE_MS) / stepMs) * stepMs
    for (let until = summedUntil(to, now); until < end;) {
      const { first } = sql.exec<{ first: number | null }>(`select min(start) as first from ${from} where start >= ?`, until).one()
      const start = first === null ? end : Math.floor(first / stepMs) * stepMs
      const next = Math.min(end, start + stepMs)
      storage.transactionSync(() => {
        if (start < next) addCounts(sql, to, start, sumOf(sql, from, start, next))
        if (to === 'hour')
          noteUsed(
            sql
              .exec<{ credential: string; at: number }>(
                'select credential, max(start) as at from minute where start >= ? and start < ? group by credential',
                start,
                next,
              )
              .toArray(),
          )
        sql.exec('update summed set until = ? where step = ?', next, to)
      })
      until = next
    }
  }

  function forget(now: number): void {
    for (const [step, keptMs] of Object.entries(KEPT_MS)) sql.exec(`delete from ${step} where start < ?`, now - keptMs)
    sql.exec('delete from used where at < ?', now - KEPT_MS.day)
    for (const { isolate } of sql.exec<PendingRow>('select isolate from isolates where at < ?', now - ISOLATE_MS)) sequences.delete(isolate)
    sql.exec('delete from isolates where at < ?', now - ISOLATE_MS)
  }

  return {
    add({ isolate, sequence, usage }, now) {
      if (sequence <= (sequences.get(isolate) ?? 0)) return { isNew: false, alarmAt: undefined }
      if (pending >= MAX_PENDING) fold(now)
      storage.transactionSync(() => {
        for (let from = 0; from < usage.length || from === 0; from += MAX_ROW_COUNTS) {
          const counts = pack(usage.slice(from, from + MAX_ROW_COUNTS))
          sql.exec('insert into pending (isolate, sequence, counts) values (?, ?, ?)', isolate, sequence, counts)
        }
      })
      pending += Math.max(1, Math.ceil(usage.length / MAX_ROW_COUNTS))
      sequences.set(isolate, sequence)
      const wanted = now + MINUTE_MS
      if (alarmFor <= wanted && alarmFor > now - MINUTE_MS) return { isNew: true, alarmAt: undefined }
      alarmFor = wanted
      return { isNew: true, alarmAt: wanted }
    },
    read(asked, now) {
      fold(now)
      return readUsage(sql, asked, { hour: summedUntil('hour', now), day: summedUntil('day', now) })
    },
    lastUsed(credentials, now) {
      fold(now)
      const latest: Record<string, number> = {}
      for (let from = 0; from < credentials.length; from += MAX_NAMES) {
        const names = credentials.slice(from, from + MAX_NAMES)
        const places = names.map(() => '?').join(', ')
        const rows = sql.exec<{ credential: string; at: number }>(
          `select credential, at from used where credential in (${places})
           union all select credential, max(start) as at from minute where start >= ? and credential in (${places}) group by credential`,
          ...names,
          summedUntil('hour', now),
          ...names,
        )
        for (const { credential, at } of rows) latest[credential] = Math.max(at, latest[credential] ?? 0)
      }
      return latest
    },
    tidy(now) {
      fold(now)
      sumUp('minute', 'hour', now)
      sumUp('hour', 'day', now)
      forget(now)
      alarmFor = (Math.floor(now / HOUR_MS) + 1) * HOUR_MS + GRACE_MS
      return alarmFor
    },
  }
}

/** An isolate's clock does not write into the future, nor into what is forgotten already. */
function heldMinute(minute: number, now: number): number {
  const current = Math.floor(now / MINUTE_MS) * MINUTE_MS
  return Math.min(current, Math.max(minute, current - KEPT_MS.minute + MINUTE_MS))
}
