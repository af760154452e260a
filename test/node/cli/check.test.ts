import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import type { Command } from '../../../cli/command.ts'
import { checkCommand } from '../../../cli/commands/check.ts'
import { compileCommand } from '../../../cli/commands/compile.ts'
import { readPolicyFile } from '../../../cli/policy-file.ts'
import { identityOf } from '../identity/rsa-identity.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-check-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
async function run(command: Command, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = []
  const err: string[] = []
  const code = await command.run(args, { out: (line) => out.push(line), err: (line) => err.push(line), hasColor: false })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

const GOOD = `openapi: 3.1.0
info: { title: T, version: '1' }
servers: [{ url: 'https://api.example.com' }]
x-portcullis:
  origins: { o: { url: '\${ORIGIN}' } }
  defaults: { origin: o }
  consumers: { acme: { signingKeys: [{ keyid: k, secret: '\${SIGNING}' }] } }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Key }
    signed: { type: http, scheme: Signature }
paths:
  /a:
    get: { security: [{ key: [] }, { signed: [] }] }
`
const WRANGLER = `[vars]
ORIGIN = "https://top.example.com"
[secrets]
required = ["SIGNING"]
[env.staging.vars]
ORIGIN = "http://staging.example.com"
[env.staging.secrets]
required = ["SIGNING"]
[env.empty]
[env.leaky.vars]
ORIGIN = "https://o.example.com"
[env.leaky.secrets]
required = ["ORIGIN", "SIGNING"]
`
const good = write('good.yaml', GOOD)
const wrangler = write('wrangler.toml', WRANGLER)

describe('portcullis check', () => {
  test('a policy that holds is one line with counts', async () => {
    expect(await run(checkCommand, good)).toEqual({ code: 0, out: `${good}: 1 route, 2 schemes, 0 limits`, err: '' })
  })

  test('every problem has its line, column, pointer and suggestion', async () => {
    const bad = write('bad.yaml', GOOD.replace('{ key: [] }', '{ kee: [] }').replace('origin: o', 'orgin: o'))
    const { code, out, err } = await run(checkCommand, bad)
    expect(code).toBe(1)
    expect(out).toBe('')
    expect(err).toContain(`${bad}:6:15  error  unknown field "orgin"\n    at #/x-portcullis/defaults/orgin\n    did you mean "origin"?`)
    expect(err).toContain(
      `${bad}:14:25  error  unknown security scheme "kee" (OA-5)\n    at #/paths/~1a/get/security/0/kee\n    did you mean "key"?`,
    )
    expect(err).toMatch(/\d errors, \d warnings$/u)
  })

  test('--json gives the same as one document', async () => {
    const bad = write('bad.json', JSON.stringify({ openapi: '3.1.0', info: { title: 'T' }, paths: { '/a': { get: {} } } }))
    const { code, out, err } = await run(checkCommand, bad, '--json')
    const report = JSON.parse(out) as { ok: boolean; problems: { pointer: string; line: number }[] }
    expect({ code, err, ok: report.ok }).toEqual({ code: 1, err: '', ok: false })
    expect(report.problems.map(({ pointer }) => pointer)).toContain('/paths/~1a/get')
    expect(report.problems.every(({ line }) => line === 1)).toBe(true)
  })

  test('colour on a terminal alone', async () => {
    const lines: string[] = []
    const bad = write('colour.yaml', 'openapi: 2')
    await checkCommand.run([bad], { out: () => {}, err: (line) => lines.push(line), hasColor: true })
    expect(lines.join('')).toContain('\u001b[31merror')
    expect((await run(checkCommand, bad)).err).not.toContain('\u001b')
  })

  test('--wrangler fills from the top level, and a secret with a value of its form', async () => {
    expect(await run(checkCommand, good, '--wrangler', wrangler)).toMatchObject({ code: 0, err: '' })
  })

  test('--env finds what is wrong with the values of one environment', async () => {
    const { code, err } = await run(checkCommand, good, '--wrangler', wrangler, '--env', 'staging')
    expect(code).toBe(1)
    expect(err).toContain(`${good}:5:19  error  the URL must be https`)
  })

  test('values and secrets that the environment does not have', async () => {
    const { code, err } = await run(checkCommand, good, '--wrangler', wrangler, '--env', 'empty')
    expect(code).toBe(1)
    expect(err).toContain('ORIGIN is not set in [env.empty.vars]')
    expect(err).toContain('the secret SIGNING is not declared')
    expect(err).toContain('2 errors')
  })

  test('a secret stands only where a secret is expected', async () => {
    const { code, err } = await run(checkCommand, good, '--wrangler', wrangler, '--env', 'leaky')
    expect(code).toBe(1)
    expect(err).toContain('ORIGIN is a secret: it may stand only where a secret is expected')
  })

  test('--env-file gives values and secrets, and no message repeats them', async () => {
    const envFile = write('.env', 'ORIGIN=ftp://very-private\nSIGNING=c2hvcnQ\n')
    const { code, err } = await run(checkCommand, good, '--env-file', envFile)
    expect(code).toBe(1)
    expect(err).toContain('the secret is shorter than 32 bytes')
    expect(err).not.toMatch(/very-private|c2hvcnQ/u)
  })

  test('a private key: declared it is believed, given it is checked by its form, and not repeated', async () => {
    const { certificate } = await identityOf('idp')
    const saml = `kind: saml, entityId: urn:a, singleSignOn: { url: 'https://a.example', binding: redirect }, certificates: ['${certificate.replaceAll(/-----[^-]+-----|\s/gu, '')}']`
    const policy = GOOD.replace('components:', `  identityProviders: { a: { ${saml}, privateKey: '\${SIGNING}' } }\ncomponents:`).replace(
      "secret: '${SIGNING}'",
      "secret: '${OTHER}'",
    ) // oxlint-disable-line no-template-curly-in-string -- a placeholder
    const file = write('saml.yaml', policy)
    const declared = write('saml.toml', '[vars]\nORIGIN = "https://o.example"\n[secrets]\nrequired = ["SIGNING", "OTHER"]\n')
    expect(await run(checkCommand, file, '--wrangler', declared)).toMatchObject({ code: 0 })
    const { code, err } = await run(checkCommand, file, '--wrangler', declared, '--env-file', write('saml.env', 'SIGNING=very-private\n'))
    expect([code, err.includes('this is no private key'), err.includes('very-private')]).toEqual([1, true, false])
  })

  test('an environment or a file that is not there is a wrong use', async () => {
    await expect(run(checkCommand, good, '--wrangler', wrangler, '--env', 'prod')).rejects.toThrow(/declares no environment "prod"/u)
    await expect(run(checkCommand, join(folder, 'none.yaml'))).rejects.toThrow(/no such file/u)
    await expect(run(checkCommand)).rejects.toThrow(/takes one file/u)
  })

  test.each([
    ['a duplicate key', 'a: 1\na: 2\n', /unique/u],
    ['a placeholder without quotes', 'a: ${X}\n', /inside quotes/u],
    [
      'an alias that multiplies',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(10)}]\nc: &c [${'*b,'.repeat(10)}]\nd: [${'*c,'.repeat(10)}]\n`,
      /alias/u,
    ],
    ['an unknown tag', 'a: !!js/function "x"\n', /tag/u],
    ['broken syntax', 'a: [\n', /./u],
  ])('syntax: %s', async (_name, text, message) => {
    const file = readPolicyFile(write('syntax.yaml', text))
    expect(file.document).toBeUndefined()
    expect(file.syntaxProblems[0]?.message).toMatch(message)
    expect((await run(checkCommand, file.path)).code).toBe(1)
  })
})

describe('portcullis compile', () => {
  test('writes what the gate reads, placeholders kept', async () => {
    const out = join(folder, 'made/policy.json')
    expect(await run(compileCommand, good, '--out', out)).toMatchObject({ code: 0, out: `${good} -> ${out}: 1 route`, err: '' })
    const document = JSON.parse(readFileSync(out, 'utf8')) as { 'x-portcullis': { origins: unknown } }
    expect(document['x-portcullis'].origins).toEqual({ o: { url: '${ORIGIN}' } })
  })

  test('writes nothing when the policy does not hold', async () => {
    const out = join(folder, 'none.json')
    const { code, err } = await run(compileCommand, write('bad.yaml', 'openapi: 3.1.0\n'), '--out', out)
    expect(code).toBe(1)
    expect(err).toContain('nothing written')
    expect(existsSync(out)).toBe(false)
  })

  test('takes the file of CLOUDFLARE_ENV where there is one', async () => {
    const out = join(folder, 'env.json')
    const own = write('good.staging.yaml', GOOD.replace('title: T', 'title: Staging'))
    vi.stubEnv('CLOUDFLARE_ENV', 'staging')
    expect((await run(compileCommand, good, '--out', out)).out).toContain(own)
    vi.stubEnv('CLOUDFLARE_ENV', 'production')
    expect((await run(compileCommand, good, '--out', out)).out).toContain(`${good} ->`)
    vi.stubEnv('CLOUDFLARE_ENV', '../x')
    await expect(run(compileCommand, good, '--out', out)).rejects.toThrow(/not the name/u)
  })

  test("the demo's policy compiles, without a warning", async () => {
    const demo = resolve(import.meta.dirname, '../../../policy.yaml')
    expect(await run(compileCommand, demo, '--out', join(folder, 'demo.json'))).toMatchObject({ code: 0, err: '' })
  })
})
