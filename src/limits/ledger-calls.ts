import { encodeHex } from '../http/base64url.ts'
import { CALL_MS, callObject, within } from '../http/object-call.ts'
import { shortName, type Balance, type LedgerAnswer, type LedgerRequest, type Meter, type Receipt } from './ledger.ts'
import type { Ledger, ToppedUp, TopUp } from './ledger-object.ts'
import { createLimiter } from './leased-limiter.ts'
import type { Limiter, LimitPolicy } from './limiter.ts'

/** What one subject's ledger answers. */
export interface LedgerCalls {
  grant(request: LedgerRequest): Promise<LedgerAnswer>
  refund(receipts: readonly Receipt[]): Promise<void>
}

/** Balances of limits of credits. Both may be called again. */
export interface CreditCalls {
  add(subject: string, topUp: TopUp): Promise<ToppedUp>
  balance(subject: string, limit: LimitPolicy): Promise<Balance>
}

export function createCreditCalls(namespace: DurableObjectNamespace<Ledger>): CreditCalls {
  return {
    async add(subject, topUp) {
      const name = await objectName(subject)
      return callObject(async () => namespace.getByName(name).addCredits(topUp))
    },
    async balance(subject, limit) {
      const name = await objectName(subject)
      return callObject(async () => namespace.getByName(name).balance(limit))
    },
  }
}

/** How limits stand, exactly, from the ledger of their subject. */
export interface MeterCalls {
  meters(subject: string, limits: readonly LimitPolicy[]): Promise<readonly Meter[]>
}

export function createMeterCalls(namespace: DurableObjectNamespace<Ledger>): MeterCalls {
  return {
    async meters(subject, limits) {
      const name = await objectName(subject)
      return callObject(async () => namespace.getByName(name).meters(limits))
    },
  }
}

/** The limiter over `Ledger` objects, one per subject. */
export function createLedgerLimiter(namespace: DurableObjectNamespace<Ledger>): Limiter {
  return createLimiter((subject) => ({
    grant: async (request) => {
      const name = await objectName(subject)
      const named = { ...request, id: shortName() }
      // A grant whose answer was lost counts as spent.
      return callObject(async () => namespace.getByName(name).grant(named))
    },
    // Never repeated: one that was done twice would give back what nobody paid.
    refund: async (receipts) => within(namespace.getByName(await objectName(subject)).refund(receipts), CALL_MS, 'a ledger'),
  }))
}

/** Names of objects are logged and listed by the platform, so they hold hashes alone. */
async function objectName(subject: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(subject))
  return encodeHex(new Uint8Array(digest, 0, 16))
}
