import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { KV_SERVICE } from './kv-service.ts'

export interface RuntimeOptions {
  /** The bundled Worker. */
  readonly workerPath: string
  /** What `portcullis compile` makes. */
  readonly policy: unknown
  /** Text bindings, secrets among them. */
  readonly bindings: Readonly<Record<string, string>>
  /** Where Durable Objects and KV are kept. */
  readonly stateDirectory: string
  /** Names of the fields in which the edge says what a client must not: known to it and the runtime alone. */
  readonly edgeFields: EdgeFields
  /** One line of the Worker's log, or of the runtime's complaints. */
  readonly log: (line: string) => void
}
export interface EdgeFields {
  /** `request.cf`, as JSON. */
  readonly cf: string
  /** `http` or `https`. */
  readonly scheme: string
}
export interface Runtime {
  /** On 127.0.0.1. */
  readonly port: number
  /** Resolves with why it ended; never rejects. */
  readonly ended: Promise<string>
  stop(): Promise<void>
  /** At once and without a word, as a crash would. */
  kill(): Promise<void>
}

const OBJECT_CLASSES = {
  LEDGER: 'Ledger',
  REPLAY: 'ReplayShard',
  REVOCATIONS: 'RevocationFeed',
  RELAYS: 'FeedRelay',
  SESSION: 'SessionObject',
  PEOPLE: 'PersonObject',
  DIRECTORY: 'DirectoryObject',
  INSIGHT: 'InsightObject',
  EVENTS: 'EventsObject',
} as const
const STOP_MS = 2000
const START_MS = 30_000

/**
 * Runs the Worker in the runtime of Cloudflare Workers, `workerd serve`: the same code as deployed, with SQLite-backed
 * Durable Objects and KV on disk. Rejects when it does not listen in time; the message says what it printed.
 */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const directory = join(options.stateDirectory, 'runtime')
  for (const folder of ['objects', 'kv']) mkdirSync(join(options.stateDirectory, folder), { recursive: true, mode: 0o700 })
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  copyFileSync(options.workerPath, join(directory, 'worker.js'))
  writeFileSync(join(directory, 'policy.json'), JSON.stringify(options.policy))
  writeFileSync(join(directory, 'kv.js'), KV_SERVICE)
  // Bindings hold secrets: for their owner alone.
  writeFileSync(join(directory, 'config.capnp'), configOf(options), { mode: 0o600 })
  const child = spawn(runtimePath(), ['serve', '--control-fd=3', 'config.capnp'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '' },
  })
  const stopWithUs = (): void => {
    child.kill('SIGKILL')
  }
  process.on('exit', stopWithUs)
  const complaints: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null)
      createInterface(stream).on('line', (line) => {
        complaints.push(line)
        if (complaints.length > 20) complaints.shift()
        options.log(line)
      })
  }
  const ended = (async (): Promise<string> => {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    process.off('exit', stopWithUs)
    return signal ?? `exit code ${code}`
  })()
  const port = await Promise.race([
    listeningPort(child.stdio[3] as Readable),
    (async () => {
      throw new Error(`the runtime ended (${await ended}): ${complaints.join('\n')}`)
    })(),
  ])
  return {
    port,
    ended,
    stop: async () => stop(child, ended),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}

async function listeningPort(control: Readable): Promise<number> {
  const timer = setTimeout(() => control.destroy(new Error('the runtime did not listen in time')), START_MS)
  try {
    for await (const line of createInterface(control)) {
      const event = JSON.parse(line) as { readonly event?: string; readonly port?: number }
      if (event.event === 'listen' && event.port !== undefined) return event.port
    }
    throw new Error('the runtime closed before it listened')
  } finally {
    clearTimeout(timer)
  }
}

/** The platform's own binary, in the package that npm chose for this machine. */
function runtimePath(): string {
  const workerd = createRequire(import.meta.url)('workerd') as { readonly default: string }
  return workerd.default
}

/** Cap'n Proto text: strings are escaped as in JSON, ASCII only. */
function text(value: string): string {
  const escaped = [...new TextEncoder().encode(value)].map((byte) => {
    const character = String.fromCodePoint(byte)
    return byte < 0x20 || byte > 0x7e || character === '"' || character === '\\'
      ? String.raw`\x` + byte.toString(16).padStart(2, '0')
      : character
  })
  return `"${escaped.join('')}"`
}

function configOf({ bindings, stateDirectory, edgeFields }: RuntimeOptions): string {
  const namespaces = Object.values(OBJECT_CLASSES).map((name) => `(className = ${text(name)}, uniqueKey = ${text(name)}, enableSql = true)`)
  const all = [
    ...Object.entries(bindings).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
    ...Object.entries(OBJECT_CLASSES).map(([name, className]) => `(name = ${text(name)}, durableObjectNamespace = ${text(className)})`),
    '(name = "BACKUP", kvNamespace = "kv")',
    '(name = "PROJECTION", kvNamespace = "kv")',
  ]
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "gate", worker = .gate),
    (name = "objects", disk = (path = ${text(join(stateDirectory, 'objects'))}, writable = true)),
    (name = "kv", worker = .kv),
    (name = "kv-disk", disk = (path = ${text(join(stateDirectory, 'kv'))}, writable = true)),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(
    name = "edge", address = "127.0.0.1:0", service = "gate",
    http = (cfBlobHeader = ${text(edgeFields.cf)}, forwardedProtoHeader = ${text(edgeFields.scheme)}),
  )],
);

const kv :Workerd.Worker = (
  compatibilityDate = "2026-11-01",
  modules = [(name = "kv.js", esModule = embed "kv.js")],
  bindings = [(name = "disk", service = "kv-disk")],
);

const gate :Workerd.Worker = (
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["no_nodejs_compat", "no_nodejs_compat_v2"],
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "policy.json", json = embed "policy.json"),
  ],
  globalOutbound = "internet",
  durableObjectNamespaces = [${namespaces.join(', ')}],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    ${all.join(',\n    ')},
  ],
);
`
}
