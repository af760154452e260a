import { parseArgs } from 'node:util'
import { simulateLimit, type Outcome } from './limits.ts'
import { drawAll } from './plots.ts'
import { simulateRevocation } from './revocation.ts'
import { costOf, NAIVE, NAIVE_SIGNED, SCENARIOS, signedCostOf } from './scenarios.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    plots: { type: 'boolean' },
    /** One subject at 20,000 requests a second as well: minutes. */
    large: { type: 'boolean' },
    seed: { type: 'string', default: '1' },
    isolates: { type: 'string', default: '10000' },
  },
})
const seed = Number(values.seed)
/** Signed requests of one key, a second. */
const SIGNED_PER_SECOND = 1000
const say = (line: string): void => {
  if (values.json !== true) process.stdout.write(`${line}\n`)
}

say(`seed ${seed}\n`)
say(`${''.padEnd(26)}  let in  over  wrongly refused    503  calls/request hot   cold    all  rows/request all  waited  busiest object`)
const outcomes: Partial<Record<keyof typeof SCENARIOS, Outcome>> = {}
for (const name of Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[]) {
  if (name === 'one subject, 20,000/s' && values.large !== true) continue
  const outcome = await simulateLimit(SCENARIOS[name], seed)
  outcomes[name] = outcome
  say(rowOf(name, outcome))
}
const revocation = await simulateRevocation(Number(values.isolates), 5, seed)
const { p50, p99, max } = revocation.revocationSeconds
say(
  `\nrevocation in force at ${revocation.isolates} isolates (bound ${revocation.boundSeconds} s): p50 ${p50.toFixed(2)} s, p99 ${p99.toFixed(2)} s, max ${max.toFixed(2)} s`,
)

const [normal, tail] = [outcomes['rate, busiest at 80 %'], outcomes['10,000 subjects']]
if (normal === undefined || tail === undefined) throw new Error('a scenario is missing')
const cost = { ours: costOf(normal), naive: NAIVE, oursSigned: signedCostOf(normal, SIGNED_PER_SECOND), naiveSigned: NAIVE_SIGNED }
say(`state per million requests at 80 %: $${cost.ours.toFixed(3)}; one object call, one row and one KV read each: $${NAIVE.toFixed(2)}`)
say(`signed, ${SIGNED_PER_SECOND} a second of one key: $${cost.oursSigned.toFixed(3)}; a nonce's row besides: $${NAIVE_SIGNED.toFixed(2)}`)
if (values.plots === true) await drawAll(seed, revocation.delaysSeconds, cost)
if (values.json === true) {
  const sum = (of: (outcome: Outcome) => number): number => Object.values(outcomes).reduce((total, outcome) => total + of(outcome), 0)
  const report = {
    seed,
    overshoot: sum(({ overshoot }) => overshoot),
    quotaOvershoot: sum(({ quotaOvershoot }) => quotaOvershoot),
    falseRefusalRate: normal.falseRefusalRate,
    objectCallsPerRequest: { hot: normal.objectCallsPerRequest.hot, cold: tail.objectCallsPerRequest.cold },
    revocationSeconds: { p50, p99, max },
    costPerMillion: cost,
    scenarios: outcomes,
  }
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
}

function rowOf(name: string, outcome: Outcome): string {
  const { requests, admitted, overshoot, quotaOvershoot, falseRefusalRate, unavailableRate, waitedRate } = outcome
  const { objectCallsPerRequest: calls, rowsPerRequest: rows, mostCallsPerSecond } = outcome
  return [
    name.padEnd(26),
    `${((100 * admitted) / requests).toFixed(1).padStart(5)} %`,
    String(overshoot + quotaOvershoot).padStart(4),
    `${(100 * falseRefusalRate).toFixed(3).padStart(13)} %`,
    `${(100 * unavailableRate).toFixed(2)} %`,
    calls.hot.toFixed(3).padStart(17),
    calls.cold.toFixed(3),
    calls.all.toFixed(3),
    rows.all.toFixed(4).padStart(16),
    `${(100 * waitedRate).toFixed(1).padStart(4)} %`,
    `${mostCallsPerSecond} calls/s`,
  ].join('  ')
}
