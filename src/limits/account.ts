import { periodAt, type Period } from './calendar-quota.ts'
import { standingOf, type Rate } from './gcra.ts'
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
  /** Of the quota in this period, or of the credits since ever. */
  readonly used: number
  /** All credits there ever were: what the policy gave at first, and what was added. `undefined`: not a limit of credits so far. */
  readonly credited?: number
  readonly leases: readonly Lease[]
}
export interface Lease {
  readonly id: string
  readonly holder: string
  readonly amount: number
  /** Milliseconds since the epoch, by the ledger's clock: afterwards it counts as spent. */
  readonly expiresAt: number
}

/** How long the ledger waits for a lease to be settled. */
export const LEASE_LIFE_MS = 20_000
/** The same of permits, which others wait for: until its last request begins. */
export const PERMIT_LIFE_MS = 10_000
/** Nobody knows when a permit comes back: a second later it is worth asking again. */
const PERMIT_WAIT_MS = 1000
/** When a balance is forgotten: a time that the platform's alarms can hold. */
export const FOREVER_MS = Date.UTC(2200)

export interface Standing {
  readonly account: Account
  /** `undefined`: the limit has no quota. */
  readonly period: Period | undefined
  /** Whole requests that could be granted now. */
  readonly available: number
  readonly parts: readonly Part[]
}

/** The account as it is now: leases that are over are gone, a new period has begun. `needed`: how many are to fit. */
export function standOf(books: Books, limit: LimitPolicy, now: number, needed = 1): Standing {
  const kept = books.get(limit.name) ?? { arrivesAt: now, startsAt: now, used: 0, leases: [] }
  const leases = kept.leases.filter(({ expiresAt }) => expiresAt > now)
  const rate = limit.rate === undefined ? undefined : rateStanding(limit, limit.rate, kept, needed, now)
  const quota = limit.quota === undefined ? undefined : quotaStanding(limit, limit.quota, kept, needed, now)
  const credits = limit.credits === undefined ? undefined : creditStanding(limit, limit.credits, kept, needed)
  const permits = limit.concurrency === undefined ? undefined : permitStanding(limit, limit.concurrency.count, leases, needed)
  const parts = [rate?.part, quota?.part, credits?.part, permits].filter((part) => part !== undefined)
  return {
    account: { ...kept, ...rate?.account, ...quota?.account, ...credits?.account, leases },
    period: quota?.period,
    available: Math.min(...parts.map(({ state }) => state.remaining)),
    parts,
  }
}

interface Part {
  readonly state: LimitState
  /** 0: what is needed fits. Infinite: by itself it never will. */
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

/** The balance. Of a limit that was no limit of credits before, what was used does not count. */
function creditStanding(
  limit: LimitPolicy,
  initial: number,
  kept: Account,
  needed: number,
): { account: Required<Pick<Account, 'credited' | 'used'>>; part: Part } {
  const credited = kept.credited ?? initial
  const used = kept.credited === undefined ? 0 : kept.used
  const remaining = Math.max(0, credited - used)
  const waitMs = remaining >= needed ? 0 : Number.POSITIVE_INFINITY
  return { account: { credited, used }, part: { state: { limit, kind: 'credits', remaining, resetSeconds: 0 }, waitMs } }
}

/** What is lent is in flight, or waits in an isolate: the rest is free. */
function permitStanding(limit: LimitPolicy, count: number, leases: readonly Lease[], needed: number): Part {
  const remaining = Math.max(0, count - leases.reduce((sum, { amount }) => sum + amount, 0))
  return { state: { limit, kind: 'concurrency', remaining, resetSeconds: 0 }, waitMs: remaining >= needed ? 0 : PERMIT_WAIT_MS }
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
