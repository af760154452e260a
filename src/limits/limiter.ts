/** A limit as the policy writes it (docs/policy.md, "limits"): `rate` and `quota`, one of them, `credits` or `concurrency`. */
export interface LimitPolicy {
  readonly name: string
  /** Whom it counts: the first entry that the caller has; the parts of an entry are joined. */
  readonly by: readonly (readonly SubjectPart[])[]
  /** `count` requests in `seconds`, as GCRA with `burst` (default: `count`). */
  readonly rate?: { readonly count: number; readonly seconds: number; readonly burst: number }
  readonly quota?: Quota
  /** The balance of a consumer that was never seen before; what was spent never comes back by itself. */
  readonly credits?: number
  /** At most `count` requests at a time; one that takes longer than `holdSeconds` is no longer counted. */
  readonly concurrency?: { readonly count: number; readonly holdSeconds: number }
  /** `request`: every admitted request counts. `success`: one that ends with a status of 400 or above is given back. */
  readonly chargeOn: 'request' | 'success'
  /**
   * `leased`: isolates spend what they were lent, from memory. `strict`: the ledger is asked for every request.
   * `local`: each isolate counts for itself, without any call: a shield, no promise.
   */
  readonly consistency: 'leased' | 'strict' | 'local'
  /** While the ledger cannot answer: `closed` is 503, `local` counts in the isolate. */
  readonly onOutage: 'closed' | 'local'
}
/** `count` requests in one calendar period of `timeZone`: an IANA name, by default UTC; minutes and hours are always those of UTC. */
export interface Quota {
  readonly count: number
  readonly period: QuotaPeriod
  readonly timeZone?: string
}
export type SubjectPart = 'address' | 'consumer' | 'subject' | 'credential' | 'route'
export type QuotaPeriod = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'

/** One limit met by one request, with the subject it counts for. */
export interface Charge {
  readonly limit: LimitPolicy
  /** Stable and unambiguous, such as `consumer=acme&route=GET /orders`; never in a log or an object's name as it is. */
  readonly subject: string
  /** As how many requests it counts, 1 to 1000: at most the limit's burst and quota, or it is never let in. Of a concurrency limit 1. */
  readonly cost: number
}

/** How one limit stands after a request was counted, in the words of draft-ietf-httpapi-ratelimit-headers-11. */
export interface LimitState {
  readonly limit: LimitPolicy
  readonly kind: 'rate' | 'quota' | 'credits' | 'concurrency'
  /** `r`: requests left. */
  readonly remaining: number
  /**
   * `t`: seconds until `remaining` is whole again; where the request, or at 0 one more, does not fit, until it does, so that
   * `Retry-After` is never earlier (RL-3). 0 for credits and permits, which no time brings back.
   */
  readonly resetSeconds: number
}

export type Admission =
  | {
      readonly status: 'admitted'
      readonly states: readonly LimitState[]
      /** Gives back what is charged on success only; run after the response when its status is 400 or above. `now`: then. */
      readonly refund?: (now: number) => Promise<void>
      /** Gives the permits of concurrency limits back; run once, when the answer has ended. `now`: then. */
      readonly release?: (now: number) => Promise<void>
    }
  | {
      readonly status: 'refused'
      /** The limit that refused, and how it stands. */
      readonly state: LimitState
      readonly states: readonly LimitState[]
      /**
       * Whole seconds, at least 1; waiting that long succeeds if nobody else spends meanwhile. Of a concurrency limit: when it is worth
       * asking again. Infinite: credits are used up, and no time brings them back.
       */
      readonly retryAfterSeconds: number
    }

/** Admits a request against all its limits: all or none. */
export interface Limiter {
  /** From memory alone: a refusal that is already certain, so that no nonce is spent and no call made. */
  refuseEarly(charges: readonly Charge[], now: number): Extract<Admission, { status: 'refused' }> | undefined
  /** At once where memory suffices. Throws when a ledger cannot answer and its limit is closed then: callers deny with 503. */
  admit(charges: readonly Charge[], now: number, defer: Defer): Admission | Promise<Admission>
}
/** Leaves work for after the response. */
export type Defer = (task: { readonly name: string; readonly run: () => Promise<void> }) => void
