import type { Bindings } from '../bindings.ts'
import { callObject } from '../http/object-call.ts'
import type { AbuseConfig } from '../policy/policy.ts'
import { analyticsPoint } from './analytics.ts'
import type { Insight } from './insight.ts'
import type { UsageCount } from './observation.ts'
import { createInsightSink, type InsightSink, type InsightSinkParts } from './sink.ts'

/** The one object of a gateway. */
const INSIGHT_NAME = 'insight'

/** Tells the insight object, and Analytics Engine where the account has it. `undefined`: there is neither. */
export function sinkOf(
  { INSIGHT, ANALYTICS }: Partial<Bindings>,
  parts: Omit<InsightSinkParts, 'send'> & { readonly abuse: AbuseConfig },
): InsightSink | undefined {
  if (INSIGHT === undefined) return undefined
  const sink = createInsightSink({
    ...parts,
    send: async (batch) => callObject(async () => INSIGHT.getByName(INSIGHT_NAME).ingest(batch, parts.abuse)),
  })
  if (ANALYTICS === undefined) return sink
  return {
    ...sink,
    note(observation, credential) {
      sink.note(observation, credential)
      try {
        ANALYTICS.writeDataPoint(analyticsPoint(observation))
      } catch (error) {
        parts.log(JSON.stringify({ event: 'outage', dependency: 'analytics', detail: error instanceof Error ? error.message : 'unknown' }))
      }
    },
  }
}

/** Usage that did not come by this gate: an isolate of its own, which tells once. */
export async function importUsage(namespace: Bindings['INSIGHT'], id: string, usage: readonly UsageCount[]): Promise<{ isNew: boolean }> {
  const batch = { isolate: `import:${id}`, sequence: 1, usage, observations: [] }
  return callObject(async () => namespace.getByName(INSIGHT_NAME).ingest(batch))
}

/** The insight object, from a Worker. */
export function createInsight(namespace: Bindings['INSIGHT']): Insight {
  const object = () => namespace.getByName(INSIGHT_NAME)
  return {
    usage: async (asked) => callObject(async () => object().usage(asked)),
    tail: async (asked) => callObject(async () => object().newest(asked)),
    lastUsed: async (credentials) => callObject(async () => object().lastUsed(credentials)),
    anomalies: async (asked) => callObject(async () => object().anomalies(asked)),
    anomaly: async (id) => callObject(async () => object().anomaly(id)),
    accept: async (id) => callObject(async () => object().accept(id)),
    answered: async (id, answer, until) => callObject(async () => object().answered(id, answer, until)),
    baseline: async (credential) => callObject(async () => object().baseline(credential)),
  }
}
