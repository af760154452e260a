import { periodAt, type Period } from './calendar-quota.ts'
import { giveBack, standingOf, takeOne } from './gcra.ts'
import type { LimitPolicy, LimitState } from './limiter.ts'

/** What one subject has spent on each of its limits. The pure part of a ledger: it reads no clock and keeps nothing. */
export interface Books {
  /** By name of the limit: theoretical arrival time, in milliseconds since the epoch. */
  readonly rates: Map<string, number>
  /** By name of the limit: requests counted in the period that starts there. */
  readonly quotas: Map<string, { readonly startsAt: number; readonly used: number }>
}

/** What was charged, so that exactly that can be given back. */
export interface Receipt {
  readonly limit: LimitPolicy
  readonly kind: 'rate' | 'quota'
  /** Of a rate the state the charge led to, of a quota the start of the period. */
  readonly mark: number
}
export type LedgerAnswer =
  | { readonly status: 'admitted'; readonly states: readonly LimitState[]; readonly receipts: readonly Receipt[] }
  | {
      readonly status: 'refused'
      readonly state: LimitState
      readonly states: readonly LimitState[]
      /** Until one more fits if nobody else spends, in milliseconds. */
      readonly waitMs: number
    }

export const emptyBooks = (): Books => ({ rates: new Map(), quotas: new Map() })

/** Charges one request to all limits or to none. `now` in milliseconds. */
export function admitOne(books: Books, limits: readonly LimitPolicy[], now: number): LedgerAnswer {
  const entries = limits.flatMap((limit) => entriesOf(books, limit, now))
  const refusing = entries.filter(({ waitMs }) => waitMs > 0).toSorted((one, other) => other.waitMs - one.waitMs)[0]
  if (refusing !== undefined) {
    return { status: 'refused', state: refusing.state(), states: entries.map(({ state }) => state()), waitMs: refusing.waitMs }
  }
  const receipts = entries.map(({ charge }) => charge())
  return { status: 'admitted', receipts, states: entries.map(({ state }) => state()) }
}

/** A receipt of a period that is over gives nothing back. */
export function refundOne(books: Books, receipts: readonly Receipt[], now: number): void {
  for (const { limit, kind, mark } of receipts) {
    if (kind === 'rate') {
      const arrivesAt = books.rates.get(limit.name)
      if (arrivesAt !== undefined && limit.rate !== undefined) {
        books.rates.set(limit.name, giveBack(limit.rate, arrivesAt, mark, now))
      }
      continue
    }
    const page = books.quotas.get(limit.name)
    if (page?.startsAt === mark && page.used > 0) books.quotas.set(limit.name, { startsAt: mark, used: page.used - 1 })
  }
}

/** One limit's rate or quota at one moment. */
interface Entry {
  /** 0: one more fits. */
  readonly waitMs: number
  readonly state: () => LimitState
  readonly charge: () => Receipt
}

function entriesOf(books: Books, limit: LimitPolicy, now: number): Entry[] {
  const { rate, quota } = limit
  return [
    ...(rate === undefined ? [] : [rateEntry(books, limit, rate, now)]),
    ...(quota === undefined ? [] : [quotaEntry(books, limit, quota, now)]),
  ]
}

function rateEntry({ rates }: Books, limit: LimitPolicy, rate: NonNullable<LimitPolicy['rate']>, now: number): Entry {
  const taken = takeOne(rate, rates.get(limit.name) ?? now, now)
  return {
    waitMs: taken.fits ? 0 : taken.waitMs,
    state: () => ({ limit, kind: 'rate', ...standingOf(rate, rates.get(limit.name) ?? now, now) }),
    charge() {
      const mark = taken.fits ? taken.arrivesAt : now
      rates.set(limit.name, mark)
      return { limit, kind: 'rate', mark }
    },
  }
}

function quotaEntry({ quotas }: Books, limit: LimitPolicy, quota: NonNullable<LimitPolicy['quota']>, now: number): Entry {
  const { startsAt, endsAt } = periodOf(quotas, limit.name, quota, now)
  const used = (): number => {
    const page = quotas.get(limit.name)
    return page?.startsAt === startsAt ? page.used : 0
  }
  const resetSeconds = Math.ceil((endsAt - now) / 1000)
  return {
    waitMs: used() < quota.count ? 0 : endsAt - now,
    state: () => ({ limit, kind: 'quota', remaining: Math.max(0, quota.count - used()), resetSeconds }),
    charge() {
      quotas.set(limit.name, { startsAt, used: used() + 1 })
      return { limit, kind: 'quota', mark: startsAt }
    },
  }
}

/** A request that comes with an earlier time than another did (slow, or of a slower clock) counts in the other's period: none starts twice. */
function periodOf(quotas: Books['quotas'], name: string, { period }: NonNullable<LimitPolicy['quota']>, now: number): Period {
  return periodAt(period, Math.max(now, quotas.get(name)?.startsAt ?? now))
}

/** When nothing of what was spent matters any more, in milliseconds since the epoch; `limits` are those just asked about. */
export function settledAt(books: Books, limits: readonly LimitPolicy[], now: number): number {
  const ends = limits.flatMap(({ name, quota }) => [
    books.rates.get(name) ?? now,
    quota === undefined ? now : periodOf(books.quotas, name, quota, now).endsAt,
  ])
  return Math.max(now, ...ends)
}
