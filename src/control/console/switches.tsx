import { ConfirmForm, type FieldError } from '../pages/fields.tsx'
import { restrictedName } from '../../revocation/restrictions.ts'
import { targetOf } from '../operations/kill-switches.ts'
import { Badge, Table } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { type Context, may, pathTo, render } from './context.ts'
import { notFound, submit } from './submit.tsx'

const EVERYTHING = targetOf(restrictedName('everything', ''))

/** Names of what can be closed, as the admin API writes them. */
function switchesOf({ parts }: Context): readonly { readonly id: string; readonly title: string }[] {
  return [
    { id: EVERYTHING, title: 'Everything' },
    ...parts.policy.routes.map(({ id }) => ({ id: targetOf(restrictedName('route', id)), title: id })),
  ]
}

async function closedOf({ parts, now }: Context): Promise<ReadonlySet<string>> {
  const all = await parts.restrictions(now)
  return new Set(all.filter(({ answer }) => answer === 'close').map(({ kind, subject }) => targetOf(restrictedName(kind, subject))))
}

/** Close a route, or everything, at once; the gate's own pages stay open. */
export async function switchesPage(context: Context): Promise<Response> {
  const closed = await closedOf(context)
  const isAllowed = may(context, 'kill-switches:write')
  return render(context, {
    title: 'Kill switches',
    trail: [{ href: pathTo('blocks'), title: 'Blocks' }],
    body: (
      <>
        <p class="lead">
          A closed route answers 503 to everybody, within seconds and everywhere. This console and the admin API stay open.
        </p>
        <Table
          caption="Kill switches"
          hideCaption
          columns={[{ title: 'What' }, { title: 'State' }, ...(isAllowed ? [{ title: '' }] : [])]}
          rows={switchesOf(context).map(({ id, title }) => {
            const isClosed = closed.has(id)
            const cells = [<>{title}</>, isClosed ? <Badge kind="bad">Closed</Badge> : <Badge kind="good">Open</Badge>]
            return isAllowed
              ? cells.concat(<a href={pathTo('switches', id, isClosed ? 'open' : 'close')}>{isClosed ? 'Open it' : 'Close it'}</a>)
              : cells
          })}
        />
      </>
    ),
  })
}

/** Asks, and then closes or opens one. */
export function switchPage(turn: 'close' | 'open') {
  const isClosing = turn === 'close'
  const show = (context: Context, errors: readonly FieldError[] = []): Response => {
    const named = switchesOf(context).find(({ id }) => id === context.params['id'])
    if (named === undefined) return notFound(context)
    return render(context, {
      status: errors.length > 0 ? 422 : 200,
      title: `${isClosing ? 'Close' : 'Open'} “${named.title}”?`,
      trail: [{ href: pathTo('switches'), title: 'Kill switches' }],
      body: (
        <ConfirmForm
          action={context.url.pathname}
          token={context.token}
          button={isClosing ? 'Close it' : 'Open it'}
          cancel={pathTo('switches')}
          errors={errors}
        >
          <p>
            {isClosing
              ? named.id === EVERYTHING
                ? 'Every request to every route is answered with 503 within seconds, whoever asks.'
                : 'Every request to this route is answered with 503 within seconds, whoever asks.'
              : 'Requests pass again within seconds, as far as they are in order.'}
          </p>
        </ConfirmForm>
      ),
    })
  }
  return {
    get: (context: Context) => show(context),
    async post(context: Context, sent: Sent) {
      return submit(context, sent, {
        operation: isClosing ? 'kill-switches.set' : 'kill-switches.lift',
        params: { target: context.params['id'] ?? '' },
        ...(isClosing ? { body: {} } : {}),
        again: (errors) => show(context, errors),
        done: { path: pathTo('switches'), code: isClosing ? 'closed' : 'opened' },
      })
    },
  }
}
