import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { loginCommand, logoutCommand } from '../../../cli/commands/login.ts'
import { plansCommand } from '../../../cli/commands/plans.ts'
import { issueKey, type IssuedKey } from '../../../src/credentials/key-format.ts'
import { newRootKey } from '../../../cli/root-key.ts'
import { parseRootSecret } from '../../../src/credentials/root-secret.ts'
import { runCommand, useAdminServer, type Ran, type RunOptions } from './admin-server.ts'

const root = parseRootSecret(newRootKey(), { gateway: 'portcullis', environment: 'local' })
const keyOf = async (kind: 'admin' | 'api', at = Date.now(), expiresInSeconds = 3600): Promise<IssuedKey> =>
  issueKey(root, kind, { consumer: 'ops', scopes: ['status:read'], expiresInSeconds }, at)

const server = useAdminServer()
let folder = ''
let key: IssuedKey
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-login-'))
  vi.stubEnv('XDG_CONFIG_HOME', folder)
  vi.stubEnv('PORTCULLIS_ADMIN_KEY', undefined)
  vi.stubEnv('PORTCULLIS_URL', undefined)
  server.answer = () => ({ value: { gateway: 'portcullis' } })
  key = await keyOf('admin')
})
afterEach(() => {
  rmSync(folder, { recursive: true })
  vi.restoreAllMocks()
})
const path = (): string => join(folder, 'portcullis', 'profiles.json')

/** No key is ever in what is shown. */
async function run(command: typeof loginCommand, args: readonly string[], options?: RunOptions): Promise<Ran> {
  const ran = await runCommand(command, args, options)
  expect(ran.out + ran.err).not.toContain(key.key)
  return ran
}
const login = async (args: readonly string[] = [], typed = key.key): Promise<Ran> =>
  run(loginCommand, ['--url', server.url, ...args], { typed: [typed] })

describe('portcullis login', () => {
  test('keeps what the gate has taken, in a file of its owner alone', async () => {
    expect(await login()).toMatchObject({ code: 0, out: expect.stringContaining(`admin key ${key.id}`) as unknown })
    expect(server.received).toMatchObject([{ method: 'GET', path: 'status', headers: { authorization: `Bearer ${key.key}` } }])
    expect(statSync(path()).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'portcullis')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(folder, 'portcullis'))).toEqual(['profiles.json'])
  })

  test('the next command goes there with it', async () => {
    await login()
    server.answer = () => ({ value: { items: [{ name: 'gold' }] } })
    expect((await run(plansCommand, [])).out).toContain('gold')
    expect(server.received.at(-1)?.headers['authorization']).toBe(`Bearer ${key.key}`)
  })

  test('from standard input, where nobody is there', async () => {
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([`${key.key}\n`]) as never)
    expect((await run(loginCommand, ['--url', server.url])).code).toBe(0)
  })

  test('the key is typed unseen', async () => {
    const asked: unknown[] = []
    const person = { ask: async (...question: unknown[]) => (asked.push(question), Promise.resolve(key.key)) }
    await run(loginCommand, ['--url', server.url], { person })
    expect(asked).toEqual([['Admin key (not shown): ', 'secret']])
  })

  test('a key on the command line is refused, and so is every flag for it', async () => {
    for (const args of [[key.key], ['--key', key.key], ['--admin-key', key.key]])
      await expect(runCommand(loginCommand, ['--url', server.url, ...args], { typed: [key.key] })).rejects.toMatchObject({
        name: 'TypeError',
      })
    expect(server.received).toEqual([])
  })

  test.each([
    ['401', { status: 401, value: { title: 'A credential was not accepted' } }],
    ['503', { status: 503, value: { title: 'Later' } }],
    ['a page of somebody else', { text: '<html>' }],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }],
  ])('%s: nothing is kept', async (_, answer) => {
    server.answer = () => answer
    const ran = await login().catch((error: unknown) => error)
    expect(ran instanceof Error || (ran as Ran).code === 1).toBe(true)
    expect(existsSync(path())).toBe(false)
  })

  test('a key that may not ask for the status is a key all the same', async () => {
    server.answer = () => ({ status: 403, value: { code: 'scope-insufficient', title: 'The credential lacks a scope' } })
    expect(await login()).toMatchObject({ code: 0, err: expect.stringContaining('lacks status:read') as unknown })
  })

  test('what is no admin key is sent nowhere: it may be another secret', async () => {
    const [api, over] = [await keyOf('api'), await keyOf('admin', Date.now() - 7_200_000)]
    for (const text of [api.key, over.key, 'hunter2', `${key.key}x`.repeat(50)])
      await expect(login([], text)).rejects.toMatchObject({ name: 'UsageError' })
    await expect(login([], '  ')).rejects.toThrow(/no admin key/u)
    expect(server.received).toEqual([])
  })

  test.each(['http://api.example.com', 'https://a:b@api.example.com', 'api.example.com'])('%s is no URL for a key', async (url) => {
    await expect(run(loginCommand, ['--url', url], { typed: [key.key] })).rejects.toMatchObject({ name: 'UsageError' })
  })

  test('--list says what is kept, without the keys', async () => {
    await login(['--profile', 'staging'])
    const { out } = await run(loginCommand, ['--list'])
    expect(out).toContain('staging')
    expect(out).toContain(key.id)
    expect(JSON.parse((await run(loginCommand, ['--list', '--json'])).out)).toMatchObject({
      items: [{ profile: 'staging', url: server.url, key: key.id }],
    })
  })

  test('profiles stand beside each other; logging in again replaces one', async () => {
    await login()
    await login(['--profile', 'staging'])
    await login()
    expect(Object.keys((JSON.parse(readFileSync(path(), 'utf8')) as { profiles: object }).profiles)).toEqual(['default', 'staging'])
  })

  test.each(['../x', '', '.a', 'a b', `a${'b'.repeat(64)}`])('%j is no name of a profile', async (name) => {
    await expect(login(['--profile', name])).rejects.toMatchObject({ name: 'UsageError' })
  })
})

describe('which gate, and which key', () => {
  const plans = async (args: readonly string[] = []): Promise<Ran> => run(plansCommand, args)
  beforeEach(async () => {
    await login()
    server.received = []
    server.answer = () => ({ value: { gateway: 'portcullis', items: [] } })
  })

  test('a kept key goes to no other gate, whoever names it', async () => {
    await expect(plans(['--url', 'https://evil.example'])).rejects.toThrow(/is for http/u)
    await expect(plans(['--url', server.url.replace('127.0.0.1', 'localhost')])).rejects.toThrow(/is for http/u)
    vi.stubEnv('PORTCULLIS_URL', 'https://evil.example')
    await expect(plans()).rejects.toThrow(/is for http/u)
    expect(server.received).toEqual([])
  })

  test('the environment goes before the profile, and a profile that is named before the environment', async () => {
    vi.stubEnv('PORTCULLIS_ADMIN_KEY', 'pca_other')
    await expect(plans()).rejects.toThrow(/say which gate/u)
    vi.stubEnv('PORTCULLIS_URL', server.url)
    await plans()
    await plans(['--profile', 'default'])
    expect(server.received.map(({ headers }) => headers['authorization'])).toEqual(['Bearer pca_other', `Bearer ${key.key}`])
  })

  test('PORTCULLIS_PROFILE names one; a name that is not there says which are', async () => {
    vi.stubEnv('PORTCULLIS_PROFILE', 'staging')
    await expect(plans()).rejects.toThrow(/PORTCULLIS_ADMIN_KEY/u)
    await expect(plans(['--profile', 'staging'])).rejects.toThrow(/there are: default/u)
    await login(['--profile', 'staging'])
    expect((await plans()).code).toBe(0)
  })

  test('a file that others can read is not used', async () => {
    chmodSync(path(), 0o640)
    await expect(plans()).rejects.toThrow(/others can read it: chmod 600/u)
    await expect(login()).rejects.toThrow(/others can read/u)
  })

  test.each(['{', '[]x', '{"profiles":{"default":{"url":"x"}}}', `{"profiles":{"default":"pca_secret"}}`, '{"profiles":5,'])(
    'the file %j says what to do, and repeats nothing of itself',
    async (text) => {
      writeFileSync(path(), text)
      await expect(plans()).rejects.toThrow(/^(?!.*pca_secret).*delete it and log in again/u)
    },
  )

  test('logout forgets, and says that the key still works', async () => {
    await login(['--profile', 'staging'])
    expect(await run(logoutCommand, [])).toMatchObject({
      code: 0,
      out: expect.stringContaining(`portcullis revoke --key ${key.id}`) as unknown,
    })
    await expect(plans()).rejects.toThrow(/PORTCULLIS_ADMIN_KEY/u)
    expect((await run(logoutCommand, [])).code).toBe(1)
    expect((await run(logoutCommand, ['--all'])).code).toBe(0)
    expect(readFileSync(path(), 'utf8')).not.toContain('pca_')
    await expect(run(logoutCommand, ['--all', '--profile', 'x'])).rejects.toMatchObject({ name: 'UsageError' })
  })
})
