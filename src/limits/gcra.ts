import type { LimitPolicy } from './limiter.ts'

/**
 * The generic cell rate algorithm (ITU-T I.371 §A.1). The whole state is the theoretical arrival time: when everything
 * spent so far has flowed off, in milliseconds since the epoch. Any window of W seconds admits at most `burst + rate × W`.
 */
export type Rate = NonNullable<LimitPolicy['rate']>

export interface RateStanding {
  readonly remaining: number
  readonly resetSeconds: number
}
/** Sums of fractions of a millisecond are off by less than this; far less than any interval that matters. */
const ROUNDING_MS = 0.01

export const intervalOf = ({ count, seconds }: Rate): number => (seconds * 1000) / count

/** The state after `amount` more requests; a negative amount gives back. */
export function advance(rate: Rate, arrivesAt: number, amount: number, now: number): number {
  return Math.max(now, Math.max(arrivesAt, now) + intervalOf(rate) * amount)
}

/**
 * Gives `amount` requests back. `chargedTo`: the state their charge led to. What has flowed off since is not given back again, so
 * a refund never lets more through than if they had not come.
 */
export function giveBack(rate: Rate, arrivesAt: number, chargedTo: number, amount: number, now: number): number {
  return arrivesAt - Math.min(intervalOf(rate) * amount, Math.max(0, chargedTo - now))
}

/** `needed`: how many are to fit. A state of other numbers (the policy changed) counts as far as these allow. */
export function standingOf(rate: Rate, arrivesAt: number, needed: number, now: number): RateStanding {
  const interval = intervalOf(rate)
  const spentMs = Math.max(0, arrivesAt - now)
  const remaining = Math.floor((interval * rate.burst - spentMs + ROUNDING_MS) / interval)
  const resetMs = remaining < needed ? spentMs - interval * (rate.burst - needed) : spentMs
  return { remaining: Math.min(rate.burst, Math.max(0, remaining)), resetSeconds: Math.ceil(Math.max(0, resetMs) / 1000) }
}
