import type * as v from 'valibot'
import { parseNetwork } from '../http/network.ts'
import type { abuseSchema } from './document-abuse.ts'
import type { AbuseConfig } from './policy.ts'
import { pointerTo } from './problems.ts'
import { checkNames, present, type Reading } from './reading.ts'

/** Mildest first: a stronger answer may not begin below a milder one. */
const STEPS = ['slow', 'limit', 'stepUp', 'block'] as const
const FIRST_SECONDS = 900
const MOST_SECONDS = 86_400

/** A policy that says nothing records what it finds and does nothing by itself; the failure budget is on. */
export function parseAbuse(
  { answers, blockSeconds, allow, failureBudget }: v.InferOutput<typeof abuseSchema>,
  pointer: string,
  consumers: ReadonlySet<string> | undefined,
  reading: Reading,
): AbuseConfig {
  const { problems } = reading
  const given = answers === undefined || answers === 'record' ? {} : answers
  let floor = 0
  for (const step of STEPS) {
    const score = given[step]
    if (score === undefined) continue
    if (score < floor) problems.error(pointerTo(pointer, 'answers', step), 'a stronger answer begins below a milder one')
    floor = score
  }
  const first = blockSeconds?.first ?? FIRST_SECONDS
  const most = blockSeconds?.most ?? Math.max(MOST_SECONDS, first)
  if (most < first) problems.error(pointerTo(pointer, 'blockSeconds', 'most'), 'less than what a first answer lasts')
  const networks = (allow?.networks ?? []).flatMap((text, index) => {
    const network = parseNetwork(text)
    if (network === undefined)
      problems.error(pointerTo(pointer, 'allow', 'networks', index), 'not an address or a network such as 192.0.2.0/24')
    return network === undefined ? [] : [network]
  })
  if (consumers !== undefined)
    checkNames(
      (allow?.consumers ?? []).filter((name) => !name.startsWith('app_')),
      consumers,
      'consumer',
      pointerTo(pointer, 'allow', 'consumers'),
      reading,
    )
  return {
    answers: {
      ...present('slow', given.slow),
      ...present('limit', given.limit),
      ...present('stepUp', given.stepUp),
      ...present('block', given.block),
    },
    blockSeconds: { first, most },
    allow: { networks, consumers: allow?.consumers ?? [], keys: allow?.keys ?? [] },
    ...budgetOf(failureBudget),
  }
}

function budgetOf(budget: v.InferOutput<typeof abuseSchema>['failureBudget']): Pick<AbuseConfig, 'failureBudget'> {
  if (budget === undefined) return {}
  return { failureBudget: budget === false ? false : { address: budget.address ?? 60, network: budget.network ?? 600 } }
}
