import { readFileSync } from 'node:fs'
import { text as readAll } from 'node:stream/consumers'
import { MAX_IMPORTED_KEY_LENGTH } from '../../src/credentials/imported-key.ts'
import { type Terminal, UsageError } from '../command.ts'
import { agreed } from '../gate/ask.ts'
import { changeCurrent } from '../gate/change.ts'
import type { Item } from '../gate/gate.ts'
import { type GateCall, gateCommand, given, segment } from '../gate/gate-command.ts'
import { column, done, flexible, LIMIT, showItem, showList, stateColumn, timeColumn, YES } from '../gate/show.ts'
import { jsonLine, timeText, visible } from '../output/text.ts'

const RESETTABLE = ['plan', 'scopes', 'addresses', 'origins']
const pathOf = (call: GateCall): string => `keys/${segment(call.operand(0))}`

/** The actions of `portcullis keys` on keys of apps; its help stands with the others. */
const command = gateCommand({
  name: 'keys',
  about: 'Keys of apps.',
  actions: [
    {
      name: 'list',
      operands: ['APP'],
      takes: ['limit'],
      help: '',
      run: async (call) =>
        showList(call, {
          path: `apps/${segment(call.operand(0))}/keys`,
          paging: 'whole',
          columns: [
            column('ID', 'id'),
            flexible('NAME', 'name'),
            column('KIND', 'kind'),
            stateColumn,
            column('PLAN', 'plan'),
            flexible('SCOPES', 'scopes'),
            timeColumn('UNTIL', 'expiresAt'),
            timeColumn('LAST USED', 'lastUsedAt'),
          ],
          none: 'the app has no keys: portcullis keys create --app APP --name NAME',
        }),
    },
    { name: 'show', operands: ['ID'], help: '', run: async (call) => showItem(call, (await call.gate.get(pathOf(call))).value) },
    {
      name: 'create',
      needs: ['app', 'name'],
      takes: ['scopes', 'plan', 'addresses', 'origins', 'expires', 'import', 'public-key'],
      help: '',
      run: create,
    },
    {
      name: 'change',
      operands: ['ID'],
      takes: ['name', 'plan', 'scopes', 'addresses', 'origins', 'reset', 'disable', 'enable', 'reason'],
      help: '',
      run: async (call) => change(call, patchOf(call), 'changed'),
    },
    {
      name: 'disable',
      operands: ['ID'],
      takes: ['yes'],
      help: '',
      run: async (call) =>
        (await agreed(call, `The key ${call.operand(0)} will be refused.`)) ? change(call, { state: 'disabled' }, 'disabled') : 1,
    },
    { name: 'enable', operands: ['ID'], help: '', run: async (call) => change(call, { state: 'active' }, 'enabled') },
    {
      name: 'rotate',
      operands: ['ID'],
      takes: ['until'],
      help: '',
      run: async (call) => {
        const { value } = await call.gate.write('POST', `${pathOf(call)}/rotate`, given({ overlapSeconds: call.seconds('until') }))
        return showSecret(call, value)
      },
    },
    {
      name: 'revoke',
      operands: ['ID'],
      takes: ['reason', 'yes'],
      help: '',
      run: async (call) => {
        if (!(await agreed(call, `The key ${call.operand(0)} ends, for good.`))) return 1
        const reason = call.text('reason')
        const query = reason === undefined ? '' : `?${new URLSearchParams({ reason })}`
        return done(call, 'revoked', (await call.gate.write('DELETE', `${pathOf(call)}${query}`)).value)
      },
    },
  ],
  options: {
    app: { value: 'APP', help: '' },
    name: { value: 'TEXT', help: '' },
    scopes: { value: '"A B"', help: '' },
    plan: { value: 'NAME', help: '' },
    addresses: { value: 'LIST', help: '' },
    origins: { value: 'LIST', help: '' },
    expires: { value: '90d', help: '' },
    import: { help: '' },
    'public-key': { value: 'FILE', help: '' },
    reset: { value: 'LIST', help: '' },
    disable: { help: '' },
    enable: { help: '' },
    until: { value: '7d', help: '' },
    reason: { value: 'TEXT', help: '' },
    limit: LIMIT,
    yes: YES,
  },
  examples: [],
})

export const runKeyOfApp = async (args: readonly string[], terminal: Terminal): Promise<number> => command.run(args, terminal)

const rightsOf = (call: GateCall): Record<string, unknown> =>
  given({
    name: call.text('name'),
    plan: call.text('plan'),
    scopes: call.list('scopes'),
    addresses: call.list('addresses'),
    origins: call.list('origins'),
  })

async function create(call: GateCall): Promise<number> {
  const file = call.text('public-key')
  if (call.flag('import') && file !== undefined) throw new UsageError('--import and --public-key are two kinds of keys; choose one')
  const body = given({
    ...rightsOf(call),
    expiresInSeconds: call.seconds('expires'),
    imported: call.flag('import') ? await readImported(call.terminal) : undefined,
    publicKey: file === undefined ? undefined : readPublicKey(file),
  })
  return showSecret(call, (await call.gate.write('POST', `apps/${segment(call.text('app') ?? '')}/keys`, body)).value)
}

async function readImported({ person }: Terminal): Promise<string> {
  const text = person === undefined ? await readAll(process.stdin) : await person.ask('The key (not shown): ', 'secret')
  const key = text.trim()
  if (!/^[\x21-\x2b\x2d-\x7e]+$/u.test(key) || key.length > MAX_IMPORTED_KEY_LENGTH)
    throw new UsageError(`a key is 1 to ${MAX_IMPORTED_KEY_LENGTH} printable ASCII characters without space or comma, on standard input`)
  return key
}

/** A private key is stopped here: it is nobody's but its holder's. */
function readPublicKey(path: string): Item {
  let key: unknown
  try {
    key = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    throw new UsageError(`${path} is no JWK that can be read`)
  }
  if (typeof key !== 'object' || key === null || Array.isArray(key)) throw new UsageError(`${path} is no JWK`)
  const secret = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth'].find((name) => Object.hasOwn(key, name))
  if (secret !== undefined) throw new UsageError(`${path} holds a private key (its member ${secret}): give the public key alone`)
  return key as Item
}

function patchOf(call: GateCall): Record<string, unknown> {
  const reset = call.list('reset') ?? []
  const unknown = reset.find((name) => !RESETTABLE.includes(name))
  if (unknown !== undefined)
    throw new UsageError(`--reset takes ${RESETTABLE.join(', ')} of a key of an app; not ${JSON.stringify(unknown)}`)
  const state = call.flag('disable') ? 'disabled' : call.flag('enable') ? 'active' : undefined
  return { ...Object.fromEntries(reset.map((name) => [name, null])), ...rightsOf(call), ...given({ state }) }
}

async function change(call: GateCall, patch: Record<string, unknown>, words: string): Promise<number> {
  if (Object.keys(patch).length === 0)
    throw new UsageError('say what changes: --name, --plan, --scopes, --addresses, --origins, --disable, --enable or --reset')
  return done(call, words, (await changeCurrent(call, pathOf(call), patch, `portcullis keys show ${call.operand(0)}`)).value)
}

/** The secret alone on standard output, so that it can go where it belongs; all about it beside it. */
function showSecret({ isJson, terminal }: GateCall, key: Item): number {
  const { secret, id, app, expiresAt } = key
  if (isJson) {
    terminal.out(jsonLine(key))
    return 0
  }
  if (typeof secret === 'string') terminal.out(visible(secret))
  const end = expiresAt === undefined ? 'without an end' : `until ${timeText(expiresAt)}`
  terminal.err(
    `key ${visible(String(id))} of ${visible(String(app))}, ${end}.${typeof secret === 'string' ? ' It is shown once and kept nowhere.' : ''}`,
  )
  return 0
}
