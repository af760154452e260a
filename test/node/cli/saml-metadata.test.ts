import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Command } from '../../../cli/command.ts'
import { checkCommand } from '../../../cli/commands/check.ts'
import { samlCommand } from '../../../cli/commands/saml.ts'
import { identityOf } from '../identity/rsa-identity.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-saml-metadata-'))
afterAll(() => rmSync(folder, { recursive: true }))
const fileOf = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const [ours, other, theirs] = [await identityOf('gate'), await identityOf('other'), await identityOf('idp')]
const bare = (pem: string): string => pem.replaceAll(/-----[^-]+-----|\s/gu, '')
/* oxlint-disable no-template-curly-in-string -- placeholders */
const policyOf = (hosts: readonly string[], changes: object = {}): string =>
  JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Orders', version: '1' },
    servers: hosts.map((host) => ({ url: `https://${host}` })),
    'x-portcullis': {
      origins: { orders: { url: 'https://orders.example.com' } },
      defaults: { origin: 'orders' },
      identityProviders: {
        acme: {
          kind: 'saml',
          entityId: 'https://idp.example.org',
          singleSignOn: { url: 'https://idp.example.org/sso', binding: 'redirect' },
          singleLogout: { url: 'https://idp.example.org/slo', binding: 'redirect' },
          certificates: [bare(theirs.certificate)],
          privateKey: '${KEY}',
          certificate: '${CERTIFICATE}',
          ...changes,
        },
      },
    },
    components: {
      securitySchemes: { person: { type: 'apiKey', in: 'cookie', name: '__Host-session', 'x-portcullis': { kind: 'session' } } },
    },
    paths: { '/orders': { get: { security: [{ person: [] }] } } },
  })
/* oxlint-enable no-template-curly-in-string */
const policy = fileOf('policy.json', policyOf(['api.example.com']))
const twoHosts = fileOf('two.json', policyOf(['a.example.com', 'b.example.com']))
const envOf = (certificate: string): string => `KEY=${bare(ours.privateKey)}\nCERTIFICATE=${bare(certificate)}\n`
const good = fileOf('good.env', envOf(ours.certificate))
const mismatched = fileOf('mismatched.env', envOf(other.certificate))

async function run(command: Command, ...args: string[]): Promise<{ code: number | string; out: string; err: string }> {
  const out: string[] = []
  const err: string[] = []
  const terminal = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), hasColor: false }
  const code = await command.run(args, terminal).catch((error: Error) => error.message)
  return { code, out: out.join('\n'), err: err.join('\n') }
}
const metadata = async (...args: string[]) => run(samlCommand, 'metadata', ...args)

describe('portcullis saml metadata', () => {
  test('prints what the gate serves, signed, and nothing secret', async () => {
    const { code, out } = await metadata(policy, '--name', 'acme', '--env-file', good)
    expect(code).toBe(0)
    expect(out).toContain('entityID="https://api.example.com/.portcullis/saml/acme/metadata"')
    expect(out).toContain('Location="https://api.example.com/.portcullis/saml/acme/acs"')
    expect(out).toContain(bare(ours.certificate))
    expect(out).toContain('<ds:SignatureValue>')
    expect(out).not.toContain(bare(ours.privateKey).slice(600, 700))
  })

  test('for another address of the gate', async () => {
    const { out } = await metadata(twoHosts, '--name', 'acme', '--env-file', good, '--origin', 'https://b.example.com')
    expect(out).toContain('Location="https://b.example.com/.portcullis/saml/acme/acs"')
  })

  test.each([
    ['an unknown provider', [policy, '--name', 'acne', '--env-file', good], 'no identity provider of kind saml'],
    ['values that are missing', [policy, '--name', 'acme'], 'no value for KEY, CERTIFICATE'],
    ['two hosts', [twoHosts, '--name', 'acme', '--env-file', good], '--origin'],
    ['an origin with a path', [policy, '--name', 'acme', '--env-file', good, '--origin', 'https://a.example/b'], '--origin takes'],
    ['a policy with a problem', [fileOf('bad.json', '{}'), '--name', 'acme'], 'portcullis check'],
    ['the certificate of another key', [policy, '--name', 'acme', '--env-file', mismatched], 'not that of the privateKey'],
  ])('%s: nothing is printed', async (_name, args, words) => {
    const { code, out } = await metadata(...args)
    expect(code).toContain(words)
    expect(out).toBe('')
  })
})

describe('portcullis check, of the keys of SAML', () => {
  test('a certificate and its key', async () => {
    expect(await run(checkCommand, policy, '--env-file', good)).toMatchObject({ code: 0 })
  })

  test('a certificate of another key is a problem with its place, and no value is repeated', async () => {
    const { code, out, err } = await run(checkCommand, policy, '--env-file', mismatched)
    expect(code).toBe(1)
    expect(out + err).toMatch(/identityProviders\/acme\/certificate/u)
    expect(out + err).toContain('not that of the privateKey')
    expect(out + err).not.toContain(bare(other.certificate).slice(100, 150))
  })

  test('a key that is declared and not at hand is not judged; a certificate that is none is', async () => {
    const wrangler = fileOf('wrangler.toml', `[vars]\nCERTIFICATE = "${bare(other.certificate)}"\n[secrets]\nrequired = ["KEY"]\n`)
    expect(await run(checkCommand, policy, '--wrangler', wrangler)).toMatchObject({ code: 0 })
    const broken = fileOf('broken.json', policyOf(['api.example.com'], { certificates: ['MAMCAQA='] }))
    const { code, out, err } = await run(checkCommand, broken, '--wrangler', wrangler)
    expect(code).toBe(1)
    expect(out + err).toMatch(/identityProviders\/acme\/certificates/u)
  })
})
