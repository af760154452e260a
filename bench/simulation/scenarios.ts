import type { LimitPolicy } from '../../src/limits/limiter.ts'
import type { Load, Outcome } from './limits.ts'

/** Published prices in USD per million: a request to a Durable Object, a row written, a KV read (Cloudflare's price lists). */
export const PRICES = { objectCall: 0.15, rowWritten: 1, kvRead: 0.5 }
/** A limiter that asks an object for every request, which writes its counter, and reads the key from KV. */
export const NAIVE = PRICES.objectCall + PRICES.rowWritten + PRICES.kvRead
/** The same, with a row for each nonce that is deleted later. */
export const NAIVE_SIGNED = NAIVE + PRICES.objectCall + 2 * PRICES.rowWritten

/** What state costs per million requests: calls, alarms (billed as calls) and rows. */
export const costOf = ({ objectCallsPerRequest, alarmsPerRequest, rowsPerRequest }: Outcome): number =>
  (objectCallsPerRequest.all + alarmsPerRequest) * PRICES.objectCall + rowsPerRequest.all * PRICES.rowWritten

/** Rows per id of the replay memory, at so many ids a second of one scope: two shards, each of which writes `1 + 0.05 r` ids together (docs/replay.md). */
export const replayRowsAt = (idsPerSecond: number): number => 1 / (1 + (0.05 * idsPerSecond) / 2)
export const signedCostOf = (outcome: Outcome, idsPerSecond: number): number =>
  costOf(outcome) + PRICES.objectCall + replayRowsAt(idsPerSecond) * PRICES.rowWritten

const limit = (parts: Partial<LimitPolicy>): LimitPolicy => ({
  name: 'simulated',
  by: [['consumer']],
  chargeOn: 'request',
  consistency: 'leased',
  onOutage: 'closed',
  ...parts,
})
export const rate = (count: number): LimitPolicy => limit({ rate: { count, seconds: 1, burst: 2 * count } })
const quota = (count: number): LimitPolicy => limit({ quota: { count: Math.round(count), period: 'year' } })

export const LOAD = {
  subjects: 200,
  places: 50,
  isolatesPerPlace: 2,
  seconds: 60,
  warmUpSeconds: 20,
  requestsPerSecond: 2000,
  costs: [1],
  lossRate: 0.001,
  isolateLifeSeconds: 300,
  objectLifeSeconds: 60,
  partitionEverySeconds: 30,
}
/** The busiest subject of Zipf's law over 200 gets this part of all requests. */
const HOT = 0.17
const hotRate = LOAD.requestsPerSecond * HOT

/** `percent`: what the busiest subject asks for, of what its limit lets in. */
export const atLoad = (percent: number, load: Omit<Load, 'limit'> = LOAD): Load => ({
  ...load,
  limit: rate(Math.round((load.requestsPerSecond * HOT * 100) / percent)),
})
const COSTS = [1, 1, 1, 1, 1, 1, 5, 20]
const MEAN_COST = COSTS.reduce((sum, cost) => sum + cost, 0) / COSTS.length

export const SCENARIOS = {
  'rate, busiest at 80 %': atLoad(80),
  'rate, busiest at 200 %': atLoad(200),
  'costs of 1, 5 and 20, 80 %': { ...LOAD, costs: COSTS, seconds: 40, limit: rate(Math.round((hotRate * MEAN_COST) / 0.8)) },
  'quota, busiest at 80 %': { ...LOAD, limit: quota((hotRate * LOAD.seconds) / 0.8) },
  'quota, busiest at 200 %': { ...LOAD, limit: quota((hotRate * LOAD.seconds) / 2) },
  '10,000 subjects': { ...LOAD, subjects: 10_000, seconds: 40, limit: rate(500) },
  'one subject, 20,000/s': {
    ...LOAD,
    subjects: 1,
    isolatesPerPlace: 4,
    seconds: 10,
    warmUpSeconds: 5,
    requestsPerSecond: 20_000,
    limit: rate(25_000),
  },
} satisfies Readonly<Record<string, Load>>
