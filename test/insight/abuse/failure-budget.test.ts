import { assert, property, integer, array, record, boolean } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createFailureBudget } from '../../../src/insight/abuse/failure-budget.ts'

const NOW = Date.UTC(2026, 10, 2)
const OFFICE = '192.0.2.7'
const ALLOWED = { address: 20, network: 100 } as const
const budgetOf = (allowed: { readonly address: number; readonly network: number } = ALLOWED) => createFailureBudget(allowed)
type Budget = ReturnType<typeof budgetOf>

/** `count` guesses at once; each another credential. */
function guess(budget: Budget, address: string | ((index: number) => string), count: number, now = NOW): void {
  for (let index = 0; index < count; index += 1)
    budget.failed(typeof address === 'string' ? address : address(index), 1000 + index, true, now)
}
const waits = (budget: Budget, address: string, now = NOW, digest = 0): number | undefined => budget.waits(address, () => digest, now)

describe('createFailureBudget()', () => {
  test('one failure under the budget costs nothing, the one that uses it up ten seconds', () => {
    const budget = budgetOf()
    guess(budget, OFFICE, 19)
    expect(waits(budget, OFFICE)).toBeUndefined()
    budget.failed(OFFICE, 9, true, NOW)
    expect(waits(budget, OFFICE)).toBe(10)
    expect(waits(budget, OFFICE, NOW + 9999)).toBe(1)
    expect(waits(budget, OFFICE, NOW + 10_000)).toBeUndefined()
  })

  test('nothing is asked of a request while nobody waits', () => {
    const budget = budgetOf()
    guess(budget, OFFICE, 19)
    let asked = 0
    budget.waits(OFFICE, () => (asked += 1), NOW)
    expect(asked).toBe(0)
  })

  test('whoever goes on waits twice as long each time, at most five minutes', () => {
    const budget = budgetOf()
    let now = NOW
    const seconds = Array.from({ length: 8 }, () => {
      guess(budget, OFFICE, 20, now)
      const waited = waits(budget, OFFICE, now) ?? 0
      now += waited * 1000
      return waited
    })
    expect(seconds).toEqual([10, 20, 40, 80, 160, 300, 300, 300])
  })

  test('after ten minutes without a failure it begins at ten seconds again', () => {
    const budget = budgetOf()
    guess(budget, OFFICE, 20)
    guess(budget, OFFICE, 20, NOW + 10_000)
    expect(waits(budget, OFFICE, NOW + 10_000)).toBe(20)
    guess(budget, OFFICE, 20, NOW + 30_000 + 600_001)
    expect(waits(budget, OFFICE, NOW + 30_000 + 600_001)).toBe(10)
  })

  test('rotating in a /64 is one address', () => {
    const budget = budgetOf()
    guess(budget, (index) => `2001:db8:1:2::${index.toString(16)}`, 20)
    expect(waits(budget, '2001:db8:1:2:ffff::1')).toBe(10)
    expect(waits(budget, '2001:db8:1:3::1')).toBeUndefined()
  })

  test.each([
    ['/24', (index: number) => `192.0.2.${index}`, '192.0.2.250', '192.0.3.1'],
    ['/48', (index: number) => `2001:db8:1:${index.toString(16)}::1`, '2001:db8:1:ffff::1', '2001:db8:2::1'],
  ])(
    'spread over a %s, each address below its own budget: the network waits, its neighbour does not',
    (_name, address, inside, outside) => {
      const budget = budgetOf()
      guess(budget, address, 99)
      expect(waits(budget, inside)).toBeUndefined()
      budget.failed(address(99), 9, true, NOW)
      expect(waits(budget, inside)).toBe(10)
      expect(waits(budget, outside)).toBeUndefined()
    },
  )

  test('poisoning a shared address: what was good there while others failed goes on, another credential waits', () => {
    const budget = budgetOf()
    guess(budget, OFFICE, 1)
    budget.passed(OFFICE, () => 77, NOW)
    guess(budget, OFFICE, 40)
    expect(waits(budget, OFFICE, NOW, 77)).toBeUndefined()
    expect(waits(budget, OFFICE, NOW, 78)).toBe(10)
    expect(waits(budget, OFFICE, NOW, 0)).toBe(10)
    // Good there is not good elsewhere.
    guess(budget, '198.51.100.1', 20)
    expect(waits(budget, '198.51.100.1', NOW, 77)).toBe(10)
  })

  test('what was good and is refused since waits as any other', () => {
    const budget = budgetOf()
    guess(budget, OFFICE, 1)
    budget.passed(OFFICE, () => 77, NOW)
    budget.failed(OFFICE, 77, false, NOW)
    guess(budget, OFFICE, 20)
    expect(waits(budget, OFFICE, NOW, 77)).toBe(10)
  })

  test('one that is refused again and again counts a quarter: a program with an old key may try four times as often', () => {
    const budget = budgetOf()
    for (let index = 0; index < 76; index += 1) budget.failed(OFFICE, 5, true, NOW)
    expect(waits(budget, OFFICE)).toBeUndefined()
    budget.failed(OFFICE, 5, true, NOW)
    expect(waits(budget, OFFICE)).toBe(10)
  })

  test('what one address remembers is bounded: the 33rd good credential pushes out the first', () => {
    const budget = budgetOf({ address: 20, network: 100_000 })
    guess(budget, OFFICE, 1)
    for (let index = 1; index <= 257; index += 1) budget.passed(OFFICE, () => index, NOW)
    guess(budget, OFFICE, 20)
    expect(waits(budget, OFFICE, NOW, 257)).toBeUndefined()
    expect(waits(budget, OFFICE, NOW, 1)).toBe(10)
  })

  test('property: over any run an address fails at most its budget, and its rate since', () => {
    const step = record({ gapMs: integer({ min: 0, max: 20_000 }), fresh: boolean() })
    assert(
      property(array(step, { maxLength: 300 }), (steps) => {
        const budget = budgetOf({ address: 20, network: 1_000_000 })
        let now = NOW
        let failed = 0
        for (const [index, { gapMs }] of steps.entries()) {
          now += gapMs
          if (budget.waits(OFFICE, () => 0, now) !== undefined) continue
          budget.failed(OFFICE, 1000 + index, true, now)
          failed += 1
        }
        expect(failed).toBeLessThanOrEqual(20 + (20 * (now - NOW)) / 60_000 + 1)
      }),
    )
  })
})
