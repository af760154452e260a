import type { Organisation } from '../../directory/accounts.ts'
import { Button, ConfirmForm, ErrorSummary, Field, type FieldError, Form } from '../pages/fields.tsx'
import { Empty, Pagination, Table, Time } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { forOrganisation, type Membership, type PortalRoute } from './access.ts'
import { type Context, pathTo, PORTAL, render, renderForm } from './context.ts'
import { trailTo } from './organisations.tsx'
import { backTo, submit } from './submit.tsx'
import { lineErrors, readLine, versionOf, Words } from './words.tsx'

export const settingsRoutes: readonly PortalRoute[] = [
  forOrganisation('/organisations/:organisation/settings', 'own', { get: (context, place) => settingsPage(context, place), post: rename }),
  forOrganisation('/organisations/:organisation/delete', 'own', { get: (context, place) => deletePage(context, place), post: remove }),
  forOrganisation('/organisations/:organisation/activity', 'look', { get: activity }),
]

function settingsPage(context: Context, place: Membership, name = place.organisation.name, errors: readonly FieldError[] = []): Response {
  const { id, version } = place.organisation
  return renderForm(context, errors, {
    title: 'Rename',
    trail: trailTo(place),
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <Form action={pathTo('organisations', id, 'settings')} token={context.token}>
          <input type="hidden" name="version" value={String(version)} />
          <Field name="name" label="Name" value={name} errors={errors} maxlength={100} isRequired />
          <div class="buttons">
            <Button>Save</Button>
          </div>
        </Form>
      </section>
    ),
  })
}

async function rename(context: Context, sent: Sent, place: Membership): Promise<Response> {
  const { id } = place.organisation
  const name = readLine(sent.form, 'name')
  return submit<Organisation>(context, sent, {
    errors: lineErrors('name', name, 'a name'),
    again: (found) => settingsPage(context, place, name, found),
    back: pathTo('organisations', id),
    write: async () => context.parts.accounts.changeOrganisation(id, { name }, versionOf(sent.form), context.actor),
    done: (_value, inForce) => backTo(pathTo('organisations', id), 'organisation-renamed', inForce),
  })
}

function deletePage(context: Context, place: Membership, errors: readonly FieldError[] = []): Response {
  const { id, name } = place.organisation
  return renderForm(context, errors, {
    title: 'Delete the organisation?',
    trail: trailTo(place),
    body: (
      <ConfirmForm
        action={pathTo('organisations', id, 'delete')}
        token={context.token}
        button="Delete the organisation"
        cancel={pathTo('organisations', id)}
        errors={errors}
      >
        <p>
          <strong>
            <Words text={name} />
          </strong>{' '}
          goes with all its apps. Their keys are revoked: every request with one of them is refused within seconds. This cannot be taken
          back.
        </p>
      </ConfirmForm>
    ),
  })
}

async function remove(context: Context, sent: Sent, place: Membership): Promise<Response> {
  const { id } = place.organisation
  return submit<Organisation>(context, sent, {
    again: (found) => deletePage(context, place, found),
    back: PORTAL,
    write: async () => context.parts.accounts.deleteOrganisation(id, undefined, context.actor),
    done: (_value, inForce) => backTo(PORTAL, 'organisation-deleted', inForce),
  })
}

async function activity(context: Context, place: Membership): Promise<Response> {
  const { id } = place.organisation
  const after = context.url.searchParams.get('after') ?? undefined
  const { items, next } = await context.parts.accounts.audit({ organisation: id, limit: 50, ...(after === undefined ? {} : { after }) })
  const path = pathTo('organisations', id, 'activity')
  return render(context, {
    title: 'Activity',
    trail: trailTo(place),
    body: (
      <>
        <p class="lead">Who changed what, newest first. Operators of {context.parts.policy.title} are among them.</p>
        {items.length === 0 ? (
          <Empty title="Nothing was changed yet" />
        ) : (
          <Table
            caption="Activity"
            hideCaption
            columns={['When', 'What', 'Of', 'By'].map((title) => ({ title }))}
            rows={items.map(({ at, action, target, actor }) => [
              <Time at={at} />,
              action,
              <code>{target.id}</code>,
              actor.kind === 'operator' ? 'An operator' : <Words text={actor.display} />,
            ])}
          />
        )}
        <Pagination path={path} isFirst={after === undefined} next={next} />
      </>
    ),
  })
}
