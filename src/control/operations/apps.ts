import * as v from 'valibot'
import { appDraft, appPatch, keyDraft, keyPatch, reason, rotation } from '../../directory/drafts.ts'
import { answered, found, inForce, listed } from '../account-answers.ts'
import type { Call, Operation } from '../operation.ts'
import { pageQuery } from '../page-query.ts'
import type { AccountsParts } from './organisations.ts'

const idOf = ({ params }: Call): string => params['id'] ?? ''

/** Apps and their keys (docs/accounts.md). */
export function appsOperations(parts: AccountsParts): readonly Operation[] {
  return [...apps(parts), ...keysOfApps(parts), ...keys(parts)]
}

function apps(parts: AccountsParts): readonly Operation[] {
  const { accounts } = parts
  const write = { scope: 'accounts:write', audit: 'own' } as const
  return [
    {
      id: 'apps.list',
      method: 'GET',
      path: '/apps',
      summary: 'Apps, by their id',
      scope: 'accounts:read',
      query: v.strictObject({ ...pageQuery, organisation: v.exactOptional(v.string()) }),
      run: async ({ query }) => listed(await accounts.apps(query)),
    },
    {
      ...write,
      id: 'apps.create',
      method: 'POST',
      path: '/apps',
      summary: 'Make an app of an organisation: a consumer of the gate',
      body: appDraft,
      answer: { status: 201, description: 'The app.' },
      run: async ({ body, actor }) =>
        answered(await accounts.createApp(body as v.InferOutput<typeof appDraft>, actor), 201, ({ id }) => `apps/${id}`),
    },
    {
      id: 'apps.read',
      method: 'GET',
      path: '/apps/:id',
      summary: 'One app',
      scope: 'accounts:read',
      run: async (call) => found(await accounts.app(idOf(call))),
    },
    {
      ...write,
      id: 'apps.change',
      method: 'PATCH',
      path: '/apps/:id',
      summary: 'Rename it, put it on another plan, disable or enable it',
      body: appPatch,
      ifMatch: 'required',
      run: async (call) =>
        inForce(
          await accounts.changeApp(idOf(call), call.body as v.InferOutput<typeof appPatch>, call.version, call.actor),
          parts,
          call.request,
        ),
    },
    {
      ...write,
      id: 'apps.delete',
      method: 'DELETE',
      path: '/apps/:id',
      summary: 'Delete it with its keys, which are revoked',
      ifMatch: 'optional',
      run: async (call) => inForce(await accounts.deleteApp(idOf(call), call.version, call.actor), parts, call.request),
    },
  ]
}

function keysOfApps(parts: AccountsParts): readonly Operation[] {
  const { accounts } = parts
  return [
    {
      id: 'keys.list',
      method: 'GET',
      path: '/apps/:id/keys',
      summary: 'Keys of an app',
      scope: 'accounts:read',
      run: async (call) => listed({ items: await accounts.keys(idOf(call)) }),
    },
    {
      id: 'keys.create',
      method: 'POST',
      path: '/apps/:id/keys',
      summary: 'Issue a key, or take one that was made elsewhere: its secret is shown once',
      scope: 'keys:write',
      audit: 'own',
      body: keyDraft,
      answer: { status: 201, description: 'The key with its secret.' },
      run: async (call) => {
        const draft = { ...(call.body as v.InferOutput<typeof keyDraft>), app: idOf(call) }
        return inForce(await accounts.createKey(draft, call.actor), parts, call.request, 201, ({ id }) => `keys/${id}`)
      },
    },
  ]
}

function keys(parts: AccountsParts): readonly Operation[] {
  const { accounts } = parts
  const write = { scope: 'keys:write', audit: 'own' } as const
  return [
    {
      id: 'keys.read',
      method: 'GET',
      path: '/keys/:id',
      summary: 'One key, without its secret',
      scope: 'accounts:read',
      run: async (call) => found(await accounts.key(idOf(call))),
    },
    {
      ...write,
      id: 'keys.change',
      method: 'PATCH',
      path: '/keys/:id',
      summary: 'Change a key that works: name, state, plan, scopes, networks, browser origins; null: as it was issued',
      body: keyPatch,
      ifMatch: 'required',
      run: async (call) =>
        inForce(
          await accounts.changeKey(idOf(call), call.body as v.InferOutput<typeof keyPatch>, call.version, call.actor),
          parts,
          call.request,
        ),
    },
    {
      ...write,
      id: 'keys.revoke',
      method: 'DELETE',
      path: '/keys/:id',
      summary: 'Revoke a key, for good',
      query: v.strictObject({ reason: v.exactOptional(reason) }),
      run: async (call) =>
        inForce(
          await accounts.revokeKey(idOf(call), (call.query as { readonly reason?: string }).reason ?? '', call.actor),
          parts,
          call.request,
        ),
    },
    {
      ...write,
      id: 'keys.rotate',
      method: 'POST',
      path: '/keys/:id/rotate',
      summary: 'A new key in place of this one, which works for overlapSeconds more',
      body: rotation,
      answer: { status: 201, description: 'The new key with its secret.' },
      run: async (call) =>
        inForce(
          await accounts.rotateKey(idOf(call), call.body as v.InferOutput<typeof rotation>, call.actor),
          parts,
          call.request,
          201,
          ({ id }) => `keys/${id}`,
        ),
    },
  ]
}
