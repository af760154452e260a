import { type Command, type Terminal, UsageError } from './command.ts'
import { checkCommand } from './commands/check.ts'
import { compileCommand } from './commands/compile.ts'
import { creditsCommand } from './commands/credits.ts'
import { devCommand } from './commands/dev.ts'
import { keysCommand } from './commands/keys.ts'
import { revokeCommand } from './commands/revoke.ts'
import { samlCommand } from './commands/saml.ts'
import { signCommand } from './commands/sign.ts'

const COMMANDS: readonly Command[] = [
  checkCommand,
  compileCommand,
  creditsCommand,
  devCommand,
  keysCommand,
  revokeCommand,
  samlCommand,
  signCommand,
]

const terminal: Terminal = {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  hasColor: process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '',
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return [
    'portcullis: the gate in front of an API',
    '',
    'Usage: portcullis <command> [options]',
    '',
    ...lines,
    '',
    'Each command explains itself: portcullis <command> --help',
  ].join('\n')
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    terminal.out(overview())
    return name === undefined ? 2 : 0
  }
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command === undefined)
    throw new UsageError(`no command ${JSON.stringify(name)}; there are: ${COMMANDS.map((candidate) => candidate.name).join(', ')}`)
  if (args.includes('--help') || args.includes('-h')) {
    terminal.out(command.help)
    return 0
  }
  return command.run(args, terminal)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Error)) throw error
  // `parseArgs` throws its own kind for an unknown option.
  const isUsage = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true
  terminal.err(`portcullis: ${error.message}`)
  process.exitCode = isUsage ? 2 : 1
}
