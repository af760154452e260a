import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { revokeCommand } from '../../../cli/commands/revoke.ts'
import { parseRevocationRequest } from '../../../src/revocation/revocation-request.ts'

const ADMIN_KEY = 'pca_secretpayload_secretmac'
const KEY_ID = '5f0c1d9be2a47a31c08e6b52'
const CREATED = { status: 201, headers: {}, body: JSON.stringify({ effectiveBy: '2026-11-25T12:00:05.000Z', count: 1 }) }

interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}
let answer: Answer = CREATED
let received: { method: string; path: string; authorization: string; type: string; body: unknown }[] = []
async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  received.push({
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization ?? '',
    type: request.headers['content-type'] ?? '',
    body: JSON.parse(await readAll(request)),
  })
  response.writeHead(answer.status, answer.headers).end(answer.body)
}
const server = createServer((request, response) => void respond(request, response))
const folder = mkdtempSync(join(tmpdir(), 'portcullis-revoke-'))
let gate = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  gate = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  answer = CREATED
  received = []
  vi.stubEnv('PORTCULLIS_ADMIN_KEY', ADMIN_KEY)
  vi.stubEnv('PORTCULLIS_URL', undefined)
})
afterEach(() => vi.unstubAllEnvs())

/** Whatever happens, the admin key is in nothing that a person or a log could see. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await revokeCommand.run(args, { out: (line) => out.push(line), err: (line) => err.push(line), hasColor: false })
  expect([...out, ...err].join('\n')).not.toContain('secret')
  return { code, out: out.join('\n'), err: err.join('\n') }
}
async function failureOf(...args: string[]): Promise<Error> {
  const error: unknown = await run(...args).catch((thrown: unknown) => thrown)
  if (!(error instanceof Error)) throw new Error('it was done')
  expect(error.message).not.toContain('secret')
  expect(received).toEqual([])
  return error
}

describe('portcullis revoke', () => {
  test('tells the gate, with the admin key, and prints from when it holds', async () => {
    expect(await run('--url', gate, '--key', KEY_ID, '--reason', 'leaked')).toEqual({
      code: 0,
      out: 'revoked; in force everywhere by 2026-11-25T12:00:05.000Z',
      err: '',
    })
    expect(received).toEqual([
      {
        method: 'POST',
        path: '/.portcullis/admin/v1/revocations',
        authorization: `Bearer ${ADMIN_KEY}`,
        type: 'application/json',
        body: { type: 'key', id: KEY_ID, reason: 'leaked' },
      },
    ])
  })

  test.each([
    [['--key', KEY_ID], { type: 'key', id: KEY_ID }],
    [['--generation', 'g1'], { type: 'generation', id: 'g1' }],
    [['--jti', 'a', '--issuer', 'https://idp'], { type: 'jti', id: 'a', issuer: 'https://idp' }],
    [['--subject', 'u1', '--issuer', 'https://idp'], { type: 'subject', id: 'u1', issuer: 'https://idp' }],
    [['--consumer', 'acme', '--reason', 'left'], { type: 'consumer', id: 'acme', reason: 'left' }],
    [['--session', 's1', '--issuer', 'https://idp.example.com'], { type: 'session', id: 's1', issuer: 'https://idp.example.com' }],
    [['--certificate', 'ab'.repeat(32)], { type: 'certificate', id: 'ab'.repeat(32) }],
    [['--address', '2001:db8::/64', '--reason', 'floods us'], { type: 'address', id: '2001:db8::/64', reason: 'floods us' }],
    [['--jti', 'a', '--expires-at', '2027-01-31T00:00:00Z'], { type: 'jti', id: 'a', expiresAt: '2027-01-31T00:00:00Z' }],
  ])('%j is a request that the gate takes', async (args, body) => {
    expect((await run('--url', gate, ...args)).code).toBe(0)
    expect(received[0]?.body).toEqual(body)
    expect(parseRevocationRequest(received[0]?.body, Date.UTC(2026, 10, 25))).toMatchObject({ status: 'parsed' })
  })

  test.each([
    ['the same', '2026-11-25T12:00:05.000Z', ''],
    ['later', '2026-11-25T12:01:05.000Z', ', in an outage of the feed by 2026-11-25T12:01:05.000Z'],
    ['no text', 5, ''],
  ])('latestBy that is %s', async (_what, latestBy, more) => {
    answer = { ...CREATED, body: JSON.stringify({ effectiveBy: '2026-11-25T12:00:05.000Z', latestBy }) }
    expect((await run('--url', gate, '--key', KEY_ID)).out).toBe(`revoked; in force everywhere by 2026-11-25T12:00:05.000Z${more}`)
  })

  test('--json prints the gate’s answer as it came', async () => {
    expect(await run('--url', gate, '--key', KEY_ID, '--json')).toEqual({ code: 0, out: CREATED.body, err: '' })
  })

  test('the path of --url does not matter: the gate’s own API has one place', async () => {
    await run('--url', `${gate}/v1/orders?a=b#c`, '--key', KEY_ID)
    expect(received[0]?.path).toBe('/.portcullis/admin/v1/revocations')
  })

  test('URL and admin key from the environment, else from the env file', async () => {
    const file = join(folder, 'admin.env')
    writeFileSync(file, `PORTCULLIS_ADMIN_KEY=pca_filed\nPORTCULLIS_URL=${gate}\n`)
    await run('--env-file', file, '--key', KEY_ID)
    vi.stubEnv('PORTCULLIS_ADMIN_KEY', '')
    await run('--env-file', file, '--key', KEY_ID)
    vi.stubEnv('PORTCULLIS_URL', gate)
    vi.stubEnv('PORTCULLIS_ADMIN_KEY', ADMIN_KEY)
    await run('--key', KEY_ID)
    expect(received.map(({ authorization }) => authorization)).toEqual([`Bearer ${ADMIN_KEY}`, 'Bearer pca_filed', `Bearer ${ADMIN_KEY}`])
  })
})

describe('an answer that is no 201', () => {
  const problem = (status: number, body: unknown): Answer => ({
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

  test('422: every error with its place', async () => {
    const errors = [
      { pointer: '/id', detail: 'no control characters' },
      { pointer: '/expiresAt', detail: 'it lies in the past: nothing would be revoked' },
    ]
    answer = problem(422, { title: 'The revocation does not hold', errors })
    expect(await run('--url', gate, '--key', KEY_ID)).toEqual({
      code: 1,
      out: '',
      err: [
        'not revoked: 422 The revocation does not hold',
        '  /id: no control characters',
        '  /expiresAt: it lies in the past: nothing would be revoked',
      ].join('\n'),
    })
  })

  test.each([
    ['401', problem(401, { title: 'A credential was not accepted' }), 'not revoked: 401 A credential was not accepted'],
    ['503', problem(503, { title: 'The gate cannot decide at the moment' }), 'not revoked: 503 The gate cannot decide at the moment'],
    ['a 200 of something else', problem(200, '<html>'), 'not revoked: 200 OK'],
    ['a 404 without words', problem(404, ''), 'not revoked: 404 Not Found'],
    ['a list', problem(422, []), 'not revoked: 422 Unprocessable Entity'],
    ['null', problem(422, 'null'), 'not revoked: 422 Unprocessable Entity'],
    ['errors that are none', problem(422, { errors: 5 }), 'not revoked: 422 Unprocessable Entity'],
    ['errors without words', problem(422, { errors: [null, 'x', { pointer: '/id' }, {}] }), 'not revoked: 422 Unprocessable Entity'],
  ])('%s is not revoked', async (_, given, err) => {
    answer = given
    expect(await run('--url', gate, '--key', KEY_ID)).toEqual({ code: 1, out: '', err })
  })

  test('--json prints it and still fails', async () => {
    answer = problem(422, { title: 'No' })
    expect(await run('--url', gate, '--key', KEY_ID, '--json')).toEqual({ code: 1, out: '{"title":"No"}', err: 'not revoked: 422 No' })
  })

  test('a redirect is not followed: the admin key goes nowhere else', async () => {
    answer = { status: 307, headers: { location: `${gate}/elsewhere` }, body: '' }
    const error: unknown = await run('--url', gate, '--key', KEY_ID).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ message: expect.stringContaining('nothing is revoked for certain') as unknown })
    expect(received).toHaveLength(1)
  })
})

describe('portcullis revoke refuses, before it sends anything', () => {
  test.each([
    ['plain http', 'http://api.example.com'],
    ['a host that only starts like this machine', 'http://localhost.example.com'],
    ['a host that only starts like its address', 'http://127.0.0.1.example.com'],
    ['an address that looks like it', 'http://128.0.0.1'],
    ['all addresses', 'http://0.0.0.0'],
    ['another scheme', 'ftp://localhost'],
    ['a file', 'file:///etc/hosts'],
  ])('%s', async (_, url) => {
    expect(await failureOf('--url', url, '--key', KEY_ID)).toMatchObject({
      name: 'UsageError',
      message: 'the gate must be at an https URL',
    })
  })

  test.each([
    ['a host without a scheme', 'api.example.com'],
    ['a host and port without a scheme', 'api.example.com:8443'],
    ['this machine without a scheme', 'localhost:8787'],
    ['a mail address', 'mailto:someone@example.com'],
    ['data', 'data:,x'],
  ])('%s', async (_, url) => {
    expect(await failureOf('--url', url, '--key', KEY_ID)).toMatchObject({
      name: 'UsageError',
      message: 'that is not the URL of a gate: write --url https://api.example.com',
    })
  })

  test.each([
    ['a password in the URL', ['--url', 'https://a:secret@api.example.com', '--key', KEY_ID], /name or password/u],
    ['no URL', ['--key', KEY_ID], /say which gate/u],
    ['nothing to revoke', ['--url', 'https://api.example.com'], /say one thing to revoke/u],
    ['two things at once', ['--url', 'https://api.example.com', '--key', 'a', '--jti', 'b'], /say one thing to revoke/u],
  ])('%s', async (_, args, message) => {
    expect(await failureOf(...args)).toMatchObject({ name: 'UsageError', message: expect.stringMatching(message) as unknown })
  })

  test('no admin key, and one from a flag', async () => {
    expect((await failureOf('--url', gate, '--key', KEY_ID, '--admin-key', ADMIN_KEY)).name).toBe('TypeError')
    vi.stubEnv('PORTCULLIS_ADMIN_KEY', '')
    expect(await failureOf('--url', gate, '--key', KEY_ID)).toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('PORTCULLIS_ADMIN_KEY') as unknown,
    })
  })

  test('a gate that does not answer is no success', async () => {
    const closed = createServer()
    await new Promise<void>((resolve) => {
      closed.listen(0, '127.0.0.1', resolve)
    })
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => {
      closed.close(resolve)
    })
    expect((await failureOf('--url', `http://127.0.0.1:${port}`, '--key', KEY_ID)).message).toContain('did not answer')
  })
})
