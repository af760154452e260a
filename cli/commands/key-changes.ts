import { callAdmin, reportAdmin, type AdminOptions } from '../admin-call.ts'
import { type Terminal, UsageError } from '../command.ts'
import { listOf } from '../duration.ts'

export interface ChangeOptions extends AdminOptions {
  readonly 'of-consumer'?: boolean
  readonly plan?: string
  readonly scopes?: string
  readonly addresses?: string
  readonly disable?: boolean
  readonly enable?: boolean
  readonly reset?: string
  readonly reason?: string
}
interface Change {
  readonly type: 'key' | 'consumer'
  readonly id: string
  readonly [field: string]: unknown
}

const RESETTABLE = ['plan', 'scopes', 'addresses', 'validUntil']

/** `keys change`. */
export async function changeKey(ids: readonly string[], options: ChangeOptions, terminal: Terminal): Promise<number> {
  const id = idOf(ids)
  const { plan, scopes, addresses, disable, enable, reset = '' } = options
  if (disable === true && enable === true) throw new UsageError('--disable and --enable are opposites; choose one')
  const fields = listOf(reset)
  const unknown = fields.find((field) => !RESETTABLE.includes(field))
  if (unknown !== undefined) throw new UsageError(`--reset takes ${RESETTABLE.join(', ')}; not ${JSON.stringify(unknown)}`)
  const change = {
    ...Object.fromEntries(fields.map((field) => [field, null])),
    ...(plan === undefined ? {} : { plan }),
    ...(scopes === undefined ? {} : { scopes: listOf(scopes) }),
    ...(addresses === undefined ? {} : { addresses: listOf(addresses) }),
    ...(disable === true ? { disabled: true } : {}),
    ...(enable === true ? { disabled: false } : {}),
  }
  if (Object.keys(change).length === 0)
    throw new UsageError('say what changes: --plan, --scopes, --addresses, --disable, --enable or --reset')
  return sendChange({ type: options['of-consumer'] === true ? 'consumer' : 'key', id, ...change }, options, terminal)
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
