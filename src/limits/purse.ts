import { LEASE_USABLE_MS, type Grant, type Receipt, type Settlement } from './ledger.ts'
import type { LimitPolicy, LimitState } from './limiter.ts'

/**
 * What one isolate has been lent of one limit of one subject. Spending is synchronous: a request that finds credit makes no call.
 */
export interface Purse {
  /** Whether `amount` (by default 1) could be spent, of one lease or of several together. `now` in milliseconds. */
  has(now: number, amount?: number): boolean
  /** Spends `amount` (by default 1), or as much of it as there is. */
  spend(now: number, amount?: number): Spent
  /** The same while the rest is asked for: its leases are not settled before `endTaking`, so that it can be put back. */
  take(now: number, amount: number): Spent
  endTaking(taken: Spent): void
  /** Puts back what was spent for a request that was not let in, or that failed. Returns what is the ledger's: of leases that have been settled. */
  putBack(spent: Spent): readonly Receipt[]
  /** A call that was on its way has brought no lease. */
  askedInVain(): void
  /** Whether so many calls are on their way that what they bring is worth waiting for. */
  isAwaiting(now: number): boolean
  /** Counts what waits for them; a negative amount does not wait any longer. */
  expect(now: number, amount: number): void
  /**
   * A new lease; `now`: when the call for it was sent. Returns how long to rest before asking again, in milliseconds: 0 as long as
   * leases grow, as they do where isolates begin together.
   */
  add(grant: Grant, now: number): number
  /**
   * How much to ask for, by a call that is made now: what will be spent in a lease's time, as fast as the last one was spent.
   * No more than `needed` (by default 1) while another call is on its way: what many ask for at once would be more than they spend.
   */
  wanted(now: number, needed?: number): number
  /** Whether it is time to ask for more in the background; not while a call is on its way. */
  wantsMore(now: number): boolean
  /** Leases that are over, to be told to the ledger with the next call; each is told once. */
  takeSettled(now: number): readonly Settlement[]
  /** How the limit stands as far as is known here: the ledger's last word, less what was spent since. */
  states(now: number): readonly LimitState[]
  /** When nothing in it can be spent or settled any more. */
  isIdle(now: number): boolean
}
export interface Spent {
  readonly amount: number
  readonly parts: readonly { readonly lease: string; readonly amount: number; readonly receipt: Receipt }[]
}
export const NOTHING: Spent = { amount: 0, parts: [] }

interface Held {
  readonly id: string
  readonly granted: number
  readonly receipt: Receipt
  left: number
  /** Calls under way that have taken some of it. */
  takers: number
  /** By the isolate's clock, in milliseconds. */
  readonly usableUntil: number
}

/** Asked for at most this many times what was spent: one quick moment is no lasting demand. */
const GROWTH = 8
/** A shorter time says nothing of the pace, in milliseconds. */
const MEASURED_MS = 500
/** So much of a lease's worth is left: time to ask for the next one. */
const LOW = 0.125
/** A lease of fewer is not worth a call before it has run out. */
const MIN_RENEWED = 4
const ASK_AGAIN_MS = 5000
/** Calls on their way at a time. Where every request that finds nothing makes its own, many new isolates together ask an object faster than it answers, and wait ever longer. */
const MAX_CALLS = 2
/** A call that takes longer does not count any more, in milliseconds. */
const LATE_MS = 1000
const MAX_WANTED = 100_000
const MAX_UNSETTLED = 64

export function createPurse(limit: LimitPolicy): Purse {
  const held: Held[] = []
  const settled: Settlement[] = []
  const pace = createPace()
  /** The last lease of more than one. */
  let lent = 0
  let isResting = false
  let askedAt = Number.NEGATIVE_INFINITY
  /** When each call on its way was sent. One that ends with its request, unheard, is forgotten after `LATE_MS`. */
  let calls: readonly number[] = []
  let known: { readonly states: readonly LimitState[]; readonly at: number } = { states: [], at: 0 }

  /** Moves leases that ran out or whose time is over to what is to be settled. */
  const sweep = (now: number): void => {
    for (let index = held.length - 1; index >= 0; index -= 1) {
      const lease = held[index]
      if (lease === undefined || ((lease.left > 0 || lease.takers > 0) && lease.usableUntil > now)) continue
      held.splice(index, 1)
      if (settled.length < MAX_UNSETTLED) settled.push({ limit, lease: lease.id, unspent: lease.left })
    }
  }
  const credits = (now: number): number => held.reduce((sum, { left, usableUntil }) => (usableUntil > now ? sum + left : sum), 0)

  const spend = (now: number, amount: number): Spent => {
    let missing = amount
    const parts: Spent['parts'][number][] = []
    // Those that end first.
    for (const lease of held) {
      if (missing === 0) break
      const taken = lease.usableUntil > now ? Math.min(lease.left, missing) : 0
      if (taken === 0) continue
      lease.left -= taken
      missing -= taken
      parts.push({ lease: lease.id, amount: taken, receipt: lease.receipt })
    }
    pace.count(now, amount - missing)
    return { amount: amount - missing, parts }
  }
  const countTakers = ({ parts }: Spent, more: 1 | -1): void => {
    for (const lease of held) if (parts.some((part) => part.lease === lease.id)) lease.takers += more
  }

  return {
    has: (now, amount = 1) => credits(now) >= amount,
    spend: (now, amount = 1) => spend(now, amount),
    take(now, amount) {
      const taken = spend(now, amount)
      countTakers(taken, 1)
      return taken
    },
    endTaking: (taken) => countTakers(taken, -1),
    putBack({ parts }) {
      return parts.flatMap(({ lease: id, amount, receipt }) => {
        // Also where its time is over: then it is told to the ledger as unspent.
        const lease = held.find((one) => one.id === id)
        if (lease === undefined) return [{ ...receipt, amount }]
        lease.left += amount
        return []
      })
    },
    askedInVain() {
      askedAt = Number.NEGATIVE_INFINITY
      calls = calls.slice(1)
    },
    isAwaiting: (now) => calls.filter((sentAt) => Math.abs(now - sentAt) < LATE_MS).length >= MAX_CALLS,
    expect: (now, amount) => pace.count(now, amount),
    add({ lease, amount, usableMs, restMs, states, receipt }, now) {
      isResting = restMs > 0 && (isResting || amount < lent)
      askedAt = isResting ? now + restMs - ASK_AGAIN_MS : Number.NEGATIVE_INFINITY
      known = { states, at: now }
      calls = calls.filter((sentAt) => sentAt > now)
      if (amount > 1) lent = amount
      if (amount > 0 && lease !== '')
        held.push({ id: lease, granted: amount, receipt, left: amount, takers: 0, usableUntil: now + usableMs })
      return isResting ? restMs : 0
    },
    wanted(now, needed = 1) {
      calls = [...calls, now].slice(-MAX_CALLS)
      if (now - askedAt < ASK_AGAIN_MS) return needed
      askedAt = now
      return Math.max(needed, pace.perLease(now))
    },
    wantsMore(now) {
      const enough = Math.min(pace.perLease(now), lent)
      return enough >= MIN_RENEWED && credits(now) <= enough * LOW && now - askedAt >= ASK_AGAIN_MS
    },
    takeSettled(now) {
      sweep(now)
      return settled.splice(0)
    },
    states(now) {
      const own = credits(now)
      const elapsed = Math.floor((now - known.at) / 1000)
      return known.states.map((state) => {
        const resetSeconds = Math.max(0, state.resetSeconds - elapsed)
        return Object.assign({}, state, { remaining: state.remaining + own, resetSeconds })
      })
    },
    isIdle(now) {
      sweep(now)
      return held.length === 0 && settled.length === 0
    },
  }
}

/** How much is spent in a lease's time, by what was spent in the last one to two halves of it. */
interface Pace {
  count(now: number, amount: number): void
  perLease(now: number): number
}

function createPace(): Pace {
  const half = LEASE_USABLE_MS / 2
  let [startsAt, current, previous, since] = [0, 0, 0, 0]
  const turn = (now: number): void => {
    const elapsed = now - startsAt
    if (elapsed < half) return
    if (elapsed >= 2 * half) since = now
    previous = elapsed < 2 * half ? current : 0
    current = 0
    startsAt = now
  }
  return {
    count(now, amount) {
      turn(now)
      current = Math.max(0, current + amount)
    },
    perLease(now) {
      turn(now)
      const spent = previous + current
      const measuredMs = Math.max(MEASURED_MS, Math.min(now - since, previous > 0 ? half + now - startsAt : now - startsAt))
      return Math.min(MAX_WANTED, spent * GROWTH, Math.max(1, Math.ceil((spent * LEASE_USABLE_MS) / measuredMs)))
    },
  }
}
