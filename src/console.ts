import type { Bindings } from './bindings.ts'
import type { Redeem } from './control/bootstrap.ts'
import { consumerMeters } from './control/consumer-meters.ts'
import { createConsole, type Console } from './control/console/console.ts'
import type { Operation } from './control/operation.ts'
import type { Operators } from './control/operators.ts'
import { restrictionsOf } from './control/operations/blocks.ts'
import { createForms } from './control/pages/forms.ts'
import { createOwnCalls } from './control/run-operation.ts'
import type { Accounts } from './directory/accounts.ts'
import type { Directory } from './directory/directory.ts'
import type { Environment } from './environment.ts'
import { callObject } from './http/object-call.ts'
import { createEvents } from './insight/events.ts'
import { createInsight } from './insight/insight-calls.ts'
import { createMeterCalls } from './limits/ledger-calls.ts'
import type { LinkedPolicy } from './policy/link.ts'
import type { ReplayMemory } from './replay/replay-memory.ts'
import { FEED_NAME } from './revocation/feed.ts'
import type { Revocations } from './revocation/revocations.ts'
import type { KeySetReport } from './schemes/jwt/key-set-report.ts'
import { createPeople } from './sessions/people.ts'

interface Given {
  readonly environment: Environment
  readonly bindings: Bindings
  readonly linked: LinkedPolicy
  readonly directory: Directory
  readonly revocations: Revocations
  readonly replay: ReplayMemory
  /** How each issuer's keys stand in this isolate. */
  readonly keySets: ReadonlySet<() => KeySetReport>
  readonly accounts: Accounts
  readonly operators: Operators
  readonly operations: readonly Operation[]
  readonly redeem: Redeem
  readonly now: () => number
  readonly log: (line: string) => void
}

/** The console of one gate, over its objects. */
export function consoleOf(given: Given): Console {
  const { environment, bindings, linked, directory, revocations, replay, keySets, accounts, operators, operations, redeem, now, log } =
    given
  const { policy, rootSecret, gatewayName } = environment
  const feed = () => bindings.REVOCATIONS.getByName(FEED_NAME)
  const meters = createMeterCalls(bindings.LEDGER)
  return createConsole({
    policy,
    gateway: gatewayName,
    accounts,
    insight: createInsight(bindings.INSIGHT),
    events: createEvents(bindings.EVENTS),
    restrictions: async (at) => restrictionsOf({ feed }, at),
    feed: async () => callObject(async () => feed().status()),
    feedAgeMs: (at) => revocations.ageMs?.(at),
    keySets: () => [...keySets].map((report) => report()),
    async meters(consumer) {
      const app = consumer.startsWith('app_') ? await accounts.app(consumer) : undefined
      const plan = app?.plan ?? directory.consumer(consumer)?.plan
      return consumerMeters({ linked, meters }, { consumer, plan, principals: [] })
    },
    ...(policy.identityProviders.length === 0 ? {} : { people: createPeople(bindings.PEOPLE) }),
    operators,
    redeem,
    perform: createOwnCalls({ operations, accounts, now, log }),
    forms: createForms(rootSecret, replay),
    now,
    log,
  })
}
