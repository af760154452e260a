import * as v from 'valibot'
import type { Usage, UsageAsked, UsageGroup } from '../insight/insight.ts'
import { LATENCY_BOUNDS, latencyBucket } from '../insight/observation.ts'
import { MAX_CONSUMERS, mostSteps } from '../insight/usage-read.ts'
import { STEP_MS } from '../insight/usage-tables.ts'

/** What is told where the question does not say from when. */
const DEFAULT_STEPS = { minute: 60, hour: 24, day: 30 } as const
const BY = ['consumer', 'credential', 'route', 'status', 'code'] as const

const instant = v.pipe(
  v.string(),
  v.check((text) => /^\d{4}-\d\d-\d\d(?:T.*)?$/u.test(text) && !Number.isNaN(Date.parse(text)), 'a time as of RFC 3339, or a date'),
  v.transform((text) => Date.parse(text)),
)
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(512))
const list = <const Item extends v.GenericSchema<string>>(item: Item, most: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => text.split(',')),
    v.array(item),
    v.maxLength(most, `at most ${most}, separated by commas`),
    v.check((items) => new Set(items).size === items.length, 'each once'),
  )

const entries = {
  from: v.optional(instant),
  to: v.optional(instant),
  step: v.optional(v.picklist(['minute', 'hour', 'day']), 'hour'),
  by: v.optional(list(v.picklist(BY), 2)),
  credential: v.optional(name),
  route: v.optional(name),
}
/** What a consumer may ask about itself. */
export const ownUsageSchema = v.strictObject(entries)
/** What an operator may ask. */
export const usageSchema = v.strictObject({ ...entries, consumer: v.optional(list(name, MAX_CONSUMERS)), organisation: v.optional(name) })
export type OperatorUsageQuery = v.InferOutput<typeof usageSchema>
export type UsageQuery = Omit<OperatorUsageQuery, 'organisation'>

/** A question with all its bounds, or what is wrong with it. */
export function askedOf(
  query: UsageQuery,
  now: number,
): UsageAsked | { readonly fault: { readonly pointer: string; readonly detail: string } } {
  const { step, by, consumer, credential, route } = query
  const stepMs = STEP_MS[step]
  const to = query.to ?? now
  const from = query.from ?? to - DEFAULT_STEPS[step] * stepMs
  const steps = Math.ceil(to / stepMs) - Math.floor(from / stepMs)
  if (from >= to) return { fault: { pointer: '/from', detail: 'must be before "to"' } }
  const most = mostSteps({ step, ...(consumer === undefined ? {} : { consumers: consumer }) })
  if (steps > most) return { fault: { pointer: '/step', detail: `at most ${most} steps of a ${step} are told at a time` } }
  return {
    from,
    to,
    step,
    ...(by === undefined ? {} : { by }),
    ...(consumer === undefined ? {} : { consumers: consumer }),
    ...(credential === undefined ? {} : { credential }),
    ...(route === undefined ? {} : { route }),
  }
}

/** As JSON. */
export function usageShown({ from, to, step, groups, total }: Usage): object {
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    step,
    latencyBounds: LATENCY_BOUNDS,
    groups: groups.map(({ key, ...counts }) => ({ key, ...shown(counts) })),
    total: shown(total),
  }
}

function shown({ requests, errors, series, latency }: Omit<UsageGroup, 'key'>): object {
  return { requests, errors, series, latency, p50: quantile(latency, 0.5), p95: quantile(latency, 0.95), p99: quantile(latency, 0.99) }
}

/** The upper bound of the bucket that it is in, in milliseconds. `null`: there is none, or nothing was counted. */
function quantile(latency: readonly number[], part: number): number | null {
  const bucket = latencyBucket(latency, part)
  return bucket === undefined ? null : (LATENCY_BOUNDS[bucket] ?? null)
}

/** RFC 4180: a line for each step in which a group was asked for. */
export function usageCsv({ from, step, groups }: Usage, by: UsageAsked['by'] = []): string {
  const lines = groups.flatMap(({ key, series }) =>
    series.flatMap((requests, index) =>
      requests === 0
        ? []
        : [[new Date(from + index * STEP_MS[step]).toISOString(), ...by.map((column) => key[column] ?? ''), String(requests)]],
    ),
  )
  return [['start', ...by, 'requests'], ...lines].map((line) => `${line.map(csvCell).join(',')}\r\n`).join('')
}

/** What a spreadsheet would take for a formula is text: an apostrophe comes before it (CWE-1236). */
export function csvCell(text: string): string {
  const defused = /^[=+\-@\t\r\n]/u.test(text) ? `'${text}` : text
  return /[",\r\n]/u.test(defused) ? `"${defused.replaceAll('"', '""')}"` : defused
}

/** Whether the client would rather have CSV than JSON. */
export function wantsCsv(request: Request): boolean {
  return /(?:^|,)\s*text\/csv\s*(?:;|,|$)/iu.test(request.headers.get('accept') ?? '')
}

export function csvResponse(text: string): Response {
  return new Response(text, {
    headers: {
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="usage.csv"',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
  })
}
