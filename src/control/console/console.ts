import type { AdminScope } from '../operation.ts'
import type { Operator } from '../operators.ts'
import { seeOther } from '../pages/layout.tsx'
import { siteResponse, type SiteRoute } from '../pages/site.ts'
import { anomaliesPage, anomalyPage, answerAnomaly } from './anomalies.tsx'
import { auditPage, changeOperator, operatorsPage } from './audit.tsx'
import { blocksPage, lift, liftPage, newBlockPage, setBlock } from './blocks.tsx'
import { appStatePage, consumerPage } from './consumer.tsx'
import { consumersPage } from './consumers.tsx'
import { CONSOLE, type ConsoleParts, type Context, frameOf } from './context.ts'
import { decisionsPage } from './decisions.tsx'
import { healthPage } from './health.tsx'
import { overviewPage } from './overview.tsx'
import { peoplePage, signOutPerson } from './people.tsx'
import { policyPage } from './policy.tsx'
import { FORBIDDEN, UNKNOWN } from './submit.tsx'
import { becomeOwner, welcomePage } from './welcome.tsx'
import { switchesPage, switchPage } from './switches.tsx'

type Lifetime = Pick<ExecutionContext, 'waitUntil'>
/** One page: who may see it stands beside what it shows. A form asks for the scope of its operation as well. */
interface ConsolePage extends SiteRoute<Context> {
  /** `undefined`: whoever the policy lets in, though they have no role yet. */
  readonly scope: AdminScope | undefined
}

const PAGES: readonly ConsolePage[] = [
  { path: '', scope: 'usage:read', get: overviewPage },
  { path: '/consumers', scope: 'usage:read', get: consumersPage },
  { path: '/consumers/:name', scope: 'usage:read', get: consumerPage },
  { path: '/consumers/:name/disable', scope: 'accounts:write', ...appStatePage('disabled') },
  { path: '/consumers/:name/enable', scope: 'accounts:write', ...appStatePage('active') },
  { path: '/decisions', scope: 'decisions:read', get: decisionsPage },
  { path: '/anomalies', scope: 'anomalies:read', get: anomaliesPage },
  { path: '/anomalies/:id', scope: 'anomalies:read', get: async (context) => anomalyPage(context), post: answerAnomaly },
  { path: '/blocks', scope: 'anomalies:read', get: blocksPage },
  { path: '/blocks/new', scope: 'blocks:write', get: (context) => newBlockPage(context), post: setBlock },
  { path: '/blocks/:id/lift', scope: 'blocks:write', get: async (context) => liftPage(context), post: lift },
  { path: '/switches', scope: 'anomalies:read', get: switchesPage },
  { path: '/switches/:id/close', scope: 'kill-switches:write', ...switchPage('close') },
  { path: '/switches/:id/open', scope: 'kill-switches:write', ...switchPage('open') },
  { path: '/people', scope: 'people:read', get: async (context) => peoplePage(context), post: signOutPerson },
  { path: '/policy', scope: 'status:read', get: policyPage },
  { path: '/health', scope: 'status:read', get: healthPage },
  { path: '/audit', scope: 'audit:read', get: auditPage },
  { path: '/welcome', scope: undefined, get: (context) => welcomePage(context), post: becomeOwner },
  { path: '/operators', scope: 'audit:read', get: async (context) => operatorsPage(context) },
  { path: '/operators/:person', scope: 'operators:write', get: () => seeOther(`${CONSOLE}/operators`), post: changeOperator },
]

/** The pages of those who operate the gate (docs/console.md). */
export interface Console {
  readonly handle: (request: Request, lifetime: Lifetime) => Promise<Response>
}

export function createConsole(parts: ConsoleParts): Console {
  return {
    handle: async (request, lifetime) =>
      siteResponse<Operator, Context, ConsolePage>(
        {
          name: 'console',
          home: { href: CONSOLE, title: 'Overview' },
          routes: PAGES,
          forms: parts.forms,
          identify: async (asked, page) => parts.operators.identify(asked, page === undefined ? 'status:read' : page.scope, lifetime),
          sessionOf: ({ principals }) => principals.map(({ credentialId }) => credentialId).join(' '),
          contextOf: (operator, asked) => ({ ...asked, parts, operator }),
          frame: (path, operator) => frameOf(parts, path, operator?.actor.display),
          advice: { unknown: UNKNOWN, forbidden: FORBIDDEN },
          now: parts.now,
          log: parts.log,
        },
        request,
      ),
  }
}
