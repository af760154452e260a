import type { Accounts, Actor, App } from '../../directory/accounts.ts'
import type { Insight } from '../../insight/insight.ts'
import type { Meter } from '../../limits/ledger.ts'
import type { ControlConfig, Policy } from '../../policy/policy.ts'
import type { FieldError } from '../pages/fields.tsx'
import { flashOf, page, type PageContent } from '../pages/layout.tsx'
import type { Forms } from '../pages/forms.ts'
import type { PageRequest } from '../pages/site.ts'
import { MESSAGES } from './messages.ts'

export const PORTAL = '/.portcullis/portal'

/** Who looks at a page of the portal. */
export interface Visitor {
  readonly sessionId: string
  readonly issuer: string
  readonly subject: string
  /** Names of the person in the directory (`personName`), the one of this sign-in first; more where identities are linked. */
  readonly names: readonly [string, ...string[]]
  /** For people to read; decides nothing. */
  readonly display: string
  /** Milliseconds since the epoch: when the session ends if it is not used. */
  readonly expiresAt: number
  readonly requestId: string
}

export interface PortalParts {
  readonly policy: Pick<Policy, 'title' | 'plans' | 'routes' | 'schemes' | 'limits' | 'revocation'>
  readonly portal: NonNullable<ControlConfig['portal']>
  readonly accounts: Omit<Accounts, 'verifyAudit' | 'operators' | 'operatorRole' | 'changeOperator' | 'record' | 'apply' | 'exported'>
  readonly insight: Pick<Insight, 'usage' | 'lastUsed'>
  readonly forms: Forms
  /** By the policy's session scheme. The response refuses: 401 where a sign-in would help. */
  readonly identify: (request: Request) => Promise<Visitor | { readonly response: Response }>
  /** Ends every session of the person at this provider. */
  readonly signOutEverywhere: (visitor: Visitor) => Promise<void>
  /** The feed has grown: this data centre need not wait for the bound. May fail. */
  readonly announce: (authority: string) => Promise<void>
  /** How the limits that count an app as a whole stand. */
  readonly meters: (app: App) => Promise<readonly Meter[]>
  readonly now: () => number
  readonly log: (line: string) => void
}

/** One request to the portal by somebody who is signed in. */
export interface Context extends PageRequest {
  readonly parts: PortalParts
  readonly visitor: Visitor
  readonly actor: Actor
}

export function render({ parts, url, visitor, request }: Context, content: Omit<PageContent, 'flash'>): Response {
  return page(frameOf(parts, url.pathname, visitor.display), { ...content, flash: flashOf(request, MESSAGES) })
}

/** A page with a form: 422 where what was sent is not right. */
export function renderForm(
  context: Context,
  errors: readonly FieldError[],
  content: Pick<PageContent, 'title' | 'trail' | 'body'>,
): Response {
  const hasErrors = errors.length > 0
  return render(context, { ...content, status: hasErrors ? 422 : 200, hasErrors })
}

export function frameOf({ policy }: Pick<PortalParts, 'policy'>, path: string, person: string | undefined) {
  return {
    service: policy.title,
    area: 'Developer portal',
    home: PORTAL,
    navigation: person === undefined ? [] : NAVIGATION,
    ...(person === undefined ? {} : { person }),
    path,
  }
}

const NAVIGATION = [
  { href: PORTAL, title: 'Organisations' },
  { href: `${PORTAL}/reference`, title: 'API' },
  { href: `${PORTAL}/account`, title: 'Account' },
]

/** A path of the portal with what people or the directory named in it. */
export const pathTo = (...parts: readonly string[]): string => [PORTAL, ...parts.map(encodeURIComponent)].join('/')
