import type { Bindings } from './bindings.ts'
import { consoleOf } from './console.ts'
import { overAdminLimit } from './control/admin-limits.ts'
import { createBootstrap, createRedeem, type Redeem } from './control/bootstrap.ts'
import type { Operation } from './control/operation.ts'
import { createOperationRouter } from './control/operation-router.ts'
import { createOperators, type Operators } from './control/operators.ts'
import { anomaliesOperations } from './control/operations/anomalies.ts'
import { blocksOperations } from './control/operations/blocks.ts'
import { killSwitchesOperations } from './control/operations/kill-switches.ts'
import { appsOperations } from './control/operations/apps.ts'
import { creditsOperations } from './control/operations/credits.ts'
import { eventsOperations } from './control/operations/events.ts'
import { exportOperations } from './control/operations/export.ts'
import { operatorsOperations } from './control/operations/operators.ts'
import { organisationsOperations } from './control/operations/organisations.ts'
import { peopleOperations } from './control/operations/people.ts'
import { revocationsOperations } from './control/operations/revocations.ts'
import { statusOperations } from './control/operations/status.ts'
import { usageOperations } from './control/operations/usage.ts'
import { webhooksOperations } from './control/operations/webhooks.ts'
import { assetResponse } from './control/pages/assets.ts'
import { createOwnUsage } from './control/own-usage.ts'
import { createSealer } from './credentials/sealer.ts'
import type { Accounts } from './directory/accounts.ts'
import { createAccounts } from './directory/accounts-client.ts'
import type { Directory } from './directory/directory.ts'
import type { Environment } from './environment.ts'
import type { Gateway } from './gateway.ts'
import { problemResponse } from './http/problem.ts'
import { createEvents, createWebhooks } from './insight/events.ts'
import type { GateEvent } from './insight/gate-event.ts'
import { createInsight, importUsage } from './insight/insight-calls.ts'
import { createCreditCalls, createMeterCalls } from './limits/ledger-calls.ts'
import type { Limiter } from './limits/limiter.ts'
import { leakReportRoutes } from './leak-reports.ts'
import { deny } from './policy/denial.ts'
import type { LinkedPolicy } from './policy/link.ts'
import { portalOf } from './portal.ts'
import type { ReplayMemory } from './replay/replay-memory.ts'
import { createReplayMemory } from './replay/replay-store.ts'
import { FEED_NAME } from './revocation/feed.ts'
import type { RevocationFeed } from './revocation/feed-object.ts'
import type { Revocations } from './revocation/revocations.ts'
import { createApiKeyAuthenticator } from './schemes/api-key/authenticator.ts'
import type { SchemeDependencies } from './schemes/index.ts'
import type { KeySetReport } from './schemes/jwt/key-set-report.ts'
import { createPeople } from './sessions/people.ts'
import type { SessionLookup } from './sessions/session-lookup.ts'
import type { Sessions } from './sessions/session.ts'

type Lifetime = Pick<ExecutionContext, 'waitUntil'>

/** What the gate's own paths work with, besides those of sign-in. */
export interface ControlPlaneParts {
  readonly environment: Environment
  readonly bindings: Bindings
  readonly gateway: Pick<Gateway, 'identify'>
  readonly linked: LinkedPolicy
  readonly directory: Directory
  readonly limiter: Limiter
  readonly revocations: Revocations
  readonly replay: ReplayMemory
  readonly sessions?: (Sessions & SessionLookup) | undefined
  readonly dependencies: SchemeDependencies
  /** How each issuer's keys stand in this isolate. */
  readonly keySets: ReadonlySet<() => KeySetReport>
  readonly now: () => number
  readonly log: (line: string) => void
}

/** Everything below `/.portcullis/` but sign-in and sessions. */
export interface ControlPlane {
  handle(request: Request, lifetime: Lifetime): Promise<Response>
}
type Handle = ControlPlane['handle']

export function createControlPlane(parts: ControlPlaneParts): ControlPlane {
  const accounts = accountsOf(parts)
  const operators = operatorsOf(parts, accounts)
  const operations: readonly Operation[] = [...ownOperations(parts, accounts, () => operations), ...directoryOperations(parts, accounts)]
  const redeem = createRedeem({ rootSecret: parts.environment.rootSecret, replay: parts.replay, accounts, now: parts.now })
  const routes: readonly (readonly [path: RegExp, handle: Handle])[] = [
    [below('admin/v1/bootstrap'), firstOwner(parts, redeem)],
    [below('admin/v1'), adminApi(parts, accounts, operators, operations)],
    ...(parts.environment.policy.control === undefined
      ? []
      : [
          [below('assets'), async (request: Request) => assetResponse(request)] as const,
          [below('console'), shielded(parts, consoleOf({ ...parts, accounts, operators, operations, redeem }).handle)] as const,
        ]),
    ...portalRoutes(parts, accounts),
    [below('usage'), shielded(parts, ownUsage(parts))],
    ...leakReportRoutes(parts, accounts),
  ]
  return {
    async handle(request, lifetime) {
      const [, handle] = routes.find(([path]) => path.test(request.url)) ?? []
      return handle === undefined
        ? problemResponse({ status: 404, code: 'route-unknown', title: 'No such route' })
        : handle(request, lifetime)
    },
  }
}

/** No address tries credentials here faster than at the admin API: what keeps the data path's does not stand before the gate's own paths. */
function shielded({ limiter, now }: ControlPlaneParts, handle: Handle): Handle {
  return async (request, lifetime) => {
    const address = request.headers.get('cf-connecting-ip') ?? undefined
    const admission = await overAdminLimit(limiter, 'address', { principals: [], ...(address === undefined ? {} : { address }) }, now())
    return admission === undefined ? handle(request, lifetime) : (await deny({ at: 'limit', admission }, crypto.randomUUID())).response
  }
}

/** Where the policy has a portal: its scheme is one of sessions, so there are some. */
function portalRoutes(parts: ControlPlaneParts, accounts: Accounts): readonly (readonly [path: RegExp, handle: Handle])[] {
  const { sessions } = parts
  const portal = parts.environment.policy.control?.portal
  return sessions === undefined || portal === undefined
    ? []
    : [[below('portal'), shielded(parts, portalOf({ ...parts, sessions, accounts }, portal))]]
}

/** The path and all below it, in the raw target. */
function below(path: string): RegExp {
  return new RegExp(`^https?://[^/?#]+/\\.portcullis/${path.replaceAll('.', '\\.')}(?:[/?]|$)`, 'u')
}

function operatorsOf({ gateway, linked, environment, dependencies }: ControlPlaneParts, accounts: Accounts): Operators {
  return createOperators({
    gateway,
    adminKey: createApiKeyAuthenticator(
      { kind: 'api-key', name: 'admin', carrier: { in: 'bearer' }, purpose: 'admin', consumerOptional: true },
      dependencies,
    ),
    security: linked.requirementsOf(environment.policy.control?.security ?? []),
    roleOf: async (person) => accounts.operatorRole(person),
  })
}

function accountsOf({ bindings, environment, directory, now }: ControlPlaneParts) {
  const portal = environment.policy.control?.portal
  return createAccounts({
    namespace: bindings.DIRECTORY,
    rootSecret: environment.rootSecret,
    hasPlan: (name) => directory.plan(name) !== undefined,
    ...(portal === undefined ? {} : { portal }),
    lastUsed: async (ids) => createInsight(bindings.INSIGHT).lastUsed(ids),
    now,
  })
}

function adminApi(
  parts: ControlPlaneParts,
  accounts: ReturnType<typeof createAccounts>,
  operators: Operators,
  operations: readonly Operation[],
): Handle {
  const { environment, limiter, now, log } = parts
  return createOperationRouter({
    operations,
    operators,
    accounts,
    idempotency: { store: accounts.once, sealer: createSealer(environment.rootSecret, 'admin-answers') },
    limiter,
    now,
    log,
  })
}

function firstOwner({ gateway, linked, environment, limiter, now, log }: ControlPlaneParts, redeem: Redeem): Handle {
  const security = linked.requirementsOf(environment.policy.control?.security ?? [])
  return createBootstrap({ gateway, security, redeem, limiter, now, log })
}

/** Developers and what they hold, operators, and the audit log. */
function directoryOperations({ environment, revocations, now }: ControlPlaneParts, accounts: Accounts): readonly Operation[] {
  const { plans, control, revocation } = environment.policy
  const announce = async (authority: string): Promise<void> => revocations.announce?.(authority)
  const own = { accounts, announce, ...revocation, now }
  return [
    ...organisationsOperations(own),
    ...appsOperations(own),
    ...exportOperations(own),
    ...operatorsOperations({ accounts, plans, offered: control?.portal?.plans ?? [] }),
  ]
}

/** Of the gate itself: what it runs, what stops and changes, balances, people. */
function ownOperations(parts: ControlPlaneParts, accounts: Accounts, all: () => readonly Operation[]): readonly Operation[] {
  const { environment, bindings, directory, linked, revocations, sessions, now } = parts
  const { policy, gatewayName } = environment
  const feed = () => bindings.REVOCATIONS.getByName(FEED_NAME)
  return [
    ...statusOperations({
      feed,
      gateway: gatewayName,
      ...policy.revocation,
      policySummary: () => ({
        title: policy.title,
        routes: policy.routes.length,
        schemes: policy.schemes.map(({ name, kind }) => ({ name, kind })),
      }),
      replayOf: async (scope) => createReplayMemory(bindings.REPLAY).stats(scope),
      operations: all,
    }),
    ...revocationsOperations({
      feed,
      announce: async (authority) => revocations.announce?.(authority),
      ...policy.revocation,
      now,
      hasPlan: (name) => directory.plan(name) !== undefined,
    }),
    ...abuseOperations(parts, feed),
    ...usageOperations({
      insight: createInsight(bindings.INSIGHT),
      importUsage: async (id, usage) => importUsage(bindings.INSIGHT, id, usage),
      async appsOf(organisation) {
        if ((await accounts.organisation(organisation)) === undefined) return undefined
        return (await accounts.apps({ organisation, limit: 100 })).items.map(({ id }) => id)
      },
    }),
    ...eventsOperations({ events: createEvents(bindings.EVENTS) }),
    ...webhooksOperations({ webhooks: createWebhooks(bindings.EVENTS) }),
    ...creditsOperations({
      calls: createCreditCalls(bindings.LEDGER),
      limitOf: (name, consumer) => linked.limitsOfConsumer(policy.limits, consumer).find((limit) => limit.name === name),
      isConsumer: (name) => directory.consumer(name) !== undefined,
    }),
    ...(sessions === undefined ? [] : peopleOperations({ people: createPeople(bindings.PEOPLE), sessions })),
  ]
}

/** What a consumer asks about itself. */
function ownUsage({ gateway, linked, directory, bindings, limiter, now }: ControlPlaneParts): Handle {
  const meters = createMeterCalls(bindings.LEDGER)
  return createOwnUsage({ gateway, linked, directory, limiter, meters, insight: createInsight(bindings.INSIGHT), now })
}

/** What the detector found, what is restricted, and what is closed. */
function abuseOperations({ bindings, environment, revocations, now }: ControlPlaneParts, feed: RevocationsFeed): readonly Operation[] {
  const { policy } = environment
  const announcing = { announce: async (authority: string) => revocations.announce?.(authority), ...policy.revocation, now }
  const restricting = { ...announcing, feed, emit: async (events: readonly GateEvent[]) => createEvents(bindings.EVENTS).emit(events) }
  return [
    ...anomaliesOperations({ ...announcing, insight: createInsight(bindings.INSIGHT) }),
    ...blocksOperations(restricting),
    ...killSwitchesOperations({ ...restricting, routes: policy.routes.map(({ id }) => id) }),
  ]
}
type RevocationsFeed = () => DurableObjectStub<RevocationFeed>
