import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readAll } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { keysCommand } from '../../../cli/commands/keys.ts'
import { newRootKey } from '../../../cli/root-key.ts'
import { parseKey } from '../../../src/credentials/key-format.ts'
import { parseChangeRequest } from '../../../src/revocation/change-request.ts'

const ID = '5f0c1d9be2a47a31c08e6b52'
let status = 201
let received: { path: string; body: Record<string, unknown> }[] = []
async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const text = await readAll(request)
  // A gate whose directory does not know the key.
  if (request.method === 'GET') {
    response.writeHead(404).end(JSON.stringify({ title: 'Unknown', code: 'key-unknown' }))
    return
  }
  received.push({ path: request.url ?? '', body: JSON.parse(text) as Record<string, unknown> })
  response.writeHead(status).end(JSON.stringify({ effectiveBy: '2026-11-25T12:00:05.000Z', title: 'No' }))
}
const server = createServer((request, response) => void respond(request, response))
let gate = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  gate = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())
beforeEach(() => {
  status = 201
  received = []
  vi.stubEnv('PORTCULLIS_ADMIN_KEY', 'pca_secretpayload_secretmac')
  vi.stubEnv('PORTCULLIS_ROOT_KEY', newRootKey())
})
afterEach(() => vi.unstubAllEnvs())

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await keysCommand.run([...args, '--url', gate], {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    hasColor: false,
  })
  expect([...out, ...err].join('\n')).not.toContain('secret')
  return { code, out: out.join('\n'), err: err.join('\n') }
}

describe('portcullis keys change', () => {
  test.each([
    [['--disable'], { disabled: true }],
    [['--enable', '--reason', 'a mistake'], { disabled: false, reason: 'a mistake' }],
    [['--plan', 'gold', '--scopes', 'a b'], { plan: 'gold', scopes: ['a', 'b'] }],
    [['--scopes', ''], { scopes: [] }],
    [['--addresses', '192.0.2.0/24,2001:db8::/48'], { addresses: ['192.0.2.0/24', '2001:db8::/48'] }],
    [['--reset', 'plan,validUntil'], { plan: null, validUntil: null }],
  ] as const)('%j', async (args, fields) => {
    expect(await run('change', ID, ...args)).toEqual({ code: 0, out: 'changed; in force everywhere by 2026-11-25T12:00:05.000Z', err: '' })
    expect(received).toEqual([{ path: '/.portcullis/admin/v1/changes', body: { type: 'key', id: ID, ...fields } }])
    expect(parseChangeRequest(received[0]?.body, Date.now(), () => true).status).toBe('parsed')
  })

  test('a consumer', async () => {
    await run('change', 'acme', '--of-consumer', '--plan', 'gold')
    expect(received[0]?.body).toEqual({ type: 'consumer', id: 'acme', plan: 'gold' })
  })

  test('the gate says no', async () => {
    status = 422
    expect(await run('change', ID, '--disable')).toEqual({ code: 1, out: '', err: 'not changed: 422 No' })
  })

  test.each([
    [['change'], /say which key/u],
    [['change', ID], /say what changes/u],
    [['change', ID, 'more', '--disable'], /unexpected "more"/u],
    [['change', ID, '--disable', '--enable'], /opposites/u],
    [['change', ID, '--reset', 'all'], /--reset takes/u],
    [['rotate', ID, '--consumer', 'acme'], /--until/u],
    [['rotate', ID, '--consumer', 'acme', '--until', 'soon'], /--until takes/u],
    [['rotate', ID, '--until', '7d', '--plan', 'gold'], /--plan means nothing here/u],
    [['change', ID, '--name', 'CI'], /the directory does not know/u],
  ])('%j is used wrongly, and nothing is sent', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message)
    expect(received).toEqual([])
  })
})

describe('portcullis keys rotate', () => {
  test('a new key on standard output, and the end of the old one told to the gate', async () => {
    const before = Date.now()
    const { code, out, err } = await run('rotate', ID, '--until', '7d', '--consumer', 'acme', '--plan', 'gold')
    expect(code).toBe(0)
    expect(parseKey(out)).toMatchObject({ consumer: 'acme', plan: 'gold' })
    expect(err).toContain('changed; in force everywhere by 2026-11-25T12:00:05.000Z')
    const { validUntil, ...rest } = received[0]?.body ?? {}
    expect(rest).toEqual({ type: 'key', id: ID })
    expect(Date.parse(String(validUntil)) - before - 7 * 86_400_000).toBeLessThan(10_000)
  })

  test('no new key where the gate did not take the end of the old one', async () => {
    status = 503
    const { code, out } = await run('rotate', ID, '--until', '7d', '--consumer', 'acme')
    expect([code, out]).toEqual([1, ''])
  })
})
