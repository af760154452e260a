import type { Written } from '../../directory/accounts.ts'
import type { FieldError } from '../pages/fields.tsx'
import { page, seeOther } from '../pages/layout.tsx'
import { type Context, frameOf, PORTAL, type PortalParts, render } from './context.ts'
import type { MessageCode } from './messages.ts'

/** A form of ours that was sent. */
export interface Sent {
  readonly form: URLSearchParams
  /** The page was open for too long. */
  readonly isExpired: boolean
  readonly spend: () => Promise<boolean>
}
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
  const all = isExpired ? [{ text: 'This page was open for a long time. Look over it and send it again.' }, ...errors] : errors
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
      return again(written.errors.map(({ pointer, detail }) => fieldErrorOf(pointer, detail)))
    case 'full':
      return again([{ text: full(written.limit) }])
  }
}

/** `/addresses/0` is of the field `addresses`. */
function fieldErrorOf(pointer: string, detail: string): FieldError {
  const name = pointer.split('/')[1]
  const text = `${detail.charAt(0).toUpperCase()}${detail.slice(1)}${/[.!?]$/u.test(detail) ? '' : '.'}`
  return name === undefined || name === '' ? { text } : { name, text }
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

/** There is none, or it is somebody else's: nobody is told which. */
export function notFound(context: Context): Response {
  return render(context, {
    status: 404,
    title: 'There is no such page',
    body: (
      <section class="card narrow">
        <p>It may have been removed, or it belongs to an organisation that you are not a member of.</p>
        <HomeLink />
      </section>
    ),
  })
}

export function notAllowed(context: Context, back: string): Response {
  return render(context, {
    status: 403,
    title: 'Your role does not allow this',
    body: (
      <section class="card narrow">
        <p>An owner of the organisation can give you another role.</p>
        <p>
          <a class="button" href={back}>
            Back
          </a>
        </p>
      </section>
    ),
  })
}

/** Of another site, or of a sign-in that is over: nothing was done. */
export function foreignForm(context: Context): Response {
  return render(context, {
    status: 403,
    title: 'This form cannot be taken',
    body: (
      <section class="card narrow">
        <p>It was not sent by a page of this portal in your present sign-in. Nothing was changed.</p>
        <HomeLink />
      </section>
    ),
  })
}

const HomeLink = () => (
  <p>
    <a class="button" href={PORTAL}>
      Your organisations
    </a>
  </p>
)

export interface Trouble {
  readonly status: number
  readonly title: string
  readonly advice: string
  readonly signIn?: string
  readonly fields?: Readonly<Record<string, string>>
}
/** Before anybody is known, or when the directory cannot answer: a finished page all the same. */
export function troublePage(parts: Pick<PortalParts, 'policy'>, path: string, { signIn, advice, ...rest }: Trouble): Response {
  return page(frameOf(parts, path, undefined), {
    ...rest,
    body: (
      <section class="card narrow">
        <p>{advice}</p>
        <p>
          {signIn === undefined ? (
            <a class="button" href={path}>
              Try again
            </a>
          ) : (
            <a class="button" href={signIn}>
              Sign in
            </a>
          )}
        </p>
      </section>
    ),
  })
}
