import type * as v from 'valibot'
import { isZoned } from '../limits/calendar-quota.ts'
import type { LimitPolicy, Quota, QuotaPeriod, SubjectPart } from '../limits/limiter.ts'
import { isTimeZone } from '../limits/time-zone.ts'
import type { SchemeConfig } from '../schemes/index.ts'
import type { limitSchema, OwnNumbers } from './document-limits.ts'
import type { Alternative, Route } from './policy.ts'
import { pointerTo } from './problems.ts'
import { present, type Reading } from './reading.ts'
import type { RouteContext } from './route-context.ts'

type Document = v.InferOutput<typeof limitSchema>
const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86_400 } as const
const RATE = /^(\d+)\/(?:(\d+) )?(second|minute|hour|day)s?$/u
const DEFAULT_HOLD_SECONDS = 60
const MAX_RATE_SECONDS = 31 * 86_400

export function parseLimit(name: string, document: Document, pointer: string, reading: Reading): LimitPolicy {
  const { problems } = reading
  const { rate, quota, burst, timeZone, credits, concurrent, holdSeconds = DEFAULT_HOLD_SECONDS } = document
  checkTogether(document, pointer, reading)
  const by = document.by.map((entry) => entry.split('*') as SubjectPart[])
  for (const [index, parts] of by.entries()) {
    if (new Set(parts).size !== parts.length) problems.error(pointerTo(pointer, 'by', index), 'it joins the same thing twice')
  }
  return {
    name,
    by,
    ...present('rate', rate === undefined ? undefined : parseRate(rate, burst, pointerTo(pointer, 'rate'), reading)),
    ...present('quota', quota === undefined ? undefined : parseQuota(quota, timeZone, pointerTo(pointer, 'timeZone'), reading)),
    ...present('credits', credits),
    ...present('concurrency', concurrent === undefined ? undefined : { count: concurrent, holdSeconds }),
    ...manner(document),
  }
}

/** How it is counted, where the policy does not say. */
function manner(document: Document): Pick<LimitPolicy, 'chargeOn' | 'consistency' | 'onOutage'> {
  const { rate, quota, credits, concurrent } = document
  return {
    chargeOn: document.chargeOn ?? (rate === undefined && concurrent === undefined ? 'success' : 'request'),
    // Credits that were paid for are not to be lost with an isolate.
    consistency: document.consistency ?? (credits === undefined ? 'leased' : 'strict'),
    onOutage: document.onOutage ?? (quota === undefined && credits === undefined ? 'local' : 'closed'),
  }
}

/** A limit with a consumer's own numbers. */
export function withNumbers(limit: LimitPolicy, numbers: OwnNumbers, pointer: string, reading: Reading): LimitPolicy {
  checkNumbers(limit, numbers, pointer, reading)
  const { rate, burst, quota, credits, concurrent } = numbers
  const rated = limit.rate === undefined || burst === undefined ? limit.rate : { ...limit.rate, burst }
  const timeZone = limit.quota?.timeZone
  return {
    ...limit,
    ...present('rate', rate === undefined ? rated : parseRate(rate, burst, pointerTo(pointer, 'rate'), reading)),
    ...present('quota', quota === undefined ? limit.quota : parseQuota(quota, timeZone, pointerTo(pointer, 'quota'), reading)),
    ...present('credits', credits ?? limit.credits),
    ...present('concurrency', limit.concurrency && { ...limit.concurrency, count: concurrent ?? limit.concurrency.count }),
  }
}

/** What the limit counts must be the consumer's alone: an account that others share has one measure. */
function checkNumbers(limit: LimitPolicy, numbers: OwnNumbers, pointer: string, { problems }: Reading): void {
  const { rate, burst, quota, credits, concurrent } = numbers
  const [first = []] = limit.by
  const isOwn = limit.by.every((parts) => parts.includes('consumer')) || (first.includes('consumer') && !first.includes('address'))
  if (!isOwn) problems.error(pointer, 'this limit does not count by consumer: others share what it counts', 'by: [consumer, ...]')
  const replaced = [
    ['rate', rate ?? burst, limit.rate],
    ['quota', quota, limit.quota],
    ['credits', credits, limit.credits],
    ['number of concurrent requests', concurrent, limit.concurrency],
  ] as const
  if (replaced.every(([, own]) => own === undefined)) problems.error(pointer, 'it replaces nothing')
  for (const [what, own, declared] of replaced)
    if (own !== undefined && declared === undefined) problems.error(pointer, `the limit has no ${what} to replace`)
}

/** What means something only beside something else. */
function checkTogether(document: Document, pointer: string, reading: Reading): void {
  const { rate, quota, burst, timeZone, credits, concurrent } = document
  const { problems } = reading
  const kinds = [rate ?? quota, credits, concurrent].filter((kind) => kind !== undefined)
  if (kinds.length === 0) problems.error(pointer, 'a limit needs a rate or a quota, credits, or a number of concurrent requests')
  if (kinds.length > 1) problems.error(pointer, 'credits and concurrent requests are limits of their own', 'make two limits of it')
  if (burst !== undefined && rate === undefined) problems.error(pointerTo(pointer, 'burst'), 'a burst belongs to a rate')
  if (timeZone !== undefined && quota === undefined) problems.error(pointerTo(pointer, 'timeZone'), 'a time zone belongs to a quota')
  checkConcurrent(document, pointer, reading)
  checkCredits(document, pointer, reading)
}

function checkConcurrent({ concurrent, holdSeconds, chargeOn }: Document, pointer: string, { problems }: Reading): void {
  if (holdSeconds !== undefined && concurrent === undefined)
    problems.error(pointerTo(pointer, 'holdSeconds'), 'it belongs to concurrent requests')
  if (chargeOn !== undefined && concurrent !== undefined)
    problems.error(pointerTo(pointer, 'chargeOn'), 'every request that was let in is in flight, however it ends', 'leave chargeOn out')
}

/** Paid for by a consumer, who is named when credits are added. */
function checkCredits({ credits, by, consistency, onOutage }: Document, pointer: string, { problems }: Reading): void {
  if (credits === undefined) return
  if (by.length !== 1 || by[0] !== 'consumer')
    problems.error(pointerTo(pointer, 'by'), 'credits belong to a consumer and to nothing else', 'by: [consumer]')
  if (consistency === 'local')
    problems.error(pointerTo(pointer, 'consistency'), 'each isolate would give all credits away by itself', 'strict or leased')
  if (onOutage === 'local')
    problems.error(pointerTo(pointer, 'onOutage'), 'each isolate would give all credits away by itself', 'leave onOutage out')
}

function parseRate(text: string, burst: number | undefined, pointer: string, { problems }: Reading): NonNullable<LimitPolicy['rate']> {
  const [, count = '', multiple = '1', unit = 'second'] = RATE.exec(text) ?? []
  const seconds = Number(multiple) * SECONDS[unit as keyof typeof SECONDS]
  if (Number(count) > 1_000_000_000) problems.error(pointer, 'at most 1000000000')
  if (seconds > MAX_RATE_SECONDS) problems.error(pointer, 'a rate spans at most 31 days', 'longer spans are quotas')
  return { count: Number(count), seconds, burst: burst ?? Number(count) }
}

function parseQuota(text: string, timeZone: string | undefined, pointer: string, { problems }: Reading): Quota {
  const [count, unit] = text.split('/')
  const period = unit as QuotaPeriod
  if (timeZone !== undefined && !isZoned(period)) problems.error(pointer, 'minutes and hours are counted in UTC', 'leave timeZone out')
  if (timeZone !== undefined && !isTimeZone(timeZone))
    problems.error(pointer, 'not a name of the IANA Time Zone Database', 'such as "Europe/Berlin" or "UTC"')
  return { count: Number(count), period, ...present('timeZone', timeZone) }
}

/** What a caller let in by an alternative surely has, and a limit can count. A token or a session by itself names no consumer for sure. */
function countableOf(alternative: Alternative, schemes: ReadonlyMap<string, SchemeConfig>): ReadonlySet<SubjectPart> {
  const parts = new Set<SubjectPart>(['address', 'route'])
  if (alternative.length > 0) parts.add('credential').add('subject')
  const namesNone: ReadonlySet<string | undefined> = new Set(['jwt', 'session'])
  if (alternative.some(({ scheme }) => !namesNone.has(schemes.get(scheme)?.kind))) parts.add('consumer')
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

/** A cost that one of the limits, the route's or a plan's, could never admit would refuse every request. */
export function checkCost(
  { cost, limits: own, alternatives }: Pick<Route, 'cost' | 'limits' | 'alternatives'>,
  pointer: string,
  { limits, plans, consumers, reading: { problems } }: RouteContext,
): void {
  // Only who presents a credential can be on a plan, or a consumer.
  const isOpenOnly = alternatives.every((alternative) => alternative.length === 0)
  const names = new Set([...own, ...(isOpenOnly ? [] : plans.flatMap((plan) => plan.limits))])
  const check = ({ name, rate, quota }: LimitPolicy, whose: string): void => {
    const refuse = (what: string, most: number): void => {
      const suggestion = `a ${what} of at least ${cost}, or a cost of at most ${most}`
      problems.error(
        pointer,
        `a cost of ${cost} never fits the limit ${JSON.stringify(name)}, whose ${what} is ${most}${whose}`,
        suggestion,
      )
    }
    if (rate !== undefined && cost > rate.burst) refuse('burst', rate.burst)
    if (quota !== undefined && cost > quota.count) refuse('quota', quota.count)
  }
  for (const limit of limits.values()) if (names.has(limit.name)) check(limit, '')
  if (isOpenOnly) return
  for (const { name, limits: numbered } of consumers)
    for (const limit of numbered) if (names.has(limit.name)) check(limit, ` for the consumer ${JSON.stringify(name)}`)
}
