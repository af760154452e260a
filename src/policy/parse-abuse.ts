import type * as v from 'valibot'
import { parseNetwork } from '../http/network.ts'
import type { abuseSchema } from './document-abuse.ts'
import type { AbuseConfig } from './policy.ts'
import { pointerTo } from './problems.ts'
import { checkNames, type Reading } from './reading.ts'

type Document = v.InferOutput<typeof abuseSchema>
/** Mildest first: a stronger answer may not begin below a milder one. */
const STEPS = ['slow', 'limit', 'stepUp', 'block'] as const
const FIRST_SECONDS = 900
const MOST_SECONDS = 86_400

/** A policy that says nothing records what it finds and does nothing by itself; the failure budget is on. */
export function parseAbuse(
  document: Document | undefined,
  pointer: string,
  consumers: ReadonlySet<string> | undefined,
  reading: Reading,
): AbuseConfig {
  const { answers, blockSeconds, allow = {}, failureBudget } = document ?? {}
  return {
    answers: parseAnswers(answers, pointerTo(pointer, 'answers'), reading),
    blockSeconds: parseSeconds(blockSeconds ?? {}, pointerTo(pointer, 'blockSeconds'), reading),
    allow: parseAllowed(allow, pointerTo(pointer, 'allow'), consumers, reading),
    ...budgetOf(failureBudget),
  }
}

function parseAnswers(answers: Document['answers'], pointer: string, { problems }: Reading): AbuseConfig['answers'] {
  const given = answers === undefined || answers === 'record' ? {} : answers
  const scores = STEPS.flatMap((step) => (given[step] === undefined ? [] : [[step, given[step]] as const]))
  for (const [index, [step, score]] of scores.entries()) {
    if (score < (scores[index - 1]?.[1] ?? 0)) problems.error(pointerTo(pointer, step), 'a stronger answer begins below a milder one')
  }
  return Object.fromEntries(scores)
}

function parseSeconds(
  { first = FIRST_SECONDS, most = Math.max(MOST_SECONDS, first) }: NonNullable<Document['blockSeconds']>,
  pointer: string,
  { problems }: Reading,
): AbuseConfig['blockSeconds'] {
  if (most < first) problems.error(pointerTo(pointer, 'most'), 'less than what a first answer lasts')
  return { first, most }
}

function parseAllowed(
  allow: NonNullable<Document['allow']>,
  pointer: string,
  known: ReadonlySet<string> | undefined,
  reading: Reading,
): AbuseConfig['allow'] {
  const { networks: texts = [], consumers = [], keys = [] } = allow
  const networks = texts.flatMap((text, index) => {
    const network = parseNetwork(text)
    if (network !== undefined) return [network]
    reading.problems.error(pointerTo(pointer, 'networks', index), 'not an address or a network such as 192.0.2.0/24')
    return []
  })
  // Apps are the directory's.
  const named = consumers.filter((name) => !name.startsWith('app_'))
  if (known !== undefined) checkNames(named, known, 'consumer', pointerTo(pointer, 'consumers'), reading)
  return { networks, consumers, keys }
}

function budgetOf(budget: Document['failureBudget']): Pick<AbuseConfig, 'failureBudget'> {
  if (budget === undefined) return {}
  return { failureBudget: budget === false ? false : { address: budget.address ?? 60, network: budget.network ?? 600 } }
}
