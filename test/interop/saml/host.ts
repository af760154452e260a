import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createIdentity } from '../../../src/identity/identity.ts'
import type { SamlProviderConfig } from '../../../src/policy/identity-providers.ts'
import { createMemoryReplay } from '../../../src/replay/replay-store.ts'
import { parseRootSecret } from '../../../src/credentials/root-secret.ts'
import { createMemorySessions, type MemorySessions } from '../../support/memory-sessions.ts'

/** The paths of sign-in and sign-out on a port of this machine, by the real clock. */
export interface IdentityHost {
  readonly origin: string
  readonly sessions: MemorySessions
  readonly log: readonly Readonly<Record<string, unknown>>[]
  /** The identity provider, once its addresses are known. */
  use(config: SamlProviderConfig): void
  stop(): Promise<void>
}

export async function startHost(): Promise<IdentityHost> {
  const sessions = createMemorySessions()
  const log: Record<string, unknown>[] = []
  let handle = async (_request: Request): Promise<Response> => new Response('no provider yet', { status: 503 })
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const response = await handle(await requestOf(incoming, origin))
      outgoing.writeHead(response.status, [...response.headers].flat())
      outgoing.end(Buffer.from(await response.arrayBuffer()))
    })()
  })
  const origin = `http://127.0.0.1:${await listening(server)}`
  return {
    origin,
    sessions,
    log,
    use(config) {
      const identity = createIdentity({
        service: 'Orders',
        providers: [config],
        sessions,
        sameSite: 'lax',
        replay: createMemoryReplay(),
        rootSecret: parseRootSecret('g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0', { gateway: 'test', environment: 'test' }),
        fetch,
        isLocal: true,
        now: Date.now,
        answersTo: (authority) => origin.endsWith(authority),
        log: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
      })
      handle = async (request) => identity.handle(request, () => undefined)
    },
    stop: async () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listening(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function requestOf(incoming: IncomingMessage, origin: string): Promise<Request> {
  const { method = 'GET', url = '/' } = incoming
  const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, [value].flat().join(', ')])
  const body = method === 'GET' || method === 'HEAD' ? {} : { body: await buffer(incoming) }
  return new Request(`${origin}${url}`, { method, headers, ...body })
}
