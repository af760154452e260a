import type { IncomingMessage } from 'node:http'
import { createRemoteJWKSet, jwtVerify, type JWTVerifyGetKey } from 'jose'
import { close, listen } from './listen.ts'

/** An origin that answers with what it received, and says whether the gate's assertion holds (docs/origin.md). */
export interface DemoOrigin {
  readonly url: string
  /** Where the gate's public keys are. */
  trust(gateUrl: string): void
  stop(): Promise<void>
}

const MAX_SHOWN_BYTES = 64 * 1024

export async function startOrigin(wanted: number): Promise<DemoOrigin> {
  let keys: JWTVerifyGetKey | undefined
  const { server, port } = await listen(wanted)
  const url = `http://127.0.0.1:${port}`

  const assertionOf = async (request: IncomingMessage): Promise<object> => {
    const token = request.headers['portcullis-assertion']
    if (typeof token !== 'string' || keys === undefined) return { holds: false, why: 'there is none' }
    try {
      const { payload } = await jwtVerify(token, keys, { audience: url, typ: 'portcullis-assertion+jwt', algorithms: ['EdDSA'] })
      return { holds: true, claims: payload }
    } catch (error) {
      return { holds: false, why: error instanceof Error ? error.message : 'unknown' }
    }
  }

  server.on('request', (request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of request) {
        bytes += (chunk as Buffer).length
        if (bytes <= MAX_SHOWN_BYTES) chunks.push(chunk as Buffer)
      }
      const received = {
        method: request.method,
        path: request.url,
        fields: Object.fromEntries(Object.entries(request.headers).filter(([name]) => name !== 'portcullis-assertion')),
        content: Buffer.concat(chunks).toString('utf8'),
        assertion: await assertionOf(request),
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(received, undefined, 2)}\n`)
    })().catch(() => response.destroy())
  })
  return {
    url,
    trust(gateUrl) {
      keys = createRemoteJWKSet(new URL('/.well-known/portcullis/jwks.json', gateUrl))
    },
    stop: async () => close(server),
  }
}
