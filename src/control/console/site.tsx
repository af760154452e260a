import type { AdminScope } from '../operation.ts'
import { seeOther } from '../pages/layout.tsx'
import { anomaliesPage, anomalyPage, answerAnomaly } from './anomalies.tsx'
import { auditPage, changeOperator, operatorsPage } from './audit.tsx'
import { blocksPage, lift, liftPage, newBlockPage, setBlock } from './blocks.tsx'
import { appStatePage, consumerPage } from './consumer.tsx'
import { consumersPage } from './consumers.tsx'
import { CONSOLE, type ConsoleParts, type Context } from './context.ts'
import { decisionsPage } from './decisions.tsx'
import { healthPage } from './health.tsx'
import { overviewPage } from './overview.tsx'
import { peoplePage, signOutPerson } from './people.tsx'
import { policyPage } from './policy.tsx'
import { foreignForm, notFound, type Sent, troublePage } from './submit.tsx'
import { switchesPage, switchPage } from './switches.tsx'

type Lifetime = Pick<ExecutionContext, 'waitUntil'>
type Get = (context: Context) => Response | Promise<Response>
type Post = (context: Context, sent: Sent) => Response | Promise<Response>
/** One page: who may see it stands beside what it shows. A form asks for the scope of its operation as well. */
interface ConsolePage {
  /** Below the console, with `:names`. */
  readonly path: string
  readonly scope: AdminScope
  readonly get: Get
  readonly post?: Post
}

const PAGES: readonly ConsolePage[] = [
  { path: '', scope: 'usage:read', get: overviewPage },
  { path: 'consumers', scope: 'usage:read', get: consumersPage },
  { path: 'consumers/:name', scope: 'usage:read', get: consumerPage },
  { path: 'consumers/:name/disable', scope: 'accounts:write', ...appStatePage('disabled') },
  { path: 'consumers/:name/enable', scope: 'accounts:write', ...appStatePage('active') },
  { path: 'decisions', scope: 'decisions:read', get: decisionsPage },
  { path: 'anomalies', scope: 'anomalies:read', get: anomaliesPage },
  { path: 'anomalies/:id', scope: 'anomalies:read', get: async (context) => anomalyPage(context), post: answerAnomaly },
  { path: 'blocks', scope: 'anomalies:read', get: blocksPage },
  { path: 'blocks/new', scope: 'blocks:write', get: (context) => newBlockPage(context), post: setBlock },
  { path: 'blocks/:id/lift', scope: 'blocks:write', get: async (context) => liftPage(context), post: lift },
  { path: 'switches', scope: 'anomalies:read', get: switchesPage },
  { path: 'switches/:id/close', scope: 'kill-switches:write', ...switchPage('close') },
  { path: 'switches/:id/open', scope: 'kill-switches:write', ...switchPage('open') },
  { path: 'people', scope: 'people:read', get: async (context) => peoplePage(context), post: signOutPerson },
  { path: 'policy', scope: 'status:read', get: policyPage },
  { path: 'health', scope: 'status:read', get: healthPage },
  { path: 'audit', scope: 'audit:read', get: auditPage },
  { path: 'operators', scope: 'audit:read', get: async (context) => operatorsPage(context) },
  { path: 'operators/:person', scope: 'operators:write', get: () => seeOther(`${CONSOLE}/operators`), post: changeOperator },
]

/** The pages of those who operate the gate (docs/console.md). */
export interface Console {
  readonly handle: (request: Request, lifetime: Lifetime) => Promise<Response>
}

export function createConsole(parts: ConsoleParts): Console {
  async function answer(request: Request, lifetime: Lifetime, url: URL): Promise<Response> {
    const found = match(url.pathname)
    // Who nobody knows is not told which pages there are.
    const operator = await parts.operators.identify(request, found?.page.scope ?? 'status:read', lifetime)
    if ('response' in operator) return refused(parts, request, url, operator.response)
    const sessionId = operator.principals.map(({ credentialId }) => credentialId).join(' ')
    const now = parts.now()
    const token = await parts.forms.token(sessionId, now)
    const context: Context = { parts, request, url, operator, now, token, params: found?.params ?? {} }
    if (found === undefined) return notFound(context)
    if (request.method === 'GET' || request.method === 'HEAD') return found.page.get(context)
    if (request.method !== 'POST' || found.page.post === undefined)
      return troublePage(parts, url.pathname, {
        status: 405,
        title: 'This page takes no such request',
        advice: 'Go back, and use the links and buttons of the page.',
        fields: { allow: found.page.post === undefined ? 'GET, HEAD' : 'GET, HEAD, POST' },
      })
    const read = await parts.forms.read(request, sessionId, now)
    if (read.status === 'refused') return foreignForm(context)
    const spend = read.status === 'sent' ? read.spend : async (): Promise<boolean> => false
    return found.page.post(context, { form: read.form, isExpired: read.status === 'expired', spend })
  }

  return {
    async handle(request, lifetime) {
      const url = new URL(request.url)
      try {
        const response = await answer(request, lifetime, url)
        return request.method === 'HEAD' ? new Response(null, response) : response
      } catch (error) {
        parts.log(JSON.stringify({ event: 'outage', dependency: 'console', detail: error instanceof Error ? error.message : 'unknown' }))
        return troublePage(parts, url.pathname, {
          status: 503,
          title: 'The console cannot answer at the moment',
          advice: 'A part of the gate that it reads from does not answer. Nothing was changed for certain; try again in a few seconds.',
          fields: { 'retry-after': '5' },
        })
      }
    },
  }
}

/** Who is not signed in is led to where they can be, and back; everything else that the gate says becomes a page. */
async function refused(parts: ConsoleParts, request: Request, url: URL, response: Response): Promise<Response> {
  const { pathname } = url
  const login = response.status === 401 ? await loginOf(response) : undefined
  if (login !== undefined && (request.method === 'GET' || request.method === 'HEAD')) return seeOther(login)
  if (response.status === 401)
    return troublePage(parts, pathname, {
      status: 401,
      title: 'You are not signed in',
      advice: 'Nothing was changed. Sign in, and send it again.',
      ...(login === undefined ? {} : { link: { href: login, title: 'Sign in' } }),
    })
  if (response.status === 403)
    return troublePage(parts, pathname, {
      status: 403,
      title: 'You may not see this page',
      advice: 'An owner of this gate can give you a role that may (docs/console.md).',
    })
  return troublePage(parts, pathname, {
    status: response.status,
    title: 'The console cannot answer at the moment',
    advice: 'Try again in a few seconds.',
    fields: { 'retry-after': response.headers.get('retry-after') ?? '5' },
  })
}

/** Where the refusal says that somebody can sign in. */
async function loginOf(response: Response): Promise<string | undefined> {
  const problem: unknown = await response.json().catch(() => undefined)
  const { login } = Object(problem) as { readonly login?: unknown }
  return typeof login === 'string' && login.startsWith('/.portcullis/login') ? login : undefined
}

interface Found {
  readonly page: ConsolePage
  readonly params: Readonly<Record<string, string>>
}
/** A literal segment counts before a parameter: pages are declared so. */
function match(pathname: string): Found | undefined {
  const given = pathname
    .slice(CONSOLE.length)
    .split('/')
    .filter((segment, index) => index > 0 || segment !== '')
  for (const page of PAGES) {
    const params = paramsOf(page.path === '' ? [] : page.path.split('/'), given)
    if (params !== undefined) return { page, params }
  }
  return undefined
}

function paramsOf(pattern: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, segment] of pattern.entries()) {
    const value = decoded(given[index] ?? '')
    if (value === undefined || value === '' || value.length > 512) return undefined
    if (segment.startsWith(':')) params[segment.slice(1)] = value
    else if (segment !== value) return undefined
  }
  return params
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
