import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { grantAll, refundOne, settledAt, type Account, type Books, type LedgerAnswer, type LedgerRequest, type Receipt } from './ledger.ts'
import type { LimitPolicy } from './limiter.ts'

interface Row extends Record<string, SqlStorageValue> {
  readonly name: string
  readonly account: string
}

/**
 * What one subject has spent and been lent. Deciding and writing are one synchronous step, so no other call comes in between; the
 * output gate holds the answer until the write is durable, so an eviction forgets nothing that was answered. All times are of this
 * object's own clock.
 */
export class Ledger extends DurableObject<Bindings> {
  /** `undefined`: the table is not made or was dropped. */
  #books: Books | undefined
  /** True where an alarm is set. */
  #hasAlarm = false

  async grant(request: LedgerRequest): Promise<LedgerAnswer> {
    const books = this.#open()
    const now = Date.now()
    const answer = grantAll(books, request, now)
    const touched = new Map([...request.asks, ...request.settled].map(({ limit }) => [limit.name, limit]))
    const hasWritten = answer.status === 'granted' || request.settled.length > 0
    // Nothing is awaited before this point: spending and alarm are committed as one.
    if (hasWritten) await this.#write(books, [...touched.values()], now)
    return answer
  }

  async refund(receipts: readonly Receipt[]): Promise<void> {
    const books = this.#open()
    const now = Date.now()
    refundOne(books, receipts, now)
    await this.#write(
      books,
      receipts.map(({ limit }) => limit),
      now,
    )
  }

  /** Forgets the subject when nothing of it matters any more: an object without storage costs nothing. */
  override async alarm(): Promise<void> {
    this.#open()
    const { last } = this.ctx.storage.sql.exec<{ last: number | null }>('select max(drop_at) as last from accounts').one()
    if (last !== null && last > Date.now()) {
      await this.ctx.storage.setAlarm(last)
      return
    }
    this.#books = undefined
    this.#hasAlarm = false
    await this.ctx.storage.deleteAll()
  }

  #open(): Books {
    if (this.#books !== undefined) return this.#books
    const { sql } = this.ctx.storage
    sql.exec('create table if not exists accounts (name text primary key, account text not null, drop_at integer not null) without rowid')
    const rows = sql.exec<Row>('select name, account from accounts').toArray()
    // An object that has accounts has its alarm too: both are always written together.
    this.#hasAlarm = rows.length > 0
    this.#books = new Map(rows.map(({ name, account }) => [name, JSON.parse(account) as Account]))
    return this.#books
  }

  async #write(books: Books, limits: readonly LimitPolicy[], now: number): Promise<void> {
    const dropAt = Math.ceil(settledAt(books, limits, now))
    const { storage } = this.ctx
    try {
      storage.transactionSync(() => {
        for (const { name } of limits) {
          const account = books.get(name)
          if (account === undefined) continue
          const text = JSON.stringify(account)
          storage.sql.exec('insert or replace into accounts (name, account, drop_at) values (?, ?, ?)', name, text, dropAt)
        }
      })
      if (!this.#hasAlarm) await storage.setAlarm(dropAt)
      this.#hasAlarm = true
    } catch (error) {
      // What was not written counts for nobody: the next call reads what is there.
      this.#books = undefined
      throw error
    }
  }
}
