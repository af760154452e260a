import { createHash, createHmac, createPrivateKey, type JsonWebKeyInput, randomBytes, sign as signBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Command, UsageError } from '../command.ts'
import { readEnvFile } from '../settings.ts'

const HELP = `Usage: portcullis sign --keyid ID [options] URL

Prints the header fields of an RFC 9421 signature, for curl.

  --keyid ID            the key's public name
  --method METHOD       default GET, or POST with data
  --data TEXT           the content; its SHA-256 is signed as Content-Digest
  --data-file FILE      the same from a file
  --header 'Name: v'    a field that is sent too, for --cover
  --cover NAME          sign this field
  --created SECONDS     default now
  --nonce TEXT          default random
  --env-file FILE       read PORTCULLIS_SIGNING_SECRET from FILE

The secret is base64url or base64 of at least 32 bytes, or an Ed25519 private key as JWK; it is never taken from a flag.

Example: export PORTCULLIS_SIGNING_SECRET=...
         portcullis sign --keyid acme-1 --method POST --data '{}' URL | curl -H @- --data '{}' URL`

const OPTIONS = {
  keyid: { type: 'string' },
  method: { type: 'string' },
  data: { type: 'string' },
  'data-file': { type: 'string' },
  header: { type: 'string', multiple: true },
  cover: { type: 'string', multiple: true },
  created: { type: 'string' },
  nonce: { type: 'string' },
  'env-file': { type: 'string' },
} as const
type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

export const signCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args, terminal) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
    const [url, ...rest] = positionals
    if (url === undefined || rest.length > 0 || !URL.canParse(url)) throw new UsageError('give one URL: portcullis sign --keyid ID URL')
    if (values.keyid === undefined || !/^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/u.test(values.keyid))
      throw new UsageError('say which key signs: --keyid ID')
    const content = contentOf(values)
    const digest = content === undefined ? undefined : `sha-256=:${createHash('sha256').update(content).digest('base64')}:`
    const components = componentsOf(values, new URL(url), digest)
    const parameters = parametersOf(values, [...components.keys()])
    const base = [...[...components].map(([name, value]) => `"${name}": ${value}`), `"@signature-params": ${parameters}`].join('\n')
    // Before any line is printed: curl reads them as they come.
    const signature = signatureOf(base, secretOf(values))
    if (digest !== undefined) terminal.out(`Content-Digest: ${digest}`)
    terminal.out(`Signature-Input: sig=${parameters}`)
    terminal.out(`Signature: sig=:${signature}:`)
    return 0
  },
}

function contentOf({ data, 'data-file': file }: Options): Uint8Array | undefined {
  if (data !== undefined && file !== undefined) throw new UsageError('--data and --data-file are two contents; give one')
  if (file !== undefined) return readFileSync(file)
  return data === undefined ? undefined : Buffer.from(data)
}

/** Name to value; a field that is sent twice is one value (RFC 9421 §2.1). */
function fieldsOf(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, name = '', value = ''] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([\t\x20-\x7e]*)$/u.exec(line) ?? []
    if (name === '') throw new UsageError("--header takes 'Name: value' in ASCII")
    const sent = fields.get(name.toLowerCase())
    fields.set(name.toLowerCase(), sent === undefined ? value.trim() : `${sent}, ${value.trim()}`)
  }
  return fields
}

/** What is signed, in order (RFC 9421 §2.2, §2.1). */
function componentsOf(
  { method, data, 'data-file': file, header = [], cover = [] }: Options,
  url: URL,
  digest: string | undefined,
): Map<string, string> {
  const fields = fieldsOf(header)
  const components = new Map([
    ['@method', method?.toUpperCase() ?? (data === undefined && file === undefined ? 'GET' : 'POST')],
    ['@authority', url.host],
    ['@path', url.pathname],
    ['@query', url.search === '' ? '?' : url.search],
  ])
  for (const name of cover.map((covered) => covered.toLowerCase())) {
    const value = fields.get(name)
    if (value === undefined) throw new UsageError(`--cover ${name} needs its value: --header '${name}: …'`)
    components.set(name, value)
  }
  if (digest !== undefined) components.set('content-digest', digest)
  return components
}

function parametersOf({ keyid, created, nonce }: Options, names: readonly string[]): string {
  const seconds = created ?? String(Math.floor(Date.now() / 1000))
  if (!/^(?:0|[1-9]\d{0,14})$/u.test(seconds)) throw new UsageError('--created takes whole seconds since the epoch')
  const once = nonce ?? randomBytes(16).toString('base64url')
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,256}$/u.test(once))
    throw new UsageError('--nonce takes up to 256 printable characters without quote or backslash')
  return `(${names.map((name) => `"${name}"`).join(' ')});created=${seconds};keyid="${keyid}";nonce="${once}"`
}

function secretOf(values: Options): string {
  const envFile = values['env-file']
  const secret =
    process.env['PORTCULLIS_SIGNING_SECRET'] || (envFile === undefined ? undefined : readEnvFile(envFile)['PORTCULLIS_SIGNING_SECRET'])
  if (secret === undefined || secret === '') throw new UsageError('set PORTCULLIS_SIGNING_SECRET (or give it in --env-file)')
  return secret
}

function signatureOf(base: string, secret: string): string {
  if (secret.startsWith('{')) return signWithJwk(base, secret)
  if (!/^[A-Za-z0-9+/_-]{43,}={0,2}$/u.test(secret))
    throw new UsageError('PORTCULLIS_SIGNING_SECRET must be base64 or base64url of at least 32 bytes, or an Ed25519 private JWK')
  return createHmac('sha256', Buffer.from(secret, 'base64')).update(base).digest('base64')
}

function signWithJwk(base: string, jwk: string): string {
  try {
    const key = createPrivateKey({ key: JSON.parse(jwk) as JsonWebKeyInput['key'], format: 'jwk' })
    if (key.asymmetricKeyType === 'ed25519') return signBytes(null, Buffer.from(base), key).toString('base64')
  } catch {
    // The message of a parser would repeat part of the secret.
  }
  throw new UsageError('the JWK in PORTCULLIS_SIGNING_SECRET must be an Ed25519 private key')
}
