import type { Answer } from '../operation.ts'
import type { FieldError } from '../pages/fields.tsx'
import { page, seeOther } from '../pages/layout.tsx'
import { CONSOLE, type ConsoleParts, type Context, frameOf, render } from './context.ts'
import type { OwnCall } from '../run-operation.ts'
import type { MessageCode } from './messages.ts'

/** A form of ours that was sent. */
export interface Sent {
  readonly form: URLSearchParams
  /** The page was open for too long. */
  readonly isExpired: boolean
  readonly spend: () => Promise<boolean>
}
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
  if (isExpired) return again([{ text: 'This page was open for a long time. Look over it and send it again.' }])
  if (!(await spend())) return seeOther(done.path)
  const answer = await context.parts.perform(operation, submission, context.operator, context.request)
  if (answer.status !== 'refused') return seeOther(done.path, done.code)
  if (answer.problem.status === 404) return notFound(context)
  if (answer.problem.status === 403) return notAllowed(context)
  return again(errorsOf(answer))
}

/** `/id` is of the field `id`. */
function errorsOf({ problem }: Extract<Answer, { status: 'refused' }>): readonly FieldError[] {
  const listed = (problem.extensions?.['errors'] ?? []) as readonly { readonly pointer: string; readonly detail: string }[]
  if (listed.length === 0) return [{ text: `${problem.title}.${problem.detail === undefined ? '' : ` ${problem.detail}`}` }]
  return listed.map(({ pointer, detail }) => {
    const text = `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`
    const name = pointer.split('/')[1]
    return name === undefined || name === '' ? { text } : { name, text }
  })
}

export function notFound(context: Context): Response {
  return plain(context, 404, 'There is no such page', 'It may be gone, or the address is not whole.')
}
export function notAllowed(context: Context): Response {
  return plain(context, 403, 'Your role does not allow this', 'An owner of this gate can give you another role.')
}
/** Of another site, or of a sign-in that is over: nothing was done. */
export function foreignForm(context: Context): Response {
  return plain(
    context,
    403,
    'This form cannot be taken',
    'It was not sent by a page of this console in your present sign-in. Nothing was changed.',
  )
}

function plain(context: Context, status: number, title: string, advice: string): Response {
  return render(context, { status, title, body: <Advice text={advice} href={CONSOLE} link="Overview" /> })
}

export interface Trouble {
  readonly status: number
  readonly title: string
  readonly advice: string
  /** Default: the page again. */
  readonly link?: { readonly href: string; readonly title: string }
  readonly fields?: Readonly<Record<string, string>>
}
/** Before anybody is known, or when the gate's objects cannot answer: a finished page all the same. */
export function troublePage(
  parts: Pick<ConsoleParts, 'policy'>,
  path: string,
  { advice, link = { href: path, title: 'Try again' }, ...rest }: Trouble,
): Response {
  return page(frameOf(parts, path, undefined), { ...rest, body: <Advice text={advice} href={link.href} link={link.title} /> })
}

function Advice({ text, href, link }: { readonly text: string; readonly href: string; readonly link: string }) {
  return (
    <section class="card narrow">
      <p>{text}</p>
      <p>
        <a class="button" href={href}>
          {link}
        </a>
      </p>
    </section>
  )
}
