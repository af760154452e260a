import { restrictedName, RESTRICTIONS } from '../revocation/restrictions.ts'
import type { AutomaticAnswer } from './abuse/answer.ts'
import { isLearnt, type KnownCredential } from './abuse/detector.ts'
import { settled } from './abuse/place-watch.ts'
import type { Finding } from './abuse/traffic.ts'
import type { GateEventType } from './gate-event.ts'
import type { Anomaly, Baseline } from './insight.ts'
import type { Observation } from './observation.ts'
import type { Message, StoredAnomaly } from './watch-store.ts'

/** The feed keeps a restriction that was lifted for so long, so that an earlier one is not read late. */
const LIFTED_MS = 3_600_000
/** Of a name, such as a User-Agent, what is told. */
const MAX_NAMES = 256

/** What one finding adds to what is known of its subject. `consumer`: whose the credential is. */
export function joinFinding(
  known: StoredAnomaly | undefined,
  finding: Finding,
  evidence: readonly Observation[],
  consumer: string | undefined,
  at: number,
): StoredAnomaly {
  const { kind, subject, score, reasons } = finding
  if (known !== undefined) {
    const worst = score >= known.score ? { score, reasons } : {}
    return { ...known, lastAt: at, evidence, ...worst }
  }
  const own = consumer === undefined ? {} : { consumer }
  const undecided = { state: 'open', answer: 'record', isByHand: false, restrictions: 0 } as const
  return { id: `ano_${randomId()}`, firstAt: at, lastAt: at, kind, subject, ...own, score, reasons, evidence, ...undecided }
}

/** Whether an answer does more than what is in force. */
export function isStronger(answer: AutomaticAnswer, known: Anomaly | undefined, at: number): boolean {
  if (answer === 'record' || known?.isByHand === true) return false
  return !isInForce(known, at) || strength(answer) > strength(known?.answer)
}
const strength = (answer: Anomaly['answer'] | undefined): number => RESTRICTIONS.findIndex((one) => one === answer)
export const isInForce = (known: Anomaly | undefined, at: number): boolean =>
  known !== undefined && known.answer !== 'record' && at < (known.until ?? 0)

/** With an answer in place of the one that it had. `until` absent: nothing is done. `isAnother`: nothing was done just before. */
export function withAnswer(
  { until: _until, ...known }: StoredAnomaly,
  { until, ...change }: Pick<StoredAnomaly, 'state' | 'answer' | 'isByHand'> & { readonly until: number | undefined },
  isAnother: boolean,
): StoredAnomaly {
  const isSet = change.answer !== 'record' && until !== undefined
  return { ...known, ...change, ...(isSet ? { until } : {}), restrictions: known.restrictions + (isSet && isAnother ? 1 : 0) }
}

export function eventOf(type: GateEventType, anomaly: Anomaly, at: number): Message {
  const { id, kind, subject, score, reasons, answer, until, consumer } = anomaly
  const data = { anomaly: id, kind, subject, score, reasons, answer, ...(until === undefined ? {} : { until }) }
  return { kind: 'event', event: { id: `evt_${randomId()}`, type, at, data, ...(consumer === undefined ? {} : { consumer }) } }
}

/** What the feed is told: the restriction, or that it is lifted. */
export function restrictionOf({ id, kind, subject, answer, until }: Anomaly, at: number): Message {
  const target = { type: 'restricted', id: restrictedName(kind, subject) } as const
  const value = answer === 'record' || until === undefined ? null : { answer, since: at, until, cause: id }
  return { kind: 'restrict', request: { target, patch: { restriction: value }, expiresAt: (until ?? at) + LIFTED_MS, reason: id } }
}

export function toldOf(stored: StoredAnomaly): Anomaly {
  const { restrictions: _restrictions, ...anomaly } = stored
  return anomaly
}

export function baselineOf(known: KnownCredential, at: number): Baseline {
  const { requests, firstAt, place, use } = known
  return {
    requests,
    firstAt,
    isLearning: !isLearnt(known, at),
    countries: namesOf(settled(place.countries)),
    networks: namesOf(settled(place.networks)),
    clients: namesOf(settled(place.clients)),
    routes: use.routes.known,
    hourly: use.rate.hourly.map((perHour) => Math.max(0, perHour) / 120),
  }
}
const namesOf = (list: readonly (readonly [name: string, ...unknown[]])[]): string[] =>
  list.map(([name]) => name.slice(0, MAX_NAMES)).filter((name) => name !== '')

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'
/** 20 letters and digits: more than 100 bits. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(20)), (word) => LETTERS[word % LETTERS.length]).join('')
}
