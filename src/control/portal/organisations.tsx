import type { App, Invitation, Member, Organisation } from '../../directory/accounts.ts'
import { Button, ErrorSummary, Field, type FieldError, Form } from '../pages/fields.tsx'
import { Badge, counted, Empty, Pagination, Table, Time } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { forOrganisation, forVisitors, type Membership, memberships, type PortalRoute } from './access.ts'
import { type Context, pathTo, PORTAL, render, renderForm } from './context.ts'
import { may, ROLE_TITLES } from './rights.ts'
import { backTo, submit } from './submit.tsx'
import { lineErrors, readLine, Words } from './words.tsx'

const NEW = '/organisations/new'
const HOME = { href: PORTAL, title: 'Organisations' }
export const trailTo = ({ organisation }: Membership) => [
  HOME,
  { href: pathTo('organisations', organisation.id), title: organisation.name },
]

export const organisationRoutes: readonly PortalRoute[] = [
  forVisitors('', { get: home }),
  forVisitors(NEW, { get: (context) => newPage(context), post: create }),
  forOrganisation('/organisations/:organisation', 'look', { get: organisationPage }),
]

async function home(context: Context): Promise<Response> {
  const mine = await memberships(context)
  const { policy, portal } = context.parts
  const canFound = mayFound(mine, portal.maxOrganisations)
  const begin = canFound ? (
    <a class="button" href={PORTAL + NEW}>
      New organisation
    </a>
  ) : null
  return render(context, {
    title: 'Your organisations',
    ...(mine.length === 0 || begin === null ? {} : { beside: begin }),
    body:
      mine.length === 0 ? (
        <Empty title={`Welcome to the developers of ${policy.title}`}>
          <p>
            An organisation holds your apps and their keys, and whoever works on them with you. Found one, or open the link of an invitation
            that you were sent.
          </p>
          {begin}
        </Empty>
      ) : (
        <ul class="tiles">
          {mine.map(({ organisation, role }) => (
            <li>
              <h2>
                <a href={pathTo('organisations', organisation.id)}>
                  <Words text={organisation.name} />
                </a>
              </h2>
              <p class="soft">
                {ROLE_TITLES[role]} · since <Time at={organisation.createdAt} day />
              </p>
              {organisation.state === 'active' ? null : (
                <p>
                  <Badge kind="bad">Disabled</Badge>
                </p>
              )}
            </li>
          ))}
        </ul>
      ),
  })
}

/** An organisation that one was invited into does not count. */
const mayFound = (mine: readonly Membership[], most: number): boolean => mine.filter(({ role }) => role === 'owner').length < most

function newPage(context: Context, name = '', errors: readonly FieldError[] = []): Response {
  return renderForm(context, errors, {
    title: 'New organisation',
    trail: [HOME],
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <Form action={PORTAL + NEW} token={context.token}>
          <Field
            name="name"
            label="Name"
            hint="Your company or team. You can change it later."
            value={name}
            errors={errors}
            maxlength={100}
            isRequired
            autocomplete="organization"
          />
          <div class="buttons">
            <Button>Create organisation</Button>
          </div>
        </Form>
      </section>
    ),
  })
}

async function create(context: Context, sent: Sent): Promise<Response> {
  const { parts, visitor, actor } = context
  const name = readLine(sent.form, 'name')
  return submit<Organisation>(context, sent, {
    errors: lineErrors('name', name, 'a name'),
    again: (found) => newPage(context, name, found),
    back: PORTAL,
    write: async () => parts.accounts.createOrganisation({ name, owner: { person: visitor.names[0], display: visitor.display } }, actor),
    full: (limit) => `You own ${counted(limit, 'organisation')} already, and may own no more.`,
    done: ({ id }, inForce) => backTo(pathTo('organisations', id), 'organisation-created', inForce),
  })
}

async function organisationPage(context: Context, place: Membership): Promise<Response> {
  const { organisation, role } = place
  const { accounts, portal } = context.parts
  const after = context.url.searchParams.get('after') ?? undefined
  const [apps, members, invitations] = await Promise.all([
    accounts.apps({ organisation: organisation.id, limit: 50, ...(after === undefined ? {} : { after }) }),
    accounts.members(organisation.id),
    may(role, 'own') ? accounts.invitations(organisation.id) : [],
  ])
  const base = pathTo('organisations', organisation.id)
  const canAdd = may(role, 'build') && (apps.next !== undefined || apps.items.length < portal.maxApps)
  const addApp = (
    <a class="button" href={`${base}/apps/new`}>
      New app
    </a>
  )
  return render(context, {
    title: organisation.name,
    trail: [HOME],
    beside: (
      <>
        <Badge kind="quiet">{ROLE_TITLES[role]}</Badge>
        {organisation.state === 'active' ? null : <Badge kind="bad">Disabled by an operator</Badge>}
        {canAdd && apps.items.length > 0 ? addApp : null}
      </>
    ),
    body: (
      <>
        <h2>Apps</h2>
        {apps.items.length === 0 ? (
          <Empty title="No app yet">
            <p>An app is what calls the API: it has a plan, keys of its own, and its usage is counted by itself.</p>
            {canAdd ? addApp : null}
          </Empty>
        ) : (
          <Table
            caption="Apps"
            hideCaption
            columns={['App', 'Plan', 'State', 'Since'].map((title) => ({ title }))}
            rows={apps.items.map(appRow)}
          />
        )}
        <Pagination path={base} isFirst={after === undefined} next={apps.next} />
        <Members members={members} isOwner={may(role, 'own')} base={base} own={context.visitor.names} />
        {may(role, 'own') ? <Invitations invitations={invitations} base={base} /> : null}
        <p class="acts">
          <a href={`${base}/activity`}>Activity</a>
          {may(role, 'own') ? <a href={`${base}/settings`}>Rename</a> : null}
          {may(role, 'own') ? <a href={`${base}/delete`}>Delete the organisation</a> : null}
        </p>
      </>
    ),
  })
}

const appRow = ({ id, name, plan, state, createdAt }: App) => [
  <a href={pathTo('apps', id)}>
    <Words text={name} />
  </a>,
  plan,
  state === 'active' ? <Badge kind="good">Active</Badge> : <Badge kind="bad">Disabled</Badge>,
  <Time at={createdAt} day />,
]

interface MembersProps {
  readonly members: readonly Member[]
  readonly isOwner: boolean
  readonly base: string
  readonly own: readonly string[]
}
function Members({ members, isOwner, base, own }: MembersProps) {
  const acts = isOwner ? [{ title: '' }] : []
  return (
    <>
      <div class="heading">
        <h2>Members</h2>
        {isOwner ? (
          <a class="button small quiet" href={`${base}/invite`}>
            Invite somebody
          </a>
        ) : null}
      </div>
      <Table
        caption="Members"
        hideCaption
        columns={[...['Who', 'Role', 'Since'].map((title) => ({ title })), ...acts]}
        rows={members.map(({ person, display, role, since }) => [
          <>
            <Words text={display} />
            {own.includes(person) ? <span class="soft"> (you)</span> : null}
          </>,
          ROLE_TITLES[role],
          <Time at={since} day />,
          ...(isOwner ? [<a href={`${base}/members/${encodeURIComponent(person)}`}>{`Change`}</a>] : []),
        ])}
      />
    </>
  )
}

function Invitations({ invitations, base }: { readonly invitations: readonly Invitation[]; readonly base: string }) {
  if (invitations.length === 0) return null
  return (
    <>
      <h2>Open invitations</h2>
      <Table
        caption="Open invitations"
        hideCaption
        columns={['For', 'Role', 'Open until', ''].map((title) => ({ title }))}
        rows={invitations.map(({ id, note, role, expiresAt }) => [
          <Words text={note === '' ? 'Nobody named' : note} />,
          ROLE_TITLES[role],
          <Time at={expiresAt} />,
          <a href={`${base}/invitations/${encodeURIComponent(id)}`}>Withdraw</a>,
        ])}
      />
    </>
  )
}
