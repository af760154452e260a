import * as v from 'valibot'
import { _addIssue as addIssue } from 'valibot'
import { didYouMean, pointerTo, type Problems } from './problems.ts'

/** Names that valibot drops without a word, and that would then be a condition or a consumer gone missing. */
const UNSAFE_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
const SUGGESTION = '\n'

interface Extra {
  /** Fields of OpenAPI that say nothing about access: allowed and dropped. */
  readonly ignored?: readonly string[]
  /** `x-*` of others is allowed. */
  readonly extensions?: boolean
}

/**
 * An object without unknown fields. Unlike `v.strictObject` it names all of them, refuses lists, does not take names of
 * `Object.prototype` for its own, and gives back only what it declares.
 */
export function closed<const Entries extends v.ObjectEntries>(entries: Entries, { ignored = [], extensions = false }: Extra = {}) {
  const base = v.object(entries)
  const known = [...Object.keys(entries), ...ignored]
  const schema: typeof base = {
    ...base,
    '~run'(dataset, config) {
      const input: unknown = dataset.value
      if (!isObject(input)) return base['~run']({ value: undefined }, config)
      const result = base['~run'](dataset, config)
      for (const key of Object.keys(input)) {
        if (known.includes(key) || (extensions && key.startsWith('x-') && !isNearlyOurs(key))) continue
        const hint = didYouMean(key, known)
        const message = `unknown field ${JSON.stringify(key)}${hint === undefined ? '' : SUGGESTION + hint}`
        addIssue(base, 'key', result, config, { message, path: [{ type: 'object', origin: 'key', input, key, value: input[key] }] })
      }
      return result
    },
  }
  return v.pipe(schema, v.metadata({ closed: true, ignored, extensions }))
}

/** A misspelt extension of ours must not pass for somebody else's. */
function isNearlyOurs(key: string): boolean {
  return key !== 'x-portcullis' && didYouMean(key, ['x-portcullis']) !== undefined
}

/** An object with names of the author's choosing. */
export function named<const Value extends v.GenericSchema>(value: Value, pattern: RegExp, what: string) {
  const base = v.record(v.pipe(v.string(), v.regex(pattern, `not a name of ${what}`)), value)
  const schema: typeof base = {
    ...base,
    '~run'(dataset, config) {
      const input: unknown = dataset.value
      if (!isObject(input)) return base['~run']({ value: undefined }, config)
      const result = base['~run'](dataset, config)
      for (const key of Object.keys(input).filter((name) => UNSAFE_NAMES.has(name))) {
        addIssue(base, 'key', result, config, {
          message: 'this name is not allowed',
          path: [{ type: 'object', origin: 'key', input, key, value: input[key] }],
        })
      }
      return result
    },
  }
  return schema
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value in its schema's form, or `undefined` with all its problems reported. Values are never repeated in a message. */
export function readAs<const Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  pointer: string,
  problems: Problems,
): v.InferOutput<Schema> | undefined {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  for (const issue of result.issues) report(issue, pointer, problems)
  return undefined
}

function report(issue: v.BaseIssue<unknown>, pointer: string, problems: Problems): void {
  const path = (issue.path ?? []).map(({ key }) => key as string | number)
  const place = pointerTo(pointer, ...path)
  const nested = issue.type === 'union' ? (issue.issues ?? []) : []
  // Of a union's members the one that the value comes nearest to has problems inside it.
  const inside = nested.filter((inner) => (inner.path ?? []).length > 0)
  if (inside.length > 0) return inside.forEach((inner) => report(inner, place, problems))
  if (nested.length > 0) return problems.error(place, unionMessage(nested))
  const [message = '', suggestion] = messageOf(issue).split(SUGGESTION)
  return problems.error(place, message, suggestion)
}

function unionMessage(issues: readonly v.BaseIssue<unknown>[]): string {
  return `expected ${[...new Set(issues.map(({ expected }) => wordFor(expected ?? '')))].join(' or ')}`
}

function messageOf(issue: v.BaseIssue<unknown>): string {
  const { type, input, message } = issue
  const expected = issue.expected ?? ''
  if (!message.startsWith('Invalid ')) return message
  if (input === undefined)
    return type.endsWith('object') && expected.startsWith('"') ? `the field ${expected} is missing` : `expected ${wordFor(expected)}`
  if (type !== 'picklist' && type !== 'literal') return `expected ${wordFor(expected)}, found ${kindOf(input)}`
  const options = expected.replaceAll(/[()"]/gu, '').split(' | ')
  const hint = typeof input === 'string' ? didYouMean(input, options) : undefined
  return `expected ${options.join(', ')}${hint === undefined ? '' : SUGGESTION + hint}`
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  Object: 'an object',
  Array: 'a list',
}
function wordFor(expected: string): string {
  return WORDS[expected] ?? expected
}
function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
