import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { startOrigin, temporaryFolder } from '../local/support.ts'

const folder = temporaryFolder()
const root = fileURLToPath(new URL('../../..', import.meta.url))
const cli = join(root, 'dist/cli/portcullis.js')
afterAll(() => folder.remove())

/* oxlint-disable no-template-curly-in-string -- a placeholder */
const POLICY = `openapi: 3.1.0
info: { title: Mine, version: '1' }
servers: [{ url: 'https://api.example.com' }]
x-portcullis:
  origins: { main: { url: '\${ORIGIN}' } }
  defaults: { origin: main }
components:
  securitySchemes:
    app: { type: apiKey, in: header, name: X-API-Key, x-portcullis: { kind: api-key } }
paths:
  /open: { get: { security: [{}] } }
  /key: { get: { security: [{ app: [] }] } }
`
/* oxlint-enable no-template-curly-in-string */

/** Runs the command until it has printed its first line, or ended. */
function run(args: readonly string[]) {
  const child = spawn(process.execPath, [cli, ...args], { cwd: folder.path, stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: string[] = []
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const first = new Promise<string>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line)
      resolve(line)
    })
    child.once('exit', () => resolve(''))
  })
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>
  return { child, lines, first, ended, errors: () => errors }
}

describe('portcullis dev', () => {
  test('runs a policy of one’s own, says so in one line, and stops when standard input ends', async () => {
    const policy = join(folder.path, 'mine.openapi.yaml')
    writeFileSync(policy, POLICY)
    const origin = await startOrigin((request, response) => response.end(request.url))
    const dev = run([
      'dev',
      '--policy',
      policy,
      '--port',
      '0',
      '--tls-port',
      '0',
      '--var',
      `ORIGIN=${origin.url}`,
      '--state',
      folder.path,
      '--until-stdin',
    ])
    const line = await dev.first
    const [, url = '', tls = ''] = /^ready (http:\/\/127\.0\.0\.1:\d+) (https:\/\/localhost:\d+)$/u.exec(line) ?? []
    expect([url, tls]).not.toContain('')
    expect(await (await fetch(`${url}/open`)).text()).toBe('/open')
    expect((await fetch(`${url}/key`)).status).toBe(401)
    const { stdout } = await output(['keys', 'create', '--consumer', 'me', '--json', '--state', folder.path])
    const { key } = JSON.parse(stdout) as { readonly key: string }
    expect((await fetch(`${url}/key`, { headers: { 'x-api-key': key } })).status).toBe(200)
    dev.child.stdin.end()
    expect(await dev.ended).toEqual([0, null])
    expect(dev.lines).toEqual([line])
    await expect(fetch(`${url}/open`)).rejects.toThrow('fetch failed')
    await origin.stop()
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('stops on %s', async (signal) => {
    const policy = join(folder.path, 'mine.openapi.yaml')
    writeFileSync(policy, POLICY)
    const dev = run(['dev', '--policy', policy, '--port', '0', '--var', 'ORIGIN=http://127.0.0.1:9', '--state', folder.path])
    expect(await dev.first).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+$/u)
    dev.child.kill(signal)
    expect(await dev.ended).toEqual([0, null])
  })

  test('a policy that does not hold starts nothing, and says where', async () => {
    const policy = join(folder.path, 'broken.yaml')
    writeFileSync(policy, POLICY.replace('security: [{ app: [] }]', 'security: [{ apps: [] }]'))
    const { code, stderr } = await output(['dev', '--policy', policy, '--var', 'ORIGIN=http://127.0.0.1:9', '--state', folder.path])
    expect(code).toBe(1)
    expect(stderr).toMatch(/broken\.yaml:\d+:\d+.*"?apps"?/su)
  })

  test.each([
    [['dev'], 'say which policy'],
    [['dev', '--policy', 'nowhere.yaml'], 'no such file'],
    [['dev', '--policy', 'x.yaml', '--port', '70000'], '65535'],
    [['dev', '--policy', 'x.yaml', '--var', 'NAME'], 'NAME=VALUE'],
    [['dev', '--policies', 'x.yaml'], 'policies'],
  ])('%j is used wrongly: exit code 2 and what to write instead', async (args, words) => {
    const { code, stderr } = await output(args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)])
  })
})

async function output(
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const { lines, ended, errors } = run(args)
  const [code] = await ended
  return { code, stdout: lines.join('\n'), stderr: errors() }
}
