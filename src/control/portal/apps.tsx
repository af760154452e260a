import type { App, KeyRecord } from '../../directory/accounts.ts'
import { Button, Choices, ConfirmForm, ErrorSummary, Field, type FieldError, Form, TextArea } from '../pages/fields.tsx'
import { Badge, counted, Empty, Table, Time } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { type AppPlace, forApp, forOrganisation, type Membership, type PortalRoute } from './access.ts'
import { type Context, pathTo, render, renderForm } from './context.ts'
import { KeyState } from './key-state.tsx'
import { limitTexts } from './limit-texts.ts'
import { trailTo } from './organisations.tsx'
import { may } from './rights.ts'
import { backTo, submit } from './submit.tsx'
import { UsageOfApp } from './usage.tsx'
import { usageOf } from './usage-figures.ts'
import { lineErrors, readLine, versionOf, Words } from './words.tsx'

export const appRoutes: readonly PortalRoute[] = [
  forOrganisation('/organisations/:organisation/apps/new', 'build', { get: (context, place) => newPage(context, place), post: create }),
  forApp('/apps/:app', 'look', { get: appPage }),
  forApp('/apps/:app/settings', 'build', { get: (context, place) => settingsPage(context, place), post: change }),
  forApp('/apps/:app/delete', 'build', { get: (context, place) => deletePage(context, place), post: remove }),
]
export const trailToApp = (place: AppPlace) => [...trailTo(place), { href: pathTo('apps', place.app.id), title: place.app.name }]

type Draft = Pick<App, 'name' | 'description' | 'plan'>
const draftIn = (form: URLSearchParams): Draft => ({
  name: readLine(form, 'name'),
  description: (form.get('description') ?? '').trim().replaceAll('\r\n', '\n'),
  plan: form.get('plan') ?? '',
})

/** `own`: the plan it has, which operators may have given it although developers may not choose it. */
function draftErrors({ parts }: Context, { name, description, plan }: Draft, own?: string): readonly FieldError[] {
  return [
    ...lineErrors('name', name, 'a name'),
    ...(description.length > 500 ? [{ name: 'description', text: 'At most 500 characters.' }] : []),
    ...(parts.portal.plans.includes(plan) || plan === own ? [] : [{ name: 'plan', text: 'Choose a plan.' }]),
  ]
}

function Fields({
  context,
  draft,
  errors,
  own,
}: {
  readonly context: Context
  readonly draft: Draft
  readonly errors: readonly FieldError[]
  readonly own?: string
}) {
  const { portal, policy } = context.parts
  const offered = own === undefined || portal.plans.includes(own) ? portal.plans : [own, ...portal.plans]
  const options = offered.map((value) => ({ value, title: value, hint: limitTexts(policy, value).join(' · ') }))
  return (
    <>
      <Field
        name="name"
        label="Name"
        hint="What calls the API, such as “Nightly export”."
        value={draft.name}
        errors={errors}
        maxlength={100}
        isRequired
      />
      <TextArea name="description" label="Description" value={draft.description} errors={errors} maxlength={500} />
      <Choices kind="radio" name="plan" label="Plan" options={options} values={[draft.plan]} errors={errors} />
    </>
  )
}

function newPage(context: Context, place: Membership, draft?: Draft, errors: readonly FieldError[] = []): Response {
  const { id } = place.organisation
  return renderForm(context, errors, {
    title: 'New app',
    trail: trailTo(place),
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <Form action={pathTo('organisations', id, 'apps', 'new')} token={context.token}>
          <Fields
            context={context}
            draft={draft ?? { name: '', description: '', plan: context.parts.portal.defaultPlan }}
            errors={errors}
          />
          <div class="buttons">
            <Button>Create app</Button>
          </div>
        </Form>
      </section>
    ),
  })
}

async function create(context: Context, sent: Sent, place: Membership): Promise<Response> {
  const { accounts } = context.parts
  const { id } = place.organisation
  const draft = draftIn(sent.form)
  return submit<App>(context, sent, {
    errors: draftErrors(context, draft),
    again: (found) => newPage(context, place, draft, found),
    back: pathTo('organisations', id),
    write: async () => accounts.createApp({ organisation: id, ...draft }, context.actor),
    full: (limit) => `The organisation has ${counted(limit, 'app')}, and may have no more.`,
    done: (app, inForce) => backTo(pathTo('apps', app.id), 'app-created', inForce),
  })
}

async function appPage(context: Context, place: AppPlace): Promise<Response> {
  const { app, organisation, role } = place
  const { accounts, policy, portal } = context.parts
  const [records, usage] = await Promise.all([accounts.keys(app.id), usageOf(context, app)])
  const keys = await withLastUse(context, records)
  const base = pathTo('apps', app.id)
  const isFull = keys.filter(({ state }) => state !== 'revoked').length >= portal.maxKeys
  const isDisabled = app.state !== 'active' || organisation.state !== 'active'
  const newKey = (
    <a class="button" href={`${base}/keys/new`}>
      New key
    </a>
  )
  return render(context, {
    title: app.name,
    trail: trailTo(place),
    beside: (
      <>
        <Badge kind="quiet">Plan {app.plan}</Badge>
        {isDisabled ? <Badge kind="bad">Disabled by an operator</Badge> : null}
        {may(role, 'build') && keys.length > 0 && !isFull ? newKey : null}
      </>
    ),
    body: (
      <>
        {app.description === '' ? null : (
          <p class="lead">
            <Words text={app.description} />
          </p>
        )}
        <h2>Keys</h2>
        {keys.length === 0 ? (
          <Empty title="No key yet">
            <p>A key lets this app call the API. Its secret is shown once, when it is made.</p>
            {may(role, 'build') ? newKey : null}
          </Empty>
        ) : (
          <Table
            caption="Keys"
            hideCaption
            columns={['Key', 'Kind', 'State', 'Ends', 'Last used'].map((title) => ({ title }))}
            rows={keys.map((key) => keyRow(key, context.now))}
          />
        )}
        {isFull && may(role, 'build') ? (
          <p class="soft">The app has {counted(portal.maxKeys, 'key')}, and may have no more: revoke one to make another.</p>
        ) : null}
        <h2>Usage</h2>
        <UsageOfApp usage={usage} path={base} />
        <h2>Plan {app.plan}</h2>
        <section class="card">
          <ul>
            {limitTexts(policy, app.plan).map((text) => (
              <li>{text}</li>
            ))}
          </ul>
        </section>
        <p class="acts">
          <a href={`${pathTo('reference')}?app=${encodeURIComponent(app.id)}`}>How to call the API</a>
          {may(role, 'build') ? <a href={`${base}/settings`}>Change name or plan</a> : null}
          {may(role, 'build') ? <a href={`${base}/delete`}>Delete the app</a> : null}
        </p>
      </>
    ),
  })
}

/** What isolates have told since the directory last heard. Without it, what the directory knows. */
async function withLastUse({ parts }: Context, keys: readonly KeyRecord[]): Promise<readonly KeyRecord[]> {
  const told = await parts.insight.lastUsed(keys.map(({ id }) => id)).catch((): Readonly<Record<string, number>> => ({}))
  return keys.map((key) => {
    const lastUsedAt = Math.max(key.lastUsedAt ?? 0, told[key.id] ?? 0)
    return lastUsedAt === 0 ? key : { ...key, lastUsedAt }
  })
}

const KINDS = { secret: 'Secret', imported: 'Imported', public: 'Public key' } as const
function keyRow(key: KeyRecord, now: number) {
  const { id, name, kind, expiresAt, validUntil, lastUsedAt } = key
  const endsAt = Math.min(expiresAt ?? Number.POSITIVE_INFINITY, validUntil ?? Number.POSITIVE_INFINITY)
  return [
    <a href={pathTo('keys', id)}>
      <Words text={name} />
    </a>,
    KINDS[kind],
    <KeyState record={key} now={now} />,
    Number.isFinite(endsAt) ? <Time at={endsAt} day /> : 'Never',
    lastUsedAt === undefined ? 'Never' : <Time at={lastUsedAt} />,
  ]
}

function settingsPage(context: Context, place: AppPlace, draft: Draft = place.app, errors: readonly FieldError[] = []): Response {
  const { app } = place
  return renderForm(context, errors, {
    title: 'Change the app',
    trail: trailToApp(place),
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <Form action={pathTo('apps', app.id, 'settings')} token={context.token}>
          <input type="hidden" name="version" value={String(app.version)} />
          <Fields context={context} draft={draft} errors={errors} own={app.plan} />
          <p class="hint">Another plan counts for all keys of the app within seconds.</p>
          <div class="buttons">
            <Button>Save</Button>
          </div>
        </Form>
      </section>
    ),
  })
}

async function change(context: Context, sent: Sent, place: AppPlace): Promise<Response> {
  const { id, plan } = place.app
  const draft = draftIn(sent.form)
  const { plan: wanted, ...rest } = draft
  return submit<App>(context, sent, {
    errors: draftErrors(context, draft, plan),
    again: (found) => settingsPage(context, place, draft, found),
    back: pathTo('apps', id),
    write: async () => context.parts.accounts.changeApp(id, wanted === plan ? rest : draft, versionOf(sent.form), context.actor),
    done: (_value, inForce) => backTo(pathTo('apps', id), 'app-changed', inForce),
  })
}

function deletePage(context: Context, place: AppPlace, errors: readonly FieldError[] = []): Response {
  const { id, name } = place.app
  return renderForm(context, errors, {
    title: 'Delete the app?',
    trail: trailToApp(place),
    body: (
      <ConfirmForm
        action={pathTo('apps', id, 'delete')}
        token={context.token}
        button="Delete the app"
        cancel={pathTo('apps', id)}
        errors={errors}
      >
        <p>
          <strong>
            <Words text={name} />
          </strong>{' '}
          goes with all its keys, which are revoked: every request with one of them is refused within seconds. This cannot be taken back.
        </p>
      </ConfirmForm>
    ),
  })
}

async function remove(context: Context, sent: Sent, place: AppPlace): Promise<Response> {
  const home = pathTo('organisations', place.organisation.id)
  return submit<App>(context, sent, {
    again: (found) => deletePage(context, place, found),
    back: home,
    write: async () => context.parts.accounts.deleteApp(place.app.id, undefined, context.actor),
    done: (_value, inForce) => backTo(home, 'app-deleted', inForce),
  })
}
