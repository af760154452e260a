import type { Grant, Receipt, Settlement } from './ledger.ts'
import type { LimitPolicy, LimitState } from './limiter.ts'

/**
 * What one isolate has been lent of one limit of one subject. Spending is synchronous: a request that finds credit makes no call.
 */
export interface Purse {
  /** Whether one could be spent. `now` in milliseconds. */
  has(now: number): boolean
  /** Spends one. Only after `has`. */
  spend(now: number): Spent
  /** Puts one back that was spent for a request that was not let in, or that failed. `false`: its lease has been settled. */
  putBack(spent: Spent): boolean
  /** The call that was on its way has brought nothing. */
  askedInVain(): void
  /** A new lease; `now`: when the call for it was sent. */
  add(grant: Grant, now: number): void
  /**
   * How much to ask for, by a call that is made now: what was spent in a lease's time, doubled while leases run out before their end.
   * One, while another call is on its way: what many ask for at once would be more than they spend.
   */
  wanted(now: number): number
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
  readonly lease: string
  readonly receipt: Receipt
}

interface Held {
  readonly id: string
  readonly granted: number
  readonly receipt: Receipt
  left: number
  /** By the isolate's clock, in milliseconds. */
  readonly usableUntil: number
}

/** A quarter of the last grant left: time to ask for the next one. */
const LOW = 0.25
const ASK_AGAIN_MS = 5000
const MAX_WANTED = 100_000
const MAX_UNSETTLED = 64

export function createPurse(limit: LimitPolicy): Purse {
  const held: Held[] = []
  const settled: Settlement[] = []
  let want = 1
  let askedAt = Number.NEGATIVE_INFINITY
  let known: { readonly states: readonly LimitState[]; readonly at: number } = { states: [], at: 0 }

  /** Moves leases that ran out or whose time is over to what is to be settled, and learns from how they ended. */
  const sweep = (now: number): void => {
    for (let index = held.length - 1; index >= 0; index -= 1) {
      const lease = held[index]
      if (lease === undefined || (lease.left > 0 && lease.usableUntil > now)) continue
      held.splice(index, 1)
      const isExhausted = lease.left === 0
      want = isExhausted ? Math.min(MAX_WANTED, Math.max(want, lease.granted * 2)) : Math.max(1, lease.granted - lease.left)
      if (settled.length < MAX_UNSETTLED) settled.push({ limit, lease: lease.id, unspent: lease.left })
    }
  }
  const credits = (now: number): number => held.reduce((sum, { left, usableUntil }) => (usableUntil > now ? sum + left : sum), 0)

  return {
    has: (now) => held.some(({ left, usableUntil }) => left > 0 && usableUntil > now),
    spend(now) {
      // The one that ends first.
      const lease = held.find(({ left, usableUntil }) => left > 0 && usableUntil > now)
      if (lease === undefined) throw new RangeError('nothing to spend')
      lease.left -= 1
      return { lease: lease.id, receipt: lease.receipt }
    },
    putBack({ lease: id }) {
      // Also where its time is over: then it is told to the ledger as unspent.
      const lease = held.find((one) => one.id === id)
      if (lease !== undefined) lease.left += 1
      return lease !== undefined
    },
    askedInVain() {
      askedAt = Number.NEGATIVE_INFINITY
    },
    add({ lease, amount, usableMs, states, receipt }, now) {
      askedAt = Number.NEGATIVE_INFINITY
      known = { states, at: now }
      if (amount > 0 && lease !== '') held.push({ id: lease, granted: amount, receipt, left: amount, usableUntil: now + usableMs })
    },
    wanted(now) {
      if (now - askedAt < ASK_AGAIN_MS) return 1
      askedAt = now
      return want
    },
    wantsMore(now) {
      const last = held.at(-1)
      if (last === undefined || last.granted < 4 || credits(now) > last.granted * LOW || now - askedAt < ASK_AGAIN_MS) return false
      want = Math.min(MAX_WANTED, Math.max(want, last.granted * 2))
      return true
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
