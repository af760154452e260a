import type { GateEvent } from './gate-event.ts'
import { webhookFields } from './webhook-secret.ts'
import { TIMEOUT_MS, type Attempt } from './webhook.ts'

export interface Message {
  readonly url: string
  readonly secrets: readonly Uint8Array<ArrayBuffer>[]
  readonly id: string
  readonly body: string
}
export type Sent = Pick<Attempt, 'outcome' | 'status' | 'milliseconds'>

/** The content of an event's message. Made of the stored event alone: the same at every attempt. */
export function webhookBody({
  type,
  at,
  organisation,
  consumer,
  data,
}: Omit<GateEvent, 'id' | 'type'> & { readonly type: string }): string {
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), organisation, consumer, data })
}

/** One attempt. Follows no redirect, reads nothing of the answer but its status, and never rejects. */
export async function sendWebhook({ url, secrets, id, body }: Message, now: () => number): Promise<Sent> {
  const at = now()
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const outcome = await attempt(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Portcullis-Webhooks/1',
      ...(await webhookFields(secrets, { id, at, body })),
    },
    body,
    redirect: 'manual',
    signal,
  }).catch(() => ({ outcome: signal.aborted ? ('timeout' as const) : ('unreachable' as const) }))
  return { ...outcome, milliseconds: Math.max(0, now() - at) }
}

async function attempt(url: string, init: RequestInit): Promise<Omit<Sent, 'milliseconds'>> {
  const { ok, status, body } = await fetch(url, init)
  await body?.cancel().catch(() => undefined)
  if (ok) return { outcome: 'delivered', status }
  return { outcome: status >= 300 && status < 400 ? 'redirected' : 'refused', status }
}
