import * as v from 'valibot'
import type { Directory } from '../directory/directory.ts'
import type { Gateway } from '../gateway.ts'
import { problemResponse, type Problem } from '../http/problem.ts'
import type { Insight } from '../insight/insight.ts'
import type { MeterCalls } from '../limits/ledger-calls.ts'
import type { Meter } from '../limits/ledger.ts'
import type { Limiter, LimitPolicy } from '../limits/limiter.ts'
import { deny } from '../policy/denial.ts'
import type { Caller } from '../policy/evaluate.ts'
import type { LinkedPolicy } from '../policy/link.ts'
import { consumerMeters } from './consumer-meters.ts'
import { json, methodNotAllowed, UNAVAILABLE } from './json-call.ts'
import { askedOf, csvResponse, ownUsageSchema, usageCsv, usageShown, wantsCsv } from './usage-query.ts'

export interface OwnUsageParts {
  readonly gateway: Pick<Gateway, 'identify'>
  readonly linked: LinkedPolicy
  readonly directory: Pick<Directory, 'consumer'>
  readonly limiter: Limiter
  readonly meters: MeterCalls
  readonly insight: Pick<Insight, 'usage'>
  readonly now: () => number
}

/** How often one consumer may ask each isolate: the object that answers is everybody's. */
const READS: LimitPolicy = {
  name: 'portcullis-usage',
  by: [['consumer']],
  rate: { count: 1, seconds: 2, burst: 20 },
  chargeOn: 'request',
  consistency: 'local',
  onOutage: 'local',
}
const NO_CONSUMER: Problem = { status: 403, code: 'consumer-required', title: 'The credential names no consumer' }

/** `GET /.portcullis/usage`: what a consumer used and has left, by any credential that names it; never of anybody else (docs/usage.md). */
export function createOwnUsage(
  parts: OwnUsageParts,
): (request: Request, lifetime: Pick<ExecutionContext, 'waitUntil'>) => Promise<Response> {
  const { gateway, linked, limiter, insight, now } = parts

  async function answer(request: Request, caller: Caller, consumer: string): Promise<Response> {
    const { searchParams } = new URL(request.url)
    const given = Object.fromEntries(searchParams)
    const read = v.safeParse(ownUsageSchema, given)
    const asked = read.success ? askedOf({ ...read.output, consumer: [consumer] }, now()) : undefined
    if (!read.success || asked === undefined || 'fault' in asked) {
      const faults = read.issues?.map((issue) => ({ pointer: `/${v.getDotPath(issue) ?? ''}`, detail: issue.message }))
      const errors = faults ?? (asked !== undefined && 'fault' in asked ? [asked.fault] : [])
      return problemResponse({ status: 422, code: 'request-invalid', title: 'The request is not valid', extensions: { errors } })
    }
    const usage = await insight.usage(asked)
    if (wantsCsv(request)) return csvResponse(usageCsv(usage, asked.by))
    const plan = planOf(caller, parts)
    const limits = await consumerMeters(parts, { principals: caller.principals, consumer, plan })
    return json(200, { consumer, ...(plan === undefined ? {} : { plan }), ...usageShown(usage), limits: limits.map(shown) })
  }

  return async (request, lifetime) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return problemResponse(methodNotAllowed('GET, HEAD'))
    const identified = await gateway.identify(request, linked.anyScheme, lifetime)
    if ('response' in identified) return identified.response
    const { caller } = identified
    const { consumer } = caller
    if (consumer === undefined) return problemResponse(NO_CONSUMER)
    const reads = await limiter.admit([{ limit: READS, subject: `consumer=${encodeURIComponent(consumer)}`, cost: 1 }], now(), () => {})
    if (reads.status === 'refused') return (await deny({ at: 'limit', admission: reads }, identified.requestId)).response
    try {
      const response = await answer(request, caller, consumer)
      return request.method === 'HEAD' ? new Response(null, response) : response
    } catch {
      return problemResponse(UNAVAILABLE)
    }
  }
}

function planOf({ plan, consumer }: Caller, { directory }: OwnUsageParts): string | undefined {
  return plan ?? (consumer === undefined ? undefined : directory.consumer(consumer)?.plan)
}

function shown({ endsAt, ...meter }: Meter): object {
  return { ...meter, ...(endsAt === undefined ? {} : { resetsAt: new Date(endsAt).toISOString() }) }
}
