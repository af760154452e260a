import { siteResponse } from '../pages/site.ts'
import type { PortalRoute } from './access.ts'
import { accountRoutes } from './account.tsx'
import { appRoutes } from './apps.tsx'
import { keyRoutes } from './key.tsx'
import { keySettingsRoutes } from './key-settings.tsx'
import { memberRoutes } from './members.tsx'
import { newKeyRoutes } from './keys.tsx'
import { organisationRoutes } from './organisations.tsx'
import { referenceRoutes } from './reference.tsx'
import { settingsRoutes } from './organisation-settings.tsx'
import { type Context, frameOf, PORTAL, type PortalParts, type Visitor } from './context.ts'
import { UNKNOWN } from './submit.tsx'

const ROUTES: readonly PortalRoute[] = [
  ...organisationRoutes,
  ...settingsRoutes,
  ...memberRoutes,
  ...appRoutes,
  ...newKeyRoutes,
  ...keyRoutes,
  ...keySettingsRoutes,
  ...referenceRoutes,
  ...accountRoutes,
]
/** The developer portal (docs/portal.md): for whoever is signed in. */
export async function portalResponse(parts: PortalParts, request: Request): Promise<Response> {
  return siteResponse<Visitor, Context, PortalRoute>(
    {
      name: 'portal',
      home: { href: PORTAL, title: 'Your organisations' },
      routes: ROUTES,
      forms: parts.forms,
      identify: async (asked) => parts.identify(asked),
      sessionOf: ({ sessionId }) => sessionId,
      contextOf: (visitor, asked) => ({ ...asked, parts, visitor, actor: actorOf(visitor) }),
      frame: (path, visitor) => frameOf(parts, path, visitor?.display),
      advice: { unknown: UNKNOWN, forbidden: 'It was not sent by a page of this portal. Nothing was changed.' },
      now: parts.now,
      log: parts.log,
    },
    request,
  )
}

const actorOf = ({ names: [id], display, requestId }: Visitor): Context['actor'] => ({ kind: 'developer', id, display, requestId })
