import { UsageError } from '../command.ts'
import type { Item } from '../gate/gate.ts'
import { type GateCall, gateCommand } from '../gate/gate-command.ts'
import { instantOf } from '../gate/instant.ts'
import { bar, sparkline } from '../output/picture.ts'
import { printTable, type Column } from '../output/table.ts'
import { jsonLine, timeText, visibleLines } from '../output/text.ts'

const STEPS = ['minute', 'hour', 'day'] as const
const BY = ['consumer', 'credential', 'route', 'status', 'code']
const SPARKS = 20
const BAR = 10
const HOUR = 3_600_000

export const usageCommand = gateCommand({
  name: 'usage',
  about: 'Requests by time, and by what splits them. Minutes are kept for two days, hours for 35, days for 400.',
  actions: [
    {
      name: '',
      takes: ['from', 'to', 'step', 'by', 'consumer', 'organisation', 'credential', 'route', 'csv'],
      help: 'a table; on a terminal with how it went',
      run: usage,
    },
  ],
  options: {
    from: { value: 'TIME', help: '24h (ago), 2026-11-25, or 2026-11-25T12:00Z (default 24h)' },
    to: { value: 'TIME', help: 'until then (default now)' },
    step: { value: 'STEP', help: 'minute, hour or day (default: about as many as fit)' },
    by: { value: 'WHAT', help: 'one or two of consumer, credential, route, status and code (default consumer)' },
    consumer: { value: 'ID', help: 'these alone; several between commas' },
    organisation: { value: 'ID', help: 'its apps alone' },
    credential: { value: 'ID', help: 'this key alone' },
    route: { value: 'ID', help: 'this route alone' },
    csv: { help: 'CSV on standard output, a line for each step and group' },
  },
  examples: [
    'portcullis usage --from 7d --step day --by consumer',
    'portcullis usage --consumer app_… --by route,status --csv > usage.csv',
  ],
})

async function usage(call: GateCall): Promise<number> {
  const now = Date.now()
  const from = instantOf(call.text('from') ?? '24h', '--from', now)
  const to = instantOf(call.text('to') ?? 'now', '--to', now)
  if (from >= to) throw new UsageError('--from must lie before --to')
  if (call.flag('csv') && call.isJson) throw new UsageError('--csv and --json are two forms; choose one')
  const query = {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    step: stepOf(call.text('step'), to - from),
    by: byOf(call).join(','),
    consumer: call.list('consumer')?.join(','),
    organisation: call.text('organisation'),
    credential: call.text('credential'),
    route: call.text('route'),
  }
  const answer = await call.gate.get('usage', query, call.flag('csv') ? 'text/csv' : 'application/json')
  if (call.flag('csv')) call.terminal.out(visibleLines(answer.text.trimEnd()))
  else if (call.isJson) call.terminal.out(jsonLine(answer.value))
  else print(call, answer.value)
  return 0
}

function stepOf(text: string | undefined, life: number): (typeof STEPS)[number] {
  if (text === undefined) return life <= 2 * HOUR ? 'minute' : life <= 7 * 24 * HOUR ? 'hour' : 'day'
  const step = STEPS.find((one) => one === text)
  if (step === undefined) throw new UsageError(`--step takes ${STEPS.join(', ')}; not ${JSON.stringify(text)}`)
  return step
}

function byOf(call: GateCall): readonly string[] {
  const by = call.list('by') ?? ['consumer']
  const unknown = by.find((one) => !BY.includes(one))
  if (unknown !== undefined) throw new UsageError(`--by takes ${BY.join(', ')}; not ${JSON.stringify(unknown)}`)
  if (by.length === 0 || by.length > 2) throw new UsageError('--by takes one or two of them')
  return by
}

interface Group {
  readonly key: Readonly<Record<string, unknown>>
  readonly requests: number
  readonly errors: number
  readonly series: readonly number[]
  readonly p50: unknown
  readonly p95: unknown
}

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
const numbersOf = (value: unknown): number[] => (Array.isArray(value) ? value.map(numberOf) : [])
function groupOf(value: unknown): Group {
  const { key, requests, errors, series, p50, p95 } = Object(value) as Record<string, unknown>
  return {
    key: Object(key) as Record<string, unknown>,
    requests: numberOf(requests),
    errors: numberOf(errors),
    series: numbersOf(series),
    p50,
    p95,
  }
}

function print(call: GateCall, value: Item): void {
  const groups = Array.isArray(value['groups']) ? value['groups'].map(groupOf) : []
  const total = groupOf(value['total'])
  const most = Math.max(0, ...groups.map(({ requests }) => requests))
  const longest = numbersOf(value['latencyBounds']).at(-1)
  const by = byOf(call)
  const columns: readonly Column<Group>[] = [
    ...by.map((name): Column<Group> => ({ title: name.toUpperCase(), of: ({ key }) => key[name], isFlexible: true })),
    { title: 'REQUESTS', of: ({ requests }) => requests, align: 'right' },
    { title: 'ERRORS', of: ({ errors }) => errors, align: 'right', color: ({ errors }) => (errors > 0 ? 'yellow' : undefined) },
    { title: '% ERR', of: (group) => percent(group), align: 'right' },
    { title: 'P50', of: (group) => latencyText(group, group.p50, longest), align: 'right' },
    { title: 'P95', of: (group) => latencyText(group, group.p95, longest), align: 'right' },
    { title: 'SHARE', of: (group) => (group === all ? '' : bar(group.requests, most, BAR)), onScreen: true },
    { title: 'TIME →', of: ({ series }) => sparkline(series, SPARKS), onScreen: true },
  ]
  const all: Group = { ...total, key: Object.fromEntries(by.map((name, at) => [name, at === 0 ? 'all' : ''])) }
  printTable(columns, [...groups, all], call.terminal)
  call.terminal.err(`${timeText(value['from'])} to ${timeText(value['to'])}, by the ${String(value['step'])}; P50 and P95: at most so long`)
}

const percent = ({ requests, errors }: Group): string => (requests === 0 ? '-' : ((100 * errors) / requests).toFixed(1))

/** Milliseconds that so many requests took at most; above `longest` nobody counts. */
function latencyText({ requests }: Group, bound: unknown, longest: number | undefined): string {
  if (typeof bound === 'number') return `${bound} ms`
  return requests > 0 && longest !== undefined ? `>${longest} ms` : '-'
}
