import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { COMMANDS, findCommand } from '../../../cli/command-table.ts'
import { anomaliesCommand } from '../../../cli/commands/anomalies.ts'
import { auditCommand } from '../../../cli/commands/audit.ts'
import { blockCommand } from '../../../cli/commands/block.ts'
import { keysCommand } from '../../../cli/commands/keys.ts'
import { killCommand } from '../../../cli/commands/kill.ts'
import { operatorsCommand } from '../../../cli/commands/operators.ts'
import { usageCommand } from '../../../cli/commands/usage.ts'
import { webhooksCommand } from '../../../cli/commands/webhooks.ts'
import { newRootKey } from '../../../cli/root-key.ts'
import { openBootstrapToken } from '../../../src/credentials/bootstrap-token.ts'
import { parseRootSecret } from '../../../src/credentials/root-secret.ts'
import { instantOf } from '../../../cli/gate/instant.ts'
import { isSafeOnTerminal, runCommand, useAdminServer } from './admin-server.ts'

const server = useAdminServer()
const folder = mkdtempSync(join(tmpdir(), 'portcullis-commands-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.restoreAllMocks())
const ID = '5f0c1d9be2a47a31c08e6b52'

describe('what each command sends', () => {
  const rows: readonly (readonly [string, string, string, unknown?])[] = [
    ['organisations list', 'GET', 'organisations?limit=100'],
    ['orgs create --name Acme', 'POST', 'organisations', { name: 'Acme' }],
    ['orgs change org_1 --name Acme', 'PATCH', 'organisations/org_1', { name: 'Acme' }],
    ['orgs disable org_1 --yes', 'PATCH', 'organisations/org_1', { state: 'disabled' }],
    ['orgs delete org_1 --yes', 'DELETE', 'organisations/org_1'],
    ['orgs members org_1', 'GET', 'organisations/org_1/members'],
    ['orgs set-member org_1 ab --role owner', 'PUT', 'organisations/org_1/members/ab', { role: 'owner' }],
    ['orgs remove-member org_1 ab --yes', 'DELETE', 'organisations/org_1/members/ab'],
    ['orgs invitations org_1', 'GET', 'organisations/org_1/invitations'],
    ['orgs invite org_1 --role viewer --note Ada', 'POST', 'organisations/org_1/invitations', { role: 'viewer', note: 'Ada' }],
    ['orgs withdraw org_1 inv_1', 'DELETE', 'organisations/org_1/invitations/inv_1'],
    ['plans', 'GET', 'plans'],
    ['keys list app_1', 'GET', 'apps/app_1/keys'],
    [`keys show ${ID}`, 'GET', `keys/${ID}`],
    [
      'keys create --app app_1 --name CI --scopes a,b --expires 1d',
      'POST',
      'apps/app_1/keys',
      { name: 'CI', scopes: ['a', 'b'], expiresInSeconds: 86_400 },
    ],
    [`keys disable ${ID} --yes`, 'PATCH', `keys/${ID}`, { state: 'disabled' }],
    [`keys enable ${ID}`, 'PATCH', `keys/${ID}`, { state: 'active' }],
    [`keys change ${ID} --reset plan,origins --name CI`, 'PATCH', `keys/${ID}`, { plan: null, origins: null, name: 'CI' }],
    [`keys rotate ${ID} --until 1h`, 'POST', `keys/${ID}/rotate`, { overlapSeconds: 3600 }],
    [`keys rotate ${ID}`, 'POST', `keys/${ID}/rotate`, {}],
    [`keys revoke ${ID} --reason a&b --yes`, 'DELETE', `keys/${ID}?reason=a%26b`],
    ['block list', 'GET', 'blocks'],
    ['block address 192.0.2.7 --yes', 'POST', 'blocks', { kind: 'address', id: '192.0.2.7', answer: 'block', seconds: 3600 }],
    [
      `block key ${ID} --for 2h --answer slow --reason x --yes`,
      'POST',
      'blocks',
      { kind: 'credential', id: ID, answer: 'slow', seconds: 7200, reason: 'x' },
    ],
    ['block consumer app_1 --yes', 'POST', 'blocks', { kind: 'consumer', id: 'app_1', answer: 'block', seconds: 3600 }],
    ['block lift address:192.0.2.7', 'DELETE', 'blocks/address%3A192.0.2.7'],
    ['anomalies list --state open', 'GET', 'anomalies?state=open&limit=100'],
    ['anomalies answer ano_1 block --for 1h --yes', 'POST', 'anomalies/ano_1/answer', { answer: 'block', seconds: 3600 }],
    ['anomalies answer ano_1 accept', 'POST', 'anomalies/ano_1/answer', { answer: 'accept' }],
    ['audit list --organisation org_1', 'GET', 'audit?organisation=org_1&limit=100'],
    ['events list --type key.leaked', 'GET', 'events?type=key.leaked&limit=100'],
    ['webhooks list', 'GET', 'webhooks'],
    [
      'webhooks create --to https://x.example/h --types key.leaked',
      'POST',
      'webhooks',
      { url: 'https://x.example/h', types: ['key.leaked'] },
    ],
    ['webhooks change whe_1 --types all', 'PATCH', 'webhooks/whe_1', { types: null }],
    ['webhooks delete whe_1 --yes', 'DELETE', 'webhooks/whe_1'],
    ['webhooks rotate whe_1 --until 1h', 'POST', 'webhooks/whe_1/rotate', { overlapSeconds: 3600 }],
    ['webhooks attempts whe_1', 'GET', 'webhooks/whe_1/attempts'],
    ['kill list', 'GET', 'kill-switches'],
    ['kill on route:/orders/{id} --for 1h --yes', 'PUT', 'kill-switches/route%3A%2Forders%2F%7Bid%7D', { seconds: 3600 }],
    ['kill off everything --yes', 'DELETE', 'kill-switches/everything'],
    ['operators list', 'GET', 'operators'],
    [`operators grant support ${'a'.repeat(64)} --display Ada`, 'PUT', `operators/${'a'.repeat(64)}`, { role: 'support', display: 'Ada' }],
    [
      'operators grant owner --issuer https://i --subject s --yes',
      'POST',
      'operators',
      { role: 'owner', display: '', issuer: 'https://i', subject: 's' },
    ],
    [`operators revoke ${'a'.repeat(64)} --yes`, 'DELETE', `operators/${'a'.repeat(64)}`],
  ]

  test.each(rows.map(([line, method, path, body]) => ({ line, method, path, body })))('$line', async ({ line, method, path, body }) => {
    server.answer = (asked) => ({
      headers: { etag: '"1"' },
      value: asked.path.includes('?') || asked.method === 'GET' ? { items: [], id: 'x' } : { id: 'x' },
    })
    const [name = '', ...args] = line.split(' ')
    const command = await findCommand(name)?.load()
    if (command === undefined) throw new Error(`no command ${name}`)
    expect((await runCommand(command, args)).code).toBe(0)
    expect(server.received.at(-1)).toMatchObject({ method, path })
    expect(server.received.at(-1)?.body).toEqual(body)
    expect(server.received.at(-1)?.headers['if-match'] !== undefined || method !== 'PATCH').toBe(true)
  })

  test.each(COMMANDS.map(({ name }) => name))('%s explains itself, with an example', async (name) => {
    const { help, actions = [] } = (await findCommand(name)?.load()) ?? { help: '' }
    expect(help).toMatch(/^Usage: portcullis /u)
    expect(help).toMatch(/^Examples?: /mu)
    for (const action of actions) expect(help).toContain(`portcullis ${name} ${action}`)
  })

  /** Without these nothing is asked for: they are undone by the next command. */
  test.each([
    'orgs delete org_1',
    'orgs disable org_1',
    'orgs remove-member org_1 ab',
    `keys revoke ${ID}`,
    `keys disable ${ID}`,
    'block address 192.0.2.7',
    'anomalies answer ano_1 block',
    'webhooks delete whe_1',
    'kill on everything',
    'kill off everything',
    'operators revoke ab',
    'operators grant owner ab',
  ])('%s asks first; where nobody is there it wants --yes', async (line) => {
    const [name = '', ...args] = line.split(' ')
    const command = await findCommand(name)?.load()
    if (command === undefined) throw new Error(`no command ${name}`)
    await expect(runCommand(command, args)).rejects.toThrow(/say --yes/u)
    expect((await runCommand(command, args, { typed: ['no'] })).code).toBe(1)
    expect(server.received.filter(({ method }) => method !== 'GET')).toEqual([])
  })
})

describe('portcullis kill', () => {
  test('the word is typed, not a letter', async () => {
    for (const typed of ['y', 'yes', 'route:a', 'Everything', '']) {
      expect((await runCommand(killCommand, ['on', 'everything'], { typed: [typed] })).code).toBe(1)
      expect(server.received).toEqual([])
    }
    const { code, err } = await runCommand(killCommand, ['on', 'everything', '--reason', 'attack'], { typed: ['everything'] })
    expect([code, err.includes(`EVERY request to the API at ${server.url}`)]).toEqual([0, true])
    expect(server.received).toMatchObject([{ method: 'PUT', path: 'kill-switches/everything', body: { reason: 'attack' } }])
  })

  test.each(['all', 'route:', 'key:abc', '..'])('%s is no target', async (target) => {
    await expect(runCommand(killCommand, ['on', target, '--yes'])).rejects.toMatchObject({ name: 'UsageError' })
  })
})

describe('portcullis keys with a gate', () => {
  const onStandardInput = (text: string): unknown => vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([text]) as never)

  test('the secret alone is on standard output', async () => {
    server.answer = () => ({ status: 201, value: { id: ID, app: 'app_1', secret: 'pck_once', expiresAt: '2027-11-25T00:00:00.000Z' } })
    const { out, err } = await runCommand(keysCommand, ['create', '--app', 'app_1', '--name', 'CI'])
    expect(out).toBe('pck_once')
    expect(err).toContain('shown once')
    expect(err).not.toContain('pck_once')
  })

  test('a key made elsewhere comes from standard input', async () => {
    onStandardInput('their-key-of-twenty-and-more\n')
    await runCommand(keysCommand, ['create', '--app', 'app_1', '--name', 'old', '--import'])
    expect(server.received[0]?.body).toEqual({ name: 'old', imported: 'their-key-of-twenty-and-more' })
    onStandardInput('two words')
    await expect(runCommand(keysCommand, ['create', '--app', 'app_1', '--name', 'old', '--import'])).rejects.toMatchObject({
      name: 'UsageError',
    })
  })

  test('a private key does not leave this machine', async () => {
    const file = join(folder, 'key.jwk')
    for (const [key, sent] of [
      [{ kty: 'OKP', crv: 'Ed25519', x: 'x' }, 1],
      [{ kty: 'OKP', crv: 'Ed25519', x: 'x', d: 'secret-d' }, 0],
      [{ kty: 'oct', k: 'secret-k' }, 0],
      [[], 0],
      ['x', 0],
    ] as const) {
      server.received = []
      writeFileSync(file, JSON.stringify(key))
      const ran = await runCommand(keysCommand, ['create', '--app', 'app_1', '--name', 'CI', '--public-key', file]).catch(
        (error: unknown) => error,
      )
      expect(server.received).toHaveLength(sent)
      expect(String((ran as Partial<Error>).message)).not.toContain('secret')
    }
  })

  test('an admin key that may not look does not stop a change of a key that no app has', async () => {
    server.answer = ({ method }) =>
      method === 'GET'
        ? { status: 403, value: { code: 'scope-insufficient' } }
        : { status: 201, value: { effectiveBy: '2026-11-25T12:00:05.000Z' } }
    const { code, err } = await runCommand(keysCommand, ['change', ID, '--disable'])
    expect([code, err]).toEqual([0, 'the admin key lacks accounts:read, so the directory is not looked at'])
    expect(server.received.at(-1)).toMatchObject({ method: 'POST', path: 'changes', body: { type: 'key', id: ID, disabled: true } })
  })

  test.each([401, 500])('after %i nothing is changed by the other way', async (status) => {
    server.answer = () => ({ status, value: { title: 'No' } })
    await expect(runCommand(keysCommand, ['change', ID, '--disable'])).rejects.toThrow(/^\d+ No/u)
    expect(server.received.every(({ method }) => method === 'GET')).toBe(true)
  })
})

describe('portcullis usage', () => {
  const group = (key: object, requests: number): object => ({ key, requests, errors: 1, series: [0, requests - 1, 1], p50: 25, p95: null })
  const answer = {
    from: '2026-11-24T12:00:00.000Z',
    to: '2026-11-25T12:00:00.000Z',
    step: 'hour',
    latencyBounds: [10, 25, 10_000],
    groups: [group({ consumer: 'app_1' }, 30), group({ consumer: '\u001b[2J' }, 10)],
    total: group({}, 40),
  }

  test('on a screen: how it went, and whose share it is', async () => {
    server.answer = () => ({ value: answer })
    const { out, err } = await runCommand(usageCommand, [], { screen: { columns: 120, hasColor: false } })
    expect(out.split('\n')).toEqual([
      'CONSUMER   REQUESTS  ERRORS  % ERR    P50        P95  SHARE       TIME →',
      'app_1            30       1    3.3  25 ms  >10000 ms  ██████████   █▁',
      '\\u{1b}[2J        10       1   10.0  25 ms  >10000 ms  ███          █▁',
      'all              40       1    2.5  25 ms  >10000 ms  -            █▁',
    ])
    expect(err).toContain('2026-11-24T12:00:00Z to 2026-11-25T12:00:00Z, by the hour')
  })

  test('in a pipe: numbers alone', async () => {
    server.answer = () => ({ value: answer })
    const { out } = await runCommand(usageCommand, [])
    expect(out).not.toMatch(/[█▁]/u)
    expect(JSON.parse((await runCommand(usageCommand, ['--json'])).out)).toEqual(answer)
  })

  test('CSV is the gate’s, and does nothing to a terminal', async () => {
    server.answer = ({ headers }) => ({ text: headers['accept'] === 'text/csv' ? 'start,requests\r\n\u001b[2J,5\r\n' : 'no' })
    const { out } = await runCommand(usageCommand, ['--csv'])
    expect(out).toBe('start,requests\n\\u{1b}[2J,5')
    expect(isSafeOnTerminal(out)).toBe(true)
  })

  test('what is asked for', async () => {
    server.answer = () => ({ value: answer })
    await runCommand(usageCommand, [
      '--from',
      '2026-11-01',
      '--to',
      '2026-11-08',
      '--by',
      'route,status',
      '--consumer',
      'a,b',
      '--credential',
      ID,
    ])
    expect(server.received[0]?.path).toBe(
      `usage?from=2026-11-01T00%3A00%3A00.000Z&to=2026-11-08T00%3A00%3A00.000Z&step=hour&by=route%2Cstatus&consumer=a%2Cb&credential=${ID}`,
    )
  })

  test.each([
    [['--from', 'now'], /must lie before/u],
    [['--from', 'yesterday'], /--from takes/u],
    [['--step', 'week'], /--step takes/u],
    [['--by', 'colour'], /--by takes/u],
    [['--by', 'consumer,route,status'], /one or two/u],
    [['--csv', '--json'], /choose one/u],
  ])('%j is used wrongly', async (args, message) => {
    await expect(runCommand(usageCommand, args)).rejects.toThrow(message)
    expect(server.received).toEqual([])
  })

  test.each([
    ['now', 1_000_000_000],
    ['1h', 1_000_000_000 - 3_600_000],
    ['1970-01-02', 86_400_000],
    ['1970-01-02T00:00Z', 86_400_000],
    ['1970-01-02T01:00:00.500+01:00', 86_400_500],
    ['1970-01-02T00:00', 86_400_000],
  ])('the time %s', (text, at) => {
    expect(instantOf(text, '--from', 1_000_000_000)).toBe(at)
  })
  test.each(['', '5', '1970-13-01', '1970-01-02 00:00', 'Thu, 01 Jan 1970', '1970-01-32'])('%j is no time', (text) => {
    expect(() => instantOf(text, '--from', 0)).toThrow(/--from takes/u)
  })
})

describe('portcullis operators bootstrap', () => {
  test('a token that the gate of that environment takes, and of no other; without a gate', async () => {
    const rootKey = newRootKey()
    vi.stubEnv('PORTCULLIS_ROOT_KEY', rootKey)
    vi.stubEnv('PORTCULLIS_ADMIN_KEY', undefined)
    const { out, err } = await runCommand(operatorsCommand, ['bootstrap', '--environment', 'production'])
    const opened = async (environment: string): Promise<unknown> =>
      openBootstrapToken(parseRootSecret(rootKey, { gateway: 'portcullis', environment }), out, Date.now())
    expect(await opened('production')).toMatchObject({ id: expect.any(String) as unknown })
    await expect(opened('local').catch(() => undefined)).resolves.toBeUndefined()
    expect(err).not.toContain(out)
    expect(err).not.toContain(rootKey)
    expect(server.received).toEqual([])
  })
})

describe('what an exit code says', () => {
  test('a log that is not whole', async () => {
    server.answer = () => ({ value: { status: 'whole', entries: 5, head: 'ab' } })
    expect(await runCommand(auditCommand, ['verify'])).toEqual({ code: 0, out: 'whole: 5 lines, the last one has the hash ab', err: '' })
    server.answer = () => ({ value: { status: 'broken', sequence: 3 } })
    expect(await runCommand(auditCommand, ['verify'])).toEqual({ code: 1, out: '', err: 'THE LOG IS BROKEN from line 3 on' })
    server.answer = () => ({ value: {} })
    expect((await runCommand(auditCommand, ['verify', '--json'])).code).toBe(1)
  })

  test('a webhook that did not arrive', async () => {
    server.answer = () => ({ value: { outcome: 'timeout' } })
    expect((await runCommand(webhooksCommand, ['test', 'whe_1'])).code).toBe(1)
    server.answer = () => ({ value: { outcome: 'delivered' } })
    expect((await runCommand(webhooksCommand, ['test', 'whe_1'])).code).toBe(0)
  })
})

describe('lists of what others write', () => {
  const HOSTILE = '\u001b]0;owned\u0007\r\n\u202e'
  test.each([
    [
      auditCommand,
      ['list'],
      {
        sequence: 1,
        at: HOSTILE,
        actor: { kind: 'operator', display: HOSTILE },
        action: HOSTILE,
        target: { type: HOSTILE, id: HOSTILE },
        detail: { a: HOSTILE },
      },
    ],
    [auditCommand, ['list'], { actor: null, target: 5 }],
    [anomaliesCommand, ['list'], { id: HOSTILE, subject: HOSTILE, score: 1, reasons: [{ code: HOSTILE }] }],
    [
      anomaliesCommand,
      ['show', 'a'],
      {
        id: 'a',
        subject: HOSTILE,
        reasons: [{ code: HOSTILE, evidence: { x: HOSTILE } }],
        evidence: [{ userAgent: HOSTILE, route: HOSTILE }],
      },
    ],
    [blockCommand, ['list'], { id: HOSTILE, cause: HOSTILE, until: HOSTILE }],
    [operatorsCommand, ['list'], { person: HOSTILE, display: HOSTILE }],
    [webhooksCommand, ['list'], { url: HOSTILE, description: HOSTILE }],
  ])('%# do nothing to the terminal', async (command, args, item) => {
    server.answer = ({ path }) => ({ value: path.includes('/') ? item : { items: [item] } })
    const { code, out, err } = await runCommand(command, args, { screen: { columns: 100, hasColor: false } })
    expect(code).toBe(0)
    expect(isSafeOnTerminal(out + err)).toBe(true)
  })
})
