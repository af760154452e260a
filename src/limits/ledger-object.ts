import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { admitOne, emptyBooks, refundOne, settledAt, type Books, type LedgerAnswer, type Receipt } from './ledger.ts'
import type { LimitPolicy } from './limiter.ts'

/** How far the clocks of the isolates that ask may lie apart before spending is forgotten too early. */
const SKEW_MS = 60_000

interface Row extends Record<string, SqlStorageValue> {
  readonly name: string
  readonly kind: string
  readonly mark: number
  readonly used: number
}

/**
 * What one subject has spent. Deciding and writing are one synchronous step, so no other call comes in between; the output
 * gate holds the answer until the write is durable, so an eviction forgets nothing that was answered.
 */
export class Ledger extends DurableObject<Bindings> {
  /** `undefined`: the tables are not made or were dropped. */
  #books: Books | undefined
  /** By the object's own clock, in milliseconds since the epoch; `undefined`: none is set. */
  #alarmAt: number | undefined

  async admit(limits: readonly LimitPolicy[], now: number): Promise<LedgerAnswer> {
    const books = this.#open()
    const answer = admitOne(books, limits, now)
    if (answer.status === 'refused') return answer
    const dropAt = Math.ceil(Date.now() + settledAt(books, limits, now) - now) + SKEW_MS
    this.#write(books, answer.receipts, dropAt)
    // Nothing is awaited before this point: spending and alarm are committed as one.
    if (this.#alarmAt === undefined) {
      this.#alarmAt = dropAt
      await this.ctx.storage.setAlarm(dropAt)
    }
    return answer
  }

  async refund(receipts: readonly Receipt[], now: number): Promise<void> {
    const books = this.#open()
    refundOne(books, receipts, now)
    this.#write(books, receipts, undefined)
  }

  /** Forgets the subject when nothing of it matters any more: an object without storage costs nothing. */
  override async alarm(): Promise<void> {
    this.#open()
    const [row] = this.ctx.storage.sql.exec<{ last: number | null }>('select max(drop_at) as last from spent').toArray()
    if (row?.last !== null && row !== undefined && row.last > Date.now()) {
      this.#alarmAt = row.last
      await this.ctx.storage.setAlarm(row.last)
      return
    }
    this.#books = undefined
    this.#alarmAt = undefined
    await this.ctx.storage.deleteAll()
  }

  #open(): Books {
    if (this.#books !== undefined) return this.#books
    const { sql } = this.ctx.storage
    sql.exec(`create table if not exists spent (
      name text not null, kind text not null, mark real not null, used integer not null, drop_at integer not null, primary key (name, kind)
    ) without rowid`)
    const books = emptyBooks()
    const rows = sql.exec<Row>('select name, kind, mark, used from spent').toArray()
    for (const { name, kind, mark, used } of rows) {
      if (kind === 'rate') books.rates.set(name, mark)
      else books.quotas.set(name, { startsAt: mark, used })
    }
    // An object that has spending has its alarm too: both are always written together.
    if (rows.length > 0) this.#alarmAt = 0
    this.#books = books
    return books
  }

  /** `dropAt` undefined: as it was. */
  #write({ rates, quotas }: Books, receipts: readonly Receipt[], dropAt: number | undefined): void {
    for (const { limit, kind } of receipts) {
      const page = quotas.get(limit.name)
      const mark = kind === 'rate' ? rates.get(limit.name) : page?.startsAt
      if (mark === undefined) continue
      this.ctx.storage.sql.exec(
        `insert into spent (name, kind, mark, used, drop_at) values (?1, ?2, ?3, ?4, ifnull(?5, 0))
         on conflict (name, kind) do update set mark = excluded.mark, used = excluded.used, drop_at = ifnull(?5, drop_at)`,
        limit.name,
        kind,
        mark,
        kind === 'rate' ? 0 : (page?.used ?? 0),
        dropAt ?? null,
      )
    }
  }
}
