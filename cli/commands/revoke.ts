import { parseArgs } from 'node:util'
import { type Command, type Terminal, UsageError } from '../command.ts'
import { readEnvFile } from '../settings.ts'

const TARGETS = ['key', 'generation', 'jti', 'session', 'subject', 'consumer', 'certificate', 'address'] as const

const HELP = `Usage: portcullis revoke --url URL (--key ID | --jti ID | --session ID | --subject ID | --consumer NAME | --certificate SHA256 | --generation G | --address IP)

Tells a running gate what must stop. In force at every isolate by the instant that it prints; while an isolate cannot
read the feed and the policy has a grace, by the second one at the latest.

  --url URL            the gate, such as https://api.example.com (default: PORTCULLIS_URL)
  --key ID             one API key or signing key, by its id
  --jti ID             one token
  --session ID         one session
  --subject ID         every token and session of a subject issued until now
  --consumer NAME      every credential of a consumer issued until now
  --certificate HEX    one client certificate, by its SHA-256
  --generation G       every key of one generation of the root secret
  --address IP         every request from an address, or from an IPv6 /64; for a day, unless --expires-at says otherwise
  --issuer URL         only of this issuer (with --jti, --session and --subject)
  --reason TEXT        for the log
  --expires-at TIME    when what it names is over by itself, such as 2027-01-31T00:00:00Z
  --env-file FILE      read PORTCULLIS_ADMIN_KEY and PORTCULLIS_URL from FILE
  --json               the gate's answer as it came

The admin key comes from PORTCULLIS_ADMIN_KEY, never from a flag; make one with: portcullis keys create --admin

Example: portcullis revoke --url https://api.example.com --key 5f0c1d9be2a47a31c08e6b52 --reason leaked`

const OPTIONS = {
  url: { type: 'string' },
  key: { type: 'string' },
  generation: { type: 'string' },
  jti: { type: 'string' },
  session: { type: 'string' },
  subject: { type: 'string' },
  consumer: { type: 'string' },
  certificate: { type: 'string' },
  address: { type: 'string' },
  issuer: { type: 'string' },
  reason: { type: 'string' },
  'expires-at': { type: 'string' },
  'env-file': { type: 'string' },
  json: { type: 'boolean' },
} as const
type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

const TIMEOUT_MS = 15_000

export const revokeCommand: Command = {
  name: 'revoke',
  summary: 'stop a key, a token, a session, a subject, a consumer, a certificate or an address',
  help: HELP,
  async run(args, terminal) {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    const fromFile = values['env-file'] === undefined ? {} : readEnvFile(values['env-file'])
    const setting = (name: string): string | undefined => process.env[name] || fromFile[name]
    const adminKey = setting('PORTCULLIS_ADMIN_KEY')
    if (adminKey === undefined || adminKey === '')
      throw new UsageError('set PORTCULLIS_ADMIN_KEY (or give it in --env-file); make one with: portcullis keys create --admin')
    const url = endpointOf(values.url ?? setting('PORTCULLIS_URL'))
    const response = await send(url, adminKey, bodyOf(values))
    return report(response, values.json === true, terminal)
  },
}

function bodyOf(values: Options): Record<string, string> {
  const given = TARGETS.filter((type) => values[type] !== undefined)
  const [type, ...more] = given
  if (type === undefined || more.length > 0)
    throw new UsageError(`say one thing to revoke: ${TARGETS.map((name) => `--${name}`).join(', ')}`)
  const { issuer, reason } = values
  const expiresAt = values['expires-at']
  return {
    type,
    id: values[type] ?? '',
    ...(issuer === undefined ? {} : { issuer }),
    ...(reason === undefined ? {} : { reason }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}

/** An admin key goes over TLS, or to this very machine. */
function endpointOf(text: string | undefined): URL {
  if (text === undefined || text === '') throw new UsageError('say which gate: --url https://api.example.com')
  const path = '/.portcullis/admin/v1/revocations'
  // `api.example.com:8443` parses, as a URL of the scheme `api.example.com`, but has no paths.
  if (!URL.canParse(path, text)) throw new UsageError('that is not the URL of a gate: write --url https://api.example.com')
  const url = new URL(path, text)
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/u.test(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) throw new UsageError('the gate must be at an https URL')
  if (url.username !== '' || url.password !== '') throw new UsageError('the URL of the gate holds a name or password; leave it out')
  return url
}

async function send(url: URL, adminKey: string, body: Record<string, string>): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  } catch (error) {
    throw new Error(`${url.origin} did not answer, so nothing is revoked for certain; run it again`, { cause: error })
  }
}

async function report(response: Response, isJson: boolean, terminal: Terminal): Promise<number> {
  const text = await response.text()
  if (isJson) terminal.out(text.trim())
  const answer = parse(text)
  if (response.status !== 201) {
    const title = typeof answer['title'] === 'string' ? answer['title'] : response.statusText
    terminal.err(`not revoked: ${response.status} ${title}`)
    for (const { pointer, detail } of errorsOf(answer)) terminal.err(`  ${pointer}: ${detail}`)
    return 1
  }
  if (!isJson) terminal.out(`revoked; in force everywhere by ${describeEnd(answer)}`)
  return 0
}

/** By when; where there is a grace, also by when at the latest. */
function describeEnd({ effectiveBy, latestBy }: Record<string, unknown>): string {
  const latest = typeof latestBy === 'string' && latestBy !== effectiveBy ? `, in an outage of the feed by ${latestBy}` : ''
  return String(effectiveBy) + latest
}

/** What is wrong with the request, where it was the gate that answered. */
function errorsOf({ errors }: Record<string, unknown>): { pointer: string; detail: string }[] {
  if (!Array.isArray(errors)) return []
  return errors.flatMap((error: unknown) => {
    const { pointer, detail } = Object(error) as Record<string, unknown>
    return typeof pointer === 'string' && typeof detail === 'string' ? [{ pointer, detail }] : []
  })
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
