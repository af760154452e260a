import type { App, KeyRecord, MemberRole, Organisation } from '../../directory/accounts.ts'
import type { Sent, SiteRoute } from '../pages/site.ts'
import { type Context, pathTo } from './context.ts'
import { may, type Right } from './rights.ts'
import { notAllowed, notFound } from './submit.tsx'

/** An organisation that the visitor is a member of. */
export interface Membership {
  readonly organisation: Organisation
  readonly role: MemberRole
}
export type AppPlace = Membership & { readonly app: App }
export type KeyPlace = AppPlace & { readonly key: KeyRecord }

export interface Handlers<Place extends readonly unknown[]> {
  readonly get?: (context: Context, ...place: Place) => Promise<Response> | Response
  readonly post?: (context: Context, sent: Sent, ...place: Place) => Promise<Response> | Response
}
/** One page: who may see it stands beside what it shows. */
export type PortalRoute = SiteRoute<Context>

export const memberships = async ({ parts, visitor }: Context): Promise<readonly Membership[]> =>
  parts.accounts.membershipsOf(visitor.names)

/** For everybody who is signed in. */
export const forVisitors = (path: string, handlers: Handlers<[]>): PortalRoute => ({ path, ...handlers })

/** `path` names an `:organisation`. */
export function forOrganisation(path: string, right: Right, handlers: Handlers<[Membership]>): PortalRoute {
  return guarded(path, right, handlers, async (context) => membershipIn(context, context.params['organisation']))
}

/** `path` names an `:app`. */
export function forApp(path: string, right: Right, handlers: Handlers<[AppPlace]>): PortalRoute {
  return guarded(path, right, handlers, async (context) => appPlace(context, context.params['app']))
}

/** `path` names a `:key`. */
export function forKey(path: string, right: Right, handlers: Handlers<[KeyPlace]>): PortalRoute {
  return guarded(path, right, handlers, async (context) => {
    const key = await context.parts.accounts.key(context.params['key'] ?? '')
    const place = key === undefined ? undefined : await appPlace(context, key.app)
    return key === undefined || place === undefined ? undefined : { ...place, key }
  })
}

/** Who is no member finds nothing; who is one of another role is told so. Before the method is looked at. */
function guarded<Place extends Membership>(
  path: string,
  right: Right,
  { get, post }: Handlers<[Place]>,
  find: (context: Context) => Promise<Place | undefined>,
): PortalRoute {
  async function within(context: Context, work: (place: Place) => Promise<Response> | Response): Promise<Response> {
    const place = await find(context)
    if (place === undefined) return notFound(context)
    if (!may(place.role, right)) return notAllowed(context, pathTo('organisations', place.organisation.id))
    return work(place)
  }
  return {
    path,
    ...(get === undefined ? {} : { get: async (context) => within(context, async (place) => get(context, place)) }),
    ...(post === undefined ? {} : { post: async (context, sent) => within(context, async (place) => post(context, sent, place)) }),
  }
}

async function membershipIn(context: Context, id: string | undefined): Promise<Membership | undefined> {
  const all = await memberships(context)
  return all.find(({ organisation }) => organisation.id === id)
}

async function appPlace(context: Context, id: string | undefined): Promise<AppPlace | undefined> {
  const app = await context.parts.accounts.app(id ?? '')
  const membership = app === undefined ? undefined : await membershipIn(context, app.organisation)
  return app === undefined || membership === undefined ? undefined : { ...membership, app }
}
