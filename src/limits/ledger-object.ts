import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import type { Account, Books } from './account.ts'
import {
  addCredits,
  balanceOf,
  grantAll,
  refundOne,
  settledAt,
  type Balance,
  type LedgerAnswer,
  type LedgerRequest,
  type Receipt,
} from './ledger.ts'
import type { LimitPolicy } from './limiter.ts'

interface Row extends Record<string, SqlStorageValue> {
  readonly name: string
  readonly account: string
}

export interface TopUp {
  readonly limit: LimitPolicy
  readonly credits: number
  /** Names the top-up: a second one of that name adds nothing. */
  readonly key: string
}
export type ToppedUp =
  | { readonly status: 'added' | 'repeated'; readonly balance: Balance }
  /** The same key was used for another number of credits. */
  | { readonly status: 'conflict' }

const MAX_ANSWERS = 64
/** A top-up is known by its key for more than a year. */
const KEY_LIFE_MS = 400 * 86_400_000

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
  /** The last answers by the id of their call. Without them (after a reset) what a repeated call asks for counts twice: never too few. */
  readonly #answers = new Map<string, LedgerAnswer>()

  async grant(request: LedgerRequest): Promise<LedgerAnswer> {
    const known = request.id === undefined ? undefined : this.#answers.get(request.id)
    if (known !== undefined) return known
    const books = this.#open()
    const now = Date.now()
    const answer = grantAll(books, request, now)
    const touched = new Map([...request.asks, ...request.settled].map(({ limit }) => [limit.name, limit]))
    const hasWritten = answer.status === 'granted' || request.settled.length > 0
    // Nothing is awaited before this point: spending and alarm are committed as one.
    if (hasWritten) await this.#write(books, [...touched.values()], now)
    this.#remember(request.id, answer)
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

  /** Adds to a balance, once for each key. */
  async addCredits({ limit, credits, key }: TopUp): Promise<ToppedUp> {
    const books = this.#open()
    const now = Date.now()
    const { sql } = this.ctx.storage
    const [known] = sql
      .exec<{ credits: number }>('select credits from top_ups where name = ? and key = ? and at > ?', limit.name, key, now - KEY_LIFE_MS)
      .toArray()
    if (known !== undefined)
      return known.credits === credits ? { status: 'repeated', balance: balanceOf(books, limit, now) } : { status: 'conflict' }
    const balance = addCredits(books, limit, credits, now)
    await this.#write(books, [limit], now, () => {
      sql.exec('delete from top_ups where at <= ?', now - KEY_LIFE_MS)
      sql.exec('insert into top_ups (name, key, credits, at) values (?, ?, ?, ?)', limit.name, key, credits, now)
    })
    return { status: 'added', balance }
  }

  async balance(limit: LimitPolicy): Promise<Balance> {
    return balanceOf(this.#open(), limit, Date.now())
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
    sql.exec(
      'create table if not exists top_ups (name text, key text, credits integer not null, at integer not null, primary key (name, key)) without rowid',
    )
    const rows = sql.exec<Row>('select name, account from accounts').toArray()
    // An object that has accounts has its alarm too: both are always written together.
    this.#hasAlarm = rows.length > 0
    this.#books = new Map(rows.map(({ name, account }) => [name, JSON.parse(account) as Account]))
    return this.#books
  }

  #remember(id: string | undefined, answer: LedgerAnswer): void {
    if (id === undefined) return
    const [oldest] = this.#answers.keys()
    if (this.#answers.size >= MAX_ANSWERS && oldest !== undefined) this.#answers.delete(oldest)
    this.#answers.set(id, answer)
  }

  /** `also`: what is written or not together with it. */
  async #write(books: Books, limits: readonly LimitPolicy[], now: number, also?: () => void): Promise<void> {
    const dropAt = Math.ceil(settledAt(books, limits, now))
    const { storage } = this.ctx
    try {
      storage.transactionSync(() => {
        also?.()
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
