import type { GateEventType } from './gate-event.ts'

/** Endpoints that a gateway may have. */
export const MAX_ENDPOINTS = 20
/** How long the secret before counts beside the new one, in seconds: by default, and at most. */
export const DEFAULT_OVERLAP_SECONDS = 86_400
export const MAX_OVERLAP_SECONDS = 7 * 86_400
/** An endpoint at which nothing arrived for so long is switched off. */
export const DISABLED_AFTER_MS = 5 * 86_400_000
/** An answer's head is waited for so long. */
export const TIMEOUT_MS = 15_000

/** What names a secret; the secret itself is derived (docs/events.md, "Secrets"). */
export interface SecretName {
  readonly generation: string
  readonly version: number
  /** It counts until then, in milliseconds since the epoch. Absent: it is the newest. */
  readonly until?: number
}
/** Where events are sent. */
export interface WebhookEndpoint {
  /** `whe_` and 20 lower-case letters and digits. */
  readonly id: string
  readonly url: string
  /** For people to read; at most 200 characters. */
  readonly description: string
  /** Absent: all. */
  readonly types?: readonly GateEventType[]
  readonly state: 'active' | 'disabled'
  /** Why the gate switched it off. */
  readonly disabledBecause?: 'failing' | 'gone' | 'secret-gone'
  /** Newest first: signatures by each are sent. */
  readonly secrets: readonly SecretName[]
  readonly createdAt: number
  /** Rises with each change; the entity tag. */
  readonly version: number
  /** Nothing arrived since then, in milliseconds since the epoch. */
  readonly failingSince?: number
}
export interface WebhookDraft {
  readonly url: string
  readonly description?: string | undefined
  readonly types?: readonly GateEventType[] | undefined
}
export interface WebhookPatch {
  readonly url?: string
  readonly description?: string
  /** `null`: all. */
  readonly types?: readonly GateEventType[] | null
  readonly state?: WebhookEndpoint['state']
}

/** One attempt, without anything of what was answered but its status. */
export interface Attempt {
  readonly at: number
  /** `webhook-id`. */
  readonly event: string
  readonly type: string
  /** 1 for the first. */
  readonly attempt: number
  readonly outcome: 'delivered' | 'refused' | 'redirected' | 'timeout' | 'unreachable'
  /** Of the answer; absent: there was none. */
  readonly status?: number
  readonly milliseconds: number
  /** It was the last one. */
  readonly givenUp?: true
}

/** After so many failures of one delivery, in milliseconds: about a day and a half, then it is given up. */
const DELAYS_MS = [5, 30, 120, 600, 3600, 5 * 3600, 10 * 3600, 10 * 3600, 10 * 3600].map((seconds) => seconds * 1000)
/** A fifth more or less, so that what failed together does not come back together. */
const JITTER = 0.2
/** All of an endpoint's deliveries wait after a failure: so long after the first, twice as long after each that follows. */
const PAUSE_MS = 5000
const LONGEST_PAUSE_MS = 600_000

/** When it is tried again after `failures` of it. `undefined`: not any more. `random`: from 0 to 1. */
export function retryDelay(failures: number, random: number): number | undefined {
  const delay = DELAYS_MS[failures - 1]
  return delay === undefined ? undefined : Math.round(delay * (1 - JITTER + 2 * JITTER * random))
}

/** How long an endpoint is left alone after `failures` without anything that arrived in between. */
export function pauseAfter(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** Math.min(failures - 1, 20))
}
