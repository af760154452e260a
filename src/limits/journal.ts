import { LEASE_LIFE_MS, type Account, type Books } from './account.ts'
import { intervalOf } from './gcra.ts'
import type { Grant } from './ledger.ts'
import type { LimitPolicy } from './limiter.ts'

/**
 * What of a ledger's books is on disk, and when more of it has to be. A row says how much may be granted after it without another
 * row; an object that was evicted takes all of that as spent and lent. So a subject is never granted one too many, most grants write
 * nothing, and an eviction costs at most what the row allowed: half of a burst, or 1/256 of what was left of a quota.
 *
 * Nothing is lost where an object goes to sleep: what is ahead of a rate has flowed off by then, and what is ahead of a quota is
 * made exact while the object is still awake (`flushAt`). Credits and permits are always written.
 */
export interface Journal {
  readonly books: Books
  /** Counts what one call granted. Returns the rows to write before it is answered. `now` in milliseconds. */
  note(limits: readonly LimitPolicy[], granted: readonly Grant[], now: number): readonly Row[]
  /** When `flush` is due, in milliseconds since the epoch: nothing has changed for a while, and a row is ahead of a quota. */
  flushAt(): number | undefined
  /** The rows that make all quotas exact. */
  flush(now: number): readonly Row[]
}
export interface Row {
  readonly limit: LimitPolicy
  readonly entry: Entry
}
/** What is written of one limit. */
export interface Entry extends Account {
  readonly ahead?: Ahead
}
interface Ahead {
  /** May be granted before the next row, whatever comes back meanwhile. */
  readonly amount: number
  /** By how much that moves the arrival time of a rate, in milliseconds; 0 without one. */
  readonly spentMs: number
  /** The arrival time that a rate keeps below until the next row. */
  readonly until: number
}
interface Written {
  readonly limit: LimitPolicy
  readonly entry: Entry
  readonly at: number
  /** The account as it is in memory. */
  account: Account
  granted: number
}

/** How long a subject is kept after nothing of it matters any more, in milliseconds: to set an alarm costs a row. */
export const KEEP_MS = 600_000
/** Idle objects sleep after 10 seconds, and no earlier. */
const SLEEP_MS = 10_000
const QUIET_MS = 5000
/** Rows of a quota that follow each other faster go ahead. */
const BUSY_MS = 1000
/** Fewer are not worth what they cost an evicted subject. */
const MIN_AHEAD = 8
const QUOTA_PART = 256
const GROWTH = 4

/** `entries`: what is on disk. */
export function openJournal(entries: Iterable<readonly [name: string, entry: Entry]>, openedAt: number): Journal {
  const books: Books = new Map()
  const written = new Map<string, Written>()
  let changedAt = openedAt
  for (const [name, entry] of entries) books.set(name, accountAfterLoss(entry, openedAt))

  const rowOf = (limit: LimitPolicy, account: Account, ahead: Ahead | undefined, now: number): Row => {
    const entry = ahead === undefined ? account : { ...account, ahead }
    written.set(limit.name, { limit, entry, at: now, account, granted: 0 })
    return { limit, entry }
  }
  const isAheadOfQuota = ({ limit, entry }: Written): boolean => limit.quota !== undefined && entry.ahead !== undefined

  return {
    books,
    note(limits, granted, now) {
      return limits.flatMap((limit) => {
        const [account, last] = [books.get(limit.name), written.get(limit.name)]
        if (account === undefined || account === last?.account) return []
        changedAt = now
        const amount = granted.reduce((sum, grant) => (grant.limit.name === limit.name ? sum + grant.amount : sum), 0)
        if (last !== undefined) {
          last.account = account
          last.granted += amount
          if (isCovered(last, limit)) return []
        }
        return [rowOf(limit, account, aheadOf(limit, account, last, now), now)]
      })
    },
    flushAt: () => ([...written.values()].some(isAheadOfQuota) ? changedAt + QUIET_MS : undefined),
    flush: (now) => [...written.values()].filter(isAheadOfQuota).map(({ limit, account }) => rowOf(limit, account, undefined, now)),
  }
}

/** Whether an eviction would make of the row at least what has been granted. */
function isCovered({ entry: { ahead, startsAt }, account, granted }: Written, { rate }: LimitPolicy): boolean {
  if (ahead === undefined || granted > ahead.amount || account.startsAt !== startsAt) return false
  return rate === undefined || (account.arrivesAt <= ahead.until && ahead.amount * intervalOf(rate) <= ahead.spentMs)
}

/** `last`: the row before this one. */
function aheadOf(limit: LimitPolicy, account: Account, last: Written | undefined, now: number): Ahead | undefined {
  const { rate, quota } = limit
  if (limit.credits !== undefined || limit.concurrency !== undefined) return undefined
  const isBusy = last !== undefined && now - last.at < BUSY_MS
  const ofQuota = quota === undefined ? Infinity : isBusy ? Math.min((quota.count - account.used) / QUOTA_PART, GROWTH * last.granted) : 0
  // As much as this may be lent beyond what is known without stopping refill (src/limits/account.ts).
  const ofRate = rate === undefined ? Infinity : Math.min(LEASE_LIFE_MS / 8 / intervalOf(rate), rate.burst / 2)
  const amount = Math.floor(Math.min(ofQuota, ofRate))
  if (amount < MIN_AHEAD) return undefined
  if (rate === undefined) return { amount, spentMs: 0, until: 0 }
  return { amount, spentMs: amount * intervalOf(rate), until: Math.max(account.arrivesAt, now + SLEEP_MS) }
}

/** Whatever may have been granted after the row was. */
function accountAfterLoss({ ahead, ...account }: Entry, now: number): Account {
  if (ahead === undefined) return account
  const { arrivesAt, used, leases } = account
  const lost = { id: '', holder: '', amount: ahead.amount, expiresAt: now + LEASE_LIFE_MS }
  return {
    ...account,
    arrivesAt: Math.max(arrivesAt, Math.min(ahead.until, Math.max(arrivesAt, now) + ahead.spentMs)),
    used: used + ahead.amount,
    leases: [...leases, lost],
  }
}
