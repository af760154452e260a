import { parseArgs } from 'node:util'
import { COMMANDS } from '../command-table.ts'
import { type Command, UsageError } from '../command.ts'

/** What a shell is told of one command. */
interface Known {
  readonly names: readonly string[]
  readonly summary: string
  readonly actions: readonly string[]
  readonly options: readonly string[]
}

const SHELLS = new Map<string, (known: readonly Known[]) => string>([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
])

export const completionCommand: Command = {
  help: `Usage: portcullis completion bash|zsh|fish

Prints what a shell needs to complete commands, actions and options.

  bash  eval "$(portcullis completion bash)" in ~/.bashrc
  zsh   portcullis completion zsh > a folder of $fpath, as _portcullis
  fish  portcullis completion fish > ~/.config/fish/completions/portcullis.fish

Example: portcullis completion bash`,
  actions: [...SHELLS.keys()],
  async run(args, terminal) {
    const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true })
    const write = positionals.length === 1 ? SHELLS.get(positionals[0] ?? '') : undefined
    if (write === undefined) throw new UsageError(`say which shell: portcullis completion ${[...SHELLS.keys()].join('|')}`)
    terminal.out(write(await knownCommands()))
    return 0
  },
}

async function knownCommands(): Promise<readonly Known[]> {
  return Promise.all(
    COMMANDS.map(async ({ name, alias, summary, load }) => {
      const { actions = [], options = {} } = await load()
      return {
        names: alias === undefined ? [name] : [name, alias],
        summary,
        actions,
        options: [...Object.keys(options), 'help'].map((option) => `--${option}`),
      }
    }),
  )
}

/** What stands in single quotes of any of the three: our own words, without a quote. */
const quoted = (text: string): string => `'${text.replaceAll("'", '’')}'`

function bash(known: readonly Known[]): string {
  const cases = known.map(
    ({ names, actions, options }) => `    ${names.join('|')}) actions=${quoted(actions.join(' '))} options=${quoted(options.join(' '))} ;;`,
  )
  return [
    '_portcullis() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} actions= options=',
    '  COMPREPLY=()',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    mapfile -t COMPREPLY < <(compgen -W ${quoted(['help', ...known.flatMap(({ names }) => names)].join(' '))} -- "$current")`,
    '    return',
    '  fi',
    '  case ${COMP_WORDS[1]} in',
    ...cases,
    '  esac',
    '  if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")',
    '  elif [ "$COMP_CWORD" -eq 2 ]; then mapfile -t COMPREPLY < <(compgen -W "$actions" -- "$current"); fi',
    '}',
    'complete -o default -F _portcullis portcullis',
  ].join('\n')
}

function zsh(known: readonly Known[]): string {
  const described = known.flatMap(({ names, summary }) => names.map((name) => `    ${quoted(`${name}:${summary.replaceAll(':', ' -')}`)}`))
  const cases = known.map(
    ({ names, actions, options }) => `    ${names.join('|')}) actions=(${actions.join(' ')}) options=(${options.join(' ')}) ;;`,
  )
  return [
    '#compdef portcullis',
    '_portcullis() {',
    '  local -a commands actions options',
    '  commands=(',
    ...described,
    '  )',
    '  if (( CURRENT == 2 )); then _describe command commands; return; fi',
    '  case $words[2] in',
    ...cases,
    '  esac',
    '  if [[ $PREFIX == -* ]]; then compadd -- $options',
    '  elif (( CURRENT == 3 && $#actions )); then compadd -- $actions',
    '  else _files; fi',
    '}',
    '# As a file of $fpath it is the function; sourced, it names it.',
    'if [ "$funcstack[1]" = "_portcullis" ]; then _portcullis "$@"; else compdef _portcullis portcullis; fi',
  ].join('\n')
}

function fish(known: readonly Known[]): string {
  return known
    .flatMap(({ names, summary, actions, options }) => {
      const when = `'__fish_seen_subcommand_from ${names.join(' ')}'`
      return [
        ...names.map((name) => `complete -c portcullis -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`),
        ...(actions.length === 0
          ? []
          : [
              `complete -c portcullis -n '__fish_seen_subcommand_from ${names.join(' ')}; and test (count (commandline -opc)) -eq 2' -f -a ${quoted(actions.join(' '))}`,
            ]),
        ...options.map((option) => `complete -c portcullis -n ${when} -l ${option.slice(2)}`),
      ]
    })
    .join('\n')
}
