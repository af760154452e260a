import type { Books } from './account.ts'
import { emptyBooks, grantAll, refundOne } from './ledger.ts'
import { createLimiter } from './leased-limiter.ts'
import type { Limiter } from './limiter.ts'

/** The same with the ledgers in the memory of one isolate, for tests. `now`: the ledgers' clock. */
export function createMemoryLimiter(now: () => number): Limiter {
  const subjects = new Map<string, Books>()
  return createLimiter(
    (subject) => {
      const books = subjects.get(subject) ?? emptyBooks()
      subjects.set(subject, books)
      return {
        grant: async (request) => grantAll(books, request, now()),
        refund: async (receipts) => refundOne(books, receipts, now()),
      }
    },
    async () => scheduler.wait(0),
  )
}
