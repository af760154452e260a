import * as v from 'valibot'
import type { Insight, TailEntry } from '../../insight/insight.ts'
import { TAIL_LENGTH } from '../../insight/tail.ts'
import { MAX_CONSUMERS } from '../../insight/usage-read.ts'
import type { Operation } from '../operation.ts'
import { usageImport, type UsageImportParts } from './usage-import.ts'
import {
  askedOf,
  csvResponse,
  usageCsv,
  usageSchema,
  usageShown,
  wantsCsv,
  type OperatorUsageQuery,
  type UsageQuery,
} from '../usage-query.ts'

export interface UsageParts extends UsageImportParts {
  readonly insight: Pick<Insight, 'usage' | 'tail'>
  /** Consumers of an organisation. `undefined`: there is no such one. */
  readonly appsOf: (organisation: string) => Promise<readonly string[] | undefined>
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
export function usageOperations({ insight, importUsage, appsOf }: UsageParts): readonly Operation[] {
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
        const read = await withApps(query as OperatorUsageQuery, appsOf)
        const asked = 'fault' in read ? read : askedOf(read, now)
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

interface Faulty {
  readonly fault: { readonly pointer: string; readonly detail: string }
}
/** An organisation is its apps. */
async function withApps(query: OperatorUsageQuery, appsOf: UsageParts['appsOf']): Promise<UsageQuery | Faulty> {
  const { organisation, ...rest } = query
  if (organisation === undefined) return rest
  if (rest.consumer !== undefined) return fault('name an organisation or consumers')
  const apps = await appsOf(organisation)
  if (apps === undefined) return fault('there is no such organisation')
  if (apps.length > MAX_CONSUMERS) return fault(`it has more than ${MAX_CONSUMERS} apps: name some of them as consumers`)
  // No consumer has this name: an organisation without apps used nothing.
  return { ...rest, consumer: apps.length === 0 ? [organisation] : [...apps] }
}
const fault = (detail: string): Faulty => ({ fault: { pointer: '/organisation', detail } })

function shown({ sequence, observation: { at, ...observation } }: TailEntry): object {
  return { sequence, time: new Date(at).toISOString(), ...observation }
}
