import type { LimitPolicy } from '../../limits/limiter.ts'
import { counted, numberText } from '../pages/parts.tsx'
import type { PortalParts } from './context.ts'

const UNITS = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
] as const

/** What a plan allows, for people to read: scopes, then limits. */
export function limitTexts({ plans, limits }: Pick<PortalParts['policy'], 'plans' | 'limits'>, name: string): readonly string[] {
  const plan = plans.find((one) => one.name === name)
  if (plan === undefined) return ['No longer offered']
  const scopes = plan.scopes === undefined || plan.scopes.length === 0 ? [] : [`May: ${plan.scopes.join(', ')}`]
  const texts = plan.limits.flatMap((limit) => limits.filter((one) => one.name === limit)).flatMap(textsOf)
  return [...scopes, ...(texts.length === 0 ? ['No limit of its own'] : texts)]
}

export function textsOf({ rate, quota, credits, concurrency, by }: LimitPolicy): readonly string[] {
  const each = by[0]?.includes('credential') === true ? ' with one key' : ''
  return [
    ...(rate === undefined ? [] : [`${counted(rate.count, 'request')} ${perText(rate.seconds)}${burstText(rate)}${each}`]),
    ...(quota === undefined ? [] : [`${counted(quota.count, 'request')} a calendar ${quota.period}${each}`]),
    ...(credits === undefined ? [] : [`${numberText(credits)} credits to begin with${each}`]),
    ...(concurrency === undefined ? [] : [`${counted(concurrency.count, 'request')} at a time${each}`]),
  ]
}

function perText(seconds: number): string {
  const [length, unit] = UNITS.find(([one]) => seconds % one === 0) ?? [1, 'second']
  const count = seconds / length
  return count === 1 ? `a ${unit}`.replace('a hour', 'an hour') : `in ${count} ${unit}s`
}

const burstText = ({ count, burst }: { readonly count: number; readonly burst: number }): string =>
  burst === count ? '' : `, ${numberText(burst)} at once`
