import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { LocalGate } from '../../../cli/local/local-gate.ts'
import { startGate, startOrigin, temporaryFolder, type Origin } from '../local/support.ts'

const folder = temporaryFolder()
const seen: { readonly url: string; readonly forwarded: string }[] = []
let origin: Origin
let gate: LocalGate

beforeAll(async () => {
  origin = await startOrigin((request, response) => {
    request.resume()
    seen.push({ url: request.url ?? '', forwarded: request.headers.forwarded ?? '' })
    if (request.url === '/open/large-fields') response.setHeader('X-Large', 'x'.repeat(60_000))
    response.end('ok')
  })
  origin.server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.on('error', () => undefined).on('end', () => socket.end())
  })
  gate = await startGate({ stateDirectory: folder.path, origin: origin.url })
})
afterAll(async () => {
  await gate.stop()
  await origin.stop()
  folder.remove()
})
beforeEach(() => {
  seen.length = 0
})

/** All that comes back, until the gate has nothing more to say or `text` came `times` over. */
async function exchange(bytes: string, text = 'HTTP/1.1 ', times = Number.POSITIVE_INFINITY): Promise<string> {
  const socket = connect(Number(new URL(gate.url).port), '127.0.0.1')
  socket.write(Buffer.from(bytes, 'latin1'))
  let answer = ''
  try {
    for await (const chunk of socket) {
      answer += (chunk as Buffer).toString('latin1')
      if (answer.split(text).length > times) break
    }
  } catch {
    // A reset ends it as well.
  }
  socket.destroy()
  return answer
}

const head = (line: string, ...fields: readonly string[]): string =>
  [`${line} HTTP/1.1`, `Host: ${new URL(gate.url).host}`, ...fields, '', ''].join('\r\n')
const smuggled = (): string => head('GET /open/smuggled', 'CF-Connecting-IP: 203.0.113.9')
const LAST = '/open/last'
const last = (): string => head(`GET ${LAST}`, 'Connection: close')
const WEBSOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
] as const

describe('one message in, one message on', () => {
  test.each(['GET', 'DELETE', 'POST'])(
    'content of a %s whose length Connection claims for this hop is not read as a request',
    async (method) => {
      const inner = smuggled()
      await exchange(head(`${method} /open/first`, 'Connection: content-length', `Content-Length: ${inner.length}`) + inner + last())
      expect(seen.map(({ url }) => url)).not.toContain('/open/smuggled')
    },
  )

  test.each(['GET', 'POST'])('nor chunked content of a %s whose coding it claims', async (method) => {
    const inner = smuggled()
    const chunks = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`
    await exchange(head(`${method} /open/first`, 'Connection: transfer-encoding', 'Transfer-Encoding: chunked') + chunks + last())
    expect(seen.map(({ url }) => url)).not.toContain('/open/smuggled')
  })

  test('an upgrade to something else is one request, and ends its connection', async () => {
    const answer = await exchange(head('GET /open/first', 'Connection: Upgrade', 'Upgrade: h2c') + smuggled())
    expect(answer.split('HTTP/1.1 ')).toHaveLength(2)
    expect(seen.map(({ url }) => url)).toEqual(['/open/first'])
  })

  test('an upgrade with content is refused: the content would be read as a request', async () => {
    const inner = smuggled()
    const answer = await exchange(head('POST /open/first', ...WEBSOCKET, `Content-Length: ${inner.length}`) + inner)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /u)
    expect(seen).toEqual([])
  })

  test('a WebSocket that is refused ends its connection', async () => {
    const answer = await exchange(head('GET /key', ...WEBSOCKET) + smuggled())
    expect(answer).toMatch(/^HTTP\/1\.1 401 .*\r\nconnection: close\r\n.*credential-missing/isu)
    expect(answer.split('HTTP/1.1 ')).toHaveLength(2)
    expect(seen).toEqual([])
  })
})

test('a WebSocket on a route with limits is opened, and says how they stand', async () => {
  const answer = await exchange(head('GET /address', ...WEBSOCKET), '\r\n\r\n', 1)
  expect(answer).toMatch(/^HTTP\/1\.1 101 /u)
  expect(answer.toLowerCase()).toContain('ratelimit: "peraddress"')
})

test.each(['GET', 'HEAD'])('content of a %s is refused: the platform would not send it on', async (method) => {
  const fields = [['Content-Length: 5'], ['Transfer-Encoding: chunked']] as const
  const answers = await Promise.all(
    fields.map(async (own) =>
      exchange(head(`${method} /open/first`, ...own, 'Connection: close') + (own[0].startsWith('T') ? '5\r\nhello\r\n0\r\n\r\n' : 'hello')),
    ),
  )
  expect(answers.map((answer) => answer.slice(9, 12))).toEqual(['413', '413'])
  expect(seen).toEqual([])
  expect(await exchange(head(`${method} /open/first`, 'Content-Length: 0', 'Connection: close'))).toMatch(/^HTTP\/1\.1 200 /u)
})

test('an answer with large fields passes, as it does on the platform', async () => {
  const answer = await exchange(head('GET /open/large-fields', 'Connection: close'))
  expect(answer).toMatch(/^HTTP\/1\.1 200 .*x{60000}/su)
})

test.each(['OPTIONS *', 'GET http://evil.example', 'CONNECT evil.example:443', 'GET ?a', 'GET /open/\xFF'])(
  '%j does not end the edge, as a WebSocket or not',
  async (line) => {
    for (const fields of [['Connection: close'], WEBSOCKET]) await exchange(head(line, ...fields))
    expect(await exchange(head('GET /open/after', 'Connection: close'))).toMatch(/^HTTP\/1\.1 200 /u)
    expect(seen.map(({ url }) => url).filter((url) => !url.startsWith('/open/'))).toEqual([])
  },
)
