import type { MeterCalls } from '../limits/ledger-calls.ts'
import type { Meter } from '../limits/ledger.ts'
import { chargesOf } from '../limits/subject.ts'
import type { LinkedPolicy } from '../policy/link.ts'
import type { Principal } from '../schemes/authenticator.ts'

/** Ledgers asked for one answer. */
const MAX_SUBJECTS = 8

export interface Metered {
  readonly consumer: string
  readonly plan: string | undefined
  /** Of a caller: limits that count each credential or subject count it then. */
  readonly principals: readonly Principal[]
}

/** Of the plan and of every route, those that count this consumer as itself; one that counts each route or address apart has no single meter. */
export async function consumerMeters(
  { linked, meters }: { readonly linked: LinkedPolicy; readonly meters: MeterCalls },
  { consumer, plan, principals }: Metered,
): Promise<readonly Meter[]> {
  const named = [...[...linked.routes.values()].flatMap(({ limits }) => limits), ...(linked.limitsOfPlan.get(plan ?? '') ?? [])]
  const limits = linked.limitsOfConsumer([...new Set(named)], consumer).filter(({ consistency }) => consistency !== 'local')
  const charges = limits.flatMap((limit) => {
    const counted = chargesOf([limit], { principals, consumer, routeId: '' })
    const isOne = limit.by.every((subjectParts) => !subjectParts.includes('route') && !subjectParts.includes('address'))
    return counted.status === 'countable' && isOne ? counted.charges : []
  })
  const bySubject = [...Map.groupBy(charges, ({ subject }) => subject)].slice(0, MAX_SUBJECTS)
  const told = await Promise.all(
    bySubject.map(async ([subject, ofSubject]) =>
      meters.meters(
        subject,
        ofSubject.map(({ limit }) => limit),
      ),
    ),
  )
  return told.flat()
}
