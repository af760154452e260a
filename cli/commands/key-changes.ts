import { callAdmin, reportAdmin, type AdminOptions } from '../admin-call.ts'
import { type Terminal, UsageError } from '../command.ts'
import { listOf } from '../duration.ts'
import { segment } from '../gate/gate-command.ts'
import { openGate } from '../gate/gate.ts'
import { Refused } from '../gate/refused.ts'
import { whichGate } from '../gate/which-gate.ts'
import { runKeyOfApp } from './keys-of-apps.ts'

export interface ChangeOptions extends AdminOptions {
  readonly 'of-consumer'?: boolean
  readonly plan?: string
  readonly scopes?: string
  readonly addresses?: string
  readonly disable?: boolean
  readonly enable?: boolean
  readonly reset?: string
  readonly reason?: string
  readonly name?: string
  readonly origins?: string
}
interface Change {
  readonly type: 'key' | 'consumer'
  readonly id: string
  readonly [field: string]: unknown
}

const RESETTABLE = ['plan', 'scopes', 'addresses', 'validUntil']

/** `keys change`: of a key that the directory knows there, of others by telling the gate alone. */
export async function changeKey(
  ids: readonly string[],
  options: ChangeOptions,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const id = idOf(ids)
  if (options.disable === true && options.enable === true) throw new UsageError('--disable and --enable are opposites; choose one')
  const fields = listOf(options.reset ?? '')
  const unknown = fields.find((field) => !RESETTABLE.includes(field) && field !== 'origins')
  if (unknown !== undefined)
    throw new UsageError(`--reset takes ${RESETTABLE.join(', ')}, and origins of a key of an app; not ${JSON.stringify(unknown)}`)
  const change = changeOf(fields, options)
  const isOfApps = options.name !== undefined || options.origins !== undefined || fields.includes('origins')
  if (Object.keys(change).length === 0 && !isOfApps)
    throw new UsageError('say what changes: --plan, --scopes, --addresses, --disable, --enable or --reset')
  if (options['of-consumer'] !== true && (await isListed(id, options, terminal))) return runKeyOfApp(args, terminal)
  if (isOfApps) throw new UsageError('names and origins are of keys of apps, and the directory does not know this one')
  return sendChange({ type: options['of-consumer'] === true ? 'consumer' : 'key', id, ...change }, options, terminal)
}

function changeOf(fields: readonly string[], { plan, scopes, addresses, disable, enable }: ChangeOptions): Record<string, unknown> {
  return {
    ...Object.fromEntries(fields.map((field) => [field, null])),
    ...(plan === undefined ? {} : { plan }),
    ...(scopes === undefined ? {} : { scopes: listOf(scopes) }),
    ...(addresses === undefined ? {} : { addresses: listOf(addresses) }),
    ...(disable === true ? { disabled: true } : {}),
    ...(enable === true ? { disabled: false } : {}),
  }
}

/** Whether the directory knows the key. A gate without one, and an admin key that may not look, do not stop the change. */
async function isListed(id: string, options: ChangeOptions, terminal: Terminal): Promise<boolean> {
  try {
    await openGate(whichGate(options), terminal).get(`keys/${segment(id)}`)
    return true
  } catch (error) {
    if (!(error instanceof Refused) || (error.status !== 404 && error.status !== 403)) throw error
    if (error.status === 403) terminal.err('the admin key lacks accounts:read, so the directory is not looked at')
    return false
  }
}

/** The change of the key that `keys rotate` replaces. */
export function rotationOf(ids: readonly string[], untilSeconds: number): Change {
  return { type: 'key', id: idOf(ids), validUntil: new Date(Date.now() + untilSeconds * 1000).toISOString() }
}

export async function sendChange(change: Change, options: ChangeOptions, terminal: Terminal): Promise<number> {
  const { reason } = options
  const body = { ...change, ...(reason === undefined ? {} : { reason }) }
  const response = await callAdmin('changes', body, options, 'nothing is changed for certain')
  return reportAdmin(response, options, terminal, { done: 'changed', not: 'not changed' })
}

function idOf(ids: readonly string[]): string {
  const [id, ...more] = ids
  if (id === undefined) throw new UsageError('say which key: its id, which `portcullis keys create` printed')
  if (more.length > 0) throw new UsageError(`unexpected ${JSON.stringify(more[0])}; scopes with spaces need quotes`)
  return id
}
