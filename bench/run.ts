// CPU of the gate per 1,000 requests, beside that of a Worker that only passes requests on. See docs/performance.md.
import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startRuntime, type Runtime } from '../cli/local/runtime.ts'
import { cpuMilliseconds, runtimeProcesses } from './cpu.ts'
import type { Load, LoadResult } from './load.ts'
import { rowsOf, tableOf, type Measure } from './report.ts'
import { createBench, type Bench, type Variant } from './variants.ts'

const CONNECTIONS = 32
/** Before each measurement, so that what the gate makes anew every 30 seconds is not in it. */
const WARM_UP = 512
const EDGE_FIELDS = { cf: 'x-bench-cf', scheme: 'x-bench-scheme' }
const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

interface Started {
  readonly variant: Variant
  readonly runtime: Runtime
  readonly pid: number
  readonly measures: Measure[]
}
type SendLoad = (load: Omit<Load, 'connections'>) => Promise<LoadResult>

async function main(): Promise<void> {
  const { rounds, requests, json } = readOptions()
  if (process.platform !== 'linux') throw new Error('the bench reads CPU times from /proc: it needs Linux')
  execFileSync(process.execPath, [pathOf('../scripts/build.mjs'), '--no-types'], { stdio: 'inherit' })
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const children: ChildProcess[] = []
  const started: Started[] = []
  try {
    const prepared = await createBench()
    const origin = fork(pathOf('origin.ts'), [prepared.keySet])
    const loader = fork(pathOf('load.ts'))
    children.push(origin, loader)
    const [{ port }] = (await once(origin, 'message')) as [{ readonly port: number }]
    const bench = prepared.at(`127.0.0.1:${port}`)
    for (const variant of bench.variants) started.push(await start(variant, bench, join(folder, variant.id)))
    const send: SendLoad = async (load) => {
      loader.send({ ...load, connections: CONNECTIONS } satisfies Load)
      const [result] = (await once(loader, 'message')) as [LoadResult]
      return result
    }
    for (const one of started) await prepare(one, requests, send)
    for (let round = 0; round < rounds; round += 1) {
      progress(`round ${round + 1} of ${rounds}`)
      for (const one of inTurn(started, round)) one.measures.push(await measure(one, requests, send))
    }
    progress('')
    report(started, { rounds, requests, json })
  } finally {
    for (const child of children) child.disconnect()
    await Promise.all(started.map(async ({ runtime }) => runtime.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Options {
  readonly rounds: number
  readonly requests: number
  readonly json: string | undefined
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      requests: { type: 'string', default: '3000' },
      json: { type: 'string' },
    },
  })
  const [rounds, requests] = [Number(values.rounds), Number(values.requests)]
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number from 1')
  if (!Number.isSafeInteger(requests) || requests < 100) throw new Error('--requests is a whole number from 100')
  return { rounds, requests, json: values.json }
}

/** Another one begins each round, so that nobody always follows the same. */
function inTurn<Item>(items: readonly Item[], round: number): Item[] {
  const first = round % items.length
  return [...items.slice(first), ...items.slice(0, first)]
}

/** A runtime of its own for each variant: none is compiled for another's requests. */
async function start(variant: Variant, bench: Bench, stateDirectory: string): Promise<Started> {
  const before = new Set(runtimeProcesses())
  const runtime = await startRuntime({
    workerPath: variant.worker === 'gate' ? pathOf('../dist/worker.js') : pathOf('pass-through.mjs'),
    policy: bench.policy(),
    bindings: bench.bindings(),
    stateDirectory,
    edgeFields: EDGE_FIELDS,
    log: () => undefined,
  })
  const pid = runtimeProcesses().find((found) => !before.has(found))
  if (pid === undefined) throw new Error('the process of the runtime was not found')
  return { variant, runtime, pid, measures: [] }
}

/** Refuses what it must, then warms up: a gate that lets everything through would be fast. */
async function prepare({ variant, runtime }: Started, requests: number, send: SendLoad): Promise<void> {
  progress(`warming up: ${variant.name}`)
  const { port } = runtime
  if (variant.refused !== undefined) {
    const { statuses } = await send({ port, requests: [variant.refused], count: 1 })
    if (statuses['401'] !== 1) throw new Error(`${variant.name}: a bad credential was answered ${JSON.stringify(statuses)}, not 401`)
  }
  await sendAll(variant, { port, requests: variant.requests(requests), count: requests }, send)
}

async function measure({ variant, runtime, pid }: Started, count: number, send: SendLoad): Promise<Measure> {
  const { port } = runtime
  await sendAll(variant, { port, requests: variant.requests(WARM_UP), count: WARM_UP }, send)
  const requests = variant.requests(count)
  const before = cpuMilliseconds(pid)
  const { seconds } = await sendAll(variant, { port, requests, count }, send)
  const cpu = cpuMilliseconds(pid) - before
  return { cpuMsPer1000: (cpu * 1000) / count, requestsPerSecond: count / seconds }
}

/** Whatever was not answered 200 was not the work that is measured. */
async function sendAll({ name }: Variant, load: Omit<Load, 'connections'>, send: SendLoad): Promise<LoadResult> {
  const result = await send(load)
  if (result.statuses['200'] !== load.count)
    throw new Error(`${name}: not every answer was 200, nothing is reported: ${JSON.stringify(result.statuses)}`)
  return result
}

function report(started: readonly Started[], { rounds, requests, json }: Options): void {
  const rows = rowsOf(started.map(({ variant: { id, name }, measures }) => ({ id, name, measures })))
  const { version } = createRequire(import.meta.url)('workerd/package.json') as { readonly version: string }
  const [cpu] = cpus()
  const about = { workerd: version, node: process.versions.node, cpu: cpu?.model ?? 'unknown', cores: cpus().length, rounds, requests }
  console.log(tableOf(rows).join('\n'))
  console.log()
  console.log(
    `workerd ${version}, ${rounds} rounds of ${requests} requests over ${CONNECTIONS} connections, medians; ${about.cores} x ${about.cpu}`,
  )
  if (json === undefined) return
  const measures = Object.fromEntries(started.map((one) => [one.variant.id, one.measures]))
  writeFileSync(json, `${JSON.stringify({ ...about, connections: CONNECTIONS, variants: rows, measures }, undefined, 2)}\n`)
}

/** On a terminal alone. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`)
}

try {
  await main()
} catch (error) {
  progress('')
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
