import { isInNetwork } from '../../http/network.ts'
import type { AbuseConfig } from '../../policy/policy.ts'
import type { RestrictionAnswer } from '../../revocation/restrictions.ts'
import type { Observation } from '../observation.ts'
import type { Finding } from './traffic.ts'

/** Where no policy is told. */
export const RECORD_ONLY: AbuseConfig = {
  answers: {},
  blockSeconds: { first: 900, most: 86_400 },
  allow: { networks: [], consumers: [], keys: [] },
}

/** A kind of client of which hardly anything is let in is nobody's but the attacker's. */
const FOREIGN_PERCENT = 95

export type AutomaticAnswer = 'record' | Exclude<RestrictionAnswer, 'close'>

/**
 * What the gate does by itself about a finding. A kind of client whose TLS fingerprint is not known is only recorded: many others may
 * have the same User-Agent. `last`: the request that led to it.
 */
export function answerOf({ kind, score, reasons }: Finding, last: Observation, { answers, allow }: AbuseConfig): AutomaticAnswer {
  if (kind === 'fingerprint' && (last.tls === undefined || isShared(reasons))) return 'record'
  if (isAllowed(kind, last, allow)) return 'record'
  if (score >= (answers.block ?? Number.POSITIVE_INFINITY)) return 'block'
  if (kind === 'credential' && score >= (answers.stepUp ?? Number.POSITIVE_INFINITY)) return 'step-up'
  if (score >= (answers.limit ?? Number.POSITIVE_INFINITY)) return 'limit'
  return score >= (answers.slow ?? Number.POSITIVE_INFINITY) ? 'slow' : 'record'
}

/** Whoever is refused by the thousand with a client that many have must not have them all stopped. */
const isShared = (reasons: Finding['reasons']): boolean =>
  reasons.some(({ evidence }) => Number(evidence['refusedPercent'] ?? 0) < FOREIGN_PERCENT)

function isAllowed(kind: Finding['kind'], { address, consumer, credential }: Observation, allow: AbuseConfig['allow']): boolean {
  if (allow.networks.some((network) => isInNetwork(address, network))) return true
  if (kind !== 'credential') return false
  return (consumer !== undefined && allow.consumers.includes(consumer)) || (credential !== undefined && allow.keys.includes(credential))
}

/** `earlier`: answers of the last week to the same subject. */
export function answerMs({ blockSeconds: { first, most } }: Pick<AbuseConfig, 'blockSeconds'>, earlier: number): number {
  return 1000 * Math.min(most, first * 2 ** Math.min(earlier, 30))
}

/** The gate's own answers to what is restricted already say nothing new of who is restricted. */
const OWN_ANSWERS: ReadonlySet<string> = new Set([
  'address-blocked',
  'usage-blocked',
  'abnormal-usage-detected',
  'route-closed',
  'gate-closed',
])
export const isJudged = ({ code }: Observation): boolean => !OWN_ANSWERS.has(code)
