import type { App } from '../../directory/accounts.ts'
import type { Usage, UsageGroup } from '../../insight/insight.ts'
import { periodAt } from '../../limits/calendar-quota.ts'
import type { LimitPolicy } from '../../limits/limiter.ts'
import type { Context } from './context.ts'

export type Range = '24h' | '30d'
export interface QuotaUse {
  readonly name: string
  readonly period: string
  readonly used: number
  readonly total: number
  /** Milliseconds since the epoch: when it begins anew. */
  readonly endsAt: number
}
export interface UsageFigures {
  readonly range: Range
  readonly instants: readonly number[]
  readonly requests: readonly number[]
  readonly errors: readonly number[]
  readonly totalRequests: number
  readonly totalErrors: number
  readonly errorCodes: readonly { readonly label: string; readonly value: number }[]
  readonly quotas: readonly QuotaUse[]
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MAX_CODES = 8

/** What one app did. `undefined`: nobody can say at the moment, and the page does without. */
export async function usageOf(context: Context, app: App): Promise<UsageFigures | undefined> {
  const range: Range = context.url.searchParams.get('usage') === '30d' ? '30d' : '24h'
  const [step, length, steps] = range === '24h' ? (['hour', HOUR, 24] as const) : (['day', DAY, 30] as const)
  const to = Math.floor(context.now / length) * length + length
  const from = to - steps * length
  try {
    const [usage, quotas] = await Promise.all([
      context.parts.insight.usage({ from, to, step, consumers: [app.id], by: ['status', 'code'] }),
      quotasOf(context, app),
    ])
    const failed = usage.groups.filter(isError)
    const { requests, errors, series } = usage.total
    const instants = Array.from({ length: steps }, (_, index) => from + index * length)
    return {
      range,
      instants,
      requests: instants.map((_, index) => series[index] ?? 0),
      errors: instants.map((_, index) => failed.reduce((sum, group) => sum + (group.series[index] ?? 0), 0)),
      totalRequests: requests,
      totalErrors: errors,
      errorCodes: codesOf(failed),
      quotas,
    }
  } catch {
    return undefined
  }
}

const isError = ({ key }: UsageGroup): boolean => Number(key['status']) >= 400

function codesOf(groups: Usage['groups']): UsageFigures['errorCodes'] {
  const counts = new Map<string, number>()
  for (const { key, requests } of groups) {
    const label = key['code'] === 'forwarded' ? `${key['status'] ?? ''} of the API itself` : `${key['status'] ?? ''} ${key['code'] ?? ''}`
    counts.set(label, (counts.get(label) ?? 0) + requests)
  }
  return [...counts]
    .map(([label, value]) => ({ label, value }))
    .toSorted((one, other) => other.value - one.value)
    .slice(0, MAX_CODES)
}

/** Of the plan, where the app as a whole is counted. What was counted here, which the gate's own ledger may know better by a little. */
async function quotasOf(context: Context, { id, plan: name }: App): Promise<readonly QuotaUse[]> {
  const { policy, insight, limitsOf } = context.parts
  const plan = policy.plans.find((one) => one.name === name)
  const limits = policy.limits.filter((limit) => plan?.limits.includes(limit.name) === true)
  const counted = limitsOf(limits, id).flatMap((limit) =>
    isOfApp(limit) && limit.quota !== undefined ? [{ ...limit, quota: limit.quota }] : [],
  )
  return Promise.all(
    counted.map(async ({ name: limit, quota, chargeOn }) => {
      const { startsAt, endsAt } = periodAt(quota.period, context.now, quota.timeZone)
      const step = quota.period === 'minute' ? 'minute' : quota.period === 'hour' || quota.period === 'day' ? 'hour' : 'day'
      const to = Math.min(endsAt, Math.floor(context.now / HOUR) * HOUR + HOUR)
      const { total } = await insight.usage({ from: startsAt, to, step, consumers: [id] })
      const used = chargeOn === 'success' ? total.requests - total.errors : total.requests
      return { name: limit, period: quota.period, used, total: quota.count, endsAt }
    }),
  )
}
const isOfApp = ({ by }: LimitPolicy): boolean => by[0]?.length === 1 && by[0][0] === 'consumer'
