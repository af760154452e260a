import * as v from 'valibot'
import type { Accounts, MemberRole } from '../../directory/accounts.ts'
import { invitationDraft, memberDraft, organisationDraft, organisationPatch } from '../../directory/drafts.ts'
import { answered, found, inForce, listed } from '../account-answers.ts'
import type { Announcing } from '../in-force.ts'
import type { Call, Operation } from '../operation.ts'
import { pageQuery } from '../page-query.ts'

export interface AccountsParts extends Announcing {
  readonly accounts: Accounts
}

const one = { method: 'GET', scope: 'accounts:read' } as const
const write = { scope: 'accounts:write', audit: 'own' } as const
const idOf = ({ params }: Call): string => params['id'] ?? ''

/** Organisations of developers, their members and invitations (docs/accounts.md). */
export function organisationsOperations(parts: AccountsParts): readonly Operation[] {
  return [...organisations(parts), ...members(parts), ...invitations(parts)]
}

function organisations(parts: AccountsParts): readonly Operation[] {
  const { accounts } = parts
  return [
    {
      ...one,
      id: 'organisations.list',
      path: '/organisations',
      summary: 'Organisations, by their id',
      query: v.strictObject(pageQuery),
      run: async ({ query }) => listed(await accounts.organisations(query)),
    },
    {
      ...write,
      id: 'organisations.create',
      method: 'POST',
      path: '/organisations',
      summary: 'Make an organisation',
      body: organisationDraft,
      answer: { status: 201, description: 'The organisation.' },
      run: async ({ body, actor }) =>
        answered(
          await accounts.createOrganisation(body as v.InferOutput<typeof organisationDraft>, actor),
          201,
          ({ id }) => `organisations/${id}`,
        ),
    },
    {
      ...one,
      id: 'organisations.read',
      path: '/organisations/:id',
      summary: 'One organisation',
      run: async (call) => found(await accounts.organisation(idOf(call))),
    },
    {
      ...write,
      id: 'organisations.change',
      method: 'PATCH',
      path: '/organisations/:id',
      summary: 'Rename or disable it; disabled, every app of it is refused',
      body: organisationPatch,
      ifMatch: 'required',
      run: async (call) =>
        inForce(
          await accounts.changeOrganisation(idOf(call), call.body as v.InferOutput<typeof organisationPatch>, call.version, call.actor),
          parts,
          call.request,
        ),
    },
    {
      ...write,
      id: 'organisations.delete',
      method: 'DELETE',
      path: '/organisations/:id',
      summary: 'Delete it with its apps and keys, which are revoked',
      ifMatch: 'optional',
      run: async (call) => inForce(await accounts.deleteOrganisation(idOf(call), call.version, call.actor), parts, call.request),
    },
  ]
}

function members({ accounts }: AccountsParts): readonly Operation[] {
  const path = '/organisations/:id/members'
  return [
    {
      ...one,
      id: 'members.list',
      path,
      summary: 'Who belongs to it',
      run: async (call) => listed({ items: await accounts.members(idOf(call)) }),
    },
    {
      ...write,
      id: 'members.put',
      method: 'PUT',
      path: `${path}/:person`,
      summary: 'Give somebody a role in it; a person is named as in docs/accounts.md',
      body: memberDraft,
      run: async (call) => {
        const { role, display } = call.body as { readonly role: MemberRole; readonly display?: string }
        return answered(await accounts.changeMember(idOf(call), call.params['person'] ?? '', role, call.actor, display))
      },
    },
    {
      ...write,
      id: 'members.delete',
      method: 'DELETE',
      path: `${path}/:person`,
      summary: 'Take somebody out of it',
      run: async (call) => answered(await accounts.changeMember(idOf(call), call.params['person'] ?? '', 'none', call.actor)),
    },
  ]
}

function invitations({ accounts }: AccountsParts): readonly Operation[] {
  const path = '/organisations/:id/invitations'
  return [
    {
      ...one,
      id: 'invitations.list',
      path,
      summary: 'Invitations that are open',
      run: async (call) => listed({ items: await accounts.invitations(idOf(call)) }),
    },
    {
      ...write,
      id: 'invitations.create',
      method: 'POST',
      path,
      summary: 'Invite somebody: the token is shown once, and good for seven days',
      body: invitationDraft,
      answer: { status: 201, description: 'The invitation with its token.' },
      run: async (call) => answered(await accounts.invite(idOf(call), call.body as v.InferOutput<typeof invitationDraft>, call.actor), 201),
    },
    {
      ...write,
      id: 'invitations.delete',
      method: 'DELETE',
      path: `${path}/:invitation`,
      summary: 'Withdraw an invitation',
      run: async (call) => answered(await accounts.withdrawInvitation(idOf(call), call.params['invitation'] ?? '', call.actor)),
    },
  ]
}
