import { createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from '../../../cli/local/edge.ts'
import { startLocalGate, type LocalGate } from '../../../cli/local/local-gate.ts'
import { issueKey } from '../../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../../src/credentials/root-secret.ts'
import { compilePolicy } from '../../../src/policy/parse-policy.ts'

const ROOT_KEY = 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0'
export const SIGNING_SECRET = 'Yw9s2Qm7Lr4Tb6Xk1Zp8Hd3Nf5Vc0Jg2Ae7Ui4Oo6Rs'

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'portcullis-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export interface Origin {
  readonly url: string
  readonly server: Server
  stop(): Promise<void>
}

export async function startOrigin(serve: RequestListener): Promise<Origin> {
  const server = createServer(serve)
  // Those that were upgraded are no longer the server's to close.
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

/* oxlint-disable no-template-curly-in-string -- placeholders */
const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Local', version: '1' },
  servers: [{ url: 'https://api.example.com' }],
  'x-portcullis': {
    origins: { main: { url: '${ORIGIN}' }, hasty: { url: '${ORIGIN}', timeouts: { headersSeconds: 1 } } },
    defaults: { origin: 'main' },
    limits: {
      hundred: { by: ['consumer'], quota: '100/year', chargeOn: 'request' },
      peraddress: { by: ['address'], quota: '2/year', chargeOn: 'request' },
    },
    consumers: { acme: { signingKeys: [{ keyid: 'acme-1', secret: '${SECRET}' }] }, globex: {} },
  },
  components: {
    securitySchemes: {
      app: { type: 'apiKey', in: 'header', name: 'X-API-Key', 'x-portcullis': { kind: 'api-key' } },
      signed: { type: 'http', scheme: 'Signature', 'x-portcullis': { kind: 'http-signature' } },
      service: {
        type: 'mutualTLS',
        'x-portcullis': {
          kind: 'mutual-tls',
          issuers: [{ ski: '${CA_SKI}' }],
          identities: [{ uri: 'spiffe://example.org/billing', scopes: [] }],
        },
      },
    },
  },
  paths: {
    '/open/{rest+}': { get: { security: [{}] }, post: { security: [{}] } },
    '/never': { get: { security: [{}], 'x-portcullis': { origin: 'hasty' } } },
    '/key': { get: { security: [{ app: [] }] } },
    '/quota': { get: { security: [{ app: [] }], 'x-portcullis': { limits: ['hundred'] } } },
    '/address': { get: { security: [{}], 'x-portcullis': { limits: ['peraddress'] } } },
    '/signed': { post: { security: [{ signed: [] }] } },
    '/service': { get: { security: [{ service: [] }] } },
  },
}
/* oxlint-enable no-template-curly-in-string */

export async function startGate(options: {
  readonly stateDirectory: string
  readonly origin: string
  readonly port?: number
  readonly tls?: TlsOptions
  readonly authorityKeyIdentifier?: string
  readonly log?: (line: string) => void
}): Promise<LocalGate> {
  const compiled = compilePolicy(DOCUMENT, { placeholders: 'keep' })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return startLocalGate({
    policy: compiled.document,
    stateDirectory: options.stateDirectory,
    port: options.port ?? 0,
    log: options.log ?? (() => undefined),
    bindings: {
      PORTCULLIS_ROOT_KEY: ROOT_KEY,
      PORTCULLIS_GATEWAY: 'test',
      PORTCULLIS_ENVIRONMENT: 'local',
      ORIGIN: options.origin,
      SECRET: SIGNING_SECRET,
      CA_SKI: options.authorityKeyIdentifier ?? '0'.repeat(40),
    },
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  })
}

const root = parseRootSecret(ROOT_KEY, { gateway: 'test', environment: 'local' })
export async function newKey(kind: 'api' | 'admin' = 'api', consumer = 'acme'): Promise<{ readonly key: string; readonly id: string }> {
  return issueKey(root, kind, { consumer, ...(kind === 'admin' ? { scopes: ['revocations:write'] } : {}) }, Date.now())
}

/** Fields of an RFC 9421 signature, written without any code of ours. */
export function signatureFields(url: string, content: string): Record<string, string> {
  const { host, pathname } = new URL(url)
  const digest = `sha-256=:${createHash('sha256').update(content).digest('base64')}:`
  const parameters = `("@method" "@authority" "@path" "@query" "content-digest");created=${Math.floor(Date.now() / 1000)};keyid="acme-1";nonce="${randomBytes(12).toString('hex')}"`
  const base = `"@method": POST\n"@authority": ${host}\n"@path": ${pathname}\n"@query": ?\n"content-digest": ${digest}\n"@signature-params": ${parameters}`
  const mac = createHmac('sha256', Buffer.from(SIGNING_SECRET, 'base64')).update(base).digest('base64')
  return { 'content-digest': digest, 'signature-input': `sig=${parameters}`, signature: `sig=:${mac}:` }
}

/** Sends bytes as they are and gives the status line and the content of the answer. */
export async function raw(port: number, lines: readonly string[]): Promise<{ readonly status: number; readonly code: string }> {
  const socket: Socket = connect(port, '127.0.0.1')
  socket.write(Buffer.from(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`, 'latin1'))
  const chunks: Buffer[] = []
  try {
    for await (const chunk of socket) chunks.push(chunk as Buffer)
  } catch {
    // A reset is an answer too: there is none.
  }
  const text = Buffer.concat(chunks).toString('latin1')
  return { status: Number(/^HTTP\/1\.1 (\d{3})/u.exec(text)?.[1] ?? 0), code: /"code":"([a-z-]+)"/u.exec(text)?.[1] ?? '' }
}
