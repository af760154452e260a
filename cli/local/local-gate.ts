import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { startEdge, type Edge, type TlsOptions } from './edge.ts'
import { startRuntime, type Runtime } from './runtime.ts'

/** The whole gate on this machine: the Worker in its runtime, behind the local edge. */
export interface LocalGate {
  readonly url: string
  /** `undefined`: no TLS was asked for. */
  readonly tlsUrl: string | undefined
  /** Where the runtime listens by itself, on 127.0.0.1. */
  readonly runtimePort: number
  /** Resolves when the runtime ends by itself, with why. */
  readonly ended: Promise<string>
  stop(): Promise<void>
  /** The runtime ends as in a crash; the edge with it. */
  crash(): Promise<void>
}
export interface LocalGateOptions {
  /** What `portcullis compile` makes. */
  readonly policy: unknown
  readonly bindings: Readonly<Record<string, string>>
  readonly stateDirectory: string
  /** 0: any that is free. */
  readonly port: number
  readonly tls?: TlsOptions
  readonly log: (line: string) => void
}

/** Listens first, so that the Worker can be told under which names it is reached. */
export async function startLocalGate(options: LocalGateOptions): Promise<LocalGate> {
  const secret = randomBytes(16).toString('hex')
  const fields = { cf: `x-edge-cf-${secret}`, scheme: `x-edge-scheme-${secret}` }
  const edge: Edge = await startEdge({ port: options.port, fields, ...(options.tls === undefined ? {} : { tls: options.tls }) })
  let runtime: Runtime
  try {
    runtime = await startRuntime({
      workerPath: fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../dist/worker.js' : '../worker.js', import.meta.url)),
      policy: options.policy,
      stateDirectory: options.stateDirectory,
      edgeFields: fields,
      log: options.log,
      bindings: { ...options.bindings, PORTCULLIS_LOCAL: JSON.stringify(authoritiesOf(edge)) },
    })
  } catch (error) {
    await edge.stop()
    throw error
  }
  edge.connectTo(runtime.port)
  return {
    url: `http://127.0.0.1:${edge.ports.http}`,
    tlsUrl: edge.ports.tls === undefined ? undefined : `https://localhost:${edge.ports.tls}`,
    runtimePort: runtime.port,
    ended: runtime.ended,
    async stop() {
      await edge.stop()
      await runtime.stop()
    },
    async crash() {
      await runtime.kill()
      await edge.stop()
    },
  }
}

function authoritiesOf({ ports }: Edge): string[] {
  const all = ports.tls === undefined ? [ports.http] : [ports.http, ports.tls]
  return all.flatMap((port) => [`127.0.0.1:${port}`, `localhost:${port}`])
}
