import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../node/local/support.ts'

/** The package as a stranger gets it: packed, installed into an empty project, run by that machine's own Node. */
const folder = temporaryFolder()
const root = fileURLToPath(new URL('../..', import.meta.url))
/** Without the project's own programs, such as the Node of its dev dependencies. */
const PATH = (process.env['PATH'] ?? '')
  .split(':')
  .filter((part) => !part.includes('node_modules'))
  .join(':')

const POLICY = {
  openapi: '3.1.0',
  info: { title: 'Mine', version: '1' },
  servers: [{ url: 'https://api.example.com' }],
  'x-portcullis': { origins: { main: { url: 'https://origin.example' } }, defaults: { origin: 'main' } },
  components: { securitySchemes: { app: { type: 'apiKey', in: 'header', name: 'X-API-Key', 'x-portcullis': { kind: 'api-key' } } } },
  paths: { '/a': { get: { security: [{ app: ['read'] }] } } },
}
const TABLE = `
import { apiKey, checkPolicy, createTestGate } from 'portcullis/testing'
const gate = createTestGate({ policy: ${JSON.stringify(POLICY)} })
const results = await checkPolicy(gate, [
  { given: 'a key', request: { path: '/a' }, credentials: [apiKey({ consumer: 'me', scopes: ['read'] })], expect: { status: 200, code: 'forwarded' } },
  { given: 'no scope', request: { path: '/a' }, credentials: [apiKey({ consumer: 'me' })], expect: { status: 403, code: 'scope-insufficient' } },
  { given: 'nothing', request: { path: '/a' }, expect: { status: 401, code: 'credential-missing' } },
])
console.log(results.length)
`

async function run(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [...args], { cwd: folder.path, env: { ...process.env, PATH }, timeout: 240_000 })
  return stdout
}

beforeAll(async () => {
  const packed = await promisify(execFile)('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder.path], {
    cwd: root,
  })
  writeFileSync(join(folder.path, 'package.json'), '{ "name": "stranger", "private": true, "type": "module" }')
  writeFileSync(join(folder.path, 'policy.json'), JSON.stringify(POLICY))
  writeFileSync(join(folder.path, 'table.js'), TABLE)
  await run('npm', ['install', '--silent', '--no-audit', '--no-fund', `./${packed.stdout.trim()}`])
}, 240_000)
afterAll(() => folder.remove())

describe('the packed package', () => {
  test('checks a policy', async () => {
    expect(await run('npx', ['portcullis', 'check', 'policy.json'])).toContain('1 route, 1 scheme')
  })
  test('makes a key', async () => {
    expect(await run('npx', ['portcullis', 'keys', 'create', '--consumer', 'me'])).toMatch(/^pck_\w+_\w+\n$/u)
  })
  test('runs a table of cases against a policy', async () => {
    expect(await run('node', ['table.js'])).toBe('3\n')
  })
  test('runs the gate, which stops when standard input ends', async () => {
    const script = 'npx portcullis dev --policy policy.json --port 0 --quiet --until-stdin < /dev/null'
    expect(await run('bash', ['-c', script])).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+\n$/u)
  })
})
