import { LATENCY_BOUNDS } from './observation.ts'
import { DAY_MS, fit, HOUR_MS, kindOf, MINUTE_MS, type Counted } from './usage-count.ts'

export type Step = 'minute' | 'hour' | 'day'
export const STEP_MS: Readonly<Record<Step, number>> = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS }
/** How long each is kept. */
export const KEPT_MS: Readonly<Record<Step, number>> = { minute: 2 * DAY_MS, hour: 35 * DAY_MS, day: 400 * DAY_MS }

const KIND = 'consumer, credential, route, status, code'
const BUCKETS = Array.from({ length: LATENCY_BOUNDS.length + 1 }, (_, bucket) => `l${bucket}`)
export const SUMS = ['requests', ...BUCKETS].map((column) => `sum(${column}) as ${column}`).join(', ')

type KindRow = Record<'consumer' | 'credential' | 'route' | 'code', string> & { readonly status: number }
export type CountRow = KindRow & Record<string, SqlStorageValue>

export function createTables(sql: SqlStorage): void {
  for (const step of Object.keys(STEP_MS))
    sql.exec(`create table if not exists ${step} (
      start integer not null, consumer text not null, credential text not null, route text not null, status integer not null,
      code text not null, requests integer not null, ${BUCKETS.map((bucket) => `${bucket} integer not null`).join(', ')},
      primary key (start, ${KIND})) without rowid`)
}

/** Adds counts to one minute, hour or day. */
export function addCounts(sql: SqlStorage, step: Step, start: number, counts: readonly Counted[]): void {
  const kinds = sql.exec<KindRow>(`select ${KIND} from ${step} where start = ?`, start).toArray()
  const columns = ['requests', ...BUCKETS]
  const places = Array.from({ length: 6 + columns.length }, () => '?').join(', ')
  const statement = `insert into ${step} (start, ${KIND}, ${columns.join(', ')}) values (${places})
    on conflict do update set ${columns.map((column) => `${column} = ${column} + excluded.${column}`).join(', ')}`
  for (const { consumer, credential, route, status, code, requests, latency } of fit(counts, new Set(kinds.map(kindOf))))
    sql.exec(statement, start, consumer, credential, route, status, code, requests, ...BUCKETS.map((_, bucket) => latency[bucket] ?? 0))
}

/** The kinds of a range of time, each with its sum. */
export function sumOf(sql: SqlStorage, step: Step, from: number, to: number): readonly Counted[] {
  return sql
    .exec<CountRow>(`select ${KIND}, ${SUMS} from ${step} where start >= ? and start < ? group by ${KIND}`, from, to)
    .toArray()
    .map((row) => {
      const { consumer, credential, route, status, code } = row
      return { consumer, credential, route, status, code, requests: Number(row['requests']), latency: latencyOf(row) }
    })
}

export const latencyOf = (row: Readonly<Record<string, SqlStorageValue>>): number[] => BUCKETS.map((bucket) => Number(row[bucket] ?? 0))
