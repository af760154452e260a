import type { App } from '../../directory/accounts.ts'
import type { Usage, UsageGroup } from '../../insight/insight.ts'
import type { Context } from './context.ts'

export type Range = '24h' | '30d'
export interface QuotaUse {
  readonly label: string
  readonly used: number
  readonly total: number
  /** Milliseconds since the epoch: when it begins anew. Absent: by itself never. */
  readonly endsAt?: number
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

/** Of the ledger: what the gate itself counts, to the request. */
async function quotasOf({ parts }: Context, app: App): Promise<readonly QuotaUse[]> {
  const meters = await parts.meters(app)
  return meters.flatMap(({ name, kind, used, count, endsAt }) => {
    if (kind !== 'quota' && kind !== 'credits') return []
    const period = parts.policy.limits.find((limit) => limit.name === name)?.quota?.period
    const label = kind === 'credits' ? `${name}: credits` : `${name}: this ${period ?? 'period'}`
    return [{ label, used, total: count, ...(endsAt === undefined ? {} : { endsAt }) }]
  })
}
