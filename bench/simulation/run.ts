import { parseArgs } from 'node:util'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import { simulateLimit, type Load, type Outcome } from './limits.ts'
import { simulateRevocation } from './revocation.ts'

/** Published prices in USD per million (Workers, Durable Objects and KV pricing): a call to an object, a row written, a KV read. */
const PRICES = { objectCall: 0.15, rowWritten: 1, kvRead: 0.5 }
/** A limiter that asks an object for every request, which writes its counter, and reads the key from KV. */
const NAIVE = PRICES.objectCall + PRICES.rowWritten + PRICES.kvRead

const limit = (parts: Partial<LimitPolicy>): LimitPolicy => ({
  name: 'simulated',
  by: [['consumer']],
  chargeOn: 'request',
  consistency: 'leased',
  onOutage: 'closed',
  ...parts,
})
const rate = (count: number): LimitPolicy => limit({ rate: { count, seconds: 1, burst: 2 * count } })
const LOAD = {
  subjects: 200,
  places: 50,
  isolatesPerPlace: 4,
  seconds: 60,
  requestsPerSecond: 4000,
  lossRate: 0.001,
  isolateLifeSeconds: 300,
}
/** The busiest subject of Zipf's law over 200 gets this part of all requests. */
const HOT = 0.17

const SCENARIOS: readonly { readonly name: string; readonly load: Load }[] = [
  { name: 'rate, busiest at 80 %', load: { ...LOAD, limit: rate(Math.round((LOAD.requestsPerSecond * HOT) / 0.8)) } },
  { name: 'rate, busiest at 200 %', load: { ...LOAD, limit: rate(Math.round((LOAD.requestsPerSecond * HOT) / 2)) } },
  {
    name: 'quota, busiest at 80 %',
    load: { ...LOAD, limit: limit({ quota: { count: Math.round((LOAD.requestsPerSecond * HOT * 60) / 0.8), period: 'year' } }) },
  },
  {
    name: 'quota, busiest at 200 %',
    load: { ...LOAD, limit: limit({ quota: { count: Math.round(LOAD.requestsPerSecond * HOT * 30), period: 'year' } }) },
  },
]

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, seed: { type: 'string', default: '1' }, isolates: { type: 'string', default: '10000' } },
})
const seed = Number(values.seed)
const say = (line: string): void => {
  if (values.json !== true) process.stdout.write(`${line}\n`)
}

say(
  `seed ${seed}: ${LOAD.subjects} subjects by Zipf's law, ${LOAD.places * LOAD.isolatesPerPlace} isolates, ${LOAD.requestsPerSecond} requests/s for ${LOAD.seconds} s\n`,
)
const outcomes = SCENARIOS.map(({ name, load }) => {
  const outcome = simulateLimit(load, seed)
  say(rowOf(name, outcome))
  return outcome
})
const revocation = await simulateRevocation(Number(values.isolates), 5, seed)
const { p50, p99, max } = revocation.revocationSeconds
say(
  `\nrevocation in force at ${revocation.isolates} isolates (bound ${revocation.boundSeconds} s): p50 ${p50.toFixed(2)} s, p99 ${p99.toFixed(2)} s, max ${max.toFixed(2)} s`,
)

const normal = outcomes[0]
const callsPerRequest = normal?.objectCallsPerRequest.all ?? 0
const ours = callsPerRequest * (PRICES.objectCall + PRICES.rowWritten)
say(`state per million requests at 80 %: $${ours.toFixed(3)}; one object call, one row and one KV read each: $${NAIVE.toFixed(2)}`)
if (values.json === true) {
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, outcome) => total + of(outcome), 0)
  const report = {
    seed,
    overshoot: sum(({ overshoot }) => overshoot),
    quotaOvershoot: sum(({ quotaOvershoot }) => quotaOvershoot),
    falseRefusalRate: normal?.falseRefusalRate,
    objectCallsPerRequest: { hot: normal?.objectCallsPerRequest.hot, cold: normal?.objectCallsPerRequest.cold },
    revocationSeconds: { p50, p99, max },
    costPerMillion: { ours, naive: NAIVE },
    scenarios: Object.fromEntries(SCENARIOS.map(({ name }, index) => [name, outcomes[index]])),
  }
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
}

function rowOf(
  name: string,
  { requests, admitted, overshoot, quotaOvershoot, falseRefusalRate, objectCallsPerRequest, waitedRate }: Outcome,
): string {
  return [
    name.padEnd(24),
    `${((100 * admitted) / requests).toFixed(1).padStart(5)} % let in`,
    `over ${overshoot + quotaOvershoot}`,
    `wrongly refused ${(100 * falseRefusalRate).toFixed(3)} %`,
    `calls/request ${objectCallsPerRequest.hot.toFixed(3)} hot, ${objectCallsPerRequest.cold.toFixed(3)} cold, ${objectCallsPerRequest.all.toFixed(3)} all`,
    `waited ${(100 * waitedRate).toFixed(1)} %`,
  ].join('  ')
}
