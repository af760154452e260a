import { didYouMean, pointerTo, type Problems } from './problems.ts'

/** How a document is read, and what was found wrong so far. */
export interface Reading {
  readonly problems: Problems
  /** Strings may still hold `${NAME}`; what such a string must look like is checked once it is filled. */
  readonly keepsPlaceholders: boolean
  /** `http:` to loopback hosts is let through. */
  readonly isLocal: boolean
}

/** True where a value cannot be judged before it is filled. */
export function isOpen(value: string, reading: Reading): boolean {
  return reading.keepsPlaceholders && value.includes('${')
}

const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])$/u

/** An `https:` URL without user information, query or fragment. Values are not repeated: they may come from the environment. */
export function checkUrl(value: string, pointer: string, reading: Reading, options: { readonly query?: boolean } = {}): URL | undefined {
  if (isOpen(value, reading)) return undefined
  const { problems } = reading
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined) problems.error(pointer, 'not an absolute URL')
  else checkParts(url, value, pointer, reading)
  if (url !== undefined && value.includes('?') && options.query !== true) problems.error(pointer, 'the URL must not hold a query')
  return url
}

function checkParts(url: URL, value: string, pointer: string, { problems, isLocal }: Reading): void {
  const isLoopback = url.protocol === 'http:' && LOOPBACK.test(url.hostname)
  if (url.protocol !== 'https:' && !(isLoopback && isLocal))
    problems.error(pointer, 'the URL must be https', isLoopback ? 'http to loopback is for `portcullis dev` alone' : undefined)
  if (url.username !== '' || url.password !== '') problems.error(pointer, 'the URL must not hold user information')
  if (value.includes('#')) problems.error(pointer, 'the URL must not hold a fragment')
}

/** Refuses names that nothing declares. */
export function checkNames(
  names: readonly string[],
  known: ReadonlySet<string>,
  what: string,
  pointer: string,
  { problems }: Reading,
): void {
  for (const [index, name] of names.entries()) checkName(name, known, what, pointerTo(pointer, index), problems)
}
export function checkName(name: string, known: ReadonlySet<string>, what: string, pointer: string, problems: Problems): boolean {
  if (known.has(name)) return true
  problems.error(pointer, `unknown ${what} ${JSON.stringify(name)}`, didYouMean(name, known))
  return false
}

/** Leaves out what is undefined, as exact optional properties want it. */
export function present<const Name extends string, Value>(name: Name, value: Value | undefined): { readonly [Key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [Key in Name]?: Value })
}
