import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import type { Books } from './account.ts'
import { KEEP_MS, openJournal, type Entry, type Journal, type Row } from './journal.ts'
import {
  addCredits,
  balanceOf,
  emptyBooks,
  grantAll,
  metersOf,
  refundOne,
  settledAt,
  type Balance,
  type LedgerAnswer,
  type LedgerRequest,
  type Meter,
  type Receipt,
} from './ledger.ts'
import type { LimitPolicy } from './limiter.ts'

interface StoredRow extends Record<string, SqlStorageValue> {
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
 * output gate holds the answer until the write is durable. What is not written is covered by what is (src/limits/journal.ts), so an
 * eviction forgets nothing that was answered. All times are of this object's own clock.
 */
export class Ledger extends DurableObject<Bindings> {
  /** `undefined`: the table is not made or was dropped. */
  #journal: Journal | undefined
  /** True where an alarm is set. */
  #hasAlarm = false
  /** True where it is set for `flush`. */
  #isFlushing = false
  /** The last answers by the id of their call. Without them (after a reset) what a repeated call asks for counts twice: never too few. */
  readonly #answers = new Map<string, LedgerAnswer>()

  async grant(request: LedgerRequest): Promise<LedgerAnswer> {
    const known = request.id === undefined ? undefined : this.#answers.get(request.id)
    if (known !== undefined) return known
    const now = Date.now()
    const journal = this.#open(now)
    const answer = grantAll(journal.books, request, now)
    const touched = new Map([...request.asks, ...request.settled].map(({ limit }) => [limit.name, limit]))
    // Nothing is awaited before this point: spending and alarm are committed as one.
    await this.#write(journal, journal.note([...touched.values()], answer.status === 'granted' ? answer.grants : [], now), now)
    this.#remember(request.id, answer)
    return answer
  }

  async refund(receipts: readonly Receipt[]): Promise<void> {
    const now = Date.now()
    const journal = this.#open(now)
    refundOne(journal.books, receipts, now)
    const limits = new Map(receipts.map(({ limit }) => [limit.name, limit]))
    await this.#write(journal, journal.note([...limits.values()], [], now), now)
  }

  /** Adds to a balance, once for each key. */
  async addCredits({ limit, credits, key }: TopUp): Promise<ToppedUp> {
    const now = Date.now()
    const journal = this.#open(now)
    const { books } = journal
    const { sql } = this.ctx.storage
    const [known] = sql
      .exec<{ credits: number }>('select credits from top_ups where name = ? and key = ? and at > ?', limit.name, key, now - KEY_LIFE_MS)
      .toArray()
    if (known !== undefined)
      return known.credits === credits ? { status: 'repeated', balance: balanceOf(books, limit, now) } : { status: 'conflict' }
    const balance = addCredits(books, limit, credits, now)
    await this.#write(journal, journal.note([limit], [], now), now, () => {
      sql.exec('delete from top_ups where at <= ?', now - KEY_LIFE_MS)
      sql.exec('insert into top_ups (name, key, credits, at) values (?, ?, ?, ?)', limit.name, key, credits, now)
    })
    return { status: 'added', balance }
  }

  async balance(limit: LimitPolicy): Promise<Balance> {
    const now = Date.now()
    return balanceOf(this.#open(now).books, limit, now)
  }

  /** How limits stand; nothing is charged, and an object that has nothing stays without storage. */
  async meters(limits: readonly LimitPolicy[]): Promise<readonly Meter[]> {
    const now = Date.now()
    const isNew =
      this.#journal === undefined && this.ctx.storage.sql.exec("select 1 from sqlite_master where name = 'accounts'").toArray().length === 0
    return metersOf(isNew ? emptyBooks() : this.#open(now).books, limits, now)
  }

  /** Forgets the subject when nothing of it matters any more: an object without storage costs nothing. */
  override async alarm(): Promise<void> {
    const now = Date.now()
    const journal = this.#open(now)
    const flushAt = journal.flushAt()
    if (flushAt !== undefined && flushAt > now) {
      await this.ctx.storage.setAlarm(flushAt)
      return
    }
    this.#isFlushing = false
    await this.#write(journal, journal.flush(now), now)
    const { last } = this.ctx.storage.sql.exec<{ last: number | null }>('select max(drop_at) as last from accounts').one()
    if (last !== null && last > now) {
      await this.ctx.storage.setAlarm(last)
      return
    }
    this.#journal = undefined
    this.#hasAlarm = false
    await this.ctx.storage.deleteAll()
  }

  #open(now: number): Journal {
    if (this.#journal !== undefined) return this.#journal
    const { sql } = this.ctx.storage
    sql.exec('create table if not exists accounts (name text primary key, account text not null, drop_at integer not null) without rowid')
    sql.exec(
      'create table if not exists top_ups (name text, key text, credits integer not null, at integer not null, primary key (name, key)) without rowid',
    )
    const rows = sql.exec<StoredRow>('select name, account from accounts').toArray()
    // An object that has accounts has its alarm too: both are always written together.
    this.#hasAlarm = rows.length > 0
    const entries = rows.map(({ name, account }) => [name, JSON.parse(account) as Entry] as const)
    this.#journal = openJournal(entries, now)
    return this.#journal
  }

  #remember(id: string | undefined, answer: LedgerAnswer): void {
    if (id === undefined) return
    const [oldest] = this.#answers.keys()
    if (this.#answers.size >= MAX_ANSWERS && oldest !== undefined) this.#answers.delete(oldest)
    this.#answers.set(id, answer)
  }

  /** `also`: what is written or not together with it. */
  async #write(journal: Journal, rows: readonly Row[], now: number, also?: () => void): Promise<void> {
    if (rows.length === 0) return
    const dropAt = dropTime(journal.books, rows, now)
    const { storage } = this.ctx
    try {
      storage.transactionSync(() => {
        also?.()
        for (const { limit, entry } of rows) {
          const text = JSON.stringify(entry)
          storage.sql.exec('insert or replace into accounts (name, account, drop_at) values (?, ?, ?)', limit.name, text, dropAt)
        }
      })
      const flushAt = journal.flushAt()
      const alarmAt = flushAt !== undefined && !this.#isFlushing ? flushAt : this.#hasAlarm ? undefined : dropAt
      this.#isFlushing ||= flushAt !== undefined
      this.#hasAlarm = true
      if (alarmAt !== undefined) await storage.setAlarm(alarmAt)
    } catch (error) {
      // What was not written counts for nobody: the next call reads what is there.
      this.#journal = undefined
      this.#isFlushing = false
      this.#hasAlarm = false
      throw error
    }
  }
}

function dropTime(books: Books, rows: readonly Row[], now: number): number {
  const limits = rows.map(({ limit }) => limit)
  return Math.ceil(settledAt(books, limits, now)) + KEEP_MS
}
