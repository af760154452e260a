import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { encodeHex } from '../http/base64url.ts'
import { GroupCommit } from './group-commit.ts'
import { endOf, packRecords, ReplayIndex, type ReplayRecord, windowOf } from './replay-index.ts'
import { MAX_LIFE_MS } from './replay-memory.ts'

/** What a shard holds. */
export interface ReplayStatistics {
  /** Durable ids, those included that are over but whose window is not. */
  readonly ids: number
  readonly windows: number
  /** Rows that hold them. */
  readonly rows: number
  /** Size of the database. */
  readonly bytes: number
  /** Rows written since the object started, without the alarms (one row each). */
  readonly rowsWritten: number
}

interface Entry {
  readonly record: ReplayRecord
  /** The caller's clock. */
  readonly now: number
}

/** How far the clocks of the isolates that ask may lie apart before an id is forgotten too early. */
const SKEW_MS = 60_000
/** Ids a shard holds, in memory and in storage; one more is answered with an error (503), never with a guess. */
export const MAX_IDS = 524_288
/** Ids that may wait for the disk: ten seconds of a shard at its limit. */
export const MAX_WAITING = 10_000

/**
 * A part of the replay memory. Check and reservation are one synchronous step, so no other call comes in between. An id
 * that is being written is waited for by all that ask for it: nothing is answered before it is durable.
 */
export class ReplayShard extends DurableObject<Bindings> {
  readonly #sql: SqlStorage
  /** End of each window that has a table, by the object's own clock, in milliseconds since the epoch. */
  readonly #dropAt: Map<number, number>
  /** By hash, what is not durable yet. */
  readonly #waiting = new Map<string, { readonly record: ReplayRecord; readonly written: Promise<void> }>()
  readonly #commits = new GroupCommit<Entry>(
    async (entries) => this.#write(entries),
    (milliseconds, run) => void setTimeout(run, milliseconds),
  )
  #index: ReplayIndex | undefined
  #rowsWritten = 0

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings)
    this.#sql = state.storage.sql
    this.#dropAt = readWindows(this.#sql)
  }

  async use(record: ReplayRecord, now: number): Promise<'fresh' | 'replayed'> {
    assertRecord(record, now)
    const key = encodeHex(record.hash)
    const waiting = this.#waiting.get(key)
    if (waiting !== undefined && waiting.record.expiresAt > now) {
      await waiting.written
      return encodeHex(waiting.record.token) === encodeHex(record.token) ? 'fresh' : 'replayed'
    }
    const known = this.#held().find(record, now)
    if (known !== undefined) return known
    this.#assertRoom()
    const written = this.#commits.add({ record, now }, Date.now())
    this.#waiting.set(key, { record, written })
    try {
      await written
    } finally {
      if (this.#waiting.get(key)?.record === record) this.#waiting.delete(key)
    }
    return 'fresh'
  }

  stats(): ReplayStatistics {
    let rows = 0
    for (const [window, dropAt] of this.#dropAt) {
      rows += this.#sql.exec<{ last: number }>(`select coalesce(max(id), 0) as last from ${tableOf(window, dropAt)}`).one().last
    }
    return {
      ids: this.#held().size,
      windows: this.#dropAt.size,
      rows,
      bytes: this.#sql.databaseSize,
      rowsWritten: this.#rowsWritten,
    }
  }

  override async alarm(): Promise<void> {
    this.#dropOver()
    if (this.#dropAt.size > 0) await this.ctx.storage.setAlarm(this.#nextDrop())
  }

  /** Read once after each start, before the first answer: at most `MAX_IDS` ids. */
  #held(): ReplayIndex {
    if (this.#index !== undefined) return this.#index
    const index = new ReplayIndex()
    for (const [window, dropAt] of this.#dropAt) {
      const rows = this.#sql.exec<{ ids: ArrayBuffer }>(`select ids from ${tableOf(window, dropAt)} order by id`)
      for (const { ids } of rows) index.add(window, ids)
    }
    this.#index = index
    return index
  }

  #assertRoom(): void {
    if (this.#waiting.size >= MAX_WAITING) throw new Error('replay shard waits for its disk')
    if (this.#held().size + this.#waiting.size < MAX_IDS) return
    this.#dropOver()
    if (this.#held().size + this.#waiting.size >= MAX_IDS) throw new Error('replay shard is full')
  }

  /** One row per window. Nothing is awaited before all is handed over: tables, ids and alarm are committed as one. */
  async #write(entries: readonly Entry[]): Promise<void> {
    const batches = [...Map.groupBy(entries, ({ record }) => windowOf(record.expiresAt))].map(([window, group]) => ({
      window,
      dropAt: this.#dropAt.get(window) ?? dropTime(window, group),
      ids: packRecords(group.map(({ record }) => record)),
    }))
    const alarmAt = this.#nextDrop()
    this.ctx.storage.transactionSync(() => {
      for (const { window, dropAt, ids } of batches) {
        const table = tableOf(window, dropAt)
        if (!this.#dropAt.has(window)) this.#exec(`create table ${table} (id integer primary key, ids blob not null)`)
        this.#exec(`insert into ${table} (ids) values (?)`, ids)
      }
    })
    for (const { window, dropAt } of batches) this.#dropAt.set(window, dropAt)
    const next = this.#nextDrop()
    const alarm = next === alarmAt && next > Date.now() ? undefined : this.ctx.storage.setAlarm(next)
    await Promise.all([alarm, this.ctx.storage.sync()])
    for (const { window, ids } of batches) if (this.#dropAt.has(window)) this.#held().add(window, ids.buffer)
  }

  #dropOver(): void {
    for (const [window, dropAt] of this.#dropAt) {
      if (dropAt > Date.now()) continue
      this.#exec(`drop table ${tableOf(window, dropAt)}`)
      this.#dropAt.delete(window)
      this.#index?.drop(window)
    }
  }

  #nextDrop(): number {
    return Math.min(...this.#dropAt.values())
  }

  #exec(query: string, ...bindings: ArrayBufferView[]): void {
    this.#rowsWritten += this.#sql.exec(query, ...bindings).rowsWritten
  }
}

/** A table's name says all there is to know of a window: a row beside it would cost as much as an id. */
function tableOf(window: number, dropAt: number): string {
  return `ids_${window}_${dropAt}`
}

function readWindows(sql: SqlStorage): Map<number, number> {
  const tables = sql.exec<{ name: string }>("select name from sqlite_master where type = 'table'").toArray()
  const windows = new Map<number, number>()
  for (const { name } of tables) {
    const [, window, dropAt] = /^ids_(\d+)_(\d+)$/u.exec(name) ?? []
    if (window !== undefined) windows.set(Number(window), Number(dropAt))
  }
  return windows
}

/** Reckoned in our own clock from the callers' distance to the end, so the clocks need not agree. */
function dropTime(window: number, entries: readonly Entry[]): number {
  const earliest = Math.min(...entries.map(({ now }) => now))
  return Date.now() + Math.ceil(endOf(window) - earliest) + SKEW_MS
}

/** The caller has bounded all this; a record that is not is a bug of ours and is never stored. */
function assertRecord({ hash, token, expiresAt }: ReplayRecord, now: number): void {
  if (hash.byteLength !== 16 || token.byteLength !== 16) throw new RangeError('hash and token have 16 bytes')
  const isTimely = Number.isSafeInteger(expiresAt) && expiresAt > now && expiresAt - now <= MAX_LIFE_MS
  if (!isTimely) throw new RangeError('expiresAt must be a whole number within the life of the memory')
}
