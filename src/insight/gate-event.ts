/** What operators and their systems are told of: on the console, in the log, and by webhooks (docs/events.md). */
export const GATE_EVENT_TYPES = [
  'anomaly.found',
  'anomaly.answered',
  'block.set',
  'block.lifted',
  'quota.reached',
  'key.created',
  'key.rotated',
  'key.revoked',
  'key.leaked',
  'key.forged',
  'app.changed',
  'kill-switch.set',
  'kill-switch.lifted',
  'webhook.disabled',
] as const
export type GateEventType = (typeof GATE_EVENT_TYPES)[number]

export interface GateEvent {
  /** The same event told again is one: `webhook-id` (WH-2). Letters, digits, `_` and `-`. */
  readonly id: string
  readonly type: GateEventType
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Whom it is about, where it is one: developers see the events of their own organisation. */
  readonly organisation?: string
  readonly consumer?: string
  /** What of it; never a credential. What takes more than `MAX_DATA_LENGTH` as JSON is left out and said to be (`truncated`). */
  readonly data: Readonly<Record<string, unknown>>
}
export const MAX_DATA_LENGTH = 16_384
