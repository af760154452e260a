import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Document } from 'yaml'
import { importMetadata, type ImportedProvider, type MetadataTrust } from '../../src/identity/saml/idp-metadata.ts'
import { type Command, type Terminal, UsageError } from '../command.ts'
import { ourMetadata } from '../saml-metadata.ts'

const HELP = `Usage: portcullis saml import metadata.xml --name NAME (--certificate FILE | --fingerprint HEX | --unsigned)
       portcullis saml metadata policy.yaml --name NAME [--origin URL] [--env-file FILE]

import: checks the signature of an identity provider's metadata and prints its entry for identityProviders of the policy.

  --name NAME          what the policy calls it; it stands in our URLs
  --certificate FILE   the certificate that signs the metadata, PEM or DER
  --fingerprint HEX    SHA-256 of that certificate, as the identity provider publishes it
  --unsigned           believe the file as it is: whoever could change it can sign anybody in
  --entity-id ID       which one, where the file holds several

metadata: prints our metadata for that identity provider, as the gate serves it, for whoever registers it without reaching the gate.

  --origin URL         where the gate is; default: the one host of the policy, or of the provider's hosts
  --env-file FILE      values of the placeholders, in the form of .env; with the private key the metadata is signed

Example: portcullis saml import idp.xml --name acme --fingerprint 5F:0C:…:92`

const OPTIONS = {
  name: { type: 'string' },
  certificate: { type: 'string' },
  fingerprint: { type: 'string' },
  unsigned: { type: 'boolean' },
  'entity-id': { type: 'string' },
  origin: { type: 'string' },
  'env-file': { type: 'string' },
} as const
type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

export const samlCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args, terminal) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
    const [action, file, ...rest] = positionals
    if ((action !== 'import' && action !== 'metadata') || file === undefined || rest.length > 0)
      throw new UsageError('write: portcullis saml import metadata.xml --name NAME …, or portcullis saml metadata policy.yaml --name NAME')
    const { name = '' } = values
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u.test(name)) throw new UsageError('--name takes letters, digits, ".", "_" and "-"')
    if (action === 'metadata') {
      terminal.out(await ourMetadata(file, { name, origin: values.origin, envFile: values['env-file'] }))
      return 0
    }
    const trust = trustOf(values)
    const imported = await importMetadata(readFileSync(file), trust, Date.now(), values['entity-id'])
    print(name, imported, trust, terminal)
    return 0
  },
}

function trustOf({ certificate, fingerprint, unsigned }: Options): MetadataTrust {
  const given = [certificate, fingerprint, unsigned === true ? '' : undefined].filter((option) => option !== undefined)
  if (given.length !== 1) throw new UsageError('say why to believe the file: one of --certificate FILE, --fingerprint HEX, --unsigned')
  if (fingerprint !== undefined) return { by: 'fingerprint', fingerprint }
  if (certificate === undefined) return { by: 'nothing' }
  const bytes = readFileSync(certificate)
  return { by: 'certificate', certificate: bytes.includes('-----BEGIN') ? bytes.toString('utf8') : bytes.toString('base64') }
}

const BELIEVED = {
  certificate: 'signature checked with the certificate given',
  fingerprint: 'signature checked by the fingerprint given',
  nothing: 'NOT CHECKED: imported with --unsigned',
} as const

function print(name: string, imported: ImportedProvider, trust: MetadataTrust, terminal: Terminal): void {
  const { wantsSignedRequests, warnings, nameIdFormat, certificates, ...addresses } = imported
  // A name of an environment variable begins with a letter.
  const secret = `SAML_${name.toUpperCase().replaceAll(/[.-]/gu, '_')}`
  const entry = {
    kind: 'saml',
    ...addresses,
    certificates,
    ...(nameIdFormat === undefined || nameIdFormat === 'persistent' ? {} : { nameIdFormat }),
    ...(wantsSignedRequests ? { privateKey: `\${${secret}_KEY}`, certificate: `\${${secret}_CERTIFICATE}` } : {}),
  }
  const document = new Document({ [name]: entry })
  document.commentBefore = ` ${BELIEVED[trust.by]}`
  terminal.out(document.toString({ lineWidth: 0 }).trimEnd())
  if (trust.by === 'nothing')
    terminal.err('The file was not checked: compare the certificate with the identity provider by another way before you use it.')
  for (const warning of warnings) terminal.err(warning)
  if (wantsSignedRequests)
    terminal.err(
      `It wants signed requests: put a PKCS#8 key into ${secret}_KEY and its certificate into ${secret}_CERTIFICATE (docs/saml.md, "Our key").`,
    )
}
