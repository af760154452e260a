import { randomBytes } from 'node:crypto'
import { Agent, createServer, request as requestUpstream, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { clientCertificateReport, NO_CERTIFICATE } from './client-certificate.ts'
import type { EdgeFields } from './runtime.ts'

/**
 * The local edge: what Cloudflare's does in front of the Worker, as far as a gate can see it. It takes away what a client
 * must not say (`MF-*`, `CF-*`), says itself where a request comes from, and reports the client certificate.
 */
export interface Edge {
  /** Of the plain listener and of the TLS listener, if there is one. */
  readonly ports: { readonly http: number; readonly tls: number | undefined }
  /** Where the runtime listens; until it is set, requests are answered with 503. */
  connectTo(port: number): void
  stop(): Promise<void>
}

export interface EdgeOptions {
  readonly port: number
  readonly fields: EdgeFields
  readonly tls?: TlsOptions
}
export interface TlsOptions {
  readonly port: number
  /** PEM. */
  readonly certificate: string
  readonly key: string
  /** PEM of the authorities whose client certificates verify; asked of every client when given. */
  readonly clientAuthorities?: string
  /** PEM of their revocation lists. */
  readonly revocationLists?: string
}

/** As the platform takes them. */
const MAX_HEADER_BYTES = 128 * 1024
/** One hop only (RFC 9110 §7.6.1); `Transfer-Encoding` and `Upgrade` are kept, because they say how this very message goes on. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer'])
/** Where a message ends and whom it is for: no `Connection` takes these from the next hop, which would read another message. */
const NEVER_NOMINATED = ['content-length', 'host', 'transfer-encoding', 'upgrade'] as const
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'])

export async function startEdge({ port, fields, tls }: EdgeOptions): Promise<Edge> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  let upstreamPort: number | undefined
  const sockets = new Set<Socket>()

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (upstreamPort === undefined) {
      response.writeHead(503, { 'retry-after': '1' }).end()
      return
    }
    const headers = headersToGate(request, fields)
    // Without either field there is no content (RFC 9112 §6.3); Node would announce some for a POST.
    if (
      request.headers['content-length'] === undefined &&
      request.headers['transfer-encoding'] === undefined &&
      !BODILESS.has(request.method ?? '')
    )
      headers.push('Content-Length', '0')
    let upstream: ReturnType<typeof requestUpstream>
    try {
      upstream = requestUpstream({
        host: '127.0.0.1',
        port: upstreamPort,
        method: request.method,
        path: request.url,
        headers,
        agent,
        maxHeaderSize: MAX_HEADER_BYTES,
        setHost: false,
      })
    } catch {
      // A target that Node would not send: no server would take it either.
      response.writeHead(400).end()
      return
    }
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    upstream.on('error', () => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    })
    response.on('close', () => upstream.destroy())
    request.pipe(upstream)
  }

  /** Both ends are joined once the Worker agrees to a WebSocket; before, and where it does not, one request passes and no byte more. */
  const upgrade = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    // Content would follow unread: nobody opens a WebSocket with any.
    const hasContent = ['content-length', 'transfer-encoding'].some((name) => Object.hasOwn(request.headers, name))
    if (upstreamPort === undefined || hasContent) {
      socket.end(`HTTP/1.1 ${hasContent ? '400 Bad Request' : '503 Service Unavailable'}\r\nConnection: close\r\n\r\n`)
      return
    }
    const headers = [...headersToGate(request, fields), 'Connection', 'Upgrade']
    const upstream = requestUpstream({
      host: '127.0.0.1',
      port: upstreamPort,
      method: request.method,
      path: request.url,
      headers,
      agent: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      setHost: false,
    })
    upstream.on('upgrade', (answer, far, farHead) => {
      socket.write(headOf(answer, pairs(answer.rawHeaders)), 'latin1')
      socket.write(farHead)
      far.write(head)
      far.on('error', () => socket.destroy()).on('close', () => socket.destroy())
      socket.on('close', () => far.destroy())
      far.pipe(socket).pipe(far)
    })
    upstream.on('response', (answer) => {
      const kept = pairs(answer.rawHeaders).filter(([name]) => !/^(?:connection|keep-alive|transfer-encoding)$/iu.test(name))
      socket.write(headOf(answer, [...kept, ['Connection', 'close']]), 'latin1')
      answer.on('error', () => socket.destroy()).pipe(socket)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
    upstream.end()
  }

  const listen = async (server: Server, wanted: number): Promise<number> => {
    server.on('request', serve).on('upgrade', upgrade)
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(wanted, '127.0.0.1', resolve)
    })
    return (server.address() as AddressInfo).port
  }

  const plain = createServer({ maxHeaderSize: MAX_HEADER_BYTES })
  const secure =
    tls === undefined
      ? undefined
      : createTlsServer({
          maxHeaderSize: MAX_HEADER_BYTES,
          cert: tls.certificate,
          key: tls.key,
          minVersion: 'TLSv1.2',
          // A resumed session would not show its certificate again.
          sessionTimeout: 1,
          requestCert: tls.clientAuthorities !== undefined,
          rejectUnauthorized: false,
          ...(tls.clientAuthorities === undefined ? {} : { ca: tls.clientAuthorities }),
          ...(tls.revocationLists === undefined ? {} : { crl: tls.revocationLists }),
        })
  const ports = {
    http: await listen(plain, port),
    tls: secure === undefined || tls === undefined ? undefined : await listen(secure, tls.port),
  }
  return {
    ports,
    connectTo: (upstream) => {
      upstreamPort = upstream
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      agent.destroy()
      await Promise.all(
        [plain, secure].map(
          async (server) =>
            new Promise((resolve) => {
              if (server === undefined) resolve(undefined)
              else server.close(resolve)
            }),
        ),
      )
    },
  }
}

function headOf({ statusCode, statusMessage }: IncomingMessage, fields: readonly (readonly [name: string, value: string])[]): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`, ...fields.map(([name, value]) => `${name}: ${value}`)]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Names and values in turn, in the order and spelling they came in: repeated fields stay repeated. */
function headersToGate(request: IncomingMessage, fields: EdgeFields): string[] {
  const isSecure = request.socket instanceof TLSSocket
  const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/u, '')
  const nominated = new Set((request.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()))
  for (const name of NEVER_NOMINATED) nominated.delete(name)
  const forwardedFor: string[] = []
  const kept = pairs(request.rawHeaders).filter(([name, value]) => {
    const lower = name.toLowerCase()
    if (lower === 'x-forwarded-for') forwardedFor.push(value)
    return !isOfTheEdge(lower, fields) && !HOP_BY_HOP.has(lower) && !nominated.has(lower)
  })
  const scheme = isSecure ? 'https' : 'http'
  const tlsClientAuth = request.socket instanceof TLSSocket ? clientCertificateReport(request.socket) : NO_CERTIFICATE
  return [
    ...kept.flat(),
    'CF-Connecting-IP',
    address,
    'X-Forwarded-For',
    [...forwardedFor, address].join(', '),
    'X-Forwarded-Proto',
    scheme,
    'CF-Ray',
    `${randomBytes(8).toString('hex')}-LOC`,
    'CF-Visitor',
    JSON.stringify({ scheme }),
    fields.scheme,
    scheme,
    fields.cf,
    JSON.stringify({ colo: 'LOC', httpProtocol: 'HTTP/1.1', tlsClientAuth }),
  ]
}

function isOfTheEdge(name: string, fields: EdgeFields): boolean {
  return (
    name.startsWith('mf-') ||
    name.startsWith('cf-') ||
    name === 'x-forwarded-for' ||
    name === 'x-forwarded-proto' ||
    name === fields.cf.toLowerCase() ||
    name === fields.scheme.toLowerCase()
  )
}

function pairs(flat: readonly string[]): [name: string, value: string][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[index * 2] ?? '', flat[index * 2 + 1] ?? ''])
}
