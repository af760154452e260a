import type { Observation } from './observation.ts'

const utf8 = new TextEncoder()
/** Of an index, in bytes: the platform takes no more. */
const MAX_INDEX_BYTES = 96

/** One request as a data point of Analytics Engine; the columns are those of docs/usage.md. Sampled by consumer. */
export function analyticsPoint(observation: Observation): AnalyticsEngineDataPoint {
  const { consumer = '', credential = '', route = '', method, code, country = '', network = '', plan = '', userAgent = '' } = observation
  return {
    indexes: [firstBytes(consumer, MAX_INDEX_BYTES)],
    blobs: [consumer, credential, route, method, code, country, network, plan, userAgent, observation.requestId],
    doubles: [observation.status, observation.durationMs],
  }
}

/** Ids are ASCII nearly always; a character that would be cut in two is left out. */
function firstBytes(text: string, most: number): string {
  const bytes = utf8.encode(text)
  return bytes.length <= most ? text : new TextDecoder().decode(bytes.subarray(0, most), { stream: true })
}
