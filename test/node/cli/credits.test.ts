import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readAll } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { creditsCommand } from '../../../cli/commands/credits.ts'

const ADMIN_KEY = 'pca_secretpayload_secretmac'
const PATH = '/.portcullis/admin/v1/credits'
const OF = ['--limit', 'prepaid', '--consumer', 'acme']
let answer = { status: 201, body: '' }
let received: { method: string; path: string; authorization: string; body: string }[] = []

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '', headers } = request
  received.push({ method, path: url, authorization: headers.authorization ?? '', body: await readAll(request) })
  response.writeHead(answer.status).end(answer.body)
}
const server = createServer((request, response) => void respond(request, response))
let gate = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  gate = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())
beforeEach(() => {
  received = []
  vi.stubEnv('PORTCULLIS_ADMIN_KEY', ADMIN_KEY)
})
afterEach(() => vi.unstubAllEnvs())

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const terminal = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), hasColor: false }
  const code = await creditsCommand.run([...args, '--url', gate], terminal)
  expect([...out, ...err].join('\n')).not.toContain('secret')
  return { code, out: out.join('\n'), err: err.join('\n') }
}

describe('portcullis credits', () => {
  test('add tells the gate what for, and prints the balance', async () => {
    answer = { status: 201, body: JSON.stringify({ added: 500, balance: 1500, lent: 0 }) }
    expect(await run('add', ...OF, '--credits', '500', '--key', 'invoice-42')).toEqual({
      code: 0,
      out: 'added 500; balance 1500, and 0 lent to isolates',
      err: '',
    })
    expect(received).toMatchObject([{ method: 'POST', path: PATH, authorization: `Bearer ${ADMIN_KEY}` }])
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({ limit: 'prepaid', consumer: 'acme', credits: 500, key: 'invoice-42' })
  })

  test('a key that was used says that nothing was added', async () => {
    answer = { status: 200, body: JSON.stringify({ added: 0, balance: 1500, lent: 20 }) }
    expect(await run('add', ...OF, '--credits', '500', '--key', 'invoice-42')).toEqual({
      code: 0,
      out: 'balance 1500, and 20 lent to isolates',
      err: 'that key was used before: nothing was added',
    })
  })

  test('show asks for the balance', async () => {
    answer = { status: 200, body: JSON.stringify({ balance: 7, lent: 0 }) }
    expect(await run('show', ...OF)).toEqual({ code: 0, out: 'balance 7, and 0 lent to isolates', err: '' })
    expect(received).toMatchObject([{ method: 'GET', path: `${PATH}?limit=prepaid&consumer=acme`, body: '' }])
    expect((await run('show', ...OF, '--json')).out).toBe(answer.body)
  })

  test('a refusal is printed with its place', async () => {
    const errors = [{ pointer: '/limit', detail: 'the policy has no limit of credits of that name' }]
    answer = { status: 422, body: JSON.stringify({ title: 'The top-up is not valid', errors }) }
    expect(await run('add', ...OF, '--credits', '1', '--key', 'k')).toEqual({
      code: 1,
      out: '',
      err: 'not done: 422 The top-up is not valid\n  /limit: the policy has no limit of credits of that name',
    })
  })

  test.each([
    [[], 'say what to do'],
    [['take'], 'say what to do'],
    [['add', ...OF, '--credits', '5'], 'say --key'],
    [['add', ...OF, '--key', 'k'], 'say --credits'],
    [['add', ...OF, '--key', 'k', '--credits', '0'], 'a whole number'],
    [['add', ...OF, '--key', 'k', '--credits', '1.5'], 'a whole number'],
    [['show', '--limit', 'prepaid'], 'say --consumer'],
    [['show', '--consumer', 'acme'], 'say --limit'],
  ])('%j is not sent', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message)
    expect(received).toEqual([])
  })
})
