/**
 * One decided request, as the detector sees it (docs/abuse.md). Nothing in it is a credential, and nothing tells whether it is an
 * attack.
 */
export interface TrafficEvent {
  /** Milliseconds since the epoch; events come in the order of time. */
  readonly at: number
  /** As the edge saw it; an IPv6 address counts as its /64. */
  readonly address: string
  /** Number of the autonomous system. */
  readonly network?: string
  /** ISO 3166-1 alpha-2. */
  readonly country?: string
  /** Degrees. */
  readonly latitude?: number
  readonly longitude?: number
  readonly userAgent?: string
  /** Fingerprint of the TLS client hello, such as JA4. */
  readonly tls?: string
  /** Id of the credential that verified; absent: none did. */
  readonly credential?: string
  /** A keyed hash of the credential that was refused; absent: none was presented. */
  readonly presented?: string
  /** Id of the route; absent: the path is unknown. */
  readonly route?: string
  /** Last path parameter. */
  readonly objectId?: string
  readonly status: number
}

/**
 * How well a credential is known. `new`: everything is new still, and only what is wrong whoever does it is said. `young`: what it
 * does much of may be its first such day, so that this alone blocks nothing. `shown`: by so many requests it has shown how much is usual,
 * but reading in rows may still be its first such job.
 */
export type Stage = 'new' | 'young' | 'shown' | 'known'
/** Most points of what may be a first such day. */
export const YOUNG_POINTS = 0.9

export type SubjectKind = 'address' | 'credential' | 'fingerprint'

/** What somebody does that does not look right, with what an operator needs to judge it. */
export interface Finding {
  readonly at: number
  readonly kind: SubjectKind
  /** The address (or /64), the credential's id, or the TLS fingerprint and user agent. */
  readonly subject: string
  /** 1 and above: block. Lower answers begin at the thresholds of `ANSWERS`. */
  readonly score: number
  readonly reasons: readonly Reason[]
}
export interface Reason {
  readonly code: ReasonCode
  /** Its part of the score. */
  readonly points: number
  /** Numbers and names seen, such as `{ refused: 12, seconds: 60 }`. */
  readonly evidence: Readonly<Record<string, string | number>>
}
export type ReasonCode =
  | 'credential-stuffing'
  | 'refusal-flood'
  | 'route-scanning'
  | 'distributed-stuffing'
  | 'rate-surge'
  | 'new-country'
  | 'new-network'
  | 'new-client'
  | 'impossible-travel'
  | 'two-places-at-once'
  | 'many-networks'
  | 'many-countries'
  | 'object-enumeration'
  | 'object-sweep'
  | 'error-shift'
  | 'new-routes'

/** From which score on what is done, mildest first. */
export const ANSWERS = [
  { answer: 'record', score: 0.4 },
  { answer: 'slow', score: 0.6 },
  { answer: 'limit', score: 0.8 },
  { answer: 'block', score: 1 },
] as const
export type Answer = (typeof ANSWERS)[number]['answer']

/** The strongest answer to a score. `undefined`: it is not worth a line. */
export function answerTo(score: number): Answer | undefined {
  return ANSWERS.findLast((one) => score >= one.score)?.answer
}
