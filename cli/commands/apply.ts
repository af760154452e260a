import { type Terminal, UsageError } from '../command.ts'
import { agreed } from '../gate/ask.ts'
import type { Item } from '../gate/gate.ts'
import { type GateCall, gateCommand } from '../gate/gate-command.ts'
import { Refused } from '../gate/refused.ts'
import { done, YES } from '../gate/show.ts'
import { cellOf } from '../output/table.ts'
import { type Color, jsonLine, paint } from '../output/text.ts'
import { type PolicyFile, readPolicyFile } from '../policy-file.ts'
import { count, locateProblems, printProblems } from '../policy-report.ts'

/** What the API takes, in bytes. */
const MAX_BYTES = 2 * 1024 * 1024

export const applyCommand = gateCommand({
  name: 'apply',
  about:
    'Makes the directory what a file says (YAML or JSON, in the form of portcullis export): all of it or nothing. What the file does not name stays as it is, unless it is pruned.',
  actions: [
    {
      name: '',
      operands: ['FILE'],
      takes: ['dry-run', 'prune', 'yes'],
      help: 'shows what would be done, asks, and does it',
      run: apply,
    },
  ],
  options: {
    'dry-run': { help: 'only show it' },
    prune: { help: 'what the file does not name goes, and what it opened is revoked' },
    yes: YES,
  },
  examples: ['portcullis apply directory.yaml', 'portcullis apply directory.yaml --prune --dry-run'],
})

async function apply(call: GateCall): Promise<number> {
  const { terminal } = call
  const file = readPolicyFile(call.operand(0))
  if (file.syntaxProblems.length > 0) {
    printProblems(locateProblems(file, []), terminal)
    return 1
  }
  const document = documentOf(file, call.flag('prune'))
  const planned = await post(call, file, document, true)
  if (planned === undefined) return 1
  const changes = changesOf(planned)
  if (call.flag('dry-run') || changes.length === 0) return told(call, planned, changes)
  // What is only shown is no result.
  show(changes, call.isJson ? { ...terminal, out: (line) => terminal.err(line) } : terminal)
  const losses = changes.filter((change) => signOf(change) === '-').length
  const what = `${count(changes.length, 'change')} at ${call.gate.origin}${losses === 0 ? '' : `, of which ${losses} cannot be undone`}.`
  if (!(await agreed(call, what))) return 1
  const applied = await post(call, file, document, false)
  if (applied === undefined) return 1
  if (names(changesOf(applied)) !== names(changes))
    terminal.err('somebody changed the directory in between, so other things were done than were shown: portcullis audit list')
  return done(call, `applied: ${count(changesOf(applied).length, 'change')}`, applied)
}

const names = (all: readonly Item[]): string => all.map(({ action }) => String(action)).join()

function documentOf(file: PolicyFile, prune: boolean): object {
  if (typeof file.document !== 'object' || file.document === null || Array.isArray(file.document))
    throw new UsageError(`${file.path} holds no directory: write organisations: [...] or see portcullis export`)
  const document = prune ? { ...file.document, prune } : file.document
  if (Buffer.byteLength(JSON.stringify(document)) > MAX_BYTES)
    throw new UsageError(
      `${file.path} is larger than the API takes (${MAX_BYTES} bytes as JSON): divide it by organisations, without --prune`,
    )
  return document
}

/** `undefined`: there is something wrong with the file, and it was said where. */
async function post(call: GateCall, file: PolicyFile, document: object, isDry: boolean): Promise<Item | undefined> {
  try {
    return (await call.gate.write('POST', `apply${isDry ? '?dry-run=true' : ''}`, document)).value
  } catch (error) {
    const faults = error instanceof Refused && error.status === 422 && !call.isJson ? faultsOf(error) : []
    if (faults.length === 0) throw error
    printProblems(locateProblems(file, faults), call.terminal)
    call.terminal.err(`${count(faults.length, 'error')}: nothing is done`)
    return undefined
  }
}

const faultsOf = ({ problem }: Refused): { pointer: string; message: string; severity: 'error' }[] =>
  listOf(problem['errors']).flatMap(({ pointer, detail }) =>
    typeof pointer === 'string' && typeof detail === 'string'
      ? [{ pointer: cleaned(pointer), message: cellOf(detail), severity: 'error' }]
      : [],
  )
/** A pointer of others is shown as well. */
const cleaned = (pointer: string): string => (pointer === '' ? '' : cellOf(pointer))

const listOf = (value: unknown): readonly Item[] => (Array.isArray(value) ? value.map((one: unknown) => Object(one) as Item) : [])
const changesOf = ({ items }: Item): readonly Item[] => listOf(items)

function told(call: GateCall, planned: Item, changes: readonly Item[]): number {
  if (call.isJson) call.terminal.out(jsonLine(planned))
  else if (changes.length === 0) call.terminal.out('nothing to do: the directory is what the file says')
  else show(changes, call.terminal)
  return 0
}

const COLORS: Readonly<Record<string, Color>> = { '+': 'green', '~': 'yellow', '-': 'red' }

/** What comes, what changes, what goes. */
function signOf({ action }: Item): string {
  const verb = String(action).split('.').at(-1) ?? ''
  if (/^(?:create|add|restore|invite)$/u.test(verb)) return '+'
  return /^(?:delete|revoke|remove|withdraw)$/u.test(verb) ? '-' : '~'
}

function show(changes: readonly Item[], terminal: Terminal): void {
  for (const change of changes) {
    const { type, id } = Object(change['target']) as Item
    const line = `${signOf(change)} ${cellOf(change['action'])}  ${cellOf(type)} ${cellOf(id)}  ${cellOf(change['detail'])}`
    terminal.out(paint(line, COLORS[signOf(change)] ?? 'yellow', terminal.screen?.hasColor === true))
  }
}
