import * as v from 'valibot'
import { LATENCY_BOUNDS, type UsageCount } from '../../insight/observation.ts'
import { MINUTE_MS } from '../../insight/usage-count.ts'
import { KEPT_MS } from '../../insight/usage-tables.ts'
import type { Answer, Operation } from '../operation.ts'
import { invalid } from '../run-operation.ts'

export interface UsageImportParts {
  /** `isNew`: nothing was brought under this id before. */
  readonly importUsage: (id: string, usage: readonly UsageCount[]) => Promise<{ readonly isNew: boolean }>
}

const MAX_ROWS = 1000
const MAX_REQUESTS = 1_000_000_000
const MAX_BODY_BYTES = 1_048_576

const name = v.optional(v.pipe(v.string(), v.maxLength(512), v.regex(/^\P{Cc}*$/u, 'no control characters')), '')
const count = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(MAX_REQUESTS))
const rowSchema = v.pipe(
  v.strictObject({
    minute: v.pipe(
      v.string(),
      v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::00(?:\.0+)?)?(?:Z|[+-]\d\d:\d\d)$/u, 'the start of a minute as of RFC 3339'),
      v.transform(Date.parse),
      v.check((at) => !Number.isNaN(at), 'a time as of RFC 3339'),
    ),
    consumer: name,
    credential: name,
    route: name,
    status: v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(599)),
    code: v.optional(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,63}$/u, 'a code of the gate')), 'forwarded'),
    requests: count(1),
    latency: v.optional(v.pipe(v.array(count(0)), v.length(LATENCY_BOUNDS.length + 1))),
  }),
  v.forward(
    v.check(
      ({ requests, latency }) => latency === undefined || latency.reduce((sum, one) => sum + one, 0) === requests,
      'as many as "requests"',
    ),
    ['latency'],
  ),
)
const importSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[\w.:-]{1,64}$/u, '1 to 64 letters, digits, dots, colons, hyphens or underscores')),
  rows: v.pipe(v.array(rowSchema), v.minLength(1), v.maxLength(MAX_ROWS)),
})
type Import = v.InferOutput<typeof importSchema>

/** Usage from another gateway or a backup (docs/usage.md): counted as if it had come by here, and judged by nobody. */
export function usageImport({ importUsage }: UsageImportParts): Operation {
  return {
    id: 'usage.import',
    method: 'POST',
    path: '/usage/import',
    summary: 'Bring usage from another gateway or a backup: minutes that are over and still kept; the same id counts once',
    scope: 'usage:write',
    body: importSchema,
    maxBodyBytes: MAX_BODY_BYTES,
    answer: { status: 200, description: 'How much it was, and whether it was counted now or before.' },
    audit({ body }) {
      const { id, rows } = body as Import
      const minutes = rows.map(({ minute }) => minute)
      const [from, to] = [Math.min(...minutes), Math.max(...minutes)].map((at) => new Date(at).toISOString())
      return { target: { type: 'usage', id }, detail: { rows: rows.length, requests: sumOf(rows), from, to } }
    },
    async run({ body, now }): Promise<Answer> {
      const { id, rows } = body as Import
      const current = Math.floor(now / MINUTE_MS) * MINUTE_MS
      const errors = rows.flatMap(({ minute }, index) =>
        minute < current && minute > current - KEPT_MS.minute
          ? []
          : [{ pointer: `/rows/${index}/minute`, detail: 'must be over, and not longer ago than minutes are kept (two days)' }],
      )
      if (errors.length > 0) return { status: 'refused', problem: invalid(errors) }
      const { isNew } = await importUsage(id, rows.map(withBuckets))
      return { status: 'done', code: 200, value: { id, rows: rows.length, requests: sumOf(rows), imported: isNew } }
    },
  }
}

const sumOf = (rows: Import['rows']): number => rows.reduce((sum, { requests }) => sum + requests, 0)

/** Without buckets nothing is said of how long it took. */
function withBuckets({ latency, ...row }: Import['rows'][number]): UsageCount {
  return { ...row, latency: latency ?? Array.from({ length: LATENCY_BOUNDS.length + 1 }, () => 0) }
}
