import { beforeEach, describe, expect, test, vi } from 'vitest'
import { appsCommand } from '../../../cli/commands/apps.ts'
import { organisationsCommand } from '../../../cli/commands/organisations.ts'
import { ADMIN_KEY, isSafeOnTerminal, runCommand, useAdminServer, type Answer, type Ran, type RunOptions } from './admin-server.ts'

const server = useAdminServer()
const apps = async (args: readonly string[], options?: RunOptions): Promise<Ran> => runCommand(appsCommand, args, options)
const HOSTILE = '\u001b]0;owned\u0007\u009b2J\nSTATE'

describe('a command that calls a gate', () => {
  test('an operand cannot lead elsewhere', async () => {
    for (const id of ['..', '.', '']) await expect(apps(['show', id])).rejects.toMatchObject({ name: 'UsageError' })
    await expect(runCommand(organisationsCommand, ['withdraw', 'org_a', '..'])).rejects.toMatchObject({ name: 'UsageError' })
    expect(server.received).toEqual([])
    await apps(['show', '../organisations/a?x=1#y'])
    await apps(['show', '%2e%2e'])
    expect(server.received.map(({ path }) => path)).toEqual(['apps/..%2Forganisations%2Fa%3Fx%3D1%23y', 'apps/%252e%252e'])
  })

  test.each([
    [['create', '--name', 'x', '--plan', 'gold'], /say --organisation/u],
    [['create', '--organisation', 'o', '--name', '', '--plan', 'gold'], /say --name/u],
    [['list', '--plan', 'gold'], /--plan means nothing here/u],
    [['show'], /write: portcullis apps show APP/u],
    [['show', 'a', 'b'], /write: portcullis apps show APP/u],
    [['change', 'a'], /say what changes/u],
    [['erase', 'a'], /one of list, show/u],
    [[], /one of list, show/u],
    [['list', '--limit', '0'], /at least 1/u],
    [['list', '--limit', '1e3'], /whole number/u],
    [['list', '--admin-key', ADMIN_KEY], /Unknown option/u],
  ])('%j is used wrongly, and nothing is sent', async (args, message) => {
    await expect(apps(args)).rejects.toThrow(message)
    expect(server.received).toEqual([])
  })

  test('standard output is JSON alone, on one line, whatever the names', async () => {
    server.answer = () => ({ value: { items: [{ id: 'app_1', name: HOSTILE }], next: 'a' } })
    const { out, err } = await apps(['list', '--json', '--limit', '1'])
    expect(JSON.parse(out)).toEqual({ items: [{ id: 'app_1', name: HOSTILE }], isMore: true })
    expect(isSafeOnTerminal(out)).toBe(true)
    expect(err).toContain('there are more')
  })

  test('names do nothing to the terminal, in a table, alone, and in a question', async () => {
    server.answer = ({ path }) => ({
      value: path.startsWith('apps?') ? { items: [{ id: HOSTILE, name: HOSTILE }] } : { id: 'a', name: HOSTILE },
    })
    const screen = { columns: 80, hasColor: false }
    const all = [
      await apps(['list'], { screen }),
      await apps(['show', 'a'], { screen }),
      await apps(['delete', 'a'], { screen, typed: ['n'] }),
    ]
    for (const { out, err } of all) expect(isSafeOnTerminal(out + err)).toBe(true)
    expect(all[0]?.out.split('\n')).toHaveLength(2)
  })
})

describe('pages', () => {
  const page = (from: number, count: number): object[] => Array.from({ length: count }, (_, at) => ({ id: `app_${from + at}` }))

  test('all of them are followed', async () => {
    const answers = [{ items: page(0, 100), next: 'app_99' }, { items: page(100, 100), next: 'app_199' }, { items: page(200, 7) }]
    server.answer = (_, count) => ({ value: answers[count - 1] })
    const { out } = await apps(['list', '--json', '--organisation', 'org_1'])
    expect(JSON.parse(out)).toMatchObject({ isMore: false, items: { length: 207 } })
    expect(server.received.map(({ path }) => path)).toEqual([
      'apps?organisation=org_1&limit=100',
      'apps?organisation=org_1&limit=100&after=app_99',
      'apps?organisation=org_1&limit=100&after=app_199',
    ])
  })

  test.each([
    [100, 1],
    [101, 2],
  ])('--limit %i asks for %i pages', async (limit, pages) => {
    server.answer = (_, count) => ({ value: { items: page(count, 100), next: `n${count}` } })
    const { out } = await apps(['list', '--json', '--limit', String(limit)])
    expect(JSON.parse(out)).toMatchObject({ isMore: true, items: { length: limit } })
    expect(server.received).toHaveLength(pages)
  })

  test('pages that lead in circles, or are empty for ever, end', async () => {
    server.answer = () => ({ value: { items: [], next: 'same' } })
    await expect(apps(['list'])).rejects.toThrow(/follows itself/u)
    server.answer = (_, count) => ({ value: { items: [], next: `n${count}` } })
    server.received = []
    await apps(['list', '--json'])
    expect(server.received).toHaveLength(200)
  })

  test.each([{}, { items: 'x' }, [], 'x'])('%j is no list', async (value) => {
    server.answer = () => ({ value })
    await expect(apps(['list'])).rejects.toThrow(/is no list/u)
  })

  test('what is going on is told on a terminal alone', async () => {
    server.answer = (_, count) => ({ value: { items: page(0, 1), ...(count === 1 ? { next: 'n' } : {}) } })
    const progress = vi.fn<(text: string) => void>()
    await apps(['list'], { progress })
    expect(progress.mock.calls.flat()).toEqual(['1 read', ''])
  })
})

describe('writes', () => {
  const CREATE = ['create', '--organisation', 'org_1', '--name', 'Shop', '--plan', 'gold']
  const keys = (): (string | undefined)[] => server.received.map(({ headers }) => headers['idempotency-key'])

  test('each has a key of its own', async () => {
    await apps(CREATE)
    await apps(CREATE)
    expect(server.received[0]).toMatchObject({ method: 'POST', path: 'apps', body: { organisation: 'org_1', name: 'Shop', plan: 'gold' } })
    expect(new Set(keys()).size).toBe(2)
    expect(keys().every((key) => /^[\x21-\x7e]{16,128}$/u.test(key ?? ''))).toBe(true)
  })

  test.each<[string, Answer]>([
    ['a connection that broke', { breaks: true }],
    ['503 that says when', { status: 503, headers: { 'retry-after': '0' }, value: { title: 'Later' } }],
    ['429 that says when', { status: 429, headers: { 'retry-after': '0' }, value: { title: 'Slowly' } }],
    ['the first one is still running', { status: 409, headers: { 'retry-after': '0' }, value: { code: 'idempotency-running' } }],
  ])('%s: sent again under the same key', async (_, first) => {
    server.answer = (_asked, count) => (count === 1 ? first : { status: 201, value: { id: 'app_1' } })
    expect((await apps(CREATE)).code).toBe(0)
    expect(server.received).toHaveLength(2)
    expect(new Set(keys()).size).toBe(1)
  })

  test.each<[string, Answer, number]>([
    ['503 without a time', { status: 503, value: { title: 'Later' } }, 1],
    ['503 with too long a time', { status: 503, headers: { 'retry-after': '11' }, value: {} }, 1],
    ['503 with a date', { status: 503, headers: { 'retry-after': 'Wed, 25 Nov 2026 19:00:00 GMT' }, value: {} }, 1],
    ['503 again and again', { status: 503, headers: { 'retry-after': '0' }, value: {} }, 3],
    ['500', { status: 500, headers: { 'retry-after': '0' }, value: {} }, 1],
    ['409 of another kind', { status: 409, headers: { 'retry-after': '0' }, value: { code: 'full' } }, 1],
  ])('%s ends after so many', async (_, answer, sent) => {
    server.answer = () => answer
    expect((await apps(CREATE)).code).toBe(1)
    expect(server.received).toHaveLength(sent)
  })

  test('no answer at all: nothing is claimed', async () => {
    server.answer = () => ({ breaks: true })
    await expect(apps(CREATE)).rejects.toThrow(/nothing is done for certain; run it again/u)
    expect(server.received).toHaveLength(3)
  })

  test('a change is of what was read: If-Match, from an answer that nobody compressed on the way', async () => {
    server.answer = ({ method }) => ({
      headers: { etag: '"7"' },
      value: { id: 'app_1', inForce: method === 'PATCH' ? 'pending' : undefined },
    })
    expect((await apps(['change', 'app_1', '--plan', 'gold', '--description', ''])).out).toContain('not yet told to every isolate')
    expect(server.received).toMatchObject([
      { method: 'GET', path: 'apps/app_1', headers: { 'accept-encoding': 'identity' } },
      { method: 'PATCH', path: 'apps/app_1', headers: { 'if-match': '"7"' }, body: { plan: 'gold', description: '' } },
    ])
  })

  test.each([
    ['change', ['change', 'app_1', '--plan', 'gold'], 'PATCH'],
    ['delete', ['delete', 'app_1', '--yes'], 'DELETE'],
  ])('412 on %s says what to read again', async (_, args, method) => {
    server.answer = (asked) => (asked.method === method ? { status: 412, value: { title: 'Stale' } } : { headers: { etag: '"7"' } })
    const { code, err } = await apps(args)
    expect([code, err]).toEqual([
      1,
      'somebody changed it in between, so nothing was done. Read it again, then decide: portcullis apps show app_1',
    ])
  })

  test('from when on it holds', async () => {
    server.answer = () => ({ value: { effectiveBy: '2026-11-25T12:00:05.000Z' } })
    expect((await apps(['enable', 'app_1'])).out).toBe('enabled; in force everywhere by 2026-11-25T12:00:05.000Z')
  })
})

describe('what destroys', () => {
  beforeEach(() => {
    server.answer = () => ({ headers: { etag: '"3"' }, value: { id: 'app_1', name: 'Shop' } })
  })
  const written = (): number => server.received.filter(({ method }) => method !== 'GET').length

  test.each([
    [['y'], 1],
    [['Yes '], 1],
    [['n'], 0],
    [[''], 0],
    [['yess'], 0],
  ])('%j sends %i', async (typed, sent) => {
    const { code, out } = await apps(['delete', 'app_1'], { typed })
    expect([code, written(), out]).toEqual([1 - sent, sent, sent === 1 ? 'deleted' : ''])
  })

  test('where nobody can be asked, --yes must say it', async () => {
    await expect(apps(['delete', 'app_1'])).rejects.toThrow(/say --yes/u)
    await expect(apps(['disable', 'app_1'])).rejects.toMatchObject({ name: 'UsageError' })
    expect(written()).toBe(0)
    expect((await apps(['delete', 'app_1', '--yes'])).code).toBe(0)
    expect(server.received.at(-1)).toMatchObject({ method: 'DELETE', path: 'apps/app_1', headers: { 'if-match': '"3"' } })
  })

  test('204 is done', async () => {
    server.answer = ({ method }) => (method === 'GET' ? { value: {} } : { status: 204 })
    expect(await apps(['delete', 'app_1', '--yes'])).toEqual({ code: 0, out: 'deleted', err: '' })
  })
})

describe('refusals', () => {
  test.each<[Answer, RegExp]>([
    [{ status: 401, value: { title: 'A credential was not accepted' } }, /^401 A credential was not accepted\n.*portcullis login$/u],
    [
      { status: 403, value: { code: 'scope-insufficient', title: 'No', scope: 'portcullis:accounts:read' } },
      /needs the scope accounts:read:/u,
    ],
    [
      { status: 403, headers: { 'www-authenticate': 'Bearer scope="accounts:read"' }, value: { code: 'scope-insufficient', title: 'No' } },
      /needs the scope accounts:read:/u,
    ],
    [{ status: 404, value: { code: 'route-unknown', title: 'No such route' } }, /does not offer that/u],
    [{ status: 404, value: { code: 'not-found', title: 'No such app' } }, /^404 No such app$/u],
    [
      { status: 422, value: { title: 'Not valid', errors: [{ pointer: '/name', detail: 'too long' }] } },
      /^422 Not valid\n {2}\/name: too long$/u,
    ],
    [{ status: 422, value: { title: 'Not valid', errors: [null, 'x', { pointer: '/a' }, { detail: 5 }] } }, /^422 Not valid$/u],
    [{ status: 503, value: { title: 'Later' } }, /run it again/u],
    [{ status: 502, text: '<html>' }, /does not come from the gate/u],
    [{ status: 418, value: [] }, /^418/u],
  ])('%j', async (answer, message) => {
    server.answer = () => answer
    const { code, out, err } = await apps(['show', 'a'])
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(message)
  })

  test('with --json the problem is on standard output, and still it is a refusal', async () => {
    server.answer = () => ({ status: 404, value: { title: HOSTILE, code: 'not-found' } })
    const { code, out, err } = await apps(['show', 'a', '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(out)).toEqual({ status: 404, title: HOSTILE, code: 'not-found' })
    expect(isSafeOnTerminal(out + err)).toBe(true)
  })

  test('nothing in a refusal acts on a terminal, and it is no longer than a screen or two', async () => {
    const errors = Array.from({ length: 5000 }, () => ({ pointer: HOSTILE, detail: HOSTILE }))
    server.answer = () => ({ status: 422, value: { title: HOSTILE, detail: 'x'.repeat(50_000), errors } })
    const { err } = await apps(['show', 'a'])
    expect(isSafeOnTerminal(err)).toBe(true)
    expect(err.split('\n')).toHaveLength(101)
    expect(err.length).toBeLessThan(20_000)
  })

  test('a redirect is not followed: the admin key goes nowhere else', async () => {
    server.answer = () => ({ status: 307, headers: { location: `${server.url}/elsewhere` } })
    await expect(apps(['show', 'a'])).rejects.toThrow(/did not answer/u)
    expect(server.received.map(({ path }) => path)).not.toContain('/elsewhere')
  })
})
