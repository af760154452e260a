import { KEEP_MS, openJournal, type Entry, type Journal, type Row } from '../../src/limits/journal.ts'
import { grantAll, refundOne, settledAt, type LedgerAnswer, type LedgerRequest, type Receipt } from '../../src/limits/ledger.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'

/** What an object costs: published prices count each of these. */
export interface Bill {
  calls: number
  alarms: number
  /** Rows written, alarms set among them. */
  rows: number
}

const SLEEP_MS = 10_000
/** What one call keeps an object busy, in milliseconds: an object answers 500 to 1,000 a second. */
const SERVICE_MS = 1.5

/** A `Ledger` object in virtual time: its disk, what it holds in memory, its alarm, and its queue. */
export class LedgerHost {
  readonly bill: Bill = { calls: 0, alarms: 0, rows: 0 }
  evictions = 0
  readonly #disk = new Map<string, { readonly entry: string; readonly dropAt: number }>()
  readonly #alarm: (at: number) => void
  #alarmAt: number | undefined
  #isFlushing = false
  #journal: Journal | undefined
  #usedAt = 0
  #freeAt = 0

  /** `alarm`: calls `ring` at that time. */
  constructor(alarm: (at: number) => void) {
    this.#alarm = alarm
  }

  /** When a call that arrives at `now` has been served. */
  serve(now: number): number {
    this.#freeAt = Math.max(now, this.#freeAt) + SERVICE_MS
    return this.#freeAt
  }

  grant(request: LedgerRequest, now: number): LedgerAnswer {
    const journal = this.#open(now)
    this.bill.calls += 1
    const answer = grantAll(journal.books, request, now)
    const limits = new Map([...request.asks, ...request.settled].map(({ limit }) => [limit.name, limit]))
    this.#write(journal.note([...limits.values()], answer.status === 'granted' ? answer.grants : [], now), [...limits.values()], now)
    return answer
  }

  refund(receipts: readonly Receipt[], now: number): void {
    const journal = this.#open(now)
    this.bill.calls += 1
    refundOne(journal.books, receipts, now)
    const limits = receipts.map(({ limit }) => limit)
    this.#write(journal.note(limits, [], now), limits, now)
  }

  /** Without notice: memory is lost. */
  evict(): void {
    this.evictions += 1
    this.#journal = undefined
    this.#isFlushing = false
  }

  ring(now: number): void {
    if (this.#alarmAt === undefined || now < this.#alarmAt) return
    this.bill.alarms += 1
    const journal = this.#open(now)
    const flushAt = journal.flushAt()
    if (flushAt !== undefined && flushAt > now) return this.#setAlarm(flushAt)
    const rows = journal.flush(now)
    this.#isFlushing = false
    this.#write(
      rows,
      rows.map(({ limit }) => limit),
      now,
    )
    const last = Math.max(0, ...[...this.#disk.values()].map(({ dropAt }) => dropAt))
    if (last > now) return this.#setAlarm(last)
    this.bill.rows += this.#disk.size
    this.#disk.clear()
    this.#journal = undefined
    this.#alarmAt = undefined
  }

  #open(now: number): Journal {
    if (now - this.#usedAt >= SLEEP_MS) this.#journal = undefined
    this.#usedAt = now
    this.#journal ??= openJournal(
      [...this.#disk].map(([name, { entry }]) => [name, JSON.parse(entry) as Entry]),
      now,
    )
    return this.#journal
  }

  #write(rows: readonly Row[], limits: readonly LimitPolicy[], now: number): void {
    if (rows.length === 0) return
    const journal = this.#open(now)
    const dropAt = Math.ceil(settledAt(journal.books, limits, now)) + KEEP_MS
    for (const { limit, entry } of rows) this.#disk.set(limit.name, { entry: JSON.stringify(entry), dropAt })
    this.bill.rows += rows.length
    const flushAt = journal.flushAt()
    if (flushAt !== undefined && !this.#isFlushing) {
      this.#isFlushing = true
      this.#setAlarm(flushAt)
    } else if (this.#alarmAt === undefined) this.#setAlarm(dropAt)
  }

  #setAlarm(at: number): void {
    this.bill.rows += 1
    this.#alarmAt = at
    this.#alarm(at)
  }
}
