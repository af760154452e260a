import { FOREVER_MS, LEASE_LIFE_MS, PERMIT_LIFE_MS, standOf, type Account, type Books, type Lease } from './account.ts'
import type { Period } from './calendar-quota.ts'
import { advance, giveBack, intervalOf } from './gcra.ts'
import type { LimitPolicy, LimitState } from './limiter.ts'

export const emptyBooks = (): Books => new Map()

/** How long its holder may spend it, from when it sent the call, by its own clock; the rest is for the way back. */
export const LEASE_USABLE_MS = 18_000
/** The same of permits. */
const PERMIT_USABLE_MS = 8000
/** Leases of one limit at a time; further holders get one request at a time. */
export const MAX_LEASES = 4096
/** Many holders of an empty bucket take turns no longer than this, in milliseconds. */
const MAX_REST_MS = 8000
/** What a turn is worth: this part of a burst. */
const TURN_PART = 16
export const MAX_GRANT = 100_000

export interface LedgerRequest {
  /** Names the call: one that comes twice is answered as it was the first time. */
  readonly id?: string
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
  /** Of a concurrency limit: with how many permits the lease goes on. Default 0: it ends. */
  readonly kept?: number
}
export interface Grant {
  readonly limit: LimitPolicy
  readonly amount: number
  /** Empty for what was spent at once. */
  readonly lease: string
  /** Milliseconds from when the call was sent. */
  readonly usableMs: number
  /** Where that was less than half of what was asked for: how long many holders had better not ask again, in milliseconds; else 0. */
  readonly restMs: number
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
  /** Of a concurrency limit: the lease that ends. */
  readonly lease?: string
}
export type LedgerAnswer =
  | { readonly status: 'granted'; readonly grants: readonly Grant[] }
  | {
      readonly status: 'refused'
      readonly state: LimitState
      readonly states: readonly LimitState[]
      /** Until what is needed fits if nobody else spends, in milliseconds. */
      readonly waitMs: number
      /** How long not to ask again, in milliseconds: others want the same. */
      readonly restMs: number
    }

/** Settles what has come back, then grants all that is asked for or nothing. `now` in milliseconds, by the ledger's clock. */
export function grantAll(books: Books, { holder, asks, settled }: LedgerRequest, now: number): LedgerAnswer {
  for (const settlement of settled) settle(books, settlement, now)
  const standings = asks.map(({ limit, needed }) => standOf(books, limit, now, needed))
  const [refusing] = standings.flatMap(({ parts }) => parts).toSorted((one, other) => other.waitMs - one.waitMs)
  if (refusing !== undefined && refusing.waitMs > 0) {
    const states = standings.flatMap(({ parts }) => parts.map(({ state }) => state))
    const { limit } = refusing.state
    const restMs = restOf(limit, holdersOf(standOf(books, limit, now).account, holder))
    return { status: 'refused', state: refusing.state, states, waitMs: refusing.waitMs, restMs }
  }
  return { status: 'granted', grants: asks.map((ask) => grantOne(books, ask, holder, now)) }
}

function grantOne(books: Books, { limit, mode, want, needed = 1 }: Ask, holder: string, now: number): Grant {
  const { account, period, available } = standOf(books, limit, now)
  const isShared = mode === 'lease' && account.leases.length < MAX_LEASES
  const holders = holdersOf(account, holder)
  const amount = isShared ? Math.max(needed, shareOf(holders, available, want)) : needed
  const lease = leaseOf(limit, mode, isShared, { id: shortName(), holder, amount, expiresAt: now })
  const after: Account = {
    ...account,
    arrivesAt: limit.rate === undefined ? account.arrivesAt : advance(limit.rate, account.arrivesAt, amount, now),
    startsAt: period?.startsAt ?? 0,
    used: limit.concurrency === undefined ? account.used + amount : 0,
    leases: lease === undefined ? account.leases : [...account.leases, lease],
  }
  books.set(limit.name, after)
  return {
    limit,
    amount,
    lease: lease?.id ?? '',
    usableMs: usableOf(limit, period, now),
    restMs: isShared && amount * 2 < want ? restOf(limit, holders) : 0,
    states: standOf(books, limit, now).parts.map(({ state }) => state),
    receipt: receiptOf(limit, after, amount, lease),
  }
}

function usableOf({ concurrency }: LimitPolicy, period: Period | undefined, now: number): number {
  const longest = concurrency === undefined ? LEASE_USABLE_MS : PERMIT_USABLE_MS
  return period === undefined ? longest : Math.min(longest, period.endsAt - now)
}

/** A permit is lent even where it is spent at once: it comes back. */
function leaseOf({ concurrency }: LimitPolicy, mode: Ask['mode'], isShared: boolean, granted: Lease): Lease | undefined {
  if (!isShared && concurrency === undefined) return undefined
  const lifeMs = concurrency === undefined ? LEASE_LIFE_MS : PERMIT_LIFE_MS
  const waitMs = (mode === 'lease' ? lifeMs : 0) + (concurrency?.holdSeconds ?? 0) * 1000
  return { ...granted, expiresAt: granted.expiresAt + waitMs }
}

function receiptOf(limit: LimitPolicy, { arrivesAt, startsAt }: Account, amount: number, lease: Lease | undefined): Receipt {
  const receipt = { limit, arrivesAt, startsAt, amount }
  return limit.concurrency === undefined || lease === undefined ? receipt : { ...receipt, lease: lease.id }
}

/** Unlike those of the thousand others that it stands beside. */
export function shortName(): string {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2))
  return high.toString(36) + low.toString(36)
}

/** Half of what is there to one holder, an eighth where there are many: grants shrink as the budget empties and as more isolates come. */
function shareOf(holders: number, available: number, want: number): number {
  const share = Math.max(1, Math.floor(available / Math.min(8, 2 * holders)))
  return Math.min(Math.max(1, Math.floor(want)), share, MAX_GRANT)
}

/** Those that have been lent something, and who asks. What an eviction lost has no holder. */
function holdersOf({ leases }: Account, holder: string): number {
  return new Set([...leases.map((lease) => lease.holder), holder, '']).size - 1
}

/**
 * An empty bucket is left alone for up to a second, so that a flood makes no call for every single request that flows off; with many
 * holders until each could have had its turn. Nothing of the rate is lost: even of a few that all come back the bucket is half full.
 */
function restOf({ rate }: LimitPolicy, holders: number): number {
  if (rate === undefined) return 0
  const turnMs = Math.floor(rate.burst / TURN_PART) * intervalOf(rate)
  return Math.max(Math.min(1000, (rate.burst * intervalOf(rate)) / 2), Math.min(MAX_REST_MS, holders * turnMs))
}

function settle(books: Books, { limit, lease: id, unspent, kept = 0 }: Settlement, now: number): void {
  const { account, period } = standOf(books, limit, now)
  const lease = account.leases.find((one) => one.id === id)
  if (lease === undefined) return
  if (limit.concurrency !== undefined) {
    books.set(limit.name, { ...account, leases: account.leases.flatMap((one) => (one.id === id ? shrunk(one, kept) : [one])) })
    return
  }
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

/** To be told twice, or late, changes nothing: it never grows. */
function shrunk(lease: Lease, kept: number): readonly Lease[] {
  return kept > 0 ? [{ ...lease, amount: Math.min(lease.amount, Math.floor(kept)) }] : []
}

/** Gives back what was spent. A receipt of a period that is over gives nothing back. */
export function refundOne(books: Books, receipts: readonly Receipt[], now: number): void {
  for (const { limit, arrivesAt, startsAt, amount = 1, lease } of receipts) {
    const account = books.get(limit.name)
    if (account === undefined) continue
    books.set(limit.name, {
      ...account,
      arrivesAt: limit.rate === undefined ? account.arrivesAt : giveBack(limit.rate, account.arrivesAt, arrivesAt, amount, now),
      used: account.startsAt === startsAt ? Math.max(0, account.used - amount) : account.used,
      leases: lease === undefined ? account.leases : account.leases.filter(({ id }) => id !== lease),
    })
  }
}

/** Adds to a balance. */
export function addCredits(books: Books, limit: LimitPolicy, amount: number, now: number): Balance {
  const { account } = standOf(books, limit, now)
  books.set(limit.name, { ...account, credited: (account.credited ?? 0) + amount })
  return balanceOf(books, limit, now)
}

export interface Balance {
  /** Credits that nobody has spent or been lent. */
  readonly available: number
  /** Credits lent to isolates: those not spent come back, unless the isolate is lost. */
  readonly lent: number
}
export function balanceOf(books: Books, limit: LimitPolicy, now: number): Balance {
  const { account, available } = standOf(books, limit, now)
  return { available, lent: account.leases.reduce((sum, { amount }) => sum + amount, 0) }
}

/** How one limit of a subject stands. Numbers are whole requests, of a limit of credits whole credits. */
export interface Meter {
  readonly name: string
  readonly kind: LimitState['kind']
  /** The most there is: of a rate its burst, of credits all there ever were. */
  readonly count: number
  /** What was spent or lent. */
  readonly used: number
  readonly remaining: number
  /** Of `used`: what isolates were lent, perhaps not spent all of it, and give back within half a minute where they go on. */
  readonly lent: number
  /** When the quota's period ends, in milliseconds since the epoch. */
  readonly endsAt?: number
}
/** Charges nothing. */
export function metersOf(books: Books, limits: readonly LimitPolicy[], now: number): readonly Meter[] {
  return limits.flatMap((limit) => {
    const { account, period, parts } = standOf(books, limit, now)
    const lent = account.leases.reduce((sum, { amount }) => sum + amount, 0)
    return parts.map(({ state: { kind, remaining } }): Meter => {
      const counts = {
        rate: limit.rate?.burst,
        quota: limit.quota?.count,
        credits: account.credited,
        concurrency: limit.concurrency?.count,
      }
      const count = counts[kind] ?? 0
      const used = kind === 'quota' || kind === 'credits' ? account.used : count - remaining
      const meter: Meter = { name: limit.name, kind, count, used, remaining, lent }
      return kind === 'quota' && period !== undefined ? Object.assign(meter, { endsAt: period.endsAt }) : meter
    })
  })
}

/** When nothing of what was spent matters any more, in milliseconds since the epoch; `limits` are those just asked about. */
export function settledAt(books: Books, limits: readonly LimitPolicy[], now: number): number {
  const ends = limits.flatMap((limit) => {
    const { account, period } = standOf(books, limit, now)
    // A balance is never forgotten.
    const endsAt = limit.credits === undefined ? (period?.endsAt ?? now) : FOREVER_MS
    return [account.arrivesAt, endsAt, ...account.leases.map(({ expiresAt }) => expiresAt)]
  })
  return Math.max(now, ...ends)
}
