import { encodeHex } from '../http/base64url.ts'
import { periodAt } from '../limits/calendar-quota.ts'
import type { Admission, Charge, Defer, LimitState } from '../limits/limiter.ts'
import type { GateEvent } from './gate-event.ts'

/** Parts of a quota, in percent, that are worth telling; highest first. */
const TOLD_AT = [100, 80] as const
/** Quotas that count a consumer, its credentials or its routes: of strangers nobody is told. */
const OF_CONSUMER = /^(?:(?:consumer|credential|route)=[^&]*(?:&|$))+$/u
const MAX_TOLD = 10_000

/**
 * Notices when a quota is nearly or wholly used up, from what memory knows of it, which counts as used what is lent to isolates. Every
 * isolate tells it once in a period, all by the same id, so that it is one event.
 */
export interface QuotaWatch {
  /** After a request was counted, or refused for its limits. */
  note(charges: readonly Charge[], admission: Admission, consumer: string | undefined, now: number, defer: Defer): void
}

export function createQuotaWatch(emit: (events: readonly GateEvent[]) => Promise<void>): QuotaWatch {
  /** Start of the period of which it was told. */
  const told = new Map<string, number>()

  function tell(charge: Charge, percent: number, { remaining }: LimitState, consumer: string, now: number, defer: Defer): void {
    const { limit, subject } = charge
    const { quota } = limit
    if (quota === undefined) return
    const { startsAt, endsAt } = periodAt(quota.period, now, quota.timeZone)
    const key = `${percent} ${limit.name} ${subject}`
    if (told.get(key) === startsAt) return
    remember(told, key, startsAt)
    const { count, period } = quota
    const [from, to] = [new Date(startsAt).toISOString(), new Date(endsAt).toISOString()]
    const data = { limit: limit.name, percent, count, remaining, period, periodStartsAt: from, periodEndsAt: to }
    defer({
      name: 'quota event',
      async run() {
        try {
          await emit([{ id: await idOf([limit.name, subject, startsAt, percent]), type: 'quota.reached', at: now, consumer, data }])
        } catch (error) {
          told.delete(key)
          throw error
        }
      },
    })
  }

  return {
    note(charges, admission, consumer, now, defer) {
      if (consumer === undefined) return
      for (const state of admission.states) {
        if (state.kind !== 'quota') continue
        const count = state.limit.quota?.count ?? 0
        // Most requests end here.
        if (state.remaining * 5 > count) continue
        const charge = charges.find(({ limit }) => limit.name === state.limit.name)
        if (charge === undefined || !OF_CONSUMER.test(charge.subject)) continue
        const isUsedUp = state.remaining <= 0 || (admission.status === 'refused' && admission.state === state)
        for (const percent of TOLD_AT) if (percent < 100 || isUsedUp) tell(charge, percent, state, consumer, now, defer)
      }
    },
  }
}

function remember(told: Map<string, number>, key: string, startsAt: number): void {
  told.delete(key)
  const [oldest] = told.keys()
  if (told.size >= MAX_TOLD && oldest !== undefined) told.delete(oldest)
  told.set(key, startsAt)
}

async function idOf(parts: readonly (string | number)[]): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(parts)))
  return `quota_${encodeHex(new Uint8Array(digest, 0, 16))}`
}
