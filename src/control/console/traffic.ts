import type { UsageAsked, UsageGroup } from '../../insight/insight.ts'
import { LATENCY_BOUNDS, latencyBucket } from '../../insight/observation.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** What a page looks back over. */
export const RANGES = {
  hour: { title: 'The last hour', ms: HOUR_MS, step: 'minute', stepMs: 60_000 },
  day: { title: 'The last day', ms: DAY_MS, step: 'hour', stepMs: HOUR_MS },
  month: { title: 'The last 30 days', ms: 30 * DAY_MS, step: 'day', stepMs: DAY_MS },
} as const
export type RangeName = keyof typeof RANGES

export function rangeOf(url: URL): RangeName {
  const asked = url.searchParams.get('range') ?? ''
  return Object.hasOwn(RANGES, asked) ? (asked as RangeName) : 'day'
}

/** Whole steps up to now, the present one too. */
export function spanOf(name: RangeName, now: number): Pick<UsageAsked, 'from' | 'to' | 'step'> & { readonly instants: readonly number[] } {
  const { ms, step, stepMs } = RANGES[name]
  const to = (Math.floor(now / stepMs) + 1) * stepMs
  const from = to - ms
  return { from, to, step, instants: Array.from({ length: ms / stepMs }, (_, index) => from + index * stepMs) }
}

/** The bucket that `share` of all requests end in, as people read it. */
export function latencyText(latency: readonly number[], share: number): string {
  const bucket = latencyBucket(latency, share)
  if (bucket === undefined) return '–'
  const bound = LATENCY_BOUNDS[bucket]
  return bound === undefined ? `over ${LATENCY_BOUNDS.at(-1)} ms` : `≤ ${bound} ms`
}

/** What the gate itself refused: its codes, without those of requests that passed. */
const PASSED: ReadonlySet<string> = new Set(['forwarded', 'preflight', 'granted'])
export const isRefusal = (code: string): boolean => !PASSED.has(code)

/** Of groups by code: how many the gate refused, per step. */
export function refusedPerStep(groups: readonly UsageGroup[], steps: number): readonly number[] {
  const refused = groups.filter(({ key }) => isRefusal(key['code'] ?? ''))
  return Array.from({ length: steps }, (_, index) => refused.reduce((sum, { series }) => sum + (series[index] ?? 0), 0))
}

/** `12.3 %`; what is not nothing is never shown as nothing. */
export function shareText(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %'
  const share = (part / whole) * 100
  return share < 0.1 ? '< 0.1 %' : `${share.toFixed(1)} %`
}
