import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { type Command, type Terminal, UsageError } from '../command.ts'
import { lifeOf, listOf } from '../duration.ts'
import { jsonLine } from '../output/text.ts'
import { type Gate, openGate } from './gate.ts'
import { Refused } from './refused.ts'
import { whichGate } from './which-gate.ts'

/** One option of a command that calls a gate; a `value` names what it takes. */
export interface OptionSpec {
  readonly value?: string
  readonly help: string
}
export interface Action {
  /** What comes after the command's name; empty: nothing does. */
  readonly name: string
  /** What must follow, such as `APP`; `[APP]` may. */
  readonly operands?: readonly string[]
  /** Options that it cannot do without, and those that it takes besides; all others are refused. */
  readonly needs?: readonly string[]
  readonly takes?: readonly string[]
  readonly help: string
  readonly run: (call: GateCall) => Promise<number>
}
export interface GateCall extends Values {
  readonly gate: Gate
  readonly terminal: Terminal
  readonly isJson: boolean
  /** The operand at a place; empty where it may be left out. */
  readonly operand: (at: number) => string
}
export interface Values {
  /** `undefined`: it is not given. */
  text(option: string): string | undefined
  readonly flag: (option: string) => boolean
  /** Its members between commas or spaces. */
  list(option: string): string[] | undefined
  /** Seconds of `1h`. */
  seconds(option: string): number | undefined
  /** A whole number of at most nine digits. */
  whole(option: string): number | undefined
}

/** What every action takes. */
const COMMON: Readonly<Record<string, OptionSpec>> = {
  url: { value: 'URL', help: 'the gate (default: PORTCULLIS_URL, else the profile)' },
  profile: { value: 'NAME', help: 'what portcullis login keeps under that name (default: PORTCULLIS_PROFILE, else default)' },
  'env-file': { value: 'FILE', help: 'read PORTCULLIS_ADMIN_KEY and PORTCULLIS_URL from FILE' },
  json: { help: 'JSON on standard output, also of a refusal' },
}

export interface GateCommandSpec {
  readonly name: string
  /** What it is for. */
  readonly about: string
  readonly actions: readonly Action[]
  readonly options: Readonly<Record<string, OptionSpec>>
  readonly examples: readonly string[]
}

/** A command whose actions call the admin API: options, help and refusals are alike in all of them. */
export function gateCommand(spec: GateCommandSpec): Command {
  const options = { ...spec.options, ...COMMON }
  const config: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(options).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }]),
  )
  return {
    help: helpOf(spec, options),
    actions: spec.actions.map(({ name }) => name).filter((name) => name !== ''),
    options: config,
    async run(args, terminal) {
      const { values, positionals } = parseArgs({ args: [...args], options: config, allowPositionals: true })
      const { action, operands } = actionOf(spec, positionals)
      refuseOthers(spec, action, values)
      const isJson = values['json'] === true
      const told = valuesOf(values)
      const gate = openGate(
        whichGate({ url: told.text('url'), profile: told.text('profile'), 'env-file': told.text('env-file') }),
        terminal,
      )
      try {
        return await action.run({ ...told, gate, terminal, isJson, operand: (at) => operands[at] ?? '' })
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        if (isJson) terminal.out(jsonLine({ status: error.status, ...error.problem }))
        terminal.err(error.message)
        return 1
      }
    },
  }
}

function actionOf(spec: GateCommandSpec, positionals: readonly string[]): { action: Action; operands: readonly string[] } {
  const [only] = spec.actions
  const isSingle = spec.actions.length === 1 && only?.name === ''
  const action = isSingle ? only : spec.actions.find(({ name }) => name === positionals[0])
  if (action === undefined) {
    const known = spec.actions.map(({ name }) => name).join(', ')
    throw new UsageError(`say what to do: portcullis ${spec.name} with one of ${known}`)
  }
  const operands = isSingle ? positionals : positionals.slice(1)
  const wanted = action.operands ?? []
  const least = wanted.filter((name) => !name.startsWith('[')).length
  if (operands.length < least || operands.length > wanted.length) throw new UsageError(`write: ${usageOf(spec, action)}`)
  return { action, operands }
}

function refuseOthers(spec: GateCommandSpec, action: Action, values: Readonly<Record<string, unknown>>): void {
  const needs = action.needs ?? []
  const known = new Set([...needs, ...(action.takes ?? []), ...Object.keys(COMMON)])
  const stranger = Object.keys(values).find((name) => !known.has(name))
  if (stranger !== undefined) throw new UsageError(`--${stranger} means nothing here; write: ${usageOf(spec, action)}`)
  const missing = needs.find((name) => values[name] === undefined || values[name] === '')
  if (missing !== undefined) throw new UsageError(`say --${missing}; write: ${usageOf(spec, action)}`)
}

function valuesOf(values: Readonly<Record<string, unknown>>): Values {
  const text = (option: string): string | undefined => {
    const value = values[option]
    return typeof value === 'string' ? value : undefined
  }
  return {
    text,
    flag: (option) => values[option] === true,
    list(option) {
      const value = text(option)
      return value === undefined ? undefined : listOf(value)
    },
    seconds(option) {
      const value = text(option)
      return value === undefined ? undefined : lifeOf(value, `--${option}`)
    },
    whole(option) {
      const value = text(option)
      if (value !== undefined && !/^\d{1,9}$/u.test(value))
        throw new UsageError(`--${option} takes a whole number, not ${JSON.stringify(value)}`)
      return value === undefined ? undefined : Number(value)
    },
  }
}

const optionText = (spec: GateCommandSpec, name: string): string => {
  const value = spec.options[name]?.value
  return `--${name}${value === undefined ? '' : ` ${value}`}`
}

function usageOf(spec: GateCommandSpec, { name, operands = [], needs = [], takes = [] }: Action): string {
  return [
    'portcullis',
    spec.name,
    ...(name === '' ? [] : [name]),
    ...operands,
    ...needs.map((one) => optionText(spec, one)),
    ...takes.map((one) => `[${optionText(spec, one)}]`),
  ].join(' ')
}

function helpOf(spec: GateCommandSpec, options: Readonly<Record<string, OptionSpec>>): string {
  const rows = Object.entries(options).map(
    ([name, { value, help }]) => [`--${name}${value === undefined ? '' : ` ${value}`}`, help] as const,
  )
  const width = Math.max(...rows.map(([left]) => left.length))
  return [
    ...spec.actions.flatMap((action, at) => [`${at === 0 ? 'Usage: ' : '       '}${usageOf(spec, action)}`, `           ${action.help}`]),
    '',
    spec.about,
    '',
    ...rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`),
    '',
    'The admin key comes from PORTCULLIS_ADMIN_KEY or portcullis login, never from a flag.',
    '',
    ...spec.examples.map(
      (example, at) => `${at === 0 ? (spec.examples.length === 1 ? 'Example:  ' : 'Examples: ') : '          '}${example}`,
    ),
  ].join('\n')
}

/** One segment of a path, whatever is in it. Throws `UsageError` for what a URL would take as a way up. */
export function segment(id: string): string {
  if (id === '' || id === '.' || id === '..') throw new UsageError(`${JSON.stringify(id)} is no id`)
  return encodeURIComponent(id)
}

/** What is given, under the API's names. */
export function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
