import * as v from 'valibot'
import type { Insight, TailEntry } from '../../insight/insight.ts'
import { TAIL_LENGTH } from '../../insight/tail.ts'
import type { Operation } from '../operation.ts'
import { usageImport, type UsageImportParts } from './usage-import.ts'
import { askedOf, csvResponse, usageCsv, usageSchema, usageShown, wantsCsv, type UsageQuery } from '../usage-query.ts'

export interface UsageParts extends UsageImportParts {
  readonly insight: Pick<Insight, 'usage' | 'tail'>
}

const whole = (most: number) =>
  v.pipe(v.string(), v.regex(/^\d{1,16}$/u, 'a whole number'), v.transform(Number), v.maxValue(most, `at most ${most}`))
const decisionsSchema = v.strictObject({
  after: v.optional(whole(Number.MAX_SAFE_INTEGER)),
  limit: v.optional(v.pipe(whole(TAIL_LENGTH), v.minValue(1)), '100'),
  consumer: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(512))),
  refused: v.optional(v.picklist(['true', 'false'])),
})

/** What was asked of the gate, and how it went (docs/usage.md). */
export function usageOperations({ insight, importUsage }: UsageParts): readonly Operation[] {
  return [
    usageImport({ importUsage }),
    {
      id: 'usage.read',
      method: 'GET',
      path: '/usage',
      summary: 'Requests by minute, hour or day; with "Accept: text/csv" as a table',
      scope: 'usage:read',
      query: usageSchema,
      answer: { status: 200, description: 'Counts, errors and latency of each group and in total.' },
      async run({ query, now, request }) {
        const asked = askedOf(query as UsageQuery, now)
        if ('fault' in asked)
          return {
            status: 'refused',
            problem: { status: 422, code: 'request-invalid', title: 'The request is not valid', extensions: { errors: [asked.fault] } },
          }
        const usage = await insight.usage(asked)
        if (wantsCsv(request)) return { status: 'sent', response: csvResponse(usageCsv(usage, asked.by)) }
        return { status: 'done', code: 200, value: usageShown(usage) }
      },
    },
    {
      id: 'decisions.list',
      method: 'GET',
      path: '/decisions',
      summary: 'The newest decisions, newest last; ?after= goes on from a sequence, ?refused=true keeps to refusals of the gate',
      scope: 'decisions:read',
      query: decisionsSchema,
      answer: { status: 200, description: 'At most 1,000 decisions, and "next", to go on from.' },
      async run({ query }) {
        const { after, limit, consumer, refused } = query as v.InferOutput<typeof decisionsSchema>
        const found = await insight.tail({
          limit,
          ...(after === undefined ? {} : { after }),
          ...(consumer === undefined ? {} : { consumer }),
          ...(refused === 'true' ? { refusedOnly: true } : {}),
        })
        const next = found.at(-1)?.sequence ?? after
        return { status: 'done', code: 200, value: { items: found.map(shown), ...(next === undefined ? {} : { next: String(next) }) } }
      },
    },
  ]
}

function shown({ sequence, observation: { at, ...observation } }: TailEntry): object {
  return { sequence, time: new Date(at).toISOString(), ...observation }
}
