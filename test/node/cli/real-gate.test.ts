import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { findCommand } from '../../../cli/command-table.ts'
import { startLocalGate, type LocalGate } from '../../../cli/local/local-gate.ts'
import { newRootKey } from '../../../cli/root-key.ts'
import { compilePolicy } from '../../../src/policy/parse-policy.ts'
import { startOrigin, temporaryFolder, type Origin } from '../local/support.ts'
import { runCommand, type Ran } from './admin-server.ts'

/* oxlint-disable no-template-curly-in-string -- placeholders */
const POLICY = {
  openapi: '3.1.0',
  info: { title: 'Orders', version: '1' },
  servers: [{ url: 'https://api.example.com' }],
  'x-portcullis': {
    origins: { main: { url: '${ORIGIN}' } },
    defaults: { origin: 'main' },
    plans: { gold: { scopes: ['orders:read'] }, free: { scopes: [] } },
    revocation: { boundSeconds: 1 },
    control: {},
  },
  components: { securitySchemes: { app: { type: 'apiKey', in: 'header', name: 'X-API-Key' } } },
  paths: { '/orders': { get: { operationId: 'getOrders', security: [{ app: ['orders:read'] }] } } },
}
/* oxlint-enable no-template-curly-in-string */

const folder = temporaryFolder()
const rootKey = newRootKey()
let origin: Origin
let gate: LocalGate
let adminKey = ''

beforeAll(async () => {
  vi.stubEnv('PORTCULLIS_ROOT_KEY', rootKey)
  origin = await startOrigin((_request, response) => response.end('{}'))
  const compiled = compilePolicy(POLICY, { placeholders: 'keep' })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  gate = await startLocalGate({
    policy: compiled.document,
    stateDirectory: folder.path,
    port: 0,
    log: () => undefined,
    bindings: { PORTCULLIS_ROOT_KEY: rootKey, PORTCULLIS_GATEWAY: 'portcullis', PORTCULLIS_ENVIRONMENT: 'local', ORIGIN: origin.url },
  })
  adminKey = (await run('keys create --admin')).out
})
afterAll(async () => {
  await gate.stop()
  await origin.stop()
  folder.remove()
  vi.unstubAllEnvs()
})
beforeEach(() => {
  vi.stubEnv('PORTCULLIS_URL', gate.url)
  vi.stubEnv('PORTCULLIS_ADMIN_KEY', adminKey)
})

async function run(line: string): Promise<Ran> {
  const [name = '', ...args] = line.split(' ')
  const command = await findCommand(name)?.load()
  if (command === undefined) throw new Error(`no command ${name}`)
  return runCommand(command, args)
}
async function made(line: string): Promise<Record<string, string>> {
  const { code, out, err } = await run(`${line} --json`)
  if (code !== 0) throw new Error(`${line}: ${err}`)
  return JSON.parse(out) as Record<string, string>
}
const statusOf = async (key: string): Promise<number> => (await fetch(`${gate.url}/orders`, { headers: { 'x-api-key': key } })).status

describe('the command and the Worker', () => {
  test('an app from its organisation to its end', async () => {
    const { id: organisation } = await made('orgs create --name Acme')
    const { id: app } = await made(`apps create --organisation ${organisation} --name Shop --plan gold`)
    const { out: key } = await run(`keys create --app ${app} --name CI`)
    expect(await statusOf(key)).toBe(200)
    const { out: keys } = await run(`keys list ${app} --json`)
    const [{ id = '' } = {}] = (JSON.parse(keys) as { items: { id?: string }[] }).items

    expect((await run(`keys change ${id} --name builds`)).out).toMatch(/^changed; in force everywhere by /u)
    const rotated = await run(`keys rotate ${id} --until 1h`)
    expect(await statusOf(rotated.out)).toBe(200)
    expect((await run(`apps disable ${app} --yes`)).code).toBe(0)
    await expect.poll(async () => statusOf(key), { timeout: 15_000 }).toBe(401)
    expect((await run(`apps enable ${app}`)).code).toBe(0)
    await expect.poll(async () => statusOf(key), { timeout: 15_000 }).toBe(200)
    expect((await run(`keys revoke ${id} --reason done --yes`)).code).toBe(0)
    await expect.poll(async () => statusOf(key), { timeout: 15_000 }).toBe(401)

    expect((await run(`apps change ${app} --plan silver`)).err).toContain('/plan: ')
    expect((await run('apps show app_00000000000000000000')).code).toBe(1)
    expect((await run('audit verify')).out).toMatch(/^whole: /u)
    expect((await run('audit list')).out).toContain('key.revoke')
  })

  test('what is closed and blocked is listed, and is opened again', async () => {
    expect((await run('kill on route:getOrders --yes')).code).toBe(0)
    expect((await run('kill list')).out).toContain('route:getOrders')
    expect((await run('kill off route:getOrders --yes')).code).toBe(0)
    expect((await run('kill list')).err).toBe('none is on')
    const { id: block } = await made('block address 192.0.2.7 --for 1h --yes')
    expect((await run('block list')).out).toMatch(/address +192\.0\.2\.7 +block/u)
    expect((await run(`block lift ${block}`)).code).toBe(0)
    expect((await run('block list')).err).toBe('nobody is blocked')
  })

  test('what is exported is applied again, and then there is nothing to do', async () => {
    const path = join(folder.path, 'directory.yaml')
    writeFileSync(path, 'organisations:\n  - name: Globex\n    apps: [{ name: Portal, plan: free }]\n')
    expect((await run(`apply ${path} --yes`)).out).toContain('+ organisation.create')
    const { out } = await run('export')
    expect((parse(out) as { organisations: { name: string }[] }).organisations.map(({ name }) => name)).toContain('Globex')
    writeFileSync(path, out)
    expect((await run(`apply ${path} --prune`)).out).toContain('nothing to do')
    writeFileSync(path, 'organisations:\n  - name: Globex\n    apps: [{ name: Portal, plan: silver }]\n')
    expect(await run(`apply ${path} --yes`)).toMatchObject({ code: 1, err: expect.stringContaining(`${path}:3:28`) as unknown })
  })

  test.each([
    'plans',
    'organisations list',
    'apps list',
    'operators list',
    'anomalies list',
    'usage',
    'credits show --limit a --consumer b',
  ])('%s is answered', async (line) => {
    expect((await run(`${line} --json`)).out).toMatch(/^\{/u)
  })
})
