import type { Actor } from '../../directory/accounts.ts'
import type { Sent } from './submit.tsx'
import { foreignForm, notFound, troublePage } from './submit.tsx'
import { accountRoutes } from './account.tsx'
import type { PortalRoute } from './access.ts'
import { appRoutes } from './apps.tsx'
import { type Context, PORTAL, type PortalParts, type Visitor } from './context.ts'
import { keySettingsRoutes } from './key-settings.tsx'
import { keyRoutes } from './key.tsx'
import { newKeyRoutes } from './keys.tsx'
import { memberRoutes } from './members.tsx'
import { settingsRoutes } from './organisation-settings.tsx'
import { organisationRoutes } from './organisations.tsx'
import { referenceRoutes } from './reference.tsx'

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
/** Longest part of a path: longer names nothing. */
const MAX_PART = 256

/** The developer portal (docs/portal.md): every answer is a page, and nobody sees one without a session. */
export async function portalResponse(parts: PortalParts, request: Request): Promise<Response> {
  const url = new URL(request.url)
  try {
    const visitor = await parts.identify(request)
    if ('response' in visitor) return await refused(parts, request, visitor.response)
    return await answer(parts, request, url, visitor)
  } catch (error) {
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown'
    parts.log(JSON.stringify({ event: 'outage', dependency: 'portal', detail }))
    return troublePage(parts, url.pathname, UNAVAILABLE)
  }
}

const UNAVAILABLE = {
  status: 503,
  title: 'This page is not to be had at the moment',
  advice: 'Part of the gate does not answer. What you sent may have been done or not: look before you send it again.',
  fields: { 'retry-after': '5' },
}

async function answer(parts: PortalParts, request: Request, url: URL, visitor: Visitor): Promise<Response> {
  const found = routeFor(url.pathname)
  const now = parts.now()
  const actor: Actor = {
    kind: 'developer',
    id: visitor.names[0],
    display: visitor.display,
    requestId: visitor.requestId,
  }
  const token = await parts.forms.token(visitor.sessionId, now)
  const context: Context = { parts, request, url, visitor, actor, now, token, params: found?.params ?? {} }
  if (found === undefined) return notFound(context)
  const { route } = found
  if (route.get !== undefined && (request.method === 'GET' || request.method === 'HEAD')) return route.get(context)
  if (route.post === undefined || request.method !== 'POST') return wrongMethod(parts, url, route)
  const read = await parts.forms.read(request, visitor.sessionId, now)
  if (read.status === 'refused') return foreignForm(context)
  const sent: Sent = {
    form: read.form,
    isExpired: read.status === 'expired',
    spend: async () => read.status === 'sent' && read.spend(),
  }
  return route.post(context, sent)
}

function wrongMethod(parts: PortalParts, url: URL, { get, post }: PortalRoute): Response {
  const allow = [...(get === undefined ? [] : ['GET', 'HEAD']), ...(post === undefined ? [] : ['POST'])].join(', ')
  return troublePage(parts, url.pathname, {
    status: 405,
    title: 'This page does not take that',
    advice: 'Open it as a page.',
    fields: { allow },
  })
}

function routeFor(pathname: string): { readonly route: PortalRoute; readonly params: Readonly<Record<string, string>> } | undefined {
  const asked = partsOf(pathname.slice(PORTAL.length))
  if (asked === undefined) return undefined
  for (const route of ROUTES) {
    const wanted = route.path.split('/').slice(1)
    if (wanted.length !== asked.length) continue
    if (!wanted.every((part, index) => part.startsWith(':') || part === asked[index])) continue
    const params = wanted.flatMap((part, index) => (part.startsWith(':') ? [[part.slice(1), asked[index] ?? ''] as const] : []))
    return { route, params: Object.fromEntries(params) }
  }
  return undefined
}

function partsOf(path: string): readonly string[] | undefined {
  try {
    const parts = path.replace(/\/$/u, '').split('/').slice(1).map(decodeURIComponent)
    return parts.every((part) => part !== '' && part.length <= MAX_PART) ? parts : undefined
  } catch {
    return undefined
  }
}

/** Who is not signed in is led to where they can be, and back; everything else that the gate says becomes a page. */
async function refused(parts: PortalParts, request: Request, response: Response): Promise<Response> {
  const { pathname } = new URL(request.url)
  const { title, login } = await wordsOf(response)
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (response.status === 401 && login !== undefined && isRead)
    return new Response(null, { status: 303, headers: { location: login, 'cache-control': 'no-store' } })
  if (response.status === 401)
    return troublePage(parts, pathname, {
      status: 401,
      title: 'You are not signed in any more',
      advice: 'Nothing was changed. Sign in, and send it again.',
      signIn: login ?? '/.portcullis/login',
    })
  const retryAfter = response.headers.get('retry-after')
  return troublePage(parts, pathname, {
    status: response.status,
    title: title ?? 'The gate does not let this through',
    advice:
      response.status === 403
        ? 'It was not sent by a page of this portal. Nothing was changed.'
        : 'Nothing was changed. Try again in a moment.',
    ...(retryAfter === null ? {} : { fields: { 'retry-after': retryAfter } }),
  })
}

async function wordsOf(response: Response): Promise<{ readonly title?: string; readonly login?: string }> {
  try {
    const { title, login } = await response.json<Record<string, unknown>>()
    return {
      ...(typeof title === 'string' ? { title } : {}),
      ...(typeof login === 'string' && login.startsWith('/.portcullis/login') ? { login } : {}),
    }
  } catch {
    return {}
  }
}
