import type { Written } from '../../directory/accounts.ts'
import type { FieldError } from '../pages/fields.tsx'
import { seeOther } from '../pages/layout.tsx'
import { plainPage, type PlainPage } from '../pages/plain-page.tsx'
import { fieldErrorOf, LEFT_OPEN, type Sent } from '../pages/site.ts'
import { type Context, frameOf, PORTAL, render } from './context.ts'
import type { MessageCode } from './messages.ts'

export interface Submission<Value> {
  /** What is wrong with what was typed, as far as the page itself can say. */
  readonly errors?: readonly FieldError[]
  /** The same page again, with what was typed. */
  readonly again: (errors: readonly FieldError[]) => Response | Promise<Response>
  /** Where to see what came of it. */
  readonly back: string
  readonly write: () => Promise<Written<Value>>
  /** There are no more of these. */
  readonly full?: (limit: number) => string
  /** Said where the form was sent twice, and the first answer held what is shown once. */
  readonly twice?: string
  readonly done: (value: Value, inForce: 'announced' | 'pending') => Response | Promise<Response>
}

/** The way of every form: check, count it once, write, and say what came of it. Nothing is written but by a form that was not sent before. */
export async function submit<Value>(context: Context, { isExpired, spend }: Sent, submission: Submission<Value>): Promise<Response> {
  const { errors = [], again, back, twice, full = (limit) => `There may be no more than ${limit} of these.` } = submission
  const all = isExpired ? [{ text: LEFT_OPEN }, ...errors] : errors
  if (all.length > 0) return again(all)
  if (!(await spend())) return sentBefore(context, back, twice)
  const written = await submission.write()
  switch (written.status) {
    case 'written':
      if (written.inForce === 'announced') await context.parts.announce(context.url.host).catch(() => undefined)
      return submission.done(written.value, written.inForce)
    case 'not_found':
      return notFound(context)
    case 'stale':
      return again([{ text: 'Somebody else changed this meanwhile. Look at how it is now, and send it again if it is still right.' }])
    case 'invalid':
      return again(written.errors.map(fieldErrorOf))
    case 'full':
      return again([{ text: full(written.limit) }])
  }
}

/** `announced`: every part of the gate knows within the bound. */
export const backTo = (path: string, code: MessageCode, inForce: 'announced' | 'pending' = 'announced'): Response =>
  seeOther(path, inForce === 'pending' ? 'pending' : code)

function sentBefore(context: Context, back: string, twice: string | undefined): Response {
  return render(context, {
    status: 409,
    title: 'This form was sent before',
    body: (
      <section class="card narrow">
        <p>What it asked for was done once, and is not done again.</p>
        {twice === undefined ? null : <p>{twice}</p>}
        <p>
          <a class="button" href={back}>
            See what came of it
          </a>
        </p>
      </section>
    ),
  })
}

export const UNKNOWN = 'It may have been removed, or it belongs to an organisation that you are not a member of.'

/** There is none, or it is somebody else's: nobody is told which. */
export function notFound(context: Context): Response {
  return plain(context, {
    status: 404,
    title: 'There is no such page',
    advice: UNKNOWN,
    link: { href: PORTAL, title: 'Your organisations' },
  })
}

export function notAllowed(context: Context, back: string): Response {
  return plain(context, {
    status: 403,
    title: 'Your role does not allow this',
    advice: 'An owner of the organisation can give you another role.',
    link: { href: back, title: 'Back' },
  })
}

const plain = ({ parts, url, visitor }: Context, content: PlainPage): Response =>
  plainPage(frameOf(parts, url.pathname, visitor.display), content)
