import type { Operation } from './operation.ts'

export const ADMIN_PREFIX = '/.portcullis/admin/v1'
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

export type Matched =
  | { readonly status: 'found'; readonly operation: Operation; readonly params: Readonly<Record<string, string>> }
  | { readonly status: 'unknown' }
  /** `allow`: of the field. */
  | { readonly status: 'method'; readonly allow: string }

/** The operation that a path below the prefix names; a literal segment counts before a parameter. HEAD is GET. */
export type Match = (method: string, path: string) => Matched

export function createOperationTable(operations: readonly Operation[]): Match {
  const rows = operations
    .map((operation) => ({ operation, segments: operation.path.split('/').slice(1) }))
    .toSorted((one, other) => parametersIn(one.segments) - parametersIn(other.segments))
  return (method, path) => {
    const given = path.split('/').slice(1)
    const asked = method === 'HEAD' ? 'GET' : method
    const named = rows.flatMap(({ operation, segments }) => {
      const params = paramsOf(segments, given)
      return params === undefined ? [] : [{ operation, params, form: segments.join('/') }]
    })
    const [first] = named
    if (first === undefined) return { status: 'unknown' }
    // Of two paths that a literal tells apart, the one without it is another one, whatever its methods.
    const sameForm = named.filter(({ form }) => parametersIn(form.split('/')) === parametersIn(first.form.split('/')))
    const found = sameForm.find(({ operation }) => operation.method === asked)
    if (found !== undefined) return { status: 'found', operation: found.operation, params: found.params }
    const methods = new Set<string>(sameForm.map(({ operation }) => operation.method))
    if (methods.has('GET')) methods.add('HEAD')
    return { status: 'method', allow: METHODS.filter((one) => methods.has(one)).join(', ') }
  }
}

const parametersIn = (segments: readonly string[]): number => segments.filter((segment) => segment.startsWith(':')).length

function paramsOf(segments: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  if (segments.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    const value = given[index] ?? ''
    if (!segment.startsWith(':')) {
      if (segment !== value) return undefined
      continue
    }
    const decoded = decode(value)
    if (decoded === undefined || decoded === '' || decoded.length > 512) return undefined
    params[segment.slice(1)] = decoded
  }
  return params
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
