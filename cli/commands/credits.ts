import { parseArgs } from 'node:util'
import { callAdmin, reportAdmin } from '../admin-call.ts'
import { type Command, type Terminal, UsageError } from '../command.ts'

const HELP = `Usage: portcullis credits add --limit NAME --consumer NAME --credits N --key TEXT --url URL
       portcullis credits show --limit NAME --consumer NAME --url URL

Adds to the prepaid balance of a consumer, or shows it.

  --limit NAME         the limit of the policy that has credits
  --consumer NAME      whose balance
  --credits N          how many to add, 1 to 1000000000
  --key TEXT           what it is for, such as an invoice's number: the same key adds once, however often it is sent
  --url URL            the gate, such as https://api.example.com (default: PORTCULLIS_URL)
  --env-file FILE      read PORTCULLIS_ADMIN_KEY and PORTCULLIS_URL from FILE
  --json               the gate's answer as it came

The admin key comes from PORTCULLIS_ADMIN_KEY, never from a flag; make one with: portcullis keys create --admin

Example: portcullis credits add --limit prepaid --consumer acme --credits 500 --key invoice-42 --url https://api.example.com`

const OPTIONS = {
  limit: { type: 'string' },
  consumer: { type: 'string' },
  credits: { type: 'string' },
  key: { type: 'string' },
  url: { type: 'string' },
  'env-file': { type: 'string' },
  json: { type: 'boolean' },
} as const
type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

export const creditsCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args, terminal) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
    const [action, ...rest] = positionals
    if (rest.length > 0) throw new UsageError(`unexpected ${JSON.stringify(rest[0])}`)
    if (action === 'add') return add(values, terminal)
    if (action === 'show') return show(values, terminal)
    throw new UsageError('say what to do: portcullis credits add or credits show')
  },
}

async function add(values: Options, terminal: Terminal): Promise<number> {
  const credits = required(values.credits, '--credits N')
  if (!/^[1-9]\d{0,9}$/u.test(credits)) throw new UsageError('--credits takes a whole number, 1 to 1000000000')
  const body = { ...whose(values), credits: Number(credits), key: required(values.key, '--key TEXT, such as the number of an invoice') }
  const response = await callAdmin('credits', body, values, 'nothing is added for certain')
  return report(response, values, terminal)
}

async function show(values: Options, terminal: Terminal): Promise<number> {
  const response = await callAdmin(`credits?${new URLSearchParams(whose(values))}`, undefined, values, 'nothing is known')
  return report(response, values, terminal)
}

function whose({ limit, consumer }: Options): { limit: string; consumer: string } {
  return { limit: required(limit, '--limit NAME'), consumer: required(consumer, '--consumer NAME') }
}

function required(value: string | undefined, what: string): string {
  if (value === undefined || value === '') throw new UsageError(`say ${what}`)
  return value
}

async function report(response: Response, options: Options, terminal: Terminal): Promise<number> {
  if (!response.ok) return reportAdmin(response, options, terminal, { done: '', not: 'not done' })
  const text = await response.text()
  if (options.json === true) {
    terminal.out(text.trim())
    return 0
  }
  const { added, balance, lent } = JSON.parse(text) as Record<string, unknown>
  if (added === 0) terminal.err('that key was used before: nothing was added')
  terminal.out(
    `${typeof added === 'number' && added > 0 ? `added ${added}; ` : ''}balance ${String(balance)}, and ${String(lent)} lent to isolates`,
  )
  return 0
}
