import { LATENCY_BOUNDS, type Observation, type UsageCount } from '../../src/insight/observation.ts'
import { NOW } from './authenticators.ts'

export const observation = (changes: Partial<Observation> = {}): Observation => ({
  at: NOW,
  requestId: 'r',
  method: 'GET',
  route: 'GET /orders',
  status: 200,
  code: 'forwarded',
  durationMs: 20,
  address: '192.0.2.1',
  ...changes,
})

export const usageCount = (changes: Partial<UsageCount> = {}): UsageCount => {
  const requests = changes.requests ?? 1
  return {
    minute: Math.floor(NOW / 60_000) * 60_000,
    consumer: 'acme',
    credential: 'key-1',
    route: 'GET /orders',
    status: 200,
    code: 'forwarded',
    requests,
    latency: LATENCY_BOUNDS.map((_, bucket) => (bucket === 1 ? requests : 0)).concat(0),
    ...changes,
  }
}
