import { isObject } from './closed-schema.ts'
import { pointerTokens, type Problems } from './problems.ts'

/** A value with the place it really stands in. */
export interface Located {
  readonly value: unknown
  readonly pointer: string
}
const MAX_HOPS = 16
/** What OpenAPI lets stand beside a `$ref` without changing it. */
const SIBLINGS: ReadonlySet<string> = new Set(['$ref', 'summary', 'description'])

/** Follows a local `$ref` to its end. `undefined`, with the problem reported, where there is none. */
export function follow(root: unknown, value: unknown, pointer: string, problems: Problems): Located | undefined {
  let located: Located = { value, pointer }
  for (let hop = 0; hop <= MAX_HOPS; hop++) {
    const current: unknown = located.value
    if (!isObject(current) || !Object.hasOwn(current, '$ref')) return located
    const reference = current['$ref']
    const sibling = Object.keys(current).find((key) => !SIBLINGS.has(key))
    if (sibling !== undefined)
      problems.error(located.pointer, `the field ${JSON.stringify(sibling)} stands beside a $ref, where it would not count`)
    if (typeof reference !== 'string' || !reference.startsWith('#/')) {
      problems.error(located.pointer, 'a $ref must be local: "#/..."')
      return undefined
    }
    const target = lookUp(root, reference.slice(1))
    if (target === undefined) {
      problems.error(located.pointer, `nothing is at ${reference}`)
      return undefined
    }
    located = { value: target, pointer: reference.slice(1) }
  }
  problems.error(pointer, 'this $ref leads in a circle')
  return undefined
}

function lookUp(root: unknown, pointer: string): unknown {
  let value = root
  for (const token of pointerTokens(pointer)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) return undefined
    value = (value as Record<string, unknown>)[token]
  }
  return value
}
