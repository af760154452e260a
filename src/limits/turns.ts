import type { LimiterMemory } from './limiter-memory.ts'
import type { Charge } from './limiter.ts'

/**
 * Which request asks a ledger, and which waits for what others bring. Where every request that finds nothing in memory made a call of
 * its own, isolates that begin together would ask an object faster than it answers, and each would ask the more the longer it waits.
 */
export interface Turns {
  /** Whether enough calls are on their way for what one of these lacks. */
  isJammed(charges: readonly Charge[], now: number): boolean
  /**
   * Does `act` once none of them is jammed, after `MAX_TURN_MS` at the latest; it is told the time then, in milliseconds. Each request
   * has a timer of its own and looks into memory: none waits for another's call.
   */
  take<Result>(charges: readonly Charge[], now: number, act: (at: number) => Promise<Result>): Promise<Result>
}

/** Between looks into memory, in milliseconds; each is twice as long as the one before. */
const MIN_PAUSE_MS = 10
const MAX_PAUSE_MS = 80
/** Who is jammed still takes the ledger as out of reach. */
const MAX_TURN_MS = 3000

export function createTurns(memory: LimiterMemory, pause: (ms: number) => Promise<void>): Turns {
  const isOneJammed = (charge: Charge, now: number): boolean => {
    if (charge.limit.consistency !== 'leased' || memory.refusalOf(charge, now) !== undefined) return false
    const purse = memory.purseOf(charge, now)
    return purse.isAwaiting(now) && !purse.has(now, charge.cost)
  }
  const isJammed = (charges: readonly Charge[], now: number): boolean => charges.some((charge) => isOneJammed(charge, now))
  const expect = (charges: readonly Charge[], now: number, sign: 1 | -1): void => {
    for (const charge of charges) if (charge.limit.consistency === 'leased') memory.purseOf(charge, now).expect(now, sign * charge.cost)
  }
  return {
    isJammed,
    async take(charges, now, act) {
      expect(charges, now, 1)
      let at = now
      for (let ms = MIN_PAUSE_MS; at - now < MAX_TURN_MS && isJammed(charges, at); ms = Math.min(2 * ms, MAX_PAUSE_MS)) {
        await pause(ms)
        at += ms
      }
      expect(charges, at, -1)
      // In the same step as the last look: of those that wake together the first to ask jam the others again.
      return act(at)
    },
  }
}
