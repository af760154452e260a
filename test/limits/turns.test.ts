import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../src/limits/leased-limiter.ts'
import { emptyBooks, grantAll, type LedgerAnswer, type LedgerRequest } from '../../src/limits/ledger.ts'
import type { Admission, Limiter, LimitPolicy } from '../../src/limits/limiter.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const limitOf = (parts: Partial<LimitPolicy> = {}): LimitPolicy => ({
  name: 'calls',
  by: [['consumer']],
  rate: { count: 1000, seconds: 1, burst: 2000 },
  chargeOn: 'request',
  consistency: 'leased',
  onOutage: 'closed',
  ...parts,
})
const admit = async (limiter: Limiter, limit: LimitPolicy, now = NOW): Promise<Admission> =>
  limiter.admit([{ limit, subject: 's', cost: 1 }], now, () => undefined)

interface Answering {
  readonly request: LedgerRequest
  readonly answer: () => void
}

/** A ledger that answers when it is told to, and pauses that end when they are told to. */
function slowLedger(): { limiter: Limiter; calls: Answering[]; pauses: (() => void)[] } {
  const [books, calls, pauses]: [ReturnType<typeof emptyBooks>, Answering[], (() => void)[]] = [emptyBooks(), [], []]
  const limiter = createLimiter(
    () => ({
      grant: async (request) => {
        const { promise, resolve } = Promise.withResolvers<LedgerAnswer>()
        calls.push({ request, answer: () => resolve(grantAll(books, request, NOW)) })
        return promise
      },
      refund: async () => undefined,
    }),
    async () => {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      pauses.push(() => resolve(undefined))
      await promise
    },
  )
  return { limiter, calls, pauses }
}
const settle = async (): Promise<void> => scheduler.wait(0)
const endAll = async (pauses: (() => void)[]): Promise<void> => {
  for (const end of pauses.splice(0)) end()
  await settle()
}

describe('createTurns()', () => {
  test('of a hundred requests that find nothing two ask at once, and what the others need is asked for by the next', async () => {
    const { limiter, calls, pauses } = slowLedger()
    const admissions = Array.from({ length: 100 }, async () => admit(limiter, limitOf()))
    await settle()
    expect([calls.length, pauses.length]).toEqual([2, 98])
    for (const { answer } of calls) answer()
    await settle()
    await endAll(pauses)
    expect(calls.length).toBe(4)
    expect(calls[2]?.request.asks[0]?.want).toBeGreaterThanOrEqual(98)
    for (const { answer } of calls.slice(2)) answer()
    await settle()
    await endAll(pauses)
    expect((await Promise.all(admissions)).map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 'admitted'))
    expect(calls.length).toBe(4)
  })

  test('what was refused meanwhile is refused without a call', async () => {
    const { limiter, calls, pauses } = slowLedger()
    const limit = limitOf({ rate: { count: 1, seconds: 10, burst: 2 } })
    const admissions = Array.from({ length: 10 }, async () => admit(limiter, limit))
    let answered = 0
    for (let step = 0; step < 6; step += 1) {
      for (const { answer } of calls.slice(answered)) answer()
      answered = calls.length
      await settle()
      await endAll(pauses)
    }
    const admitted = (await Promise.all(admissions)).filter(({ status }) => status === 'admitted')
    expect([admitted.length, calls.length]).toEqual([2, 4])
  })

  test('calls that do not come back are not waited for longer than a second', async () => {
    const { limiter, calls, pauses } = slowLedger()
    for (let count = 0; count < 2; count += 1) void admit(limiter, limitOf())
    void admit(limiter, limitOf(), NOW + 999)
    await settle()
    expect([calls.length, pauses.length]).toEqual([2, 1])
    void admit(limiter, limitOf(), NOW + 1000)
    await settle()
    expect(calls.length).toBe(3)
  })

  test.each(['closed', 'local'] as const)('who has no turn for three seconds is answered as in an outage: %s', async (onOutage) => {
    const { limiter, pauses } = slowLedger()
    const limit = limitOf({ onOutage })
    const jam = (now: number): void => {
      for (let count = 0; count < 2; count += 1) void admit(limiter, limit, now)
    }
    jam(NOW)
    const outcome = admit(limiter, limit).then(
      ({ status }) => status,
      (error: Error) => error.message,
    )
    let [at, ms, jammedAt] = [NOW, 10, NOW]
    for (; at < NOW + 3000; ms = Math.min(2 * ms, 80)) {
      at += ms
      if (at - jammedAt >= 1000) jam((jammedAt = at))
      await endAll(pauses)
    }
    expect(await outcome).toBe(onOutage === 'local' ? 'admitted' : 'a ledger did not answer')
  })
})
