import { periodAt, type Period } from './calendar-quota.ts'
import { advance, giveBack, standingOf, type Rate } from './gcra.ts'
import type { LimitPolicy, LimitState, Quota } from './limiter.ts'

/**
 * What one subject has spent and what is lent out of it. The pure part of a ledger: it reads no clock and keeps nothing.
 *
 * What is lent counts as spent until it is settled. For a rate the ledger holds `available + outstanding ≤ burst + rate × life`
 * (refill stops there, and a return never lifts it), so that over any window of W seconds at most `burst + rate × (W + life)` pass,
 * however many isolates spend. A quota is never exceeded.
 */
export type Books = Map<string, Account>
/** One limit's account. */
export interface Account {
  /** Theoretical arrival time (src/limits/gcra.ts), in milliseconds since the epoch. */
  readonly arrivesAt: number
  /** Start of the quota's period. */
  readonly startsAt: number
  readonly used: number
  readonly leases: readonly Lease[]
}
export interface Lease {
  readonly id: string
  readonly holder: string
  readonly amount: number
  /** Milliseconds since the epoch, by the ledger's clock: afterwards it counts as spent. */
  readonly expiresAt: number
}

export const emptyBooks = (): Books => new Map()

/** How long the ledger waits for a lease to be settled. */
export const LEASE_LIFE_MS = 10_000
/** How long its holder may spend it, from when it sent the call, by its own clock; the rest is for the way back. */
export const LEASE_USABLE_MS = 8000
/** Leases of one limit at a time; further holders get one request at a time. */
export const MAX_LEASES = 1024
export const MAX_GRANT = 100_000

export interface LedgerRequest {
  /** Names the isolate, so that shares can be counted. */
  readonly holder: string
  /** All are granted or none. */
  readonly asks: readonly Ask[]
  readonly settled: readonly Settlement[]
}
export interface Ask {
  readonly limit: LimitPolicy
  /** `spend`: `needed`, used at once. `lease`: `needed` up to `want`, to be spent from memory. */
  readonly mode: 'spend' | 'lease'
  /** 1 to `MAX_GRANT`. */
  readonly want: number
  /** As many or nothing, 1 to 1000. Default 1. */
  readonly needed?: number
}
/** The end of a lease, as its holder tells it. What is not told counts as spent. */
export interface Settlement {
  readonly limit: LimitPolicy
  readonly lease: string
  readonly unspent: number
}
export interface Grant {
  readonly limit: LimitPolicy
  readonly amount: number
  /** Empty for what was spent at once. */
  readonly lease: string
  /** Milliseconds from when the call was sent. */
  readonly usableMs: number
  /** How the limit stands besides the grant. */
  readonly states: readonly LimitState[]
  readonly receipt: Receipt
}
/** What was charged, so that exactly that can be given back. */
export interface Receipt {
  readonly limit: LimitPolicy
  /** The state of the rate that the charge led to, in milliseconds. */
  readonly arrivesAt: number
  readonly startsAt: number
  /** Default 1. */
  readonly amount?: number
}
export type LedgerAnswer =
  | { readonly status: 'granted'; readonly grants: readonly Grant[] }
  | {
      readonly status: 'refused'
      readonly state: LimitState
      readonly states: readonly LimitState[]
      /** Until what is needed fits if nobody else spends, in milliseconds. */
      readonly waitMs: number
    }

/** Settles what has come back, then grants all that is asked for or nothing. `now` in milliseconds, by the ledger's clock. */
export function grantAll(books: Books, { holder, asks, settled }: LedgerRequest, now: number): LedgerAnswer {
  for (const settlement of settled) settle(books, settlement, now)
  const standings = asks.map(({ limit, needed }) => standOf(books, limit, now, needed))
  const [refusing] = standings.flatMap(({ parts }) => parts).toSorted((one, other) => other.waitMs - one.waitMs)
  if (refusing !== undefined && refusing.waitMs > 0) {
    const states = standings.flatMap(({ parts }) => parts.map(({ state }) => state))
    return { status: 'refused', state: refusing.state, states, waitMs: refusing.waitMs }
  }
  return { status: 'granted', grants: asks.map((ask) => grantOne(books, ask, holder, now)) }
}

function grantOne(books: Books, { limit, mode, want, needed = 1 }: Ask, holder: string, now: number): Grant {
  const { account, period, available } = standOf(books, limit, now)
  const isLease = mode === 'lease' && account.leases.length < MAX_LEASES
  const amount = isLease ? Math.max(needed, shareOf(account, holder, available, want)) : needed
  const lease: Lease | undefined = isLease ? { id: shortName(), holder, amount, expiresAt: now + LEASE_LIFE_MS } : undefined
  const after: Account = {
    arrivesAt: limit.rate === undefined ? account.arrivesAt : advance(limit.rate, account.arrivesAt, amount, now),
    startsAt: period?.startsAt ?? 0,
    used: account.used + amount,
    leases: lease === undefined ? account.leases : [...account.leases, lease],
  }
  books.set(limit.name, after)
  return {
    limit,
    amount,
    lease: lease?.id ?? '',
    usableMs: Math.min(LEASE_USABLE_MS, period === undefined ? LEASE_USABLE_MS : period.endsAt - now),
    states: standOf(books, limit, now).parts.map(({ state }) => state),
    receipt: { limit, arrivesAt: after.arrivesAt, startsAt: after.startsAt, amount },
  }
}

/** Unlike those of the thousand others that it stands beside. */
export function shortName(): string {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2))
  return high.toString(36) + low.toString(36)
}

/** Half of what is there to one holder, an eighth where there are many: grants shrink as the budget empties and as more isolates come. */
function shareOf({ leases }: Account, holder: string, available: number, want: number): number {
  const holders = new Set([...leases.map((lease) => lease.holder), holder])
  const share = Math.max(1, Math.floor(available / Math.min(8, 2 * holders.size)))
  return Math.min(Math.max(1, Math.floor(want)), share, MAX_GRANT)
}

function settle(books: Books, { limit, lease: id, unspent }: Settlement, now: number): void {
  const { account, period } = standOf(books, limit, now)
  const lease = account.leases.find((one) => one.id === id)
  if (lease === undefined) return
  const back = Math.min(lease.amount, Math.max(0, Math.floor(unspent)))
  // A quota's lease of a period that is over is not given back to the next one.
  const isOfPeriod = period === undefined || lease.expiresAt - LEASE_LIFE_MS >= period.startsAt
  books.set(limit.name, {
    ...account,
    arrivesAt: limit.rate === undefined ? account.arrivesAt : advance(limit.rate, account.arrivesAt, -back, now),
    used: isOfPeriod ? Math.max(0, account.used - back) : account.used,
    leases: account.leases.filter((one) => one.id !== id),
  })
}

/** Gives back what was spent. A receipt of a period that is over gives nothing back. */
export function refundOne(books: Books, receipts: readonly Receipt[], now: number): void {
  for (const { limit, arrivesAt, startsAt, amount = 1 } of receipts) {
    const account = books.get(limit.name)
    if (account === undefined) continue
    books.set(limit.name, {
      ...account,
      arrivesAt: limit.rate === undefined ? account.arrivesAt : giveBack(limit.rate, account.arrivesAt, arrivesAt, amount, now),
      used: account.startsAt === startsAt ? Math.max(0, account.used - amount) : account.used,
    })
  }
}

interface Standing {
  readonly account: Account
  /** `undefined`: the limit has no quota. */
  readonly period: Period | undefined
  /** Whole requests that could be granted now. */
  readonly available: number
  readonly parts: readonly Part[]
}

/** The account as it is now: leases that are over are gone, a new period has begun. `needed`: how many are to fit. */
function standOf(books: Books, limit: LimitPolicy, now: number, needed = 1): Standing {
  const kept = books.get(limit.name) ?? { arrivesAt: now, startsAt: now, used: 0, leases: [] }
  const leases = kept.leases.filter(({ expiresAt }) => expiresAt > now)
  const rate = limit.rate === undefined ? undefined : rateStanding(limit, limit.rate, kept, needed, now)
  const quota = limit.quota === undefined ? undefined : quotaStanding(limit, limit.quota, kept, needed, now)
  const parts = [rate?.part, quota?.part].filter((part) => part !== undefined)
  return {
    account: { ...kept, ...rate?.account, ...quota?.account, leases },
    period: quota?.period,
    available: Math.min(...parts.map(({ state }) => state.remaining)),
    parts,
  }
}

interface Part {
  readonly state: LimitState
  /** 0: what is needed fits. */
  readonly waitMs: number
}

function rateStanding(
  limit: LimitPolicy,
  rate: Rate,
  { arrivesAt: kept, leases }: Account,
  needed: number,
  now: number,
): { account: Pick<Account, 'arrivesAt'>; part: Part } {
  const arrivesAt = arrivalAt(rate, kept, leases, now)
  const { remaining, resetSeconds } = standingOf(rate, arrivesAt, needed, now)
  const waitMs = remaining >= needed ? 0 : waitUntilFit(rate, arrivesAt, leases, needed, now)
  const state: LimitState = { limit, kind: 'rate', remaining, resetSeconds: Math.max(resetSeconds, Math.ceil(waitMs / 1000)) }
  return { account: { arrivesAt }, part: { state, waitMs } }
}

function quotaStanding(
  limit: LimitPolicy,
  { count, period: kind, timeZone }: Quota,
  kept: Account,
  needed: number,
  now: number,
): { period: Period; account: Pick<Account, 'startsAt' | 'used'>; part: Part } {
  // A request with an earlier time than another's counts in the other's period: none starts twice.
  const period = periodAt(kind, Math.max(now, kept.startsAt), timeZone)
  const used = kept.startsAt === period.startsAt ? kept.used : 0
  const remaining = Math.max(0, count - used)
  const state: LimitState = { limit, kind: 'quota', remaining, resetSeconds: Math.ceil((period.endsAt - now) / 1000) }
  return { period, account: { startsAt: period.startsAt, used }, part: { state, waitMs: remaining >= needed ? 0 : period.endsAt - now } }
}

/** Where refill stops: what is lent beyond `rate × life` keeps as much from coming back, up to the end of each lease. */
function arrivalAt(rate: Rate, arrivesAt: number, leases: readonly Lease[], now: number): number {
  let arrives = arrivesAt
  let outstanding = leases.reduce((sum, { amount }) => sum + amount, 0)
  for (const { amount, expiresAt } of byEnd(leases)) {
    if (expiresAt > now) break
    arrives = Math.max(arrives, expiresAt + lentBeyondLife(rate, outstanding))
    outstanding -= amount
  }
  return Math.max(arrives, now, now + lentBeyondLife(rate, outstanding))
}

/** Until what is needed fits: by the rate, once few enough are lent. */
function waitUntilFit(rate: Rate, arrivesAt: number, leases: readonly Lease[], needed: number, now: number): number {
  const roomMs = (rate.burst - needed) * ((rate.seconds * 1000) / rate.count)
  let [start, arrives] = [now, arrivesAt]
  let outstanding = leases.reduce((sum, { amount, expiresAt }) => (expiresAt > now ? sum + amount : sum), 0)
  for (const { amount, expiresAt } of byEnd(leases.filter((lease) => lease.expiresAt > now))) {
    const fitsAt = Math.max(start, arrives - roomMs)
    if (lentBeyondLife(rate, outstanding) <= roomMs && fitsAt < expiresAt) return fitsAt - now
    arrives = Math.max(arrives, expiresAt + lentBeyondLife(rate, outstanding))
    outstanding -= amount
    start = expiresAt
  }
  return Math.max(start, arrives - roomMs) - now
}

function lentBeyondLife({ count, seconds }: Rate, outstanding: number): number {
  return (outstanding * seconds * 1000) / count - LEASE_LIFE_MS
}

function byEnd(leases: readonly Lease[]): readonly Lease[] {
  return leases.toSorted((one, other) => one.expiresAt - other.expiresAt)
}

/** When nothing of what was spent matters any more, in milliseconds since the epoch; `limits` are those just asked about. */
export function settledAt(books: Books, limits: readonly LimitPolicy[], now: number): number {
  const ends = limits.flatMap((limit) => {
    const { account, period } = standOf(books, limit, now)
    return [account.arrivesAt, period?.endsAt ?? now, ...account.leases.map(({ expiresAt }) => expiresAt)]
  })
  return Math.max(now, ...ends)
}
