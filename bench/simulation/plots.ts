import { mkdir, writeFile } from 'node:fs/promises'
import { barChart, lineChart, type Point } from './charts.ts'
import { simulateLimit, type Load } from './limits.ts'
import { atLoad, LOAD, rate } from './scenarios.ts'

const DIRECTORY = 'docs/scale'
/** Half as many isolates and requests as in the table, for half as long. */
const SMALL = { ...LOAD, isolatesPerPlace: 1, requestsPerSecond: 1000, seconds: 30, warmUpSeconds: 15 }
const PERCENTS = [25, 50, 80, 100, 150, 200, 300]
const PACES = [0.1, 0.3, 1, 3, 10, 30]

/** One subject at so many requests a second and isolate, at 80 % of its limit. */
function atPace(pace: number): Load {
  const requestsPerSecond = pace * 50
  const limit = rate(Math.ceil(requestsPerSecond / 0.8))
  return { ...LOAD, subjects: 1, isolatesPerPlace: 1, seconds: 60, warmUpSeconds: 30, requestsPerSecond, limit }
}

interface Cost {
  readonly ours: number
  readonly naive: number
  readonly oursSigned: number
  readonly naiveSigned: number
}

/** Writes the pictures of docs/scale.md; from the directory of the project. */
export async function drawAll(seed: number, delaysSeconds: readonly number[], cost: Cost): Promise<void> {
  await mkdir(DIRECTORY, { recursive: true })
  const draw = async (name: string, svg: string): Promise<void> => writeFile(`${DIRECTORY}/${name}.svg`, svg)
  const [calls, all, beyond]: [Point[], Point[], Point[]] = [[], [], []]
  for (const percent of PERCENTS) {
    const outcome = await simulateLimit(atLoad(percent, SMALL), seed)
    calls.push([percent, outcome.objectCallsPerRequest.hot])
    all.push([percent, outcome.objectCallsPerRequest.all])
    beyond.push([percent, 100 * Math.max(0, outcome.bursting)])
  }
  const load = { name: 'requests of the busiest subject, % of its limit', ticks: PERCENTS }
  await draw(
    'calls-by-load',
    lineChart({
      title: 'Calls to the ledger per request, by load',
      x: load,
      y: { name: 'calls per request', ticks: [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12] },
      lines: [
        { name: 'busiest subject', points: calls },
        { name: 'all subjects', points: all },
      ],
    }),
  )
  await draw(
    'overshoot',
    lineChart({
      title: 'Let in beyond burst + rate × W, as a share of what is promised at most',
      x: load,
      y: { name: '% of rate × 20 s', ticks: [0, 25, 50, 75, 100] },
      lines: [
        { name: 'most let in', points: beyond },
        { name: 'bound', points: PERCENTS.map((percent) => [percent, 100]) },
      ],
    }),
  )
  const byPace: Point[] = []
  for (const pace of PACES) byPace.push([pace, (await simulateLimit(atPace(pace), seed)).objectCallsPerRequest.hot])
  await draw(
    'calls-by-rate',
    lineChart({
      title: 'Calls to the ledger per request, by how busy an isolate is',
      x: { name: 'requests a second of one subject at one isolate', ticks: PACES, isLogarithmic: true },
      y: { name: 'calls per request', ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] },
      lines: [{ name: 'at 80 % of the limit', points: byPace }],
    }),
  )
  const shares = Array.from({ length: 51 }, (_, tenth): Point => {
    const seconds = tenth / 10
    return [seconds, (100 * delaysSeconds.filter((delay) => delay <= seconds).length) / delaysSeconds.length]
  })
  await draw(
    'revocation',
    lineChart({
      title: `From a revocation to the first request that sees it, at ${delaysSeconds.length} isolates`,
      x: { name: 'seconds (bound: 5)', ticks: [0, 1, 2, 3, 4, 5] },
      y: { name: '% of isolates', ticks: [0, 25, 50, 75, 100] },
      lines: [{ name: 'isolates that refuse', points: shares }],
    }),
  )
  await draw(
    'cost',
    barChart({
      title: 'What state costs, in US dollars per million requests',
      unit: '$',
      bars: [
        ['bearer or key, Portcullis', cost.ours],
        ['one call, row and KV read each', cost.naive],
        ['signed, Portcullis', cost.oursSigned],
        ['signed, a row for each nonce', cost.naiveSigned],
      ],
    }),
  )
}
