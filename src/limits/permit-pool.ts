import type { Receipt, Settlement } from './ledger.ts'
import type { LimitPolicy, LimitState } from './limiter.ts'
import { NOTHING, type Purse, type Spent } from './purse.ts'

/**
 * The permits that one isolate has been lent of one concurrency limit. Unlike credit a permit comes back, and may be used again while
 * its lease is usable. The ledger waits for a lease for as long as a request that was begun last could hold it.
 */
export interface PermitPool extends Purse {
  /** Whether the caller is to watch for idle permits from now on, for `forMs`: only one request does at a time. */
  startWatch(now: number, forMs: number): boolean
  endWatch(): void
  hasFree(now: number): boolean
  /** Permits that were free ever since the last time this was asked, or all that are free, to be told to the ledger. */
  takeIdle(now: number, isAll: boolean): readonly Settlement[]
}

interface Held {
  readonly id: string
  readonly receipt: Receipt
  /** By the isolate's clock, in milliseconds: requests that begin later may not use it. */
  readonly usableUntil: number
  amount: number
  /** Until when each request holds its permit, the earliest first. */
  readonly inUse: Map<Spent, number>
}

export function createPermitPool(limit: LimitPolicy, holdSeconds: number): PermitPool {
  const held: Held[] = []
  let known: readonly LimitState[] = []
  let lowest = 0
  let watchedUntil = Number.NEGATIVE_INFINITY

  const freeOf = ({ amount, inUse }: Held, now: number): number => {
    for (const [spent, until] of inUse) {
      if (until > now) break
      inUse.delete(spent)
    }
    return amount - inUse.size
  }
  const usable = (now: number): readonly Held[] => held.filter(({ usableUntil }) => usableUntil > now)
  const free = (now: number): number => usable(now).reduce((sum, lease) => sum + freeOf(lease, now), 0)
  /** From now on the isolate has `count` fewer of it. */
  const giveUp = (lease: Held, count: number): Settlement => {
    lease.amount -= count
    if (lease.amount === 0) held.splice(held.indexOf(lease), 1)
    return { limit, lease: lease.id, unspent: 0, kept: lease.amount }
  }
  /** Of leases that are not usable any more. */
  const giveUpEnded = (now: number): readonly Settlement[] =>
    held.filter((lease) => lease.usableUntil <= now && freeOf(lease, now) > 0).map((lease) => giveUp(lease, freeOf(lease, now)))

  return {
    has: (now) => free(now) > 0,
    spend(now) {
      const lease = usable(now).find((one) => freeOf(one, now) > 0)
      if (lease === undefined) return NOTHING
      const spent: Spent = { amount: 1, parts: [{ lease: lease.id, amount: 1, receipt: lease.receipt }] }
      lease.inUse.set(spent, now + holdSeconds * 1000)
      lowest = Math.min(lowest, free(now))
      return spent
    },
    take: () => NOTHING,
    endTaking: () => undefined,
    putBack(spent) {
      for (const { inUse } of held) inUse.delete(spent)
      return []
    },
    askedInVain: () => undefined,
    isAwaiting: () => false,
    expect: () => undefined,
    add({ lease, amount, usableMs, states, receipt }, now) {
      known = states
      held.push({ id: lease, receipt, amount, usableUntil: now + usableMs, inUse: new Map() })
      return 0
    },
    // One at a time: what waits here for a request to come could be another isolate's.
    wanted: (_now, needed = 1) => needed,
    wantsMore: () => false,
    takeSettled: giveUpEnded,
    states: (now) => known.map((state) => Object.assign({}, state, { remaining: state.remaining + free(now) })),
    isIdle: (now) => held.every((lease) => freeOf(lease, now) === lease.amount),
    startWatch(now, forMs) {
      if (now < watchedUntil) return false
      watchedUntil = now + forMs
      lowest = free(now)
      return true
    },
    endWatch() {
      watchedUntil = Number.NEGATIVE_INFINITY
    },
    hasFree: (now) => held.some((lease) => freeOf(lease, now) > 0),
    takeIdle(now, isAll) {
      const ended = giveUpEnded(now)
      let idle = isAll ? free(now) : Math.min(lowest, free(now))
      const settled = usable(now).flatMap((lease) => {
        const count = Math.min(idle, freeOf(lease, now))
        idle -= count
        return count === 0 ? [] : [giveUp(lease, count)]
      })
      lowest = free(now)
      return [...ended, ...settled]
    },
  }
}

/** Longest that a permit is kept for the next request while others may want it, in milliseconds. */
export const IDLE_MS = 1000
/** The platform lets work go on for 30 seconds after its request. */
const MAX_ROUNDS = 20

/**
 * Tells back what nobody has used for a second, until nothing is free. One request does it for all of its isolate; a permit that it
 * does not come to tell comes back with its lease. `now`: at the start, and all along: a request whose time ends meanwhile is counted.
 */
export async function returnIdle(
  pool: PermitPool,
  now: number,
  pause: (ms: number) => Promise<void>,
  tell: (settled: readonly Settlement[]) => Promise<void>,
): Promise<void> {
  if (!pool.startWatch(now, IDLE_MS * (MAX_ROUNDS + 1))) return
  try {
    for (let round = 1; round <= MAX_ROUNDS && pool.hasFree(now); round += 1) {
      await pause(IDLE_MS)
      const settled = pool.takeIdle(now, round === MAX_ROUNDS)
      if (settled.length > 0) await tell(settled)
    }
  } finally {
    pool.endWatch()
  }
}
