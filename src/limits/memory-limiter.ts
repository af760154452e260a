import { createLimiter } from './ledger-limiter.ts'
import { admitOne, emptyBooks, refundOne, type Books } from './ledger.ts'
import type { Limiter } from './limiter.ts'

/** The same in the memory of one isolate, for tests. */
export function createMemoryLimiter(): Limiter {
  const subjects = new Map<string, Books>()
  return createLimiter((subject) => {
    const books = subjects.get(subject) ?? emptyBooks()
    subjects.set(subject, books)
    return {
      admit: async (limits, now) => admitOne(books, limits, now),
      refund: async (receipts, now) => refundOne(books, receipts, now),
    }
  })
}
