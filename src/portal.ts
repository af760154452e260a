import type { Bindings } from './bindings.ts'
import { consumerMeters } from './control/consumer-meters.ts'
import { displayOf } from './control/operators.ts'
import { createForms } from './control/pages/forms.ts'
import type { PortalParts, Visitor } from './control/portal/context.ts'
import { portalResponse } from './control/portal/portal.ts'
import type { Accounts } from './directory/accounts.ts'
import type { Environment } from './environment.ts'
import type { Gateway } from './gateway.ts'
import { callObject } from './http/object-call.ts'
import { createInsight } from './insight/insight-calls.ts'
import { createMeterCalls } from './limits/ledger-calls.ts'
import type { LinkedPolicy } from './policy/link.ts'
import type { ControlConfig } from './policy/policy.ts'
import type { ReplayMemory } from './replay/replay-memory.ts'
import type { Revocations } from './revocation/revocations.ts'
import { personName } from './sessions/person-name.ts'
import type { Sessions } from './sessions/session.ts'

interface Given {
  readonly environment: Environment
  readonly bindings: Bindings
  readonly gateway: Pick<Gateway, 'identify'>
  readonly linked: LinkedPolicy
  readonly revocations: Pick<Revocations, 'announce'>
  readonly replay: ReplayMemory
  readonly sessions: Pick<Sessions, 'endByProvider'>
  readonly accounts: Accounts
  readonly now: () => number
  readonly log: (line: string) => void
}
type Lifetime = Pick<ExecutionContext, 'waitUntil'>

/** The developer portal of one gate, over its objects. */
export function portalOf(given: Given, portal: NonNullable<ControlConfig['portal']>) {
  const { environment, bindings, gateway, linked, revocations, replay, sessions, accounts, now, log } = given
  const { policy, rootSecret } = environment
  const [terms = []] = linked.requirementsOf([[{ scheme: portal.scheme, scopes: [] }]])
  // Whoever has signed in is a developer: of which consumer is for their apps to say.
  const requirement = terms.map(({ authenticator, scopes }) => ({ authenticator, scopes, consumerOptional: true }))
  const meters = createMeterCalls(bindings.LEDGER)

  async function identify(request: Request, lifetime: Lifetime): Promise<Visitor | { readonly response: Response }> {
    const identified = await gateway.identify(request, [requirement], lifetime)
    if ('response' in identified) return identified
    const { caller, requestId } = identified
    const [principal] = caller.principals
    if (principal === undefined) throw new Error('a session scheme let in nobody')
    const { issuer, subject, credentialId } = principal
    const own = await personName(issuer, subject)
    const person = await callObject(async () => bindings.PEOPLE.getByName(own).describe())
    return {
      sessionId: credentialId,
      issuer,
      subject,
      names: [own, ...(person?.linked ?? [])],
      display: displayOf(principal),
      expiresAt: caller.expiresAt,
      requestId,
    }
  }

  const parts: Omit<PortalParts, 'identify'> = {
    policy,
    portal,
    accounts,
    insight: createInsight(bindings.INSIGHT),
    forms: createForms(rootSecret, replay),
    async signOutEverywhere({ issuer, subject }) {
      await sessions.endByProvider({ issuer, subject }, 'signed-out-everywhere', now())
    },
    announce: async (authority) => revocations.announce?.(authority),
    meters: async ({ id, plan }) => consumerMeters({ linked, meters }, { consumer: id, plan, principals: [] }),
    now,
    log,
  }
  return async (request: Request, lifetime: Lifetime): Promise<Response> =>
    portalResponse({ ...parts, identify: async (asked) => identify(asked, lifetime) }, request)
}
