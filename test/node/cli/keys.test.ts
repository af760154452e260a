import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { keysCommand } from '../../../cli/commands/keys.ts'
import { newRootKey } from '../../../cli/root-key.ts'
import { ADMIN_SCOPES } from '../../../src/control/operation.ts'
import { importedKeyDigests } from '../../../src/credentials/imported-key.ts'
import { isIssuedKey, parseKey, type ParsedKey } from '../../../src/credentials/key-format.ts'
import { parseRootSecret, type RootSecret } from '../../../src/credentials/root-secret.ts'
import { resolveSigningKey } from '../../../src/credentials/signing-key.ts'
import { encodeBase64Url } from '../../../src/http/base64url.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-keys-'))
const ROOT = newRootKey()
const DAY = 86_400_000
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => {
  vi.stubEnv('PORTCULLIS_ROOT_KEY', ROOT)
  vi.stubEnv('PORTCULLIS_GATEWAY', undefined)
  vi.stubEnv('PORTCULLIS_ENVIRONMENT', undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const rootOf = (text: string, gateway = 'portcullis', environment = 'local'): RootSecret => parseRootSecret(text, { gateway, environment })
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = []
  const err: string[] = []
  const code = await keysCommand.run(args, { out: (line) => out.push(line), err: (line) => err.push(line), hasColor: false })
  return { code, out: out.join('\n'), err: err.join('\n') }
}
async function create(...args: string[]): Promise<ParsedKey> {
  const { code, out } = await run('create', ...args)
  const key = parseKey(out)
  if (code !== 0 || key === undefined) throw new Error(`no key: ${out}`)
  return key
}
function onStandardInput(text: string): void {
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([text]) as never)
}

describe('portcullis keys create', () => {
  test('the key alone is on standard output; what it is, and how to revoke it, beside it', async () => {
    const { code, out, err } = await run('create', '--consumer', 'acme')
    const key = parseKey(out)
    expect(code).toBe(0)
    expect(key).toMatchObject({ kind: 'api', consumer: 'acme', generation: 'g1' })
    expect(await isIssuedKey(rootOf(ROOT), key as ParsedKey)).toBe(true)
    expect(err).toContain(`api key ${key?.id} of acme, until ${new Date(key?.expiresAt ?? 0).toISOString()}`)
    expect(err).toContain(`portcullis revoke --key ${key?.id}`)
    expect(err).not.toContain(out)
  })

  test('every option is in the key', async () => {
    const key = await create('--consumer', 'acme', '--plan', 'gold', '--scopes', 'read  write,admin', '--expires', '90d')
    expect(key).toMatchObject({ consumer: 'acme', plan: 'gold', scopes: ['read', 'write', 'admin'] })
    expect(key.expiresAt - key.issuedAt).toBe(90 * DAY)
    expect(Math.abs(Date.now() - key.issuedAt)).toBeLessThan(60_000)
  })

  test('without --scopes the plan decides; with an empty one there are none', async () => {
    expect(await create('--consumer', 'acme')).not.toHaveProperty('scopes')
    expect(await create('--consumer', 'acme', '--scopes', '')).toMatchObject({ scopes: [] })
  })

  test.each([
    ['1s', 1000],
    ['2m', 120_000],
    ['3h', 3 * 3_600_000],
    ['730d', 730 * DAY],
    ['2y', 730 * DAY],
  ])('--expires %s', async (text, life) => {
    const { issuedAt, expiresAt } = await create('--consumer', 'acme', '--expires', text)
    expect(expiresAt - issuedAt).toBe(life)
  })

  test.each([
    ['0s', /1 second to 730 days/u],
    ['731d', /1 second to 730 days/u],
    ['3y', /1 second to 730 days/u],
    ['999999999y', /1 second to 730 days/u],
    ['90', /a number and s, m, h, d or y/u],
    ['d', /a number and s/u],
    ['-1d', /a number and s|ambiguous/u],
    ['1.5d', /a number and s/u],
    ['1w', /a number and s/u],
    ['1D', /a number and s/u],
    [' 1d', /a number and s/u],
    ['1e3s', /a number and s/u],
    ['', /a number and s/u],
  ])('refuses --expires %j', async (text, message) => {
    await expect(run('create', '--consumer', 'acme', '--expires', text)).rejects.toThrow(message)
  })

  test.each([
    ['nobody’s key', ['create'], /--consumer NAME/u],
    ['a consumer that is no name', ['create', '--consumer', 'a b'], /consumer is 1 to 64/u],
    ['a plan that is no name', ['create', '--consumer', 'a', '--plan', '*'], /plan is 1 to 64/u],
    ['a scope that is none', ['create', '--consumer', 'a', '--scopes', 'a"b'], /scope is 1 to 128/u],
    [
      'scopes without quotes',
      ['create', '--consumer', 'a', '--scopes', 'read', 'write'],
      /unexpected "write"; scopes with spaces need quotes/u,
    ],
    ['two kinds at once', ['create', '--consumer', 'a', '--signing', '--admin'], /choose one/u],
    ['nothing to do', [], /say what to do/u],
    ['something else to do', ['delete'], /say what to do/u],
    ['an option that is none', ['create', '--consumer', 'a', '--for-ever'], /--for-ever/u],
  ])('refuses %s', async (_, args, message) => {
    await expect(run(...args)).rejects.toThrow(message)
  })

  test('--json is one object, and nothing beside it', async () => {
    const { code, out, err } = await run('create', '--consumer', 'acme', '--plan', 'gold', '--scopes', 'read', '--json')
    const made = JSON.parse(out) as Record<string, unknown>
    const key = parseKey(String(made['key']))
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(made).toEqual({
      kind: 'api',
      key: made['key'],
      id: key?.id,
      consumer: 'acme',
      plan: 'gold',
      scopes: ['read'],
      expiresAt: new Date(key?.expiresAt ?? 0).toISOString(),
    })
  })

  test('--signing gives an id and the secret that the gate derives from it', async () => {
    const { out, err } = await run('create', '--consumer', 'acme', '--signing', '--expires', '1d')
    const { keyid = '', secret = '' } = /^keyid=(?<keyid>\S+)\nsecret=(?<secret>\S+)$/u.exec(out)?.groups ?? {}
    const resolved = await resolveSigningKey(rootOf(ROOT), keyid)
    expect(encodeBase64Url(resolved?.secret ?? new Uint8Array())).toBe(secret)
    expect(resolved).toMatchObject({ consumer: 'acme' })
    expect(err).toContain(`signing key ${resolved?.id} of acme`)
    expect(err).not.toContain(secret)
    const { keyid: other, kind } = JSON.parse((await run('create', '--consumer', 'acme', '--signing', '--json')).out) as Record<
      string,
      string
    >
    expect(kind).toBe('signing')
    expect(await resolveSigningKey(rootOf(ROOT), other ?? '')).toBeDefined()
  })

  test('--admin is a key of another kind, with the scopes of the gate’s own API unless it names fewer', async () => {
    const key = await create('--admin')
    expect(key).toMatchObject({
      kind: 'admin',
      consumer: 'admin',
      scopes: ADMIN_SCOPES,
    })
    expect(await isIssuedKey(rootOf(ROOT), key)).toBe(true)
    expect(await create('--admin', '--consumer', 'ops', '--scopes', 'status:read')).toMatchObject({
      consumer: 'ops',
      scopes: ['status:read'],
    })
  })

  test('gateway and environment are part of the key, from flags, settings or a file', async () => {
    const isOf = async (key: ParsedKey, gateway: string, environment: string): Promise<boolean> =>
      isIssuedKey(rootOf(ROOT, gateway, environment), key)
    const flagged = await create('--consumer', 'acme', '--gateway', 'edge', '--environment', 'production')
    expect(await isOf(flagged, 'edge', 'production')).toBe(true)
    expect(await isOf(flagged, 'portcullis', 'local')).toBe(false)
    const file = join(folder, 'names.env')
    writeFileSync(file, 'PORTCULLIS_GATEWAY=filed\nPORTCULLIS_ENVIRONMENT=staging\n')
    expect(await isOf(await create('--consumer', 'acme', '--env-file', file), 'filed', 'staging')).toBe(true)
    vi.stubEnv('PORTCULLIS_GATEWAY', '')
    vi.stubEnv('PORTCULLIS_ENVIRONMENT', 'stubbed')
    expect(await isOf(await create('--consumer', 'acme', '--env-file', file), 'filed', 'stubbed')).toBe(true)
  })
})

describe('where the root secret comes from', () => {
  test('never a flag', async () => {
    for (const flag of ['--root-key', '--root', '--secret', '--key'])
      await expect(run('create', '--consumer', 'acme', flag, newRootKey())).rejects.toMatchObject({ code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' })
  })

  test('the environment goes before the env file, and the env file before the state folder', async () => {
    const [filed, state] = [newRootKey(), join(folder, 'order')]
    const file = join(folder, 'root.env')
    writeFileSync(file, `PORTCULLIS_ROOT_KEY=${filed}\n`)
    const args = ['--consumer', 'acme', '--env-file', file, '--state', state]
    expect(await isIssuedKey(rootOf(ROOT), await create(...args))).toBe(true)
    vi.stubEnv('PORTCULLIS_ROOT_KEY', '')
    expect(await isIssuedKey(rootOf(filed), await create(...args))).toBe(true)
    expect(existsSync(state)).toBe(false)
  })

  test('the state folder’s own is made on first use, readable by its owner alone, and kept', async () => {
    vi.stubEnv('PORTCULLIS_ROOT_KEY', undefined)
    const state = join(folder, 'made/state')
    const first = await create('--consumer', 'acme', '--state', state)
    const path = join(state, 'root-key')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const text = readFileSync(path, 'utf8').trim()
    expect(await isIssuedKey(rootOf(text), first)).toBe(true)
    expect(await isIssuedKey(rootOf(text), await create('--consumer', 'acme', '--state', state))).toBe(true)
    expect(readFileSync(path, 'utf8').trim()).toBe(text)
  })

  test('a root secret that does not hold is said without repeating it', async () => {
    vi.stubEnv('PORTCULLIS_ROOT_KEY', 'g1:hunter2-hunter2')
    const error: unknown = await run('create', '--consumer', 'acme').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'UsageError', message: expect.stringContaining('32 random bytes') as unknown })
    expect(String(error)).not.toContain('hunter2')
  })

  test('an env file that is not there is an error, not another source', async () => {
    await expect(run('create', '--consumer', 'acme', '--env-file', join(folder, 'none'))).rejects.toThrow(/no such file/u)
  })

  test('a key for a deployed gate from this machine’s own root secret: made, with a warning', async () => {
    vi.stubEnv('PORTCULLIS_ROOT_KEY', undefined)
    const state = join(folder, 'warned')
    expect((await run('create', '--consumer', 'acme', '--state', state, '--environment', 'production')).err).toContain(
      'is that the one of production?',
    )
    expect((await run('create', '--consumer', 'acme', '--state', state)).err).not.toContain('warning')
  })

  test('keys root --generation names the generation', async () => {
    expect(rootOf((await run('root', '--generation', 'g2')).out).generations).toEqual(['g2'])
    await expect(run('root', '--generation', 'G2')).rejects.toThrow('1 to 8 lower-case')
  })

  test('keys root prints one that holds, each time another', async () => {
    const [one, two] = [await run('root'), await run('root')]
    expect(rootOf(one.out).generations).toEqual(['g1'])
    expect(one.out).not.toBe(two.out)
    expect(one.err).not.toContain(one.out)
  })
})

describe('portcullis keys hash', () => {
  test('AK-3: the hash of the newest generation, from standard input', async () => {
    const [digest] = await importedKeyDigests(rootOf(ROOT), 'their-key')
    for (const text of ['their-key', 'their-key\n', ' their-key\r\n']) {
      onStandardInput(text)
      expect(await run('hash')).toEqual({ code: 0, out: `hmac-sha256:${digest}`, err: '' })
    }
  })

  test('never takes the key from the command line', async () => {
    await expect(run('hash', 'their-key')).rejects.toThrow(/unexpected/u)
  })

  test.each([
    ['nothing', '\n', /no key on standard input/u],
    ['two keys', 'one\ntwo\n', /no request could carry/u],
    ['a list', 'one,two', /no request could carry/u],
    ['513 characters', 'k'.repeat(513), /at most 512/u],
    ['letters that a field cannot carry', 'schlüssel', /printable ASCII/u],
  ])('refuses %s: the gate would never take it', async (_, text, message) => {
    onStandardInput(text)
    await expect(run('hash')).rejects.toThrow(message)
  })

  test('512 characters are taken', async () => {
    onStandardInput('k'.repeat(512))
    expect((await run('hash')).code).toBe(0)
  })
})
