import { createWriteStream, existsSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { TrafficEvent } from '../../src/insight/abuse/traffic.ts'
import { attackTraffic } from './attacks.ts'
import { honestTraffic } from './honest.ts'
import { createJudge } from './judge.ts'
import { otherTraffic, STYLES } from './others.ts'
import { mergeActors, type Label } from './scenario.ts'
import { readLabels, readTraffic } from './traffic-file.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    seed: { type: 'string', default: '1' },
    consumers: { type: 'string', default: '1000' },
    style: { type: 'string' },
    traffic: { type: 'string' },
    labels: { type: 'string' },
    write: { type: 'string' },
    verbose: { type: 'boolean' },
  },
})
const labelsBeside = (path: string): string => path.replace(/(?:\.jsonl)?$/u, '.labels.jsonl')

interface Given {
  readonly events: Iterable<TrafficEvent> | AsyncIterable<TrafficEvent>
  readonly labels: readonly Label[]
}

async function given(): Promise<Given> {
  if (values.traffic !== undefined) {
    const beside = values.labels ?? labelsBeside(values.traffic)
    // An anomaly's evidence has none: all that is found is told with --verbose.
    const labels = values.labels === undefined && !existsSync(beside) ? [] : readLabels(beside)
    return { events: await readTraffic(values.traffic), labels }
  }
  const seed = Number(values.seed)
  const style = STYLES.find((one) => one === values.style)
  if (style !== undefined) {
    const other = otherTraffic(style, seed)
    return { events: mergeActors(other.actors), labels: other.labels }
  }
  if (values.style !== undefined) throw new Error(`there are these styles: ${STYLES.join(', ')}`)
  const honest = honestTraffic(seed, Number(values.consumers))
  const attacks = attackTraffic(seed, honest.consumers)
  return { events: mergeActors([...honest.actors, ...attacks.actors]), labels: attacks.labels }
}

async function tell({ events, labels }: Given): Promise<void> {
  if (values.write === undefined) {
    const judge = createJudge(labels)
    for await (const event of events) judge.observe(event)
    const report = judge.report()
    const { precision, recall, detectSeconds, falseBlocksPerMillion } = report.summary
    if (values.json === true)
      process.stdout.write(`${JSON.stringify({ precision, recall, detectSeconds, falseBlocksPerMillion }, undefined, 2)}\n`)
    else process.stdout.write(report.text(values.verbose === true))
  } else {
    const file = createWriteStream(values.write)
    for await (const event of events)
      if (!file.write(`${JSON.stringify(event)}\n`)) await new Promise<void>((done) => file.once('drain', () => done()))
    file.end()
    writeFileSync(labelsBeside(values.write), labels.map((label) => `${JSON.stringify(label)}\n`).join(''))
  }
}

const found = await given().catch((error: unknown): undefined => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
})
if (found !== undefined) await tell(found)
