import { type Invitation, type Member, MEMBER_ROLES, type MemberRole, type Organisation } from '../../directory/accounts.ts'
import { Button, Choices, ConfirmForm, ErrorSummary, Field, type FieldError, Form } from '../pages/fields.tsx'
import { CopyField, Time } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { forOrganisation, forVisitors, type Membership, type PortalRoute } from './access.ts'
import { type Context, pathTo, PORTAL, render, renderForm } from './context.ts'
import { trailTo } from './organisations.tsx'
import { ROLE_HINTS, ROLE_TITLES } from './rights.ts'
import { backTo, notFound, submit } from './submit.tsx'
import { lineErrors, readLine, Words } from './words.tsx'

export const memberRoutes: readonly PortalRoute[] = [
  forOrganisation('/organisations/:organisation/invite', 'own', { get: (context, place) => invitePage(context, place), post: invite }),
  forOrganisation('/organisations/:organisation/invitations/:invitation', 'own', { get: withdrawPage, post: withdraw }),
  forOrganisation('/organisations/:organisation/members/:person', 'own', { get: memberPage, post: changeMember }),
  forOrganisation('/organisations/:organisation/members/:person/remove', 'own', { get: removePage, post: removeMember }),
  forVisitors('/invitation/:token', { get: (context) => acceptPage(context), post: accept }),
]

const ROLE_OPTIONS = MEMBER_ROLES.map((value) => ({ value, title: ROLE_TITLES[value], hint: ROLE_HINTS[value] }))
const roleIn = (form: URLSearchParams): MemberRole | undefined => MEMBER_ROLES.find((role) => role === form.get('role'))
const NO_ROLE = { name: 'role', text: 'Choose a role.' }

interface InviteDraft {
  readonly note: string
  readonly role: MemberRole | undefined
}
function invitePage(
  context: Context,
  place: Membership,
  draft: InviteDraft = { note: '', role: 'developer' },
  errors: readonly FieldError[] = [],
): Response {
  return renderForm(context, errors, {
    title: 'Invite somebody',
    trail: trailTo(place),
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <Form action={pathTo('organisations', place.organisation.id, 'invite')} token={context.token}>
          <Field
            name="note"
            label="For whom"
            hint="For you to recognise it. Nothing is sent: you get a link to pass on."
            value={draft.note}
            errors={errors}
            maxlength={100}
          />
          <Choices
            kind="radio"
            name="role"
            label="Role"
            options={ROLE_OPTIONS}
            values={draft.role === undefined ? [] : [draft.role]}
            errors={errors}
          />
          <div class="buttons">
            <Button>Make an invitation</Button>
          </div>
        </Form>
      </section>
    ),
  })
}

async function invite(context: Context, sent: Sent, place: Membership): Promise<Response> {
  const draft = { note: readLine(sent.form, 'note'), role: roleIn(sent.form) }
  const { id } = place.organisation
  const errors = [...lineErrors('note', draft.note, 'a note', { isRequired: false }), ...(draft.role === undefined ? [NO_ROLE] : [])]
  return submit<Invitation & { readonly token: string }>(context, sent, {
    errors,
    again: (found) => invitePage(context, place, draft, found),
    back: pathTo('organisations', id),
    twice: 'The link was in the first answer alone. If you did not see it, withdraw the invitation and make another one.',
    write: async () => context.parts.accounts.invite(id, { note: draft.note, role: draft.role ?? 'viewer' }, context.actor),
    full: (limit) => `There are ${limit} open invitations already. Withdraw one first.`,
    done: (invitation) => invitedPage(context, place, invitation),
  })
}

function invitedPage(
  context: Context,
  place: Membership,
  { token, role, expiresAt, note }: Invitation & { readonly token: string },
): Response {
  return render(context, {
    title: 'The invitation is made',
    trail: trailTo(place),
    body: (
      <section class="card narrow secret">
        <p>
          <strong>Pass this link on now: it is shown once.</strong> Whoever opens it first and signs in becomes a member, so send it to
          nobody else
          {note === '' ? '' : ' than '}
          {note === '' ? null : <Words text={note} />}.
        </p>
        <CopyField label="Link" text={`${context.url.origin}${pathTo('invitation', token)}`} />
        <p class="soft">
          {ROLE_TITLES[role]} · until <Time at={expiresAt} />
        </p>
        <p>
          <a class="button quiet" href={pathTo('organisations', place.organisation.id)}>
            Done
          </a>
        </p>
      </section>
    ),
  })
}

async function invitationIn({ parts, params }: Context, { organisation }: Membership): Promise<Invitation | undefined> {
  const all = await parts.accounts.invitations(organisation.id)
  return all.find(({ id }) => id === params['invitation'])
}

async function withdrawPage(context: Context, place: Membership, errors: readonly FieldError[] = []): Promise<Response> {
  const invitation = await invitationIn(context, place)
  if (invitation === undefined) return notFound(context)
  const { id } = place.organisation
  return renderForm(context, errors, {
    title: 'Withdraw the invitation?',
    trail: trailTo(place),
    body: (
      <ConfirmForm
        action={pathTo('organisations', id, 'invitations', invitation.id)}
        token={context.token}
        button="Withdraw"
        cancel={pathTo('organisations', id)}
        errors={errors}
      >
        <p>
          The link{invitation.note === '' ? '' : ' for '}
          {invitation.note === '' ? null : <Words text={invitation.note} />} opens nothing any more.
        </p>
      </ConfirmForm>
    ),
  })
}

async function withdraw(context: Context, sent: Sent, place: Membership): Promise<Response> {
  const { id } = place.organisation
  return submit<Invitation>(context, sent, {
    again: async (found) => withdrawPage(context, place, found),
    back: pathTo('organisations', id),
    write: async () => context.parts.accounts.withdrawInvitation(id, context.params['invitation'] ?? '', context.actor),
    done: (_value, inForce) => backTo(pathTo('organisations', id), 'invitation-withdrawn', inForce),
  })
}

async function memberIn({ parts, params }: Context, { organisation }: Membership): Promise<Member | undefined> {
  const all = await parts.accounts.members(organisation.id)
  return all.find(({ person }) => person === params['person'])
}

async function memberPage(context: Context, place: Membership, errors: readonly FieldError[] = []): Promise<Response> {
  const member = await memberIn(context, place)
  if (member === undefined) return notFound(context)
  const action = pathTo('organisations', place.organisation.id, 'members', member.person)
  return renderForm(context, errors, {
    title: member.display,
    trail: trailTo(place),
    body: (
      <>
        <section class="card narrow">
          <ErrorSummary errors={errors} />
          <Form action={action} token={context.token}>
            <Choices kind="radio" name="role" label="Role" options={ROLE_OPTIONS} values={[member.role]} errors={errors} />
            <div class="buttons">
              <Button>Save</Button>
            </div>
          </Form>
        </section>
        <p>
          <a href={`${action}/remove`}>{isOneself(context, member) ? 'Leave the organisation' : 'Remove from the organisation'}</a>
        </p>
      </>
    ),
  })
}
const isOneself = ({ visitor }: Context, { person }: Pick<Member, 'person'>): boolean => visitor.names.includes(person)

async function changeMember(context: Context, sent: Sent, place: Membership): Promise<Response> {
  const { id } = place.organisation
  // The directory would take a name that it has never seen: people come by invitation alone.
  if ((await memberIn(context, place)) === undefined) return notFound(context)
  const role = roleIn(sent.form)
  return submit<readonly Member[]>(context, sent, {
    errors: role === undefined ? [NO_ROLE] : [],
    again: async (found) => memberPage(context, place, found),
    back: pathTo('organisations', id),
    write: async () => context.parts.accounts.changeMember(id, context.params['person'] ?? '', role ?? 'viewer', context.actor),
    done: (_value, inForce) => backTo(pathTo('organisations', id), 'member-changed', inForce),
  })
}

async function removePage(context: Context, place: Membership, errors: readonly FieldError[] = []): Promise<Response> {
  const member = await memberIn(context, place)
  if (member === undefined) return notFound(context)
  const back = pathTo('organisations', place.organisation.id, 'members', member.person)
  const isLeaving = isOneself(context, member)
  return renderForm(context, errors, {
    title: isLeaving ? 'Leave the organisation?' : 'Remove the member?',
    trail: [...trailTo(place), { href: back, title: member.display }],
    body: (
      <ConfirmForm action={`${back}/remove`} token={context.token} button={isLeaving ? 'Leave' : 'Remove'} cancel={back} errors={errors}>
        <p>
          {isLeaving ? 'You lose' : <Words text={member.display} />} {isLeaving ? '' : 'loses'} sight of{' '}
          <Words text={place.organisation.name} /> at once. Keys that {isLeaving ? 'you' : 'they'} made go on working, because they belong
          to the apps: revoke what should not.
        </p>
      </ConfirmForm>
    ),
  })
}

async function removeMember(context: Context, sent: Sent, place: Membership): Promise<Response> {
  const { id } = place.organisation
  const person = context.params['person'] ?? ''
  return submit<readonly Member[]>(context, sent, {
    again: async (found) => removePage(context, place, found),
    back: pathTo('organisations', id),
    write: async () => context.parts.accounts.changeMember(id, person, 'none', context.actor),
    done: (_value, inForce) =>
      isOneself(context, { person }) ? backTo(PORTAL, 'left', inForce) : backTo(pathTo('organisations', id), 'member-removed', inForce),
  })
}

/** The token says nothing of the organisation until it is used: who tries one learns nothing. */
function acceptPage(context: Context, errors: readonly FieldError[] = []): Response {
  const { display } = context.visitor
  return renderForm(context, errors, {
    title: 'You are invited',
    trail: [{ href: PORTAL, title: 'Organisations' }],
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <p>
          Join an organisation of developers of {context.parts.policy.title}, as <Words text={display} />. Accept only what you expected:
          its members will see this name.
        </p>
        <Form action={pathTo('invitation', context.params['token'] ?? '')} token={context.token}>
          <div class="buttons">
            <Button>Accept the invitation</Button>
            <a class="button quiet" href={PORTAL}>
              Not now
            </a>
          </div>
        </Form>
      </section>
    ),
  })
}

async function accept(context: Context, sent: Sent): Promise<Response> {
  const { accounts } = context.parts
  const { names, display } = context.visitor
  return submit<Organisation>(context, sent, {
    again: (found) => acceptPage(context, found),
    back: PORTAL,
    async write() {
      const written = await accounts.acceptInvitation(context.params['token'] ?? '', { person: names[0], display }, context.actor)
      const isOver = { pointer: '', detail: 'This invitation is not open any more. Ask whoever sent it for another one' }
      return written.status === 'not_found' ? { status: 'invalid', errors: [isOver] } : written
    },
    done: ({ id }, inForce) => backTo(pathTo('organisations', id), 'joined', inForce),
  })
}
