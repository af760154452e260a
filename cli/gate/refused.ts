import { visible } from '../output/text.ts'

/** The gate said no (RFC 9457). The message is for people: what, why, and what to do. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly status: number
  /** Stable; empty where it was not the gate that answered. */
  readonly code: string
  /** The problem document; empty where it was none. */
  readonly problem: Readonly<Record<string, unknown>>

  constructor(status: number, content: string, challenge: string | null = null) {
    const problem = parseObject(content)
    const code = textOf(problem['code'])
    super([headline(status, problem), ...faultsOf(problem), ...adviceFor(status, code, problem, challenge)].join('\n'))
    this.status = status
    this.code = code
    this.problem = problem
  }
}

function headline(status: number, problem: Readonly<Record<string, unknown>>): string {
  const title = textOf(problem['title'])
  const detail = textOf(problem['detail'])
  const words = title === '' ? 'the answer does not come from the gate; is the URL right?' : title
  return `${status} ${words}${detail === '' ? '' : `: ${detail}`}`
}

/** What is wrong with the request, place by place. */
function faultsOf({ errors }: Readonly<Record<string, unknown>>): string[] {
  if (!Array.isArray(errors)) return []
  return errors.slice(0, 100).flatMap((error: unknown) => {
    const { pointer, parameter, detail } = Object(error) as Record<string, unknown>
    const place = textOf(pointer) || textOf(parameter)
    return typeof detail === 'string' ? [`  ${place === '' ? '' : `${place}: `}${textOf(detail)}`] : []
  })
}

function adviceFor(status: number, code: string, problem: Readonly<Record<string, unknown>>, challenge: string | null): string[] {
  switch (status) {
    case 401:
      return ['the gate does not take this admin key: make one with portcullis keys create --admin, then portcullis login']
    case 403:
      return code === 'scope-insufficient'
        ? [`the admin key needs the scope ${scopeOf(problem, challenge)}: have one made with portcullis keys create --admin --scopes …`]
        : []
    case 404:
      return code === 'route-unknown' ? ['this gate does not offer that: it may be older than this command'] : []
    case 429:
    case 503:
      return ['nothing is done for certain; run it again']
    default:
      return []
  }
}

function scopeOf(problem: Readonly<Record<string, unknown>>, challenge: string | null): string {
  const named = textOf(problem['scope']) || visible(/scope="([^"]{1,200})"/u.exec(challenge ?? '')?.[1] ?? '')
  return named === '' ? 'of this call' : named.replace(/^portcullis:/u, '')
}

const textOf = (value: unknown): string => (typeof value === 'string' ? visible(value.slice(0, 2000)) : '')

/** A JSON object; of anything else nothing. */
export function parseObject(content: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(content)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
