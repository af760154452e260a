import { fixedSeconds } from './calendar-quota.ts'
import type { LimitState } from './limiter.ts'

/** Structured-field integers have at most 15 digits (RFC 9651 §3.3.1). */
const MAX_INTEGER = 999_999_999_999_999

/** `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-11; none where nothing was counted (RL-1, RL-2). */
export function rateLimitFields(states: readonly LimitState[]): (readonly [name: string, value: string])[] {
  if (states.length === 0) return []
  return [
    ['ratelimit-policy', states.map(policyOf).join(', ')],
    ['ratelimit', states.map((state) => `${nameOf(state)};r=${bound(state.remaining)}${resetOf(state)}`).join(', ')],
  ]
}

/** No time brings credits or permits back. */
function resetOf({ kind, resetSeconds }: LimitState): string {
  return kind === 'credits' || kind === 'concurrency' ? '' : `;t=${bound(resetSeconds)}`
}

/**
 * A rate shows as its bucket: `q` requests at once, whole again after `w` seconds. A month has no length to state. A balance that was
 * added to may be more than the policy gave at first.
 */
function policyOf(state: LimitState): string {
  const { rate, quota, credits, concurrency } = state.limit
  if (concurrency !== undefined) return `${nameOf(state)};q=${bound(concurrency.count)};qu="concurrent-requests"`
  if (credits !== undefined) return `${nameOf(state)};q=${bound(Math.max(credits, state.remaining))}`
  if (state.kind === 'rate' && rate !== undefined) {
    const window = Math.max(1, Math.ceil((rate.burst * rate.seconds) / rate.count))
    return `${nameOf(state)};q=${bound(rate.burst)};w=${bound(window)}`
  }
  const window = quota === undefined ? undefined : fixedSeconds(quota)
  return `${nameOf(state)};q=${bound(quota?.count ?? 0)}${window === undefined ? '' : `;w=${window}`}`
}

/** A limit that has both a rate and a quota is two policies. Names of limits are identifiers: nothing to escape. */
function nameOf({ limit, kind }: LimitState): string {
  return `"${kind === 'quota' && limit.rate !== undefined ? `${limit.name}.quota` : limit.name}"`
}

function bound(value: number): number {
  return Math.min(MAX_INTEGER, Math.max(0, Math.floor(value)))
}
