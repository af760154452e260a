import { grantAll, refundOne, type Books, type Grant, type LedgerAnswer, type Receipt } from './ledger.ts'
import type { LedgerCalls } from './ledger-calls.ts'
import type { Admission, Charge, Defer, Limiter, LimitState } from './limiter.ts'
import { createMemory } from './limiter-memory.ts'

type Refused = Extract<Admission, { status: 'refused' }>
type RefusedBy = Extract<LedgerAnswer, { status: 'refused' }>

/** One limit that this request has been counted by, and how to give it back. */
interface Counted {
  readonly charge: Charge
  readonly states: () => readonly LimitState[]
  /** `undefined`: given back in memory; else what the ledger must be told. */
  giveBack(now: number): Receipt | undefined
}

/**
 * All or none over any number of limits: what memory has been lent is spent at once, and only what it lacks is asked for, one call
 * per subject. Where one refuses or fails, everything is given back. What cannot be given back stays counted: a limit may count one too
 * many, never one too few. Holds values, never a promise.
 */
export function createLimiter(ledgerOf: (subject: string) => LedgerCalls): Limiter {
  const memory = createMemory()

  /** From memory; `undefined`: it has to be asked for. */
  const countHere = (charge: Charge, now: number): Counted | RefusedBy | undefined => {
    if (charge.limit.consistency === 'strict') return undefined
    if (charge.limit.consistency === 'local') return countLocally(charge, now)
    const purse = memory.purseOf(charge, now)
    if (!purse.has(now)) return undefined
    const spent = purse.spend(now)
    return {
      charge,
      states: () => purse.states(now),
      giveBack: () => (purse.putBack(spent) ? undefined : spent.receipt),
    }
  }

  const countLocally = (charge: Charge, now: number): Counted | RefusedBy => {
    const books: Books = memory.booksOf(charge.subject)
    const answer = grantAll(books, { holder: '', asks: [{ limit: charge.limit, mode: 'spend', want: 1 }], settled: [] }, now)
    if (answer.status === 'refused') return answer
    const [grant] = answer.grants
    return {
      charge,
      states: () => grant?.states ?? [],
      giveBack(later) {
        if (grant !== undefined) refundOne(books, [grant.receipt], later)
        return undefined
      },
    }
  }

  const countByGrant = (charge: Charge, grant: Grant, sentAt: number): Counted => {
    if (grant.lease === '') return { charge, states: () => grant.states, giveBack: () => grant.receipt }
    memory.purseOf(charge, sentAt).add(grant, sentAt)
    const counted = countHere(charge, sentAt)
    if (counted === undefined || 'waitMs' in counted) throw new Error('a grant of nothing')
    return counted
  }

  const askedInVain = (charges: readonly Charge[], now: number): void => {
    for (const charge of charges) if (charge.limit.consistency === 'leased') memory.purseOf(charge, now).askedInVain()
  }

  /** One call for what one subject lacks. A refusal counts only while nobody else's grant has left something here. */
  const ask = async (subject: string, lacking: readonly Charge[], now: number): Promise<readonly Counted[] | RefusedBy> => {
    let answer: LedgerAnswer
    try {
      answer = await ledgerOf(subject).grant(memory.requestFor(lacking, now))
    } catch (error) {
      askedInVain(lacking, now)
      if (!lacking.every(({ limit }) => limit.onOutage === 'local')) throw error
      return allOrNone(
        lacking.map((charge) => countLocally(charge, now)),
        now,
      )
    }
    if (answer.status === 'granted') {
      const { grants } = answer
      return lacking.flatMap((charge, index) => (grants[index] === undefined ? [] : [countByGrant(charge, grants[index], now)]))
    }
    askedInVain(lacking, now)
    const { state } = answer
    const fromMemory = lacking.map((charge) => countHere(charge, now))
    const missing = fromMemory.find((counted) => counted === undefined || 'waitMs' in counted)
    const counted = fromMemory.filter((one): one is Counted => one !== undefined && !('waitMs' in one))
    if (missing === undefined && counted.length === lacking.length) return counted
    for (const one of counted) one.giveBack(now)
    const refusing = lacking.find(({ limit }) => limit.name === state.limit.name)
    if (refusing !== undefined) memory.remember(refusing, answer, now)
    return answer
  }

  /** After the response, so that the next requests find credit. */
  const renew = (charges: readonly Charge[], now: number, defer: Defer): void => {
    for (const charge of charges) {
      if (charge.limit.consistency !== 'leased' || !memory.purseOf(charge, now).wantsMore(now)) continue
      const request = memory.requestFor([charge], now)
      defer({
        name: 'renew lease',
        run: async () => {
          const answer = await ledgerOf(charge.subject).grant(request)
          if (answer.status === 'granted' && answer.grants[0] !== undefined) memory.purseOf(charge, now).add(answer.grants[0], now)
          else askedInVain([charge], now)
        },
      })
    }
  }

  const giveBack = async (counted: readonly Counted[], now: number): Promise<void> => {
    const told = counted.flatMap((one) => {
      const receipt = one.giveBack(now)
      return receipt === undefined ? [] : [{ subject: one.charge.subject, receipt }]
    })
    await Promise.all(told.map(async ({ subject, receipt }) => ledgerOf(subject).refund([receipt])))
  }

  const admitted = (counted: readonly Counted[]): Admission => {
    const refundable = counted.filter(({ charge }) => charge.limit.chargeOn === 'success')
    const states = counted.flatMap((one) => one.states())
    return { status: 'admitted', states, ...(refundable.length === 0 ? {} : { refund: async (later) => giveBack(refundable, later) }) }
  }

  const admitAsking = async (
    here: readonly Counted[],
    lacking: readonly Charge[],
    charges: readonly Charge[],
    now: number,
  ): Promise<Admission> => {
    const subjects = [...new Set(lacking.map(({ subject }) => subject))]
    const results = await Promise.allSettled(
      subjects.map(async (subject) =>
        ask(
          subject,
          lacking.filter((charge) => charge.subject === subject),
          now,
        ),
      ),
    )
    const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const counted = [...here, ...answers.flatMap((answer) => ('waitMs' in answer ? [] : answer))]
    const failure = results.find((result) => result.status === 'rejected')
    const refusals = answers.filter((answer): answer is RefusedBy => 'waitMs' in answer)
    if (failure === undefined && refusals.length === 0) return admitted(inOrder(counted, charges))
    // What cannot be given back stays charged; the answer is the same.
    await giveBack(counted, now).catch(() => undefined)
    if (refusals.length === 0) throw new Error('a ledger did not answer', { cause: failure?.reason })
    return refusedBy(refusals)
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
      return lacking.length === 0 ? admitted(here) : admitAsking(here, lacking, charges, now)
    },
  }
}

function allOrNone(results: readonly (Counted | RefusedBy)[], now: number): readonly Counted[] | RefusedBy {
  const counted = results.filter((result): result is Counted => !('waitMs' in result))
  const refusal = results.find((result): result is RefusedBy => 'waitMs' in result)
  if (refusal !== undefined) for (const one of counted) one.giveBack(now)
  return refusal ?? counted
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
