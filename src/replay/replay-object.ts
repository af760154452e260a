import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { MAX_LIFE_MS } from './replay-memory.ts'

/** One id as a shard keeps it. */
export interface ReplayRecord {
  /** 16 bytes of the hash of scope and id. */
  readonly hash: Uint8Array
  /** 16 random bytes of this one call: a retry whose first answer was lost still hears `fresh`. */
  readonly token: Uint8Array
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** Ids are kept in one table per window of their end; a window is dropped whole. */
const WINDOW_MS = 600_000
/** How far the clocks of the isolates that ask may lie apart before an id is forgotten too early. */
const SKEW_MS = 60_000
/** A shard this full answers nothing: 503 rather than an unbounded object. */
const MAX_BYTES = 1_073_741_824

/**
 * A part of the replay memory. Check and insertion are one synchronous step, so no other call comes in between; the
 * output gate holds the answer until the write is durable, and concurrent writes are committed together.
 */
export class ReplayShard extends DurableObject<Bindings> {
  readonly #sql: SqlStorage
  /** End of each window that has a table, by the object's own clock, in milliseconds since the epoch. */
  readonly #dropAt: Map<number, number>

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings)
    this.#sql = state.storage.sql
    this.#sql.exec('create table if not exists windows (id integer primary key, drop_at integer not null)')
    const windows = this.#sql.exec<{ id: number; drop_at: number }>('select id, drop_at from windows').toArray()
    this.#dropAt = new Map(windows.map(({ id, drop_at }) => [id, drop_at]))
  }

  async use(record: ReplayRecord, now: number): Promise<'fresh' | 'replayed'> {
    assertRecord(record, now)
    const known = this.#find(record, now)
    if (known !== undefined) return known
    if (this.#sql.databaseSize > MAX_BYTES) throw new Error('replay shard is full')
    const window = Math.floor(record.expiresAt / WINDOW_MS)
    const isNew = !this.#dropAt.has(window)
    if (isNew) this.#open(window, now)
    this.#sql.exec(
      `insert or replace into seen_${window} (hash, token, expires_at) values (?, ?, ?)`,
      record.hash,
      record.token,
      record.expiresAt,
    )
    // Nothing is awaited before this point: table, id and alarm are committed as one.
    if (isNew) await this.#setAlarm()
    return 'fresh'
  }

  override async alarm(): Promise<void> {
    for (const [window, dropAt] of this.#dropAt) {
      if (dropAt > Date.now()) continue
      this.#sql.exec(`drop table if exists seen_${window}`)
      this.#sql.exec('delete from windows where id = ?', window)
      this.#dropAt.delete(window)
    }
    await this.#setAlarm()
  }

  /** Every window that ends after `now` may hold the id: the same nonce may come with another end. */
  #find({ hash, token }: ReplayRecord, now: number): 'fresh' | 'replayed' | undefined {
    for (const window of this.#dropAt.keys()) {
      if ((window + 1) * WINDOW_MS <= now) continue
      const query = `select token = ? as own from seen_${window} where hash = ? and expires_at > ?`
      const [row] = this.#sql.exec<{ own: number }>(query, token, hash, now).toArray()
      if (row !== undefined) return row.own === 1 ? 'fresh' : 'replayed'
    }
    return undefined
  }

  /** The end is reckoned in our own clock from the caller's distance to it, so the two clocks need not agree. */
  #open(window: number, now: number): void {
    const dropAt = Date.now() + Math.ceil((window + 1) * WINDOW_MS - now) + SKEW_MS
    this.#sql.exec(`create table seen_${window} (hash blob primary key, token blob not null, expires_at integer not null) without rowid`)
    this.#sql.exec('insert into windows (id, drop_at) values (?, ?)', window, dropAt)
    this.#dropAt.set(window, dropAt)
  }

  async #setAlarm(): Promise<void> {
    if (this.#dropAt.size > 0) await this.ctx.storage.setAlarm(Math.min(...this.#dropAt.values()))
  }
}

/** The caller has bounded all this; a record that is not is a bug of ours and is never stored. */
function assertRecord({ hash, token, expiresAt }: ReplayRecord, now: number): void {
  if (hash.byteLength !== 16 || token.byteLength !== 16) throw new RangeError('hash and token have 16 bytes')
  const isTimely = Number.isSafeInteger(expiresAt) && expiresAt > now && expiresAt - now <= MAX_LIFE_MS
  if (!isTimely) throw new RangeError('expiresAt must be a whole number within the life of the memory')
}
