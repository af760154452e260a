import * as v from 'valibot'
import type { Anomaly, Insight } from '../../insight/insight.ts'
import { announceTo, type Announcing } from '../in-force.ts'
import type { Answer, Call, Operation } from '../operation.ts'

/** Where the request does not say for how long. */
const DEFAULT_SECONDS = 3600
const MAX_SECONDS = 30 * 86_400

export interface AnomaliesParts extends Announcing {
  readonly insight: Pick<Insight, 'anomalies' | 'anomaly' | 'accept' | 'answered' | 'baseline'>
}

const answerSchema = v.strictObject({
  answer: v.picklist(['accept', 'record', 'slow', 'limit', 'step-up', 'block', 'lift']),
  seconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_SECONDS)), DEFAULT_SECONDS),
})
const listSchema = v.strictObject({
  state: v.optional(v.picklist(['open', 'answered', 'accepted'])),
  consumer: v.optional(v.pipe(v.string(), v.maxLength(128))),
  limit: v.optional(v.pipe(v.string(), v.regex(/^[1-9]\d{0,2}$/u, 'a number from 1 to 999'), v.transform(Number), v.maxValue(100))),
})
const JSON_LINES = 'application/jsonl'

/** What the detector found, and what is done about it (docs/abuse.md). */
export function anomaliesOperations(parts: AnomaliesParts): readonly Operation[] {
  const { insight } = parts
  const UNKNOWN: Answer = { status: 'refused', problem: { status: 404, code: 'record-unknown', title: 'No such anomaly' } }
  return [
    {
      id: 'anomalies.list',
      method: 'GET',
      path: '/anomalies',
      summary: 'What the detector found, the newest first; without the evidence',
      scope: 'anomalies:read',
      query: listSchema,
      answer: { status: 200, description: 'At most 100 anomalies.' },
      async run({ query }) {
        const asked = query as v.InferOutput<typeof listSchema>
        const found = await insight.anomalies(definedOf(asked))
        return {
          status: 'done',
          code: 200,
          value: { items: found.map(briefly) },
        }
      },
    },
    {
      id: 'anomalies.read',
      method: 'GET',
      path: '/anomalies/:id',
      summary: 'One anomaly with its evidence; with "Accept: application/jsonl" the evidence alone, as the detector replays it',
      scope: 'anomalies:read',
      answer: { status: 200, description: 'The anomaly, and what its credential usually does.' },
      async run({ params, request }) {
        const anomaly = await insight.anomaly(params['id'] ?? '')
        if (anomaly === undefined) return UNKNOWN
        if (request.headers.get('accept')?.includes(JSON_LINES) === true) return { status: 'sent', response: linesOf(anomaly) }
        const baseline = anomaly.kind === 'credential' ? await insight.baseline(anomaly.subject) : undefined
        return { status: 'done', code: 200, value: { ...told(anomaly), ...(baseline === undefined ? {} : { baseline }) } }
      },
    },
    {
      id: 'anomalies.answer',
      method: 'POST',
      path: '/anomalies/:id/answer',
      summary: 'Accept it (it was fine: learnt anew), lift what is done, or do something for a while',
      scope: 'anomalies:write',
      body: answerSchema,
      answer: { status: 200, description: 'The anomaly, and by when the answer is in force everywhere.' },
      audit: ({ params, body }) => ({ target: { type: 'anomaly', id: params['id'] ?? '' }, detail: { ...(body as object) } }),
      async run(call) {
        const anomaly = await decided(call, insight)
        if (anomaly === undefined) return UNKNOWN
        const inForce = await announceTo(parts, call.request)
        return { status: 'done', code: 200, value: { ...inForce, ...briefly(anomaly) } }
      },
    },
  ]
}

async function decided({ params, body, now }: Call, insight: AnomaliesParts['insight']): Promise<Anomaly | undefined> {
  const { answer, seconds } = body as v.InferOutput<typeof answerSchema>
  const id = params['id'] ?? ''
  if (answer === 'accept') return insight.accept(id)
  const isNothing = answer === 'lift' || answer === 'record'
  return insight.answered(id, isNothing ? 'record' : answer, isNothing ? undefined : now + seconds * 1000)
}

/** With how many observations there are in place of them. */
function briefly(anomaly: Anomaly): object {
  return told({ ...anomaly, evidence: anomaly.evidence.length })
}

/** Instants as people read them. */
function told({ firstAt, lastAt, until, ...rest }: Omit<Anomaly, 'evidence'> & { readonly evidence: unknown }): object {
  return { ...rest, ...instants({ firstAt, lastAt }), ...(until === undefined ? {} : instants({ until })) }
}
const instants = (times: Readonly<Record<string, number>>): object =>
  Object.fromEntries(Object.entries(times).map(([name, at]) => [name, new Date(at).toISOString()]))

function definedOf<Asked extends object>(asked: Asked): { [Field in keyof Asked]: Exclude<Asked[Field], undefined> } {
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as never
}

/** The form of docs/abuse.md, "Your own traffic": one event a line. */
function linesOf({ evidence, id }: Anomaly): Response {
  return new Response(evidence.map((observation) => `${JSON.stringify(observation)}\n`).join(''), {
    headers: {
      'content-type': JSON_LINES,
      'content-disposition': `attachment; filename="${id}.jsonl"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
  })
}
