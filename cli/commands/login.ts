import { text as readAll } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { MAX_KEY_LENGTH, parseKey, type ParsedKey } from '../../src/credentials/key-format.ts'
import { type Command, type Terminal, UsageError } from '../command.ts'
import { openGate } from '../gate/gate.ts'
import { profileName, profilesPath, readProfiles, writeProfiles } from '../gate/profiles.ts'
import { Refused } from '../gate/refused.ts'
import { gateUrl } from '../gate/which-gate.ts'
import { printTable } from '../output/table.ts'
import { jsonLine, timeText } from '../output/text.ts'

const HELP = `Usage: portcullis login --url URL [--profile NAME] [--json]
           asks for the admin key, or reads it from standard input, and keeps it once the gate has taken it
       portcullis login --list [--json]
           what is kept, without the keys

Keeps the URL and the admin key of a gate for the commands that call one, in portcullis/profiles.json below XDG_CONFIG_HOME
(default ~/.config), readable by its owner alone. PORTCULLIS_URL and PORTCULLIS_ADMIN_KEY go before it.

  --url URL       the gate, such as https://api.example.com
  --profile NAME  under which name (default: PORTCULLIS_PROFILE, else default)
  --list          show the profiles
  --json          one JSON object on standard output

The key is never taken from a flag: command lines are seen by others. Make one with: portcullis keys create --admin

Examples: portcullis login --url https://api.example.com
          portcullis keys create --admin | portcullis login --url https://staging.example.com --profile staging`

const LOGIN_OPTIONS = {
  url: { type: 'string' },
  profile: { type: 'string' },
  list: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

export const loginCommand: Command = {
  help: HELP,
  options: LOGIN_OPTIONS,
  async run(args, terminal) {
    const { values } = parseArgs({ args: [...args], options: LOGIN_OPTIONS })
    if (values.list === true) return list(values.json === true, terminal)
    const name = profileName(values.profile)
    // Before anything is typed: a file that cannot be used is no place for a key.
    const profiles = readProfiles()
    const url = gateUrl(values.url ?? (process.env['PORTCULLIS_URL'] || profiles.get(name)?.url))
    const adminKey = await readKey(terminal)
    const key = adminKeyOf(adminKey)
    const gateway = await check(url, adminKey, terminal)
    if (gateway === undefined) return 1
    writeProfiles(new Map([...profiles, [name, { url: url.origin, adminKey }]]))
    const expiresAt = timeText(key.expiresAt)
    if (values.json === true)
      terminal.out(jsonLine({ profile: name, url: url.origin, gateway, key: key.id, scopes: key.scopes, expiresAt }))
    else terminal.out(`logged in to ${url.origin} as profile ${name}: admin key ${key.id}, until ${expiresAt}`)
    return 0
  },
}

async function readKey(terminal: Terminal): Promise<string> {
  const given =
    terminal.person === undefined ? await readAll(process.stdin) : await terminal.person.ask('Admin key (not shown): ', 'secret')
  const text = given.trim()
  if (text === '') throw new UsageError('no admin key: type it, or write it to standard input: portcullis login --url URL < FILE')
  return text
}

/** Before anything is sent: what is no admin key may be another secret. */
function adminKeyOf(text: string): ParsedKey {
  const key = text.length > MAX_KEY_LENGTH ? undefined : parseKey(text)
  if (key?.kind !== 'admin') throw new UsageError('that is no admin key: one begins with pca_, and portcullis keys create --admin makes it')
  if (key.expiresAt <= Date.now()) throw new UsageError(`the admin key ended at ${timeText(key.expiresAt)}: make a new one`)
  return key
}

/** The gateway's name, or `''` where the key may not ask for it. `undefined`: refused, and said so. */
async function check(url: URL, adminKey: string, terminal: Terminal): Promise<string | undefined> {
  try {
    const { value } = await openGate({ url, adminKey }, terminal).get('status')
    if (typeof value['gateway'] === 'string') return value['gateway']
    terminal.err(`not logged in: ${url.origin} answers, but not as a gate`)
    return undefined
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    if (error.status === 403 && error.code === 'scope-insufficient') {
      terminal.err('the gate takes the key, which lacks status:read')
      return ''
    }
    terminal.err(`not logged in: ${error.message}`)
    return undefined
  }
}

function list(isJson: boolean, terminal: Terminal): number {
  const profiles = [...readProfiles()].map(([name, { url, adminKey }]) => {
    const key = parseKey(adminKey)
    return { profile: name, url, key: key?.id, expiresAt: timeText(key?.expiresAt) }
  })
  if (isJson) terminal.out(jsonLine({ items: profiles }))
  else if (profiles.length === 0) terminal.err('no profile is kept: portcullis login --url URL')
  else
    printTable(
      [
        { title: 'PROFILE', of: ({ profile }) => profile },
        { title: 'URL', of: ({ url }) => url },
        { title: 'KEY', of: ({ key }) => key },
        { title: 'UNTIL', of: ({ expiresAt }) => expiresAt },
      ],
      profiles,
      terminal,
    )
  return 0
}

const LOGOUT_OPTIONS = { profile: { type: 'string' }, all: { type: 'boolean' } } as const

export const logoutCommand: Command = {
  help: `Usage: portcullis logout [--profile NAME | --all]

Forgets a profile. Its admin key stays valid: revoke it by its id where it must end.

  --profile NAME  which one (default: PORTCULLIS_PROFILE, else default)
  --all           every one

Example: portcullis logout --profile staging`,
  options: LOGOUT_OPTIONS,
  async run(args, terminal) {
    const { values } = parseArgs({ args: [...args], options: LOGOUT_OPTIONS })
    if (values.all === true && values.profile !== undefined) throw new UsageError('say --profile NAME or --all')
    const profiles = new Map(readProfiles())
    const gone = values.all === true ? [...profiles.keys()] : [profileName(values.profile)].filter((name) => profiles.has(name))
    if (gone.length === 0) {
      terminal.err(`nothing to forget in ${profilesPath()}`)
      return 1
    }
    for (const name of gone) {
      const id = parseKey(profiles.get(name)?.adminKey ?? '')?.id
      profiles.delete(name)
      terminal.out(`forgot profile ${name}${id === undefined ? '' : `; its key still works until: portcullis revoke --key ${id}`}`)
    }
    writeProfiles(profiles)
    return 0
  },
}
