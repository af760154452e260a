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
import type { Load, TargetResult } from './load.ts'
import { rowsOf, tableOf, type Measure } from './report.ts'
import { createBench, type Bench, type Variant } from './variants.ts'

const CONNECTIONS = 32
/** Sent before each round, so that what the gate makes anew every 30 seconds is not in it. */
const WARM_UP = 512
const EDGE_FIELDS = { cf: 'x-bench-cf', scheme: 'x-bench-scheme' }
const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

interface Started {
  readonly variant: Variant
  readonly runtime: Runtime
  readonly pid: number
  readonly measures: Measure[]
}
type SendLoad = (load: Omit<Load, 'connections'>) => Promise<TargetResult[]>

async function main(): Promise<void> {
  const { rounds, requests, json } = readOptions()
  if (process.platform !== 'linux') throw new Error('the bench reads CPU times from /proc: it needs Linux')
  execFileSync(process.execPath, [pathOf('../scripts/build.mjs'), '--no-types'], { stdio: 'inherit' })
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const children: ChildProcess[] = []
  const started: Started[] = []
  const broken = new AbortController()
  try {
    const prepared = await createBench()
    const origin = fork(pathOf('origin.ts'), [prepared.keySet])
    const loader = fork(pathOf('load.ts'))
    children.push(origin, loader)
    for (const child of children) child.once('exit', () => broken.abort())
    const [{ port }] = (await once(origin, 'message', { signal: broken.signal })) as [{ readonly port: number }]
    const bench = prepared.at(`127.0.0.1:${port}`)
    for (const variant of bench.variants) started.push(await start(variant, bench, join(folder, variant.id)))
    const send: SendLoad = async (load) => {
      loader.send({ ...load, connections: CONNECTIONS } satisfies Load)
      const [results] = (await once(loader, 'message', { signal: broken.signal })) as [TargetResult[]]
      return results
    }
    progress('warming up')
    for (const one of started) await mustRefuse(one, send)
    await sendAll(started, requests, send)
    for (let round = 0; round < rounds; round += 1) {
      progress(`round ${round + 1} of ${rounds}`)
      await measure(started, requests, send)
    }
    progress('')
    report(started, { rounds, requests, json })
  } finally {
    for (const child of children) if (child.connected) child.disconnect()
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

/** A gate that lets everything through would be fast. */
async function mustRefuse({ variant, runtime }: Started, send: SendLoad): Promise<void> {
  if (variant.refused === undefined) return
  const [result] = await send({ targets: [{ port: runtime.port, requests: [variant.refused] }], count: 1 })
  if (result?.statuses['401'] !== 1)
    throw new Error(`${variant.name}: a bad credential was answered ${JSON.stringify(result?.statuses)}, not 401`)
}

/** One round: `count` requests to each, in short turns, so that a busy machine weighs on all of them alike. */
async function measure(started: readonly Started[], count: number, send: SendLoad): Promise<void> {
  await sendAll(started, WARM_UP, send)
  const before = started.map(({ pid }) => cpuMilliseconds(pid))
  const results = await sendAll(started, count, send)
  for (const [index, { pid, measures }] of started.entries()) {
    const cpu = cpuMilliseconds(pid) - (before[index] ?? Number.NaN)
    measures.push({ cpuMsPer1000: (cpu * 1000) / count, requestsPerSecond: count / (results[index]?.seconds ?? Number.NaN) })
  }
}

/** Whatever was not answered 200 was not the work that is measured. */
async function sendAll(started: readonly Started[], count: number, send: SendLoad): Promise<TargetResult[]> {
  const results = await send({
    targets: started.map(({ variant, runtime }) => ({ port: runtime.port, requests: variant.requests(count) })),
    count,
  })
  for (const [index, { variant }] of started.entries()) {
    const statuses = results[index]?.statuses ?? {}
    if (statuses['200'] !== count)
      throw new Error(`${variant.name}: not every answer was 200, nothing is reported: ${JSON.stringify(statuses)}`)
  }
  return results
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
