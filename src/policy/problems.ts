/** Something wrong with a policy document. Never holds a value that may come from the environment. */
export interface Problem {
  /** JSON Pointer (RFC 6901) into the document as it was given. */
  readonly pointer: string
  readonly message: string
  /** What to write instead. */
  readonly suggestion?: string
  readonly severity: 'error' | 'warning'
}

/** All problems of one document; one that is met twice, through a `$ref`, is kept once. */
export interface Problems {
  error(pointer: string, message: string, suggestion?: string): void
  warn(pointer: string, message: string): void
  all(): readonly Problem[]
  hasErrors(): boolean
}

export function createProblems(): Problems {
  const found = new Map<string, Problem>()
  const add = (problem: Problem): void => {
    const key = `${problem.pointer}\n${problem.message}`
    if (!found.has(key)) found.set(key, problem)
  }
  return {
    error: (pointer, message, suggestion) =>
      add({ pointer, message, severity: 'error', ...(suggestion === undefined ? {} : { suggestion }) }),
    warn: (pointer, message) => add({ pointer, message, severity: 'warning' }),
    all: () => [...found.values()],
    hasErrors: () => [...found.values()].some(({ severity }) => severity === 'error'),
  }
}

/** RFC 6901 §3: one more reference token. */
export function pointerTo(pointer: string, ...tokens: readonly (string | number)[]): string {
  return pointer + tokens.map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

export function pointerTokens(pointer: string): string[] {
  return pointer === '' ? [] : pointer.slice(1).split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~')) // prettier-ignore
}

/** The known name that was probably meant; `undefined` where none is near. */
export function didYouMean(name: string, known: Iterable<string>): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const candidate of known) {
    const distance = editDistance(name.slice(0, 64).toLowerCase(), candidate.toLowerCase())
    if (distance <= Math.max(1, Math.floor(candidate.length / 3)) && (best === undefined || distance < best.distance))
      best = { name: candidate, distance }
  }
  return best === undefined ? undefined : `did you mean ${JSON.stringify(best.name)}?`
}

function editDistance(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (one[row - 1] === other[column - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[other.length] ?? 0
}
