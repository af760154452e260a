import type { Member, MemberRole, Organisation } from './accounts.ts'
import { disableConsumer, dropApp } from './change-apps.ts'
import { INVITATION_SECONDS, MAX_APPS, MAX_INVITATIONS, MAX_MEMBERS, MAX_ORGANISATIONS } from './drafts.ts'
import type { StoredInvitation } from './tables.ts'
import { changedBy, full, invalid, NOT_FOUND, written, type Outcome, type Work } from './work.ts'

const target = (id: string) => ({ type: 'organisation', id })

/** `most`: how many a person may own, where a person founds it. */
export function createOrganisation(
  { tables, now, log }: Work,
  draft: { readonly id: string; readonly name: string; readonly owner?: Pick<Member, 'person' | 'display'> },
  most: number,
): Outcome<Organisation> {
  const { id, name, owner } = draft
  // Asked again because the answer was lost: it is done.
  const known = tables.organisation(id)
  if (known !== undefined) return written(known)
  if (tables.count('organisations') >= MAX_ORGANISATIONS) return full(MAX_ORGANISATIONS)
  if (owner !== undefined && ownedBy(tables, owner.person) >= most) return full(most)
  const organisation: Organisation = { id, name, state: 'active', createdAt: now, version: 1 }
  tables.putOrganisation(organisation)
  if (owner !== undefined) tables.putMember(id, { ...owner, role: 'owner', since: now })
  log('organisation.create', target(id), { name, ...(owner === undefined ? {} : { owner: owner.person }) }, id)
  return written(organisation)
}

function ownedBy(tables: Work['tables'], person: string): number {
  const isOwner = (id: string): boolean => tables.members(id).some((member) => member.person === person && member.role === 'owner')
  return tables.memberships(person).filter(isOwner).length
}

export function changeOrganisation(
  work: Work,
  id: string,
  patch: Partial<Pick<Organisation, 'name' | 'state'>>,
  version: number | undefined,
): Outcome<Organisation> {
  const { tables, log } = work
  const known = tables.organisation(id)
  if (known === undefined) return NOT_FOUND
  if (version !== undefined && version !== known.version) return { status: 'stale', current: known }
  const detail = changedBy(known, patch)
  if (Object.keys(detail).length === 0) return written(known)
  const changed = { ...known, ...patch, version: known.version + 1 }
  tables.putOrganisation(changed)
  if (changed.state !== known.state) for (const app of tables.apps({ organisation: id, limit: MAX_APPS })) disableConsumer(work, app)
  log('organisation.change', target(id), detail, id)
  return written(changed)
}

export function deleteOrganisation(work: Work, id: string, version: number | undefined): Outcome<Organisation> {
  const { tables, log } = work
  const known = tables.organisation(id)
  if (known === undefined) return NOT_FOUND
  if (version !== undefined && version !== known.version) return { status: 'stale', current: known }
  const apps = tables.apps({ organisation: id, limit: MAX_APPS })
  for (const app of apps) dropApp(work, app)
  tables.dropOrganisation(id)
  log('organisation.delete', target(id), { name: known.name, apps: apps.map((app) => app.id) }, id)
  return written(known)
}

export function changeMember(
  work: Work,
  organisation: string,
  person: string,
  role: MemberRole | 'none',
  display = '',
): Outcome<readonly Member[]> {
  const { tables, log, now } = work
  if (tables.organisation(organisation) === undefined) return NOT_FOUND
  const members = tables.members(organisation)
  const known = members.find((member) => member.person === person)
  const refusal = refusalOf(work, members, known, role)
  if (refusal !== undefined) return refusal
  if (known?.role === role) return written(members)
  if (role === 'none') tables.dropMember(organisation, person)
  else tables.putMember(organisation, { ...(known ?? { person, display, since: now }), role })
  if (known?.role === 'owner') withdrawInvitationsOf(work, organisation, person)
  log('member.change', { type: 'person', id: person }, { role, before: known?.role ?? 'none' }, organisation)
  return written(tables.members(organisation))
}

function refusalOf({ actor }: Work, members: readonly Member[], known: Member | undefined, role: MemberRole | 'none') {
  if (known === undefined) {
    if (role === 'none') return NOT_FOUND
    return members.length >= MAX_MEMBERS ? full(MAX_MEMBERS) : undefined
  }
  const isLast = known.role === 'owner' && role !== 'owner' && members.filter((member) => member.role === 'owner').length === 1
  // Developers cannot leave an organisation to nobody; operators may, when it must be.
  return isLast && actor.kind === 'developer' ? invalid('/role', 'an organisation has an owner: make somebody else one first') : undefined
}

export function invite(
  { tables, now, actor, log }: Work,
  draft: { readonly id: string; readonly organisation: string; readonly note: string; readonly role: MemberRole; readonly hash: string },
): Outcome<StoredInvitation> {
  const { id, organisation, role } = draft
  if (tables.organisation(organisation) === undefined) return NOT_FOUND
  const known = tables.invitation({ id })
  if (known !== undefined) return written(known)
  tables.dropInvitationsBefore(now)
  if (tables.invitations(organisation).length >= MAX_INVITATIONS) return full(MAX_INVITATIONS)
  const invitation = { ...draft, invitedBy: actor.id, expiresAt: now + INVITATION_SECONDS * 1000 }
  tables.putInvitation(invitation)
  log('invitation.create', { type: 'invitation', id }, { role, note: draft.note }, organisation)
  return written(invitation)
}

/** What an owner leaves open would be a way back. */
function withdrawInvitationsOf(work: Work, organisation: string, person: string): void {
  for (const { id, invitedBy } of work.tables.invitations(organisation))
    if (invitedBy === person) withdrawInvitation(work, organisation, id)
}

export function withdrawInvitation({ tables, log }: Work, organisation: string, id: string): Outcome<StoredInvitation> {
  const known = tables.invitation({ id })
  if (known?.organisation !== organisation) return NOT_FOUND
  tables.dropInvitation(id)
  log('invitation.withdraw', { type: 'invitation', id }, {}, organisation)
  return written(known)
}

/** Once: whoever comes second finds nothing. */
export function acceptInvitation(
  { tables, now, log }: Work,
  hash: string,
  { person, display }: Pick<Member, 'person' | 'display'>,
): Outcome<Organisation> {
  const known = tables.invitation({ hash })
  const organisation = known === undefined ? undefined : tables.organisation(known.organisation)
  if (known === undefined || organisation === undefined || known.expiresAt <= now) return NOT_FOUND
  const members = tables.members(organisation.id)
  const isMember = members.some((member) => member.person === person)
  if (!isMember && members.length >= MAX_MEMBERS) return full(MAX_MEMBERS)
  tables.dropInvitation(known.id)
  if (!isMember) tables.putMember(organisation.id, { person, display, role: known.role, since: now })
  log('invitation.accept', { type: 'invitation', id: known.id }, { person, role: isMember ? 'unchanged' : known.role }, organisation.id)
  return written(organisation)
}
