import type * as v from 'valibot'
import type { LimitPolicy, QuotaPeriod, SubjectPart } from '../limits/limiter.ts'
import type { SchemeConfig } from '../schemes/index.ts'
import type { limitSchema } from './document.ts'
import type { Alternative } from './policy.ts'
import { pointerTo } from './problems.ts'
import { present, type Reading } from './reading.ts'

const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86_400 } as const
const RATE = /^(\d+)\/(?:(\d+) )?(second|minute|hour|day)s?$/u
const MAX_RATE_SECONDS = 31 * 86_400

export function parseLimit(name: string, document: v.InferOutput<typeof limitSchema>, pointer: string, reading: Reading): LimitPolicy {
  const { problems } = reading
  const { rate, quota, burst } = document
  if (rate === undefined && quota === undefined) problems.error(pointer, 'a limit needs a rate or a quota')
  if (burst !== undefined && rate === undefined) problems.error(pointerTo(pointer, 'burst'), 'a burst belongs to a rate')
  const by = document.by.map((entry) => entry.split('*') as SubjectPart[])
  for (const [index, parts] of by.entries()) {
    if (new Set(parts).size !== parts.length) problems.error(pointerTo(pointer, 'by', index), 'it joins the same thing twice')
  }
  return {
    name,
    by,
    ...present('rate', rate === undefined ? undefined : parseRate(rate, burst, pointerTo(pointer, 'rate'), reading)),
    ...present('quota', quota === undefined ? undefined : parseQuota(quota)),
    chargeOn: document.chargeOn ?? (rate === undefined ? 'success' : 'request'),
    consistency: document.consistency ?? 'leased',
    onOutage: document.onOutage ?? (quota === undefined ? 'local' : 'closed'),
  }
}

function parseRate(text: string, burst: number | undefined, pointer: string, { problems }: Reading): NonNullable<LimitPolicy['rate']> {
  const [, count = '', multiple = '1', unit = 'second'] = RATE.exec(text) ?? []
  const seconds = Number(multiple) * SECONDS[unit as keyof typeof SECONDS]
  if (Number(count) > 1_000_000_000) problems.error(pointer, 'at most 1000000000')
  if (seconds > MAX_RATE_SECONDS) problems.error(pointer, 'a rate spans at most 31 days', 'longer spans are quotas')
  return { count: Number(count), seconds, burst: burst ?? Number(count) }
}

function parseQuota(text: string): NonNullable<LimitPolicy['quota']> {
  const [count, period] = text.split('/')
  return { count: Number(count), period: period as QuotaPeriod }
}

/** What a caller let in by an alternative surely has, and a limit can count. A token by itself names no consumer for sure. */
function countableOf(alternative: Alternative, schemes: ReadonlyMap<string, SchemeConfig>): ReadonlySet<SubjectPart> {
  const parts = new Set<SubjectPart>(['address', 'route'])
  if (alternative.length > 0) parts.add('credential').add('subject')
  if (alternative.some(({ scheme }) => schemes.get(scheme)?.kind !== 'jwt')) parts.add('consumer')
  return parts
}

/** The first alternative of a route, counted from 0, whose callers a limit might be unable to count. */
export function uncountableBy(
  limit: LimitPolicy,
  alternatives: readonly Alternative[],
  schemes: ReadonlyMap<string, SchemeConfig>,
): number | undefined {
  const index = alternatives.findIndex((alternative) => {
    const countable = countableOf(alternative, schemes)
    return !limit.by.some((parts) => parts.every((part) => countable.has(part)))
  })
  return index === -1 ? undefined : index
}
