import type { Written } from '../directory/accounts.ts'
import { announceTo, type Announcing } from './in-force.ts'
import { stale } from './json-call.ts'
import type { Answer } from './operation.ts'
import { invalid } from './run-operation.ts'

const INSTANTS: ReadonlySet<string> = new Set(['at', 'since', 'createdAt', 'expiresAt', 'validUntil', 'lastUsedAt'])

/** As the API shows it: instants in ISO 8601. */
export function shown(record: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).map(([field, value]: [string, unknown]) => [
      field,
      INSTANTS.has(field) && typeof value === 'number' ? new Date(value).toISOString() : value,
    ]),
  )
}

export const UNKNOWN: Answer = { status: 'refused', problem: { status: 404, code: 'record-unknown', title: 'There is no such thing here' } }

/** One record, with its version as entity tag; `undefined`: there is none. */
export function found(record: (object & { readonly version?: number }) | undefined): Answer {
  if (record === undefined) return UNKNOWN
  return { status: 'done', code: 200, value: shown(record), ...(record.version === undefined ? {} : { version: record.version }) }
}

/** A list with where it goes on. */
export function listed(page: { readonly items: readonly object[]; readonly next?: string }): Answer {
  return { status: 'done', code: 200, value: { ...page, items: page.items.map(shown) } }
}

/** What a write came to. `location`: where what was made stands. */
export function answered<Value extends object>(answer: Written<Value>, code: 200 | 201 = 200, location?: (value: Value) => string): Answer {
  if (answer.status !== 'written') return refused(answer)
  const { value } = answer
  const version = 'version' in value && typeof value.version === 'number' ? { version: value.version } : {}
  return {
    status: 'done',
    code,
    value: Array.isArray(value) ? { items: value.map((one) => shown(one as object)) } : shown(value),
    ...version,
    ...(location === undefined ? {} : { location: location(value) }),
  }
}

/** The same for what reaches live credentials: by when it is in force everywhere, or that the feed has yet to hear of it. */
export async function inForce<Value extends object>(
  answer: Written<Value>,
  announcing: Announcing,
  request: Request,
  ...rest: [code?: 200 | 201, location?: (value: Value) => string]
): Promise<Answer> {
  const done = answered(answer, ...rest)
  if (done.status !== 'done' || answer.status !== 'written') return done
  const when = answer.inForce === 'announced' ? await announceTo(announcing, request) : {}
  return { ...done, value: { ...done.value, inForce: answer.inForce, ...when } }
}

function refused(answer: Exclude<Written<object>, { status: 'written' }>): Answer {
  switch (answer.status) {
    case 'not_found':
      return UNKNOWN
    case 'stale':
      return { status: 'refused', problem: stale('version' in answer.current ? Number(answer.current.version) : undefined) }
    case 'invalid':
      return { status: 'refused', problem: invalid(answer.errors) }
    case 'full':
      return {
        status: 'refused',
        problem: {
          status: 409,
          code: 'limit-reached',
          title: 'There are as many as there may be',
          detail: `At most ${answer.limit}.`,
          extensions: { limit: answer.limit },
        },
      }
  }
}
