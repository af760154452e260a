import { encodeHex } from '../http/base64url.ts'
import type { LedgerAnswer, Receipt } from './ledger.ts'
import type { Ledger } from './ledger-object.ts'
import type { Admission, Charge, Limiter, LimitPolicy, LimitState } from './limiter.ts'

/** What one subject's ledger answers. */
export interface LedgerCalls {
  admit(limits: readonly LimitPolicy[], now: number): Promise<LedgerAnswer>
  refund(receipts: readonly Receipt[], now: number): Promise<void>
}
type Refused = Extract<Admission, { status: 'refused' }>

/** Refusals remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000
/** Longest that a refusal is repeated from memory. A limit that gives back (`chargeOn: success`) may open any time. */
const REMEMBERED_MS = { request: 60_000, success: 1000 } as const

/** The limiter over `Ledger` objects, one per subject; a call per subject and request. */
export function createLedgerLimiter(namespace: DurableObjectNamespace<Ledger>): Limiter {
  return createLimiter((subject) => ({
    admit: async (limits, now) => {
      const name = await objectName(subject)
      return callTwice(async () => namespace.getByName(name).admit(limits, now))
    },
    refund: async (receipts, now) => namespace.getByName(await objectName(subject)).refund(receipts, now),
  }))
}

/**
 * All or none over any number of ledgers: where one refuses or fails, what the others charged is given back. A charge whose
 * answer was lost stays: a limit may count one too many, never one too few.
 */
export function createLimiter(ledgerOf: (subject: string) => LedgerCalls): Limiter {
  const remembered = new Map<string, { readonly until: number; readonly state: LimitState }>()

  const remember = ({ state, waitMs }: Extract<LedgerAnswer, { status: 'refused' }>, subject: string, now: number): void => {
    const key = keyOf({ limit: state.limit, subject })
    remembered.delete(key)
    const [oldest] = remembered.keys()
    if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
    remembered.set(key, { state, until: now + Math.min(REMEMBERED_MS[state.limit.chargeOn], Math.floor(waitMs)) })
  }

  const giveBack = async (taken: readonly Taken[], now: number, isOnFailure: boolean): Promise<void> => {
    await Promise.all(
      taken.map(async ({ subject, answer }) => {
        const receipts = answer.receipts.filter(({ limit }) => !isOnFailure || limit.chargeOn === 'success')
        if (receipts.length > 0) await ledgerOf(subject).refund(receipts, now)
      }),
    )
  }

  return {
    refuseEarly(charges, now): Refused | undefined {
      for (const charge of charges) {
        const found = remembered.get(keyOf(charge))
        if (found === undefined) continue
        if (found.until > now) {
          return refused(found.state, [found.state], found.until - now)
        }
        remembered.delete(keyOf(charge))
      }
      return undefined
    },

    async admit(charges, now): Promise<Admission> {
      const results = await Promise.allSettled(
        [...new Set(charges.map(({ subject }) => subject))].map(async (subject) => ({
          subject,
          answer: await ledgerOf(subject).admit(
            charges.filter((charge) => charge.subject === subject).map(({ limit }) => limit),
            now,
          ),
        })),
      )
      const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      const taken = answers.flatMap(({ subject, answer }): Taken[] => (answer.status === 'admitted' ? [{ subject, answer }] : []))
      const states = answers.flatMap(({ answer }) => answer.states)
      const refusals = answers.flatMap(({ subject, answer }) => {
        if (answer.status !== 'refused') return []
        remember(answer, subject, now)
        return [answer]
      })
      const failure = results.find((result) => result.status === 'rejected')
      const [longest] = refusals.toSorted((one, other) => other.waitMs - one.waitMs)
      if (failure === undefined && longest === undefined) {
        const isRefundable = charges.some(({ limit }) => limit.chargeOn === 'success')
        return { status: 'admitted', states, ...(isRefundable ? { refund: async (later) => giveBack(taken, later, true) } : {}) }
      }
      // What cannot be given back stays charged; the answer is the same.
      await giveBack(taken, now, false).catch(() => undefined)
      if (longest === undefined) throw new Error('a ledger did not answer', { cause: failure?.reason })
      return refused(longest.state, states, longest.waitMs)
    },
  }
}

interface Taken {
  readonly subject: string
  readonly answer: Extract<LedgerAnswer, { status: 'admitted' }>
}

function refused(state: LimitState, states: readonly LimitState[], waitMs: number): Refused {
  return { status: 'refused', state, states, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
}

const keyOf = ({ limit, subject }: Charge): string => `${limit.name} ${subject}`

/** Names of objects are logged and listed by the platform, so they hold hashes alone. */
async function objectName(subject: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(subject))
  return encodeHex(new Uint8Array(digest, 0, 16))
}

/** Once more where the platform says that it may. */
async function callTwice(call: () => Promise<LedgerAnswer>): Promise<LedgerAnswer> {
  try {
    return await call()
  } catch (error) {
    const { retryable, overloaded } = error as { readonly retryable?: boolean; readonly overloaded?: boolean }
    if (retryable !== true || overloaded === true) throw error
    return call()
  }
}
