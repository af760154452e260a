import type { Forms } from './forms.ts'
import { type PageFrame, seeOther } from './layout.tsx'
import { plainPage, type PlainPage } from './plain-page.tsx'

/** A form of ours that was sent. */
export interface Sent {
  readonly form: URLSearchParams
  /** The page was open for too long. */
  readonly isExpired: boolean
  /** `false`: this very form was sent before. */
  readonly spend: () => Promise<boolean>
}
/** What every page knows of the request for it. */
export interface PageRequest {
  readonly request: Request
  readonly url: URL
  readonly now: number
  /** For a new form. */
  readonly token: string
  /** Of the route's path. */
  readonly params: Readonly<Record<string, string>>
}
export interface SiteRoute<Context> {
  /** Below the site's home, with `:names`; a literal path stands before one with a name. */
  readonly path: string
  readonly get?: (context: Context) => Promise<Response> | Response
  readonly post?: (context: Context, sent: Sent) => Promise<Response> | Response
}
/** Pages of the gate's own below one path, for people who are known. */
export interface Site<Who, Context, Route extends SiteRoute<Context>> {
  /** For the log. */
  readonly name: string
  readonly home: { readonly href: string; readonly title: string }
  readonly routes: readonly Route[]
  readonly forms: Forms
  /** `route`: `undefined` where no page has the path. The response refuses: 401 where a sign-in would help. */
  readonly identify: (request: Request, route: Route | undefined) => Promise<Who | { readonly response: Response }>
  /** What forms are bound to. */
  readonly sessionOf: (who: Who) => string
  readonly contextOf: (who: Who, asked: PageRequest) => Context
  /** `who`: absent before anybody is known. */
  readonly frame: (path: string, who?: Who) => PageFrame
  /** Said with 404, and with 403 of somebody who is known to the gate and nobody here. */
  readonly advice: { readonly unknown: string; readonly forbidden: string }
  readonly now: () => number
  readonly log: (line: string) => void
}

/** Longest part of a path: longer names nothing. */
const MAX_PART = 256

/** Every answer is a page, and nobody sees one who may not. */
export async function siteResponse<Who extends object, Context, Route extends SiteRoute<Context>>(
  site: Site<Who, Context, Route>,
  request: Request,
): Promise<Response> {
  const url = new URL(request.url)
  try {
    const response = await answer(site, request, url)
    return request.method === 'HEAD' ? new Response(null, response) : response
  } catch (error) {
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown'
    site.log(JSON.stringify({ event: 'outage', dependency: site.name, detail }))
    return plainPage(site.frame(url.pathname), {
      status: 503,
      title: 'This page is not to be had at the moment',
      advice: 'Part of the gate does not answer. What you sent may have been done or not: look before you send it again.',
      link: { href: url.pathname, title: 'Try again' },
      fields: { 'retry-after': '5' },
    })
  }
}

async function answer<Who extends object, Context, Route extends SiteRoute<Context>>(
  site: Site<Who, Context, Route>,
  request: Request,
  url: URL,
): Promise<Response> {
  const { route, params } = routeFor(site.routes, url.pathname.slice(site.home.href.length)) ?? { route: undefined, params: {} }
  // Before it is said whether there is such a page.
  const who = await site.identify(request, route)
  if ('response' in who) return refusedPage(site, request, url, who.response)
  const plain = (content: Omit<PlainPage, 'link'>): Response => plainPage(site.frame(url.pathname, who), { ...content, link: site.home })
  if (route === undefined) return plain({ status: 404, title: 'There is no such page', advice: site.advice.unknown })
  const session = site.sessionOf(who)
  const now = site.now()
  const context = site.contextOf(who, { request, url, now, token: await site.forms.token(session, now), params })
  const { get, post } = route
  if (get !== undefined && (request.method === 'GET' || request.method === 'HEAD')) return get(context)
  if (post === undefined || request.method !== 'POST')
    return plain({
      status: 405,
      title: 'This page does not take that',
      advice: 'Open it as a page.',
      fields: { allow: [...(get === undefined ? [] : ['GET', 'HEAD']), ...(post === undefined ? [] : ['POST'])].join(', ') },
    })
  const read = await site.forms.read(request, session, now)
  if (read.status === 'refused')
    return plain({
      status: 403,
      title: 'This form cannot be taken',
      advice: 'It was not sent by a page from here in your present sign-in. Nothing was changed.',
    })
  return post(context, {
    form: read.form,
    isExpired: read.status === 'expired',
    spend: async () => read.status === 'sent' && read.spend(),
  })
}

/** Who is not signed in is led to where they can be, and back; everything else that the gate says becomes a page. */
async function refusedPage(
  {
    frame,
    home,
    advice,
  }: Pick<Site<object, unknown, SiteRoute<unknown>>, 'home' | 'advice'> & {
    readonly frame: (path: string) => PageFrame
  },
  request: Request,
  { pathname }: URL,
  response: Response,
): Promise<Response> {
  const { title, login } = await wordsOf(response)
  const { status } = response
  if (status === 401 && login !== undefined && (request.method === 'GET' || request.method === 'HEAD')) return seeOther(login)
  if (status === 401)
    return plainPage(frame(pathname), {
      status,
      title: 'You are not signed in any more',
      advice: 'Nothing was changed. Sign in, and send it again.',
      link: { href: login ?? '/.portcullis/login', title: 'Sign in' },
    })
  const retryAfter = response.headers.get('retry-after')
  return plainPage(frame(pathname), {
    status,
    title: status === 403 ? 'This is not allowed' : (title ?? 'The gate does not let this through'),
    advice: status === 403 ? advice.forbidden : 'Nothing was changed. Try again in a moment.',
    link: status === 403 ? home : { href: pathname, title: 'Try again' },
    ...(retryAfter === null ? {} : { fields: { 'retry-after': retryAfter } }),
  })
}

async function wordsOf(response: Response): Promise<{ readonly title?: string; readonly login?: string }> {
  const problem: unknown = await response.json().catch(() => undefined)
  const { title, login } = Object(problem) as { readonly title?: unknown; readonly login?: unknown }
  return {
    ...(typeof title === 'string' ? { title } : {}),
    ...(typeof login === 'string' && login.startsWith('/.portcullis/login') ? { login } : {}),
  }
}

interface Found<Route> {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}
/** `path`: of the request, below the home. */
function routeFor<Route extends { readonly path: string }>(routes: readonly Route[], path: string): Found<Route> | undefined {
  const asked = partsOf(path)
  if (asked === undefined) return undefined
  for (const route of routes) {
    const wanted = partsOf(route.path) ?? []
    if (wanted.length !== asked.length || !wanted.every((part, index) => part.startsWith(':') || part === asked[index])) continue
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

/** `/addresses/0` is of the field `addresses`. */
export function fieldErrorOf({ pointer, detail }: { readonly pointer: string; readonly detail: string }): {
  readonly name?: string
  readonly text: string
} {
  const name = pointer.split('/')[1]
  const text = `${detail.charAt(0).toUpperCase()}${detail.slice(1)}${/[.!?]$/u.test(detail) ? '' : '.'}`
  return name === undefined || name === '' ? { text } : { name, text }
}

export const LEFT_OPEN = 'This page was open for a long time. Look over it and send it again.'
