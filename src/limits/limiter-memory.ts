import type { Books } from './account.ts'
import { emptyBooks, shortName, type Ask, type Grant, type LedgerAnswer, type LedgerRequest, type Settlement } from './ledger.ts'
import type { Charge, LimitPolicy, LimitState } from './limiter.ts'
import { createPermitPool, type PermitPool } from './permit-pool.ts'
import { createPurse, NOTHING, type Purse, type Spent } from './purse.ts'

/** What one isolate remembers of limits: leases, refusals, and what it counts for itself. Bounded; the oldest is forgotten first. */
export interface LimiterMemory {
  purseOf(charge: Charge, now: number): Purse
  /** The same of a concurrency limit; `undefined` of any other. */
  poolOf(charge: Charge, now: number): PermitPool | undefined
  booksOf(subject: string): Books
  /**
   * What to ask a subject's ledger for, with all that is to be settled there. What is here already of each charge is taken out
   * meanwhile, so that only the rest is asked for and nobody else spends it.
   */
  requestFor(lacking: readonly Charge[], now: number): { readonly request: LedgerRequest; readonly taken: readonly Spent[] }
  /** The same for requests to come: as much as there is, however little. */
  renewalOf(charge: Charge, now: number): LedgerRequest
  /** What is told to a subject's ledger without asking for anything. */
  tellingOf(settled: readonly Settlement[]): LedgerRequest
  /** What the ledger has lent. Where it could not lend all that was asked for, it is asked again after a rest, and until then refuses. */
  lend(charge: Charge, grant: Grant, sentAt: number): void
  remember(charge: Charge, refusal: Extract<LedgerAnswer, { status: 'refused' }>, now: number): void
  /** A permit has come back. */
  forgetRefusal(charge: Charge): void
  /** A refusal that is still certain. */
  refusalOf(charge: Charge, now: number): { readonly state: LimitState; readonly waitMs: number } | undefined
}

interface Refusal {
  readonly since: number
  readonly until: number
  readonly cost: number
  readonly state: LimitState
}
/** For a request from before it, the ledger is asked: the clock may have been set back. */
const isInForce = ({ since, until }: Refusal, now: number): boolean => since <= now && now < until

const MAX_REMEMBERED = 10_000
const MAX_TRIED = 8
/** Longest that a refusal is repeated from memory, in milliseconds. */
function rememberedMs({ chargeOn, credits, concurrency }: LimitPolicy): number {
  if (concurrency !== undefined) return 250
  // A limit that gives back, or that is added to, may open any time.
  return chargeOn === 'success' || credits !== undefined ? 1000 : 60_000
}

export function createMemory(): LimiterMemory {
  const purses = new Map<string, Purse>()
  const pools = new Map<string, PermitPool>()
  const books = new Map<string, Books>()
  const refusals = new Map<string, Refusal>()
  let holder: string | undefined
  /** Made within a request: there is no randomness before one. */
  const nameOfHolder = (): string => (holder ??= shortName())

  const poolOf = (charge: Charge, now: number): PermitPool | undefined => {
    const { concurrency } = charge.limit
    if (concurrency === undefined) return undefined
    if (pools.size >= MAX_REMEMBERED && !pools.has(keyOf(charge))) dropOne(pools, now)
    return keptOrMade(pools, keyOf(charge), () => createPermitPool(charge.limit, concurrency.holdSeconds))
  }

  const purseOf = (charge: Charge, now: number): Purse => {
    const pool = poolOf(charge, now)
    if (pool !== undefined) return pool
    const known = purses.get(keyOf(charge))
    if (known !== undefined) return known
    if (purses.size >= MAX_REMEMBERED) dropOne(purses, now)
    return keptOrMade(purses, keyOf(charge), () => createPurse(charge.limit))
  }

  return {
    purseOf,
    poolOf,
    booksOf: (subject) => keptOrMade(books, subject, emptyBooks),
    requestFor(lacking, now) {
      const settled = lacking.flatMap((charge) => (charge.limit.consistency === 'leased' ? purseOf(charge, now).takeSettled(now) : []))
      const taken = lacking.map((charge) => (charge.limit.consistency === 'leased' ? purseOf(charge, now).take(now, charge.cost) : NOTHING))
      const asks = lacking.map((charge, index): Ask => {
        const { limit, cost } = charge
        const needed = cost - (taken[index]?.amount ?? 0)
        if (limit.consistency !== 'leased') return { limit, mode: 'spend', want: needed, needed }
        return { limit, mode: 'lease', want: purseOf(charge, now).wanted(now, needed), needed }
      })
      return { request: { holder: nameOfHolder(), asks, settled }, taken }
    },
    renewalOf(charge, now) {
      const purse = purseOf(charge, now)
      const settled = purse.takeSettled(now)
      return { holder: nameOfHolder(), asks: [{ limit: charge.limit, mode: 'lease', want: purse.wanted(now) }], settled }
    },
    tellingOf: (settled) => ({ holder: nameOfHolder(), asks: [], settled }),
    lend(charge, grant, sentAt) {
      const restMs = purseOf(charge, sentAt).add(grant, sentAt)
      refusals.delete(keyOf(charge))
      if (restMs === 0) return
      const state: LimitState = { limit: charge.limit, kind: 'rate', remaining: 0, resetSeconds: Math.ceil(restMs / 1000) }
      keptOrMade(refusals, keyOf(charge), (): Refusal => ({ state, cost: 1, since: sentAt, until: sentAt + restMs }))
    },
    remember(charge, { state, waitMs, restMs }, now) {
      const known = refusals.get(keyOf(charge))
      // What refuses fewer refuses more.
      if (known !== undefined && isInForce(known, now) && known.cost < charge.cost) return
      refusals.delete(keyOf(charge))
      keptOrMade(refusals, keyOf(charge), () => ({
        state,
        cost: charge.cost,
        since: now,
        until: now + Math.min(rememberedMs(charge.limit), Math.floor(Math.max(waitMs, restMs))),
      }))
    },
    forgetRefusal: (charge) => void refusals.delete(keyOf(charge)),
    refusalOf(charge, now) {
      const found = refusals.get(keyOf(charge))
      if (found === undefined || found.cost > charge.cost) return undefined
      // What another call has been lent meanwhile may be spent.
      const purse = purses.get(keyOf(charge)) ?? pools.get(keyOf(charge))
      if (purse?.has(now, charge.cost) === true) return undefined
      // No time brings credits back.
      const waitMs = charge.limit.credits === undefined ? found.until - now : Number.POSITIVE_INFINITY
      if (isInForce(found, now)) return { state: found.state, waitMs }
      if (found.until <= now) refusals.delete(keyOf(charge))
      return undefined
    },
  }
}

/** The oldest that holds nothing, of the first few; those before it get another turn, so that a busy subject is not forgotten for its age. */
function dropOne<One extends Purse>(purses: Map<string, One>, now: number): void {
  for (const [key, purse] of firstOf(purses)) {
    purses.delete(key)
    if (purse.isIdle(now)) return
    purses.set(key, purse)
  }
  const [oldest] = purses.keys()
  if (oldest !== undefined) purses.delete(oldest)
}

function firstOf<One>(purses: ReadonlyMap<string, One>): (readonly [string, One])[] {
  const first: (readonly [string, One])[] = []
  for (const entry of purses) {
    if (first.length === MAX_TRIED) break
    first.push(entry)
  }
  return first
}

function keptOrMade<Value>(values: Map<string, Value>, key: string, make: () => Value): Value {
  const known = values.get(key)
  if (known !== undefined) return known
  const [oldest] = values.keys()
  if (values.size >= MAX_REMEMBERED && oldest !== undefined) values.delete(oldest)
  const made = make()
  values.set(key, made)
  return made
}

const keyOf = ({ limit, subject }: Charge): string => `${limit.name} ${subject}`
