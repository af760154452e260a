import type { Books } from '../../src/limits/account.ts'
import { grantAll, type Receipt } from '../../src/limits/ledger.ts'
import type { LimitPolicy, LimitState } from '../../src/limits/limiter.ts'

type Named = Pick<LimitPolicy, 'name' | 'chargeOn'> & Partial<LimitPolicy>

/** A limit of the policy, with what a test does not say. */
export const limitOf = (parts: Named): LimitPolicy => ({ by: [['consumer']], consistency: 'leased', onOutage: 'closed', ...parts })

export type Spending =
  | { readonly status: 'admitted'; readonly states: readonly LimitState[]; readonly receipts: readonly Receipt[] }
  | { readonly status: 'refused'; readonly state: LimitState; readonly states: readonly LimitState[]; readonly waitMs: number }

/** One request, spent at once on all its limits or on none. */
export function spendOne(books: Books, limits: readonly LimitPolicy[], now: number): Spending {
  const answer = grantAll(books, { holder: 'test', asks: limits.map((limit) => ({ limit, mode: 'spend', want: 1 })), settled: [] }, now)
  if (answer.status === 'refused') return answer
  return {
    status: 'admitted',
    states: answer.grants.flatMap(({ states }) => states),
    receipts: answer.grants.map(({ receipt }) => receipt),
  }
}
