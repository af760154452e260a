import { setTimeout as pause } from 'node:timers/promises'
import { type Command, type Terminal, UsageError } from '../command.ts'
import type { Item } from '../gate/gate.ts'
import { type GateCall, gateCommand } from '../gate/gate-command.ts'
import { Refused } from '../gate/refused.ts'
import { type Color, jsonLine, paint, visible } from '../output/text.ts'

const LONGEST_PAUSE_MS = 15_000
const PAGE = 100

/** `pauseMs`: between two questions while nothing happens. */
export function createTailCommand(pauseMs: number): Command {
  return gateCommand({
    name: 'tail',
    about: 'Decisions as isolates tell them: some seconds after they are taken, a line each, until Ctrl-C.',
    actions: [
      {
        name: '',
        takes: ['refused', 'consumer', 'since'],
        help: 'from now on',
        run: async (call) => tail(call, pauseMs),
      },
    ],
    options: {
      refused: { help: 'those alone that were refused' },
      consumer: { value: 'ID', help: 'of this consumer alone' },
      since: { value: 'N', help: 'after this sequence, as far as it is still kept (default: the newest 100 first)' },
    },
    examples: ['portcullis tail --refused', 'portcullis tail --consumer app_… --json | jq -r .code'],
  })
}
export const tailCommand = createTailCommand(1000)

async function tail(call: GateCall, pauseMs: number): Promise<number> {
  const signal = call.terminal.untilInterrupted?.() ?? new AbortController().signal
  let after = sinceOf(call)
  let failures = 0
  while (!signal.aborted) {
    let isBehind = false
    try {
      const { entries, next } = await read(call, after, signal)
      if (failures > 0) call.terminal.err('connected again')
      failures = 0
      for (const entry of entries) print(call, entry)
      isBehind = entries.length >= PAGE && next !== after
      after = next
    } catch (error) {
      if (signal.aborted) break
      if (!mayPass(error)) throw error
      failures += 1
      if (failures === 1) call.terminal.err(`${(error as Error).message.split('\n')[0]}; trying again`)
    }
    const wait = isBehind ? 0 : Math.min(LONGEST_PAUSE_MS, pauseMs * 2 ** Math.min(failures, 10))
    await pause(wait, undefined, { signal }).catch(() => undefined)
  }
  return 0
}

/** `next`: where to go on. */
async function read(
  call: GateCall,
  after: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly entries: readonly Item[]; readonly next: string | undefined }> {
  const query = { after, limit: PAGE, consumer: call.text('consumer'), refused: call.flag('refused') ? true : undefined }
  const { value } = await call.gate.get('decisions', query, undefined, signal)
  const { items, next } = value
  return {
    entries: Array.isArray(items) ? items.map((one: unknown) => Object(one) as Item) : [],
    next: typeof next === 'string' && /^\d{1,16}$/u.test(next) ? next : after,
  }
}

function sinceOf(call: GateCall): string | undefined {
  const since = call.text('since')
  if (since !== undefined && !/^\d{1,16}$/u.test(since)) throw new UsageError(`--since takes a sequence, not ${JSON.stringify(since)}`)
  return since
}

/** An outage ends; a key that lacks a scope does not get it. */
function mayPass(error: unknown): boolean {
  if (error instanceof Refused) return error.status === 429 || error.status >= 500
  return error instanceof Error && error.cause !== undefined
}

function print({ isJson, terminal }: GateCall, entry: Item): void {
  if (isJson) terminal.out(jsonLine(entry))
  else terminal.out(lineOf(entry, terminal))
}

function lineOf(seen: Item, terminal: Terminal): string {
  const text = (name: string): string => (typeof seen[name] === 'string' && seen[name] !== '' ? visible(seen[name]) : '-')
  const status = typeof seen['status'] === 'number' ? seen['status'] : 0
  const hasColor = terminal.screen?.hasColor === true
  const duration = typeof seen['durationMs'] === 'number' ? `${Math.round(seen['durationMs'])} ms` : '-'
  const place = typeof seen['country'] === 'string' ? `${text('address')} ${text('country')}` : text('address')
  return [
    paint(text('time').slice(11, 23) || '-', 'dim', hasColor),
    paint(String(status), colorOf(status), hasColor),
    text('method').padEnd(4),
    text('route'),
    text('consumer'),
    text('credential'),
    place,
    duration,
    status < 400 ? text('code') : paint(text('code'), colorOf(status), hasColor),
  ].join(' ')
}

const colorOf = (status: number): Color => (status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green')
