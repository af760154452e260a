import { array, assert, asyncProperty, boolean, constantFrom, integer, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../src/limits/leased-limiter.ts'
import type { LedgerCalls } from '../../src/limits/ledger-calls.ts'
import { addCredits, balanceOf, emptyBooks, grantAll, refundOne } from '../../src/limits/ledger.ts'
import type { Admission, Limiter } from '../../src/limits/limiter.ts'
import { limitOf } from '../support/limits.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const SKEWS = [0, 9, -3_600_000]

const steps = array(
  record({
    isolate: integer({ min: 0, max: SKEWS.length - 1 }),
    /** Up to years: no time brings credits back. */
    afterMs: constantFrom(0, 0, 1, 100, 1000, 8000, 10_001, 86_400_000, 40_000_000_000),
    requests: constantFrom(0, 1, 2, 5, 30),
    cost: constantFrom(1, 1, 2, 7),
    added: constantFrom(0, 0, 0, 1, 10),
    isGivenBack: boolean(),
    fate: constantFrom('answered', 'answered', 'answered', 'failed', 'lost', 'evicted'),
  }),
  { maxLength: 40 },
)

describe.each(['strict', 'leased'] as const)('credits that are %s', (consistency) => {
  const play = async (
    initial: number,
    moves: Parameters<Parameters<typeof steps.map>[0]>[0],
    after: (world: { readonly spent: number; readonly total: number; readonly left: number; readonly lost: boolean }) => void,
  ): Promise<void> => {
    const limit = limitOf({ name: 'c', credits: initial, chargeOn: 'success', consistency })
    const books = emptyBooks()
    const clock = { at: NOW, fate: 'answered' }
    const calls: LedgerCalls = {
      async grant(request) {
        if (clock.fate === 'failed') throw new Error('down')
        const answer = grantAll(books, request, clock.at)
        if (clock.fate === 'lost') throw new Error('lost')
        return answer
      },
      refund: async (receipts) => refundOne(books, receipts, clock.at),
    }
    const create = (): Limiter => createLimiter(() => calls)
    const isolates = SKEWS.map(create)
    let [spent, total, lost] = [0, initial, false]
    for (const { isolate, afterMs, requests, cost, added, isGivenBack, fate } of moves) {
      clock.at += afterMs
      clock.fate = fate
      lost ||= fate !== 'answered'
      if (fate === 'evicted') isolates[isolate] = create()
      if (added > 0) addCredits(books, limit, added, clock.at)
      total += added
      for (let sent = 0; sent < requests; sent += 1) {
        const now = clock.at + (SKEWS[isolate] ?? 0)
        const limiter = isolates[isolate] ?? create()
        const admission: Admission | undefined = await Promise.resolve(
          limiter.admit([{ limit, subject: 's', cost }], now, () => undefined),
        ).catch(() => undefined)
        if (admission?.status !== 'admitted') continue
        if (isGivenBack) await admission.refund?.(now)
        else spent += cost
      }
      after({ spent, total, left: balanceOf(books, limit, clock.at).available, lost })
    }
  }

  test('are never spent twice, whatever is lost', async () => {
    await assert(
      asyncProperty(integer({ min: 0, max: 60 }), steps, async (initial, moves) =>
        play(initial, moves, ({ spent, total, left }) => {
          expect(spent + left).toBeLessThanOrEqual(total)
        }),
      ),
      { numRuns: 200 },
    )
  })

  test.runIf(consistency === 'strict')('are all there where no answer is lost', async () => {
    await assert(
      asyncProperty(integer({ min: 0, max: 60 }), steps, async (initial, moves) =>
        play(initial, moves, ({ spent, total, left, lost }) => {
          expect(lost ? total : spent + left).toBe(total)
        }),
      ),
      { numRuns: 200 },
    )
  })
})
