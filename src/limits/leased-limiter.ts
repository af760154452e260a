import type { Books } from './account.ts'
import { grantAll, refundOne, type Ask, type Grant, type LedgerAnswer, type Receipt } from './ledger.ts'
import type { LedgerCalls } from './ledger-calls.ts'
import type { Admission, Charge, Defer, Limiter, LimitState } from './limiter.ts'
import { createMemory } from './limiter-memory.ts'
import { returnIdle } from './permit-pool.ts'
import type { Spent } from './purse.ts'
import { createTurns } from './turns.ts'

type Refused = Extract<Admission, { status: 'refused' }>
type RefusedBy = Extract<LedgerAnswer, { status: 'refused' }>

/** One limit that this request has been counted by, and how to give it back. */
interface Counted {
  readonly charge: Charge
  readonly states: () => readonly LimitState[]
  /** In memory as far as it can be; returns what the ledger must be told. */
  giveBack(now: number): readonly Receipt[]
}

/**
 * All or none over any number of limits: what memory has been lent is spent at once, and only what it lacks is asked for, one call
 * per subject. Where one refuses or fails, everything is given back. What cannot be given back stays counted: a limit may count one too
 * many, never one too few. Holds values, never a promise.
 */
export function createLimiter(ledgerOf: (subject: string) => LedgerCalls, pause = pauseFor): Limiter {
  const memory = createMemory()
  const turns = createTurns(memory, pause)

  /** From memory; `undefined`: it has to be asked for. */
  const countHere = (charge: Charge, now: number): Counted | RefusedBy | undefined => {
    if (charge.limit.consistency === 'strict') return undefined
    if (charge.limit.consistency === 'local') return countLocally(charge, now)
    const purse = memory.purseOf(charge, now)
    if (!purse.has(now, charge.cost)) return undefined
    const spent = purse.spend(now, charge.cost)
    return { charge, states: () => purse.states(now), giveBack: () => purse.putBack(spent) }
  }

  const countLocally = (charge: Charge, now: number): Counted | RefusedBy => {
    const books: Books = memory.booksOf(charge.subject)
    const asks: readonly Ask[] = [{ limit: charge.limit, mode: 'spend', want: charge.cost, needed: charge.cost }]
    const answer = grantAll(books, { holder: '', asks, settled: [] }, now)
    if (answer.status === 'refused') return answer
    const [grant] = answer.grants
    return {
      charge,
      states: () => grant?.states ?? [],
      giveBack(later) {
        if (grant !== undefined) refundOne(books, [grant.receipt], later)
        return []
      },
    }
  }

  /** What memory lacked has been granted; `taken`: the rest, from memory. */
  const countByGrant = (charge: Charge, grant: Grant, taken: Spent, sentAt: number): Counted => {
    const needed = charge.cost - taken.amount
    if (grant.amount < needed) throw new Error('a grant of less than is needed')
    if (charge.limit.consistency !== 'leased') return { charge, states: () => grant.states, giveBack: () => [grant.receipt] }
    const purse = memory.purseOf(charge, sentAt)
    if (grant.lease === '') {
      purse.askedInVain()
      return { charge, states: () => grant.states, giveBack: () => [grant.receipt, ...purse.putBack(taken)] }
    }
    memory.lend(charge, grant, sentAt)
    const spent = purse.spend(sentAt, needed)
    return { charge, states: () => purse.states(sentAt), giveBack: () => [...purse.putBack(taken), ...purse.putBack(spent)] }
  }

  const endTaking = (charges: readonly Charge[], taken: readonly Spent[], now: number): void => {
    for (const [index, charge] of charges.entries()) {
      const spent = taken[index]
      if (spent !== undefined && spent.amount > 0) memory.purseOf(charge, now).endTaking(spent)
    }
  }

  const putBack = (charges: readonly Charge[], taken: readonly Spent[], now: number): readonly Receipt[] =>
    charges.flatMap((charge, index) => {
      const spent = taken[index]
      return spent === undefined || spent.amount === 0 ? [] : memory.purseOf(charge, now).putBack(spent)
    })

  const askedInVain = (charges: readonly Charge[], now: number): void => {
    for (const charge of charges) if (charge.limit.consistency === 'leased') memory.purseOf(charge, now).askedInVain()
  }

  const countInOutage = (lacking: readonly Charge[], now: number, error: unknown): readonly Counted[] | RefusedBy => {
    if (!lacking.every(({ limit }) => limit.onOutage === 'local')) throw error
    return allOrNone(
      lacking.map((charge) => countLocally(charge, now)),
      now,
    )
  }

  /** One call for what one subject lacks. A refusal counts only while nobody else's grant has left something here. */
  const ask = async (subject: string, lacking: readonly Charge[], now: number): Promise<readonly Counted[] | RefusedBy> => {
    const { request, taken } = memory.requestFor(lacking, now)
    let answer: LedgerAnswer
    try {
      answer = await ledgerOf(subject)
        .grant(request)
        .finally(() => endTaking(lacking, taken, now))
    } catch (error) {
      askedInVain(lacking, now)
      putBack(lacking, taken, now)
      return countInOutage(lacking, now, error)
    }
    if (answer.status === 'granted') {
      const { grants } = answer
      return lacking.flatMap((charge, index) => {
        const [grant, rest] = [grants[index], taken[index]]
        return grant === undefined || rest === undefined ? [] : [countByGrant(charge, grant, rest, now)]
      })
    }
    askedInVain(lacking, now)
    const toldBack = putBack(lacking, taken, now)
    if (toldBack.length > 0)
      await ledgerOf(subject)
        .refund(toldBack)
        .catch(() => undefined)
    const refusal = withTaken(answer, lacking, taken)
    const { state } = refusal
    const fromMemory = lacking.map((charge) => countHere(charge, now))
    const missing = fromMemory.find((counted) => counted === undefined || 'waitMs' in counted)
    const counted = fromMemory.filter((one): one is Counted => one !== undefined && !('waitMs' in one))
    if (missing === undefined && counted.length === lacking.length) return counted
    for (const one of counted) one.giveBack(now)
    const refusing = lacking.find(({ limit }) => limit.name === state.limit.name)
    if (refusing !== undefined) memory.remember(refusing, refusal, now)
    return refusal
  }

  /** After the response, so that the next requests find credit. */
  const renew = (charges: readonly Charge[], now: number, defer: Defer): void => {
    for (const charge of charges) {
      if (charge.limit.consistency !== 'leased' || !memory.purseOf(charge, now).wantsMore(now)) continue
      const request = memory.renewalOf(charge, now)
      defer({
        name: 'renew lease',
        run: async () => {
          const answer = await ledgerOf(charge.subject).grant(request)
          if (answer.status === 'granted' && answer.grants[0] !== undefined) memory.lend(charge, answer.grants[0], now)
          else askedInVain([charge], now)
        },
      })
    }
  }

  const giveBack = async (counted: readonly Counted[], now: number): Promise<void> => {
    const told = counted.flatMap((one) => {
      const receipts = one.giveBack(now)
      return receipts.length === 0 ? [] : [{ subject: one.charge.subject, receipts }]
    })
    await Promise.all(told.map(async ({ subject, receipts }) => ledgerOf(subject).refund(receipts)))
  }

  /** Permits come back to this isolate, and what it does not use soon to the ledger. */
  const release = async (counted: readonly Counted[], now: number): Promise<void> => {
    for (const { charge } of counted) memory.forgetRefusal(charge)
    await giveBack(counted, now)
    await Promise.all(
      counted.map(async ({ charge }) => {
        const pool = charge.limit.consistency === 'leased' ? memory.poolOf(charge, now) : undefined
        if (pool === undefined) return
        await returnIdle(pool, now, pause, async (settled) => void (await ledgerOf(charge.subject).grant(memory.tellingOf(settled))))
      }),
    )
  }

  /** Of a request that is not let in. What cannot be given back stays counted; the answer is the same. */
  const undo = async (counted: readonly Counted[], now: number, defer: Defer): Promise<void> => {
    const [permits, others] = [counted.filter(isPermit), counted.filter((one) => !isPermit(one))]
    if (permits.length > 0) defer({ name: 'return permits', run: async () => release(permits, now) })
    await giveBack(others, now).catch(() => undefined)
  }

  const admitted = (counted: readonly Counted[]): Admission => {
    const refundable = counted.filter(({ charge }) => charge.limit.chargeOn === 'success')
    const states = counted.flatMap((one) => one.states())
    const permits = counted.filter(isPermit)
    return {
      status: 'admitted',
      states,
      ...(refundable.length === 0 ? {} : { refund: async (later) => giveBack(refundable, later) }),
      ...(permits.length === 0 ? {} : { release: async (later) => release(permits, later) }),
    }
  }

  /** After a wait for its turn: what has come into memory meanwhile is spent, and the rest asked for. */
  const askLate = async (subject: string, lacking: readonly Charge[], at: number): Promise<readonly Counted[] | RefusedBy> => {
    const found = lacking.map((charge) => memory.refusalOf(charge, at)).find((refusal) => refusal !== undefined)
    if (found !== undefined) return { ...found, status: 'refused', states: [found.state], restMs: 0 }
    if (turns.isJammed(lacking, at)) return countInOutage(lacking, at, new Error('no call has come back'))
    const results = lacking.map((charge) => ({ charge, result: countHere(charge, at) }))
    const here = results.flatMap(({ result }) => (result === undefined || 'waitMs' in result ? [] : [result]))
    const rest = results.flatMap(({ charge, result }) => (result === undefined ? [charge] : []))
    if (rest.length === 0) return here
    const undoHere = async (): Promise<void> => giveBack(here, at).catch(() => undefined)
    const answer = await ask(subject, rest, at).catch(async (error: unknown) => {
      await undoHere()
      throw error
    })
    if (!('waitMs' in answer)) return [...here, ...answer]
    await undoHere()
    return answer
  }

  /** One ledger after the other, in declared order: where one refuses or fails, those after it are not asked. */
  const admitAsking = async (
    here: readonly Counted[],
    lacking: readonly Charge[],
    charges: readonly Charge[],
    { now, defer }: { readonly now: number; readonly defer: Defer },
  ): Promise<Admission> => {
    const counted = [...here]
    for (const subject of new Set(lacking.map((charge) => charge.subject))) {
      const ofSubject = lacking.filter((charge) => charge.subject === subject)
      let answer: readonly Counted[] | RefusedBy
      try {
        const isJammed = turns.isJammed(ofSubject, now)
        answer = await (isJammed ? turns.take(ofSubject, now, async (at) => askLate(subject, ofSubject, at)) : ask(subject, ofSubject, now))
      } catch (cause) {
        await undo(counted, now, defer)
        throw new Error('a ledger did not answer', { cause })
      }
      if ('waitMs' in answer) {
        await undo(counted, now, defer)
        return refusedBy([answer])
      }
      counted.push(...answer)
    }
    return admitted(inOrder(counted, charges))
  }

  return {
    refuseEarly: (charges, now) => {
      const found = charges.map((charge) => memory.refusalOf(charge, now)).find((refusal) => refusal !== undefined)
      return found === undefined ? undefined : refused(found.state, [found.state], found.waitMs)
    },

    admit(charges, now, defer) {
      const results = charges.map((charge) => ({ charge, result: countHere(charge, now) }))
      const here = results.flatMap(({ result }) => (result === undefined || 'waitMs' in result ? [] : [result]))
      const refusals = results.flatMap(({ result }) => (result !== undefined && 'waitMs' in result ? [result] : []))
      if (refusals.length > 0) {
        for (const one of here) one.giveBack(now)
        return refusedBy(refusals)
      }
      renew(
        here.map(({ charge }) => charge),
        now,
        defer,
      )
      const lacking = results.flatMap(({ charge, result }) => (result === undefined ? [charge] : []))
      return lacking.length === 0 ? admitted(here) : admitAsking(here, lacking, charges, { now, defer })
    },
  }
}

const pauseFor = async (ms: number): Promise<void> => scheduler.wait(ms)

const isPermit = ({ charge }: Counted): boolean => charge.limit.concurrency !== undefined

function allOrNone(results: readonly (Counted | RefusedBy)[], now: number): readonly Counted[] | RefusedBy {
  const counted = results.filter((result): result is Counted => !('waitMs' in result))
  const refusal = results.find((result): result is RefusedBy => 'waitMs' in result)
  if (refusal !== undefined) for (const one of counted) one.giveBack(now)
  return refusal ?? counted
}

/** What is left includes what memory had been lent. */
function withTaken(refusal: RefusedBy, charges: readonly Charge[], taken: readonly Spent[]): RefusedBy {
  const add = (state: LimitState): LimitState => {
    const held = taken[charges.findIndex(({ limit }) => limit.name === state.limit.name)]?.amount ?? 0
    return held === 0 ? state : { ...state, remaining: state.remaining + held }
  }
  return { ...refusal, state: add(refusal.state), states: refusal.states.map(add) }
}

function inOrder(counted: readonly Counted[], charges: readonly Charge[]): readonly Counted[] {
  return charges.flatMap((charge) => counted.filter((one) => one.charge === charge))
}

function refusedBy(refusals: readonly RefusedBy[]): Refused {
  const [longest] = refusals.toSorted((one, other) => other.waitMs - one.waitMs)
  if (longest === undefined) throw new RangeError('no refusal')
  return refused(
    longest.state,
    refusals.flatMap(({ states }) => states),
    longest.waitMs,
  )
}

function refused(state: LimitState, states: readonly LimitState[], waitMs: number): Refused {
  return { status: 'refused', state, states, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
}
