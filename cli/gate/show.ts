import { UsageError } from '../command.ts'
import { printFields, printTable, type Column } from '../output/table.ts'
import { jsonLine, timeText, visible } from '../output/text.ts'
import type { Item, Query } from './gate.ts'
import type { GateCall } from './gate-command.ts'

const DEFAULT_MOST = 1000

export interface ListAsked {
  readonly path: string
  readonly query?: Query
  readonly columns: readonly Column<Item>[]
  /** What to say where there is nothing. */
  readonly none: string
  readonly paging?: 'pages' | 'whole'
}
/** `--limit`, 1 and above. */
export function mostOf(call: GateCall): number {
  const most = call.whole('limit') ?? DEFAULT_MOST
  if (most < 1) throw new UsageError('--limit takes at least 1')
  return most
}

/** A list, page after page, as a table or as JSON. The exit code. */
export async function showList(call: GateCall, asked: ListAsked): Promise<number> {
  const { path, query = {}, columns, none, paging } = asked
  const { items, isMore } = await call.gate.list(path, query, mostOf(call), paging)
  if (call.isJson) call.terminal.out(jsonLine({ items, isMore }))
  else if (items.length === 0) call.terminal.err(none)
  else printTable(columns, items, call.terminal)
  if (isMore) call.terminal.err(`the first ${items.length}; there are more: --limit N`)
  return 0
}

/** One thing with its members. */
export function showItem(call: Pick<GateCall, 'isJson' | 'terminal'>, item: Item): number {
  if (call.isJson) call.terminal.out(jsonLine(item))
  else
    printFields(
      Object.entries(item).map(([name, value]) => [name, memberText(name, value)] as const),
      call.terminal,
    )
  return 0
}

/** Instants are milliseconds in the API, and end in `At`, `Until` or `since`. */
const memberText = (name: string, value: unknown): unknown => (/(?:At|Until|^since|^until|^at)$/u.test(name) ? timeText(value) : value)

/** What was done, in one line, or the API's answer. */
export function done(call: Pick<GateCall, 'isJson' | 'terminal'>, words: string, value: Item): number {
  if (call.isJson) call.terminal.out(jsonLine(value))
  else call.terminal.out(words + inForceText(value))
  return 0
}

/** From when on it holds, as far as the gate says so. */
function inForceText({ inForce, effectiveBy }: Item): string {
  if (inForce === 'pending') return '; not yet told to every isolate: the gate goes on trying'
  return typeof effectiveBy === 'string' ? `; in force everywhere by ${visible(effectiveBy)}` : ''
}

export const timeColumn = (title: string, name: string): Column<Item> => ({ title, of: (item) => timeText(item[name]) })
export const column = (title: string, name: string): Column<Item> => ({ title, of: (item) => item[name] })
export const flexible = (title: string, name: string): Column<Item> => ({ ...column(title, name), isFlexible: true })
export const stateColumn: Column<Item> = {
  title: 'STATE',
  of: ({ state }) => state,
  color: ({ state }) => (state === 'active' ? 'green' : state === 'disabled' ? 'yellow' : 'red'),
}
export const LIMIT = { value: 'N', help: `how many at most (default ${DEFAULT_MOST})` } as const
export const YES = { help: 'do not ask' } as const
