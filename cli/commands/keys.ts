import { text as readAll } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { importedKeyDigests, MAX_IMPORTED_KEY_LENGTH } from '../../src/credentials/imported-key.ts'
import { issueKey, type KeyClaims, type KeyOptions } from '../../src/credentials/key-format.ts'
import { GENERATION } from '../../src/credentials/root-secret.ts'
import { issueSigningKey } from '../../src/credentials/signing-key.ts'
import { type Command, type Terminal, UsageError } from '../command.ts'
import { loadRootSecret, newRootKey } from '../root-key.ts'

const HELP = `Usage: portcullis keys create --consumer NAME [options]   a key that verifies itself
       portcullis keys hash < KEY                          the hash by which the policy knows a key made elsewhere
       portcullis keys root [--generation g2]              a new PORTCULLIS_ROOT_KEY

  --consumer NAME      whose key it is
  --plan NAME          the plan it is on (default: the consumer's)
  --scopes "A B"       its scopes (default: the plan's; for --admin: revocations:write status:read)
  --expires 90d        how long it lives: s, m, h, d or y (default 365d, at most 730d)
  --signing            a key id and secret for HTTP message signatures
  --admin              a key for the gate's own API
  --json               one JSON object on standard output
  --env-file FILE      read PORTCULLIS_ROOT_KEY and names from FILE
  --state DIR          where the root secret is kept when none is given (default .portcullis)
  --gateway NAME       PORTCULLIS_GATEWAY of the gate (default portcullis)
  --environment NAME   PORTCULLIS_ENVIRONMENT of the gate (default local)

The root secret comes from PORTCULLIS_ROOT_KEY or the env file, else from the state folder; never from a flag.

Example: portcullis keys create --consumer acme --plan gold --expires 90d`

const OPTIONS = {
  consumer: { type: 'string' },
  plan: { type: 'string' },
  scopes: { type: 'string' },
  expires: { type: 'string' },
  signing: { type: 'boolean' },
  admin: { type: 'boolean' },
  json: { type: 'boolean' },
  'env-file': { type: 'string' },
  state: { type: 'string' },
  gateway: { type: 'string' },
  environment: { type: 'string' },
  generation: { type: 'string' },
} as const
type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

const ADMIN_SCOPES = ['revocations:write', 'status:read']
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, y: 365 * 86_400 }

export const keysCommand: Command = {
  name: 'keys',
  summary: 'make an API key, a signing key, an admin key or a root secret',
  help: HELP,
  async run(args, terminal) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
    const [action, ...rest] = positionals
    if (rest.length > 0) throw new UsageError(`unexpected ${JSON.stringify(rest[0])}; scopes with spaces need quotes`)
    switch (action) {
      case 'create':
        return create(values, terminal)
      case 'hash':
        return hash(values, terminal)
      case 'root':
        terminal.out(newRootKey(generationOf(values)))
        terminal.err('Keep it as a secret: every key derives from it. Cloudflare: npx wrangler secret put PORTCULLIS_ROOT_KEY')
        return 0
      default:
        throw new UsageError('say what to do: portcullis keys create, keys hash or keys root')
    }
  },
}

function generationOf({ generation = 'g1' }: Options): string {
  if (!GENERATION.test(generation)) throw new UsageError('--generation takes 1 to 8 lower-case letters or digits, such as g2')
  return generation
}

async function create(values: Options, terminal: Terminal): Promise<number> {
  if (values.signing === true && values.admin === true) throw new UsageError('--signing and --admin are two different keys; choose one')
  const options = keyOptions(values)
  const root = loadRootSecret(values, (line) => terminal.err(line))
  try {
    if (values.signing === true) {
      const { keyid, secret, ...claims } = await issueSigningKey(root, options, Date.now())
      print(terminal, values, { kind: 'signing', keyid, secret, claims }, [`keyid=${keyid}`, `secret=${secret}`])
    } else {
      const kind = values.admin === true ? 'admin' : 'api'
      const { key, ...claims } = await issueKey(root, kind, options, Date.now())
      print(terminal, values, { kind, key, claims }, [key])
    }
    return 0
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
}

function keyOptions({ consumer, plan, scopes, expires, admin }: Options): KeyOptions {
  const owner = consumer ?? (admin === true ? 'admin' : undefined)
  if (owner === undefined) throw new UsageError('say whose key it is: --consumer NAME')
  const named = scopes === undefined ? undefined : scopes.split(/[\s,]+/u).filter((scope) => scope !== '')
  const given = named ?? (admin === true ? ADMIN_SCOPES : undefined)
  return {
    consumer: owner,
    ...(plan === undefined ? {} : { plan }),
    ...(given === undefined ? {} : { scopes: given }),
    ...(expires === undefined ? {} : { expiresInSeconds: lifeOf(expires) }),
  }
}

function lifeOf(text: string): number {
  const match = /^(\d{1,9})([smhdy])$/u.exec(text)
  if (match === null) throw new UsageError(`--expires takes a number and s, m, h, d or y, such as 90d; not ${JSON.stringify(text)}`)
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0)
}

function print(
  terminal: Terminal,
  { json }: Options,
  made: { kind: string; claims: KeyClaims; [secret: string]: unknown },
  lines: readonly string[],
): void {
  const { claims, ...secrets } = made
  const { id, consumer, plan, scopes, expiresAt } = claims
  const expires = new Date(expiresAt).toISOString()
  if (json === true) {
    terminal.out(JSON.stringify({ ...secrets, id, consumer, plan, scopes, expiresAt: expires }))
    return
  }
  for (const line of lines) terminal.out(line)
  terminal.err(
    `${made.kind} key ${id} of ${consumer}${plan === undefined ? '' : ` on plan ${plan}`}, until ${expires}. It is shown once and kept nowhere.`,
  )
  terminal.err(`To revoke it: portcullis revoke --key ${id}`)
}

async function hash(values: Options, terminal: Terminal): Promise<number> {
  if (process.stdin.isTTY) terminal.err('Paste the key, then Enter and Ctrl-D:')
  const key = (await readAll(process.stdin)).trim()
  if (key === '') throw new UsageError('no key on standard input: printf %s "$KEY" | portcullis keys hash')
  if (key.length > MAX_IMPORTED_KEY_LENGTH || !/^[\x21-\x2b\x2d-\x7e]+$/u.test(key))
    throw new UsageError(
      `a key is at most ${MAX_IMPORTED_KEY_LENGTH} printable ASCII characters without space or comma: no request could carry this one`,
    )
  const [digest] = await importedKeyDigests(
    loadRootSecret(values, (line) => terminal.err(line)),
    key,
  )
  terminal.out(`hmac-sha256:${digest}`)
  return 0
}
