import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { samlCommand } from '../../../cli/commands/saml.ts'
import { importSigningKey } from '../../../src/identity/saml/xml/keys.ts'
import { signEnveloped } from '../../../src/identity/saml/xml/sign.ts'
import { parsePolicy } from '../../../src/policy/parse-policy.ts'
import { createAuthority } from '../../support/certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-saml-'))
afterAll(() => rmSync(folder, { recursive: true }))
const fileOf = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const authority = await createAuthority('idp')
const key = (await importSigningKey(new Uint8Array(await crypto.subtle.exportKey('pkcs8', authority.keys.privateKey))))!
const body = authority.certificate.toString('base64')
const metadata = `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_e" entityID="https://idp.example.org"><md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>${body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.org/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>`
const signed = fileOf('signed.xml', await signEnveloped(metadata, key))
const unsigned = fileOf('unsigned.xml', metadata)
const pem = fileOf('idp.pem', authority.certificate.toString('pem'))
const der = fileOf('idp.der', new Uint8Array(authority.certificate.rawData))

async function run(...args: string[]): Promise<{ code: number | string; out: string; err: string }> {
  const out: string[] = []
  const err: string[] = []
  const terminal = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), hasColor: false }
  const code = await samlCommand.run(args, terminal).catch((error: Error) => error.message)
  return { code, out: out.join('\n'), err: err.join('\n') }
}

describe('portcullis saml import', () => {
  test.each([pem, der])('SA-9: prints what a policy takes, once the signature holds (%s)', async (certificate) => {
    const { code, out, err } = await run('import', signed, '--name', 'acme-1', '--certificate', certificate)
    expect(code).toBe(0)
    expect(out).toMatch(/^# signature checked with the certificate given\n/u)
    const entry = parse(out) as Record<string, unknown>
    expect(entry['acme-1']).toMatchObject({ kind: 'saml', privateKey: '${SAML_ACME_1_KEY}', singleSignOn: { binding: 'post' } }) // oxlint-disable-line no-template-curly-in-string -- a placeholder
    expect(err).toContain('SAML_ACME_1_KEY')
    const policy = {
      openapi: '3.1.0',
      info: { title: 'Orders', version: '1' },
      servers: [{ url: 'https://api.example.com' }],
      'x-portcullis': {
        identityProviders: entry,
        origins: { orders: { url: 'https://orders.example.com' } },
        defaults: { origin: 'orders' },
      },
      security: [{ person: [] }],
      components: {
        securitySchemes: { person: { type: 'apiKey', in: 'cookie', name: '__Host-session', 'x-portcullis': { kind: 'session' } } },
      },
      paths: { '/orders': { get: {} } },
    }
    expect(parsePolicy(policy, { placeholders: 'keep' })).toMatchObject({
      ok: true,
      policy: { identityProviders: [{ name: 'acme-1', entityId: 'https://idp.example.org', wantSigned: 'assertion' }] },
    })
  })

  test('says what was not checked, in the file as well', async () => {
    expect(await run('import', unsigned, '--name', 'acme', '--unsigned')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^# NOT CHECKED/u),
      err: expect.stringContaining('was not checked'),
    })
    expect(await run('import', unsigned, '--name', 'acme', '--certificate', pem)).toEqual({
      code: 'the metadata is not signed',
      out: '',
      err: '',
    })
  })

  test.each([
    ['no reason to believe it', ['import', signed, '--name', 'acme'], 'say why'],
    ['two reasons', ['import', signed, '--name', 'acme', '--unsigned', '--certificate', pem], 'say why'],
    ['no name', ['import', signed, '--unsigned'], '--name takes'],
    ['no file', ['import', '--name', 'acme', '--unsigned'], 'write: portcullis saml import'],
    ['another action', ['export', signed, '--name', 'acme', '--unsigned'], 'write: portcullis saml import'],
  ])('%s', async (_name, args, words) => {
    const { code, out } = await run(...args)
    expect(code).toContain(words)
    expect(out).toBe('')
  })
})
