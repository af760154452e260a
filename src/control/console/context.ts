import type { Accounts } from '../../directory/accounts.ts'
import type { Events } from '../../insight/events.ts'
import type { Insight } from '../../insight/insight.ts'
import type { Meter } from '../../limits/ledger.ts'
import type { Policy } from '../../policy/policy.ts'
import type { FeedStatus } from '../../revocation/feed.ts'
import type { KeySetReport } from '../../schemes/jwt/key-set-report.ts'
import type { People } from '../../sessions/people.ts'
import type { Redeem } from '../bootstrap.ts'
import type { AdminScope, Answer } from '../operation.ts'
import type { Operator, Operators } from '../operators.ts'
import type { OwnCall } from '../run-operation.ts'
import type { InForce } from '../operations/blocks.ts'
import { flashOf, page, type PageContent } from '../pages/layout.tsx'
import type { Forms } from '../pages/forms.ts'
import type { PageRequest } from '../pages/site.ts'
import { MESSAGES } from './messages.ts'

export const CONSOLE = '/.portcullis/console'

export interface ConsoleParts {
  readonly policy: Policy
  readonly gateway: string
  readonly accounts: Accounts
  readonly insight: Insight
  readonly events: Pick<Events, 'list'>
  /** Of restrictions and kill switches. */
  readonly restrictions: (now: number) => Promise<readonly InForce[]>
  readonly feed: () => Promise<FeedStatus>
  /** How old what this isolate knows of the feed is, in milliseconds. `undefined`: it has not read it yet. */
  readonly feedAgeMs: (now: number) => number | undefined
  readonly keySets: () => readonly KeySetReport[]
  /** Of limits that count a consumer as itself: what is used of each. */
  readonly meters: (consumer: string) => Promise<readonly Meter[]>
  /** Absent where nobody signs in. */
  readonly people?: Pick<People, 'describe'>
  readonly operators: Operators
  /** An operation of the admin API, with its checks and its line in the audit log. */
  readonly perform: (id: string, asked: OwnCall, operator: Operator, request: Request) => Promise<Answer>
  /** A token of `portcullis operators bootstrap`. */
  readonly redeem: Redeem
  readonly forms: Forms
  readonly now: () => number
  readonly log: (line: string) => void
}
/** One request to the console by somebody who may make it. */
export interface Context extends PageRequest {
  readonly parts: ConsoleParts
  readonly operator: Operator
}

export function render({ parts, url, operator, request }: Context, content: Omit<PageContent, 'flash'>): Response {
  return page(frameOf(parts, url.pathname, operator.actor.display), { ...content, flash: flashOf(request, MESSAGES) })
}

export function frameOf({ policy }: Pick<ConsoleParts, 'policy'>, path: string, person: string | undefined) {
  return {
    service: policy.title,
    area: 'Console',
    home: CONSOLE,
    navigation: person === undefined ? [] : NAVIGATION.map(([href, title]) => ({ href: href === '' ? CONSOLE : pathTo(href), title })),
    ...(person === undefined ? {} : { person }),
    path,
  }
}

const NAVIGATION = [
  ['', 'Overview'],
  ['consumers', 'Consumers'],
  ['decisions', 'Decisions'],
  ['anomalies', 'Anomalies'],
  ['blocks', 'Blocks'],
  ['people', 'People'],
  ['policy', 'Policy'],
  ['health', 'Health'],
  ['audit', 'Audit'],
] as const

/** A path of the console with what people or the policy named in it. */
export const pathTo = (...parts: readonly string[]): string => [CONSOLE, ...parts.map(encodeURIComponent)].join('/')

/** Whether a link or a form for it is shown; the operation itself asks again. */
export const may = ({ operator }: Context, scope: AdminScope): boolean => operator.scopes.has(scope)
