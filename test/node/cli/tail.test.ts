import { describe, expect, test } from 'vitest'
import { createTailCommand } from '../../../cli/commands/tail.ts'
import { isSafeOnTerminal, runCommand, useAdminServer, type Answer, type Ran, type RunOptions } from './admin-server.ts'

const server = useAdminServer()
const seen = (sequence: number, more: object = {}): object => ({
  sequence,
  time: '2026-11-25T12:34:56.789Z',
  status: 200,
  method: 'GET',
  route: '/orders/{id}',
  consumer: 'app_1',
  credential: '5f0c1d9be2a47a31c08e6b52',
  address: '192.0.2.7',
  country: 'DE',
  durationMs: 12.4,
  code: 'forwarded',
  ...more,
})

/** Ends, as by Ctrl-C, once the last of the answers was given. */
async function tail(answers: readonly Answer[], args: readonly string[] = [], options: RunOptions = {}): Promise<Ran> {
  const controller = new AbortController()
  server.answer = (_, count) => {
    if (count > answers.length) {
      controller.abort()
      return { value: { items: [] } }
    }
    return answers[count - 1] ?? {}
  }
  return runCommand(createTailCommand(0), args, { untilInterrupted: () => controller.signal, ...options })
}
const afters = (): (string | null)[] => server.received.map(({ path }) => new URL(path, 'http://x').searchParams.get('after'))

describe('portcullis tail', () => {
  test('a line for each decision, and it goes on from where it was', async () => {
    const { code, out, err } = await tail([
      {
        value: {
          items: [seen(1), seen(2, { status: 401, code: 'credential-missing', consumer: undefined, credential: undefined })],
          next: '1800000000000002',
        },
      },
      { value: { items: [], next: '1800000000000002' } },
      { value: { items: [seen(3)], next: '1800000000000003' } },
    ])
    expect(code).toBe(0)
    expect(err).toBe('')
    expect(out.split('\n')).toEqual([
      '12:34:56.789 200 GET  /orders/{id} app_1 5f0c1d9be2a47a31c08e6b52 192.0.2.7 DE 12 ms forwarded',
      '12:34:56.789 401 GET  /orders/{id} - - 192.0.2.7 DE 12 ms credential-missing',
      '12:34:56.789 200 GET  /orders/{id} app_1 5f0c1d9be2a47a31c08e6b52 192.0.2.7 DE 12 ms forwarded',
    ])
    expect(afters()).toEqual([null, '1800000000000002', '1800000000000002', '1800000000000003'])
  })

  test('--refused, --consumer and --since are asked of the gate', async () => {
    await tail([], ['--refused', '--consumer', 'app_1', '--since', '1800000000000002'])
    expect(server.received[0]?.path).toBe('decisions?after=1800000000000002&limit=100&consumer=app_1&refused=true')
    await expect(tail([], ['--since', 'now'])).rejects.toMatchObject({ name: 'UsageError' })
  })

  test.each<[string, Answer]>([
    ['a connection that breaks', { breaks: true }],
    ['503', { status: 503, value: { title: 'Later' } }],
    ['429', { status: 429, value: { title: 'Slowly' } }],
  ])('%s: it comes back, without losing its place, and says so once', async (_, outage) => {
    const outages = [outage, outage, outage, outage, outage, outage]
    const { code, out, err } = await tail([
      { value: { items: [seen(1)], next: '1' } },
      ...outages,
      { value: { items: [seen(2)], next: '2' } },
    ])
    expect(code).toBe(0)
    expect(out.split('\n')).toHaveLength(2)
    expect(err.match(/trying again/gu)).toHaveLength(1)
    expect(err.match(/connected again/gu)).toHaveLength(1)
    expect(afters()).toEqual([null, ...outages.map(() => '1'), '1', '2'])
  })

  test.each([401, 403, 404, 422])('%i is not waited for', async (status) => {
    const { code, err } = await tail([{ status, value: { title: 'No' } }])
    expect([code, err.startsWith(`${status} No`)]).toEqual([1, true])
    expect(server.received).toHaveLength(1)
  })

  test('interrupted while it waits for an answer, it ends cleanly', async () => {
    const controller = new AbortController()
    server.answer = () => {
      controller.abort()
      return { breaks: true }
    }
    expect(await runCommand(createTailCommand(1_000_000), [], { untilInterrupted: () => controller.signal })).toEqual({
      code: 0,
      out: '',
      err: '',
    })
  })

  test('interrupted while nothing happens, it ends cleanly', async () => {
    const controller = new AbortController()
    server.answer = () => ({ value: { items: [seen(1)] } })
    const onOut = (): void => controller.abort()
    expect((await runCommand(createTailCommand(1_000_000), [], { untilInterrupted: () => controller.signal, onOut })).code).toBe(0)
  })

  test('--json is a line of JSON each', async () => {
    const entry = seen(1, { userAgent: '\u009b2J' })
    const { out } = await tail([{ value: { items: [entry, entry], next: '1' } }], ['--json'])
    expect(out.split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([entry, entry])
    expect(isSafeOnTerminal(out)).toBe(true)
  })

  test('whatever a caller sends, a decision is one line that does nothing to the terminal', async () => {
    const hostile = '\u001b]52;c;cm0gLXJmIH4=\u0007\n200 OK'
    const entry = Object.fromEntries(Object.keys(seen(1)).map((name) => [name, hostile]))
    const { out } = await tail([{ value: { items: [entry, 5, null, [], {}], next: 'x' } }])
    expect(isSafeOnTerminal(out)).toBe(true)
    expect(out.split('\n')).toHaveLength(5)
  })

  test('colour by status, on a screen that wants it', async () => {
    const items = [seen(1), seen(2, { status: 429 }), seen(3, { status: 503 })]
    const screen = { columns: 80, hasColor: true }
    const { out } = await tail([{ value: { items, next: '3' } }], [], { screen })
    expect(out.split('\n').map((line) => /\[(3\d)m/u.exec(line)?.[1])).toEqual(['32', '33', '31'])
    expect(
      (await tail([{ value: { items, next: '3' } }], [], { screen: { ...screen, hasColor: false }, hasColor: true })).out,
    ).not.toContain('\u001b')
  })
})
