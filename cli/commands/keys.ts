import { text as readAll } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { importedKeyDigests, MAX_IMPORTED_KEY_LENGTH } from '../../src/credentials/imported-key.ts'
import { issueKey, type KeyClaims, type KeyOptions } from '../../src/credentials/key-format.ts'
import { GENERATION } from '../../src/credentials/root-secret.ts'
import { issueSigningKey } from '../../src/credentials/signing-key.ts'
import { ADMIN_SCOPES } from '../../src/control/operation.ts'
import { type Command, type Terminal, UsageError } from '../command.ts'
import { lifeOf, listOf } from '../duration.ts'
import { changeKey, rotationOf, sendChange } from './key-changes.ts'
import { runKeyOfApp } from './keys-of-apps.ts'
import { loadRootSecret, newRootKey } from '../root-key.ts'

const HELP = `Usage: portcullis keys create --consumer NAME [options]   a key that verifies itself, made here, without a gate
       portcullis keys create --app APP --name TEXT [--scopes, --plan, --addresses, --origins, --expires, --import, --public-key FILE]
                                                           a key of an app, made by the gate and kept in its directory
       portcullis keys list APP                            the keys of an app
       portcullis keys show ID                             one of them
       portcullis keys change ID [changes]                 what a key may do from now on; --of-consumer: all of a consumer's
       portcullis keys disable ID [--yes]                  refuse it until it is enabled again
       portcullis keys enable ID                           take it again
       portcullis keys rotate ID [--until 7d]              a new key in place of a key of an app
       portcullis keys rotate ID --until 7d --consumer NAME [options]
                                                           the same for a key that was made here
       portcullis keys revoke ID [--reason TEXT] [--yes]   end it for good
       portcullis keys hash < KEY                          the hash by which the policy knows a key made elsewhere
       portcullis keys root [--generation g2]              a new PORTCULLIS_ROOT_KEY

  --consumer NAME      whose key it is
  --app APP            the app that it is for
  --name TEXT          what people call it (with --app)
  --plan NAME          the plan it is on (default: the consumer's)
  --scopes "A B"       its scopes (default: the plan's; for --admin: all of the gate's own API)
  --addresses "192.0.2.0/24, 2001:db8::/48", --origins "https://a.example.com"
                       networks and browser origins from which alone it is taken
  --expires 90d        how long it lives: s, m, h, d or y (default 365d, at most 730d)
  --import             the key was made elsewhere: read it from standard input (with --app)
  --public-key FILE    its holder signs: a public key as JWK (with --app)
  --signing            a key id and secret for HTTP message signatures
  --admin              a key for the gate's own API
  --disable, --enable, --reset plan,scopes,addresses,origins,validUntil
                       what changes, beside --plan, --scopes, --addresses, --origins and --name; the rest stays as it is.
                       --reset: as it was issued
  --until 7d           how long the old key still works, told to its holder in Deprecation and Sunset (0s: not at all)
  --reason TEXT        for the log
  --yes                do not ask
  --limit N            how many at most (default 1000)
  --url URL            the gate (default: PORTCULLIS_URL, else the profile)
  --profile NAME       what portcullis login keeps under that name
  --json               one JSON object on standard output
  --env-file FILE      read PORTCULLIS_ROOT_KEY, PORTCULLIS_ADMIN_KEY and names from FILE
  --state DIR          where the root secret is kept when none is given (default .portcullis)
  --gateway NAME       PORTCULLIS_GATEWAY of the gate (default portcullis)
  --environment NAME   PORTCULLIS_ENVIRONMENT of the gate (default local)

The root secret comes from PORTCULLIS_ROOT_KEY or the env file, else from the state folder; never from a flag. The admin key comes
from PORTCULLIS_ADMIN_KEY or portcullis login.

Examples: portcullis keys create --consumer acme --plan gold --expires 90d
          portcullis keys create --app app_… --name 'CI'
          portcullis keys disable 5f0c1d9be2a47a31c08e6b52`

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
  'of-consumer': { type: 'boolean' },
  addresses: { type: 'string' },
  disable: { type: 'boolean' },
  enable: { type: 'boolean' },
  reset: { type: 'string' },
  until: { type: 'string' },
  url: { type: 'string' },
  reason: { type: 'string' },
  profile: { type: 'string' },
  app: { type: 'string' },
  name: { type: 'string' },
  origins: { type: 'string' },
  import: { type: 'boolean' },
  'public-key': { type: 'string' },
  yes: { type: 'boolean' },
  limit: { type: 'string' },
} as const
export type KeysOptions = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

export const keysCommand: Command = {
  help: HELP,
  actions: ['create', 'list', 'show', 'change', 'disable', 'enable', 'rotate', 'revoke', 'hash', 'root'],
  options: OPTIONS,
  async run(args, terminal) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
    const [action, ...rest] = positionals
    if (isOfAnApp(action, values)) return runKeyOfApp(args, terminal)
    if (action === 'change') return changeKey(rest, values, args, terminal)
    if (action === 'rotate') return rotate(rest, values, terminal)
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
        throw new UsageError(
          'say what to do: portcullis keys with one of create, list, show, change, disable, enable, rotate, revoke, hash, root',
        )
    }
  },
}

/** The directory knows it; other keys are made here, and nobody keeps them. */
function isOfAnApp(action: string | undefined, { app, consumer }: KeysOptions): boolean {
  if (action === 'create') return app !== undefined
  if (action === 'rotate') return consumer === undefined
  return action !== undefined && ['list', 'show', 'disable', 'enable', 'revoke'].includes(action)
}

function generationOf({ generation = 'g1' }: KeysOptions): string {
  if (!GENERATION.test(generation)) throw new UsageError('--generation takes 1 to 8 lower-case letters or digits, such as g2')
  return generation
}

async function create(values: KeysOptions, terminal: Terminal): Promise<number> {
  if (values.signing === true && values.admin === true) throw new UsageError('--signing and --admin are two different keys; choose one')
  const made = await make(values, terminal)
  print(terminal, values, made)
  return 0
}

/** The new key is shown only once the gate knows that the old one ends. */
async function rotate(ids: readonly string[], values: KeysOptions, terminal: Terminal): Promise<number> {
  if (values.admin === true) throw new UsageError('make a new admin key and revoke the old one')
  const { until } = values
  if (until === undefined) throw new UsageError('say how long the old key still works: --until 7d')
  const change = rotationOf(ids, lifeOf(until, '--until'))
  const made = await make(values, terminal)
  const code = await sendChange(
    change,
    { ...values, json: false },
    { out: (line) => terminal.err(line), err: (line) => terminal.err(line), hasColor: false },
  )
  if (code === 0) print(terminal, values, made)
  return code
}

interface Made {
  readonly kind: string
  readonly claims: KeyClaims
  readonly secrets: Readonly<Record<string, string>>
  readonly lines: readonly string[]
}

async function make(values: KeysOptions, terminal: Terminal): Promise<Made> {
  const options = keyOptions(values)
  const root = loadRootSecret(values, (line) => terminal.err(line))
  try {
    if (values.signing === true) {
      const { keyid, secret, ...claims } = await issueSigningKey(root, options, Date.now())
      return { kind: 'signing', secrets: { keyid, secret }, claims, lines: [`keyid=${keyid}`, `secret=${secret}`] }
    }
    const kind = values.admin === true ? 'admin' : 'api'
    const { key, ...claims } = await issueKey(root, kind, options, Date.now())
    return { kind, secrets: { key }, claims, lines: [key] }
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
}

function keyOptions({ consumer, plan, scopes, expires, admin }: KeysOptions): KeyOptions {
  const owner = consumer ?? (admin === true ? 'admin' : undefined)
  if (owner === undefined) throw new UsageError('say whose key it is: --consumer NAME')
  const named = scopes === undefined ? undefined : listOf(scopes)
  const given = named ?? (admin === true ? ADMIN_SCOPES : undefined)
  return {
    consumer: owner,
    ...(plan === undefined ? {} : { plan }),
    ...(given === undefined ? {} : { scopes: given }),
    ...(expires === undefined ? {} : { expiresInSeconds: lifeOf(expires, '--expires') }),
  }
}

function print(terminal: Terminal, { json }: KeysOptions, { kind, claims, secrets, lines }: Made): void {
  const { id, consumer, plan, scopes, expiresAt } = claims
  const expires = new Date(expiresAt).toISOString()
  if (json === true) {
    terminal.out(JSON.stringify({ kind, ...secrets, id, consumer, plan, scopes, expiresAt: expires }))
    return
  }
  for (const line of lines) terminal.out(line)
  terminal.err(
    `${kind} key ${id} of ${consumer}${plan === undefined ? '' : ` on plan ${plan}`}, until ${expires}. It is shown once and kept nowhere.`,
  )
  terminal.err(`To revoke it: portcullis revoke --key ${id}`)
}

async function hash(values: KeysOptions, terminal: Terminal): Promise<number> {
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
