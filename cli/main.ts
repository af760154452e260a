import { COMMAND_TABLE, COMMANDS, findCommand, type TableEntry } from './command-table.ts'
import { UsageError } from './command.ts'
import { Interrupted, processTerminal } from './terminal.ts'

const terminal = processTerminal()

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lineOf = ({ name, alias, summary }: TableEntry): string =>
    `  ${name.padEnd(width)}  ${summary}${alias === undefined ? '' : ` (also: ${alias})`}`
  const groups = COMMAND_TABLE.flatMap(({ title, entries }) => ['', title].concat(entries.map(lineOf)))
  return [
    'portcullis: the gate in front of an API',
    '',
    'Usage: portcullis <command> [options]',
    ...groups,
    '',
    'Each command explains itself: portcullis <command> --help',
  ].join('\n')
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    terminal.out(overview())
    return name === undefined ? 2 : 0
  }
  const entry = findCommand(name)
  if (entry === undefined)
    throw new UsageError(`no command ${JSON.stringify(name)}; there are: ${COMMANDS.map((candidate) => candidate.name).join(', ')}`)
  const command = await entry.load()
  if (args.includes('--help') || args.includes('-h')) {
    terminal.out(command.help)
    return 0
  }
  return command.run(args, terminal)
}

/** 0 done, 1 refused or failed, 2 used wrongly, 130 interrupted (docs/cli.md). */
function exitCodeOf(error: unknown): number {
  if (!(error instanceof Error)) throw error
  terminal.progress?.('')
  if (error instanceof Interrupted) return 130
  terminal.err(`portcullis: ${error.message}`)
  // `parseArgs` throws its own kind for an unknown option.
  const isUsage = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true
  return isUsage ? 2 : 1
}

// Whoever reads may have read enough: `portcullis audit list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = exitCodeOf(error)
}
