import { parseArgs } from 'node:util'
import { callAdmin, reportAdmin } from '../admin-call.ts'
import { type Command, UsageError } from '../command.ts'

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

export const revokeCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args, terminal) {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    const response = await callAdmin('revocations', bodyOf(values), values, 'nothing is revoked for certain')
    return reportAdmin(response, values, terminal, { done: 'revoked', not: 'not revoked' })
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
