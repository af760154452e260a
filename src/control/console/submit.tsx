import type { Answer } from '../operation.ts'
import type { FieldError } from '../pages/fields.tsx'
import { seeOther } from '../pages/layout.tsx'
import { plainPage } from '../pages/plain-page.tsx'
import { fieldErrorOf, LEFT_OPEN, type Sent } from '../pages/site.ts'
import type { OwnCall } from '../run-operation.ts'
import { CONSOLE, type Context, frameOf } from './context.ts'
import type { MessageCode } from './messages.ts'

export interface Submission extends OwnCall {
  /** Of the admin API. */
  readonly operation: string
  /** The same page again, with what was typed. */
  readonly again: (errors: readonly FieldError[]) => Response | Promise<Response>
  readonly done: { readonly path: string; readonly code: MessageCode }
}

/** The way of every form: counted once, then an operation of the admin API, with its own checks and its line in the audit log. */
export async function submit(context: Context, { isExpired, spend }: Sent, submission: Submission): Promise<Response> {
  const { operation, again, done } = submission
  if (isExpired) return again([{ text: LEFT_OPEN }])
  if (!(await spend())) return seeOther(done.path)
  const answer = await context.parts.perform(operation, submission, context.operator, context.request)
  if (answer.status !== 'refused') return seeOther(done.path, done.code)
  if (answer.problem.status === 404) return notFound(context)
  if (answer.problem.status === 403) return plain(context, 403, 'Your role does not allow this', FORBIDDEN)
  return again(errorsOf(answer))
}

function errorsOf({ problem }: Extract<Answer, { status: 'refused' }>): readonly FieldError[] {
  const listed = (problem.extensions?.['errors'] ?? []) as readonly Parameters<typeof fieldErrorOf>[0][]
  if (listed.length > 0) return listed.map(fieldErrorOf)
  return [{ text: `${problem.title}.${problem.detail === undefined ? '' : ` ${problem.detail}`}` }]
}

export const FORBIDDEN =
  'An owner of this gate can give you another role. Who has a token of "portcullis operators bootstrap" gives it at /.portcullis/console/welcome.'
export const UNKNOWN = 'It may be gone, or the address is not whole.'
export const notFound = (context: Context): Response => plain(context, 404, 'There is no such page', UNKNOWN)

function plain({ parts, url, operator }: Context, status: number, title: string, advice: string): Response {
  return plainPage(frameOf(parts, url.pathname, operator.actor.display), {
    status,
    title,
    advice,
    link: { href: CONSOLE, title: 'Overview' },
  })
}
