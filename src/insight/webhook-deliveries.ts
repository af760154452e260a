import type { RootSecret } from '../credentials/root-secret.ts'
import type { GateEvent } from './gate-event.ts'
import type { Delivery, StoredEndpoint, WebhookBook } from './webhook-book.ts'
import { secretsAt, webhookSecret } from './webhook-secret.ts'
import { sendWebhook, webhookBody, type Sent } from './webhook-sender.ts'
import { DISABLED_AFTER_MS, pauseAfter, retryDelay, type WebhookEndpoint } from './webhook.ts'

/** No new attempt begins this long after the object woke: it wakes again for what is left. */
const AWAKE_MS = 5 * 60_000

export interface DeliveriesParts {
  readonly book: WebhookBook
  readonly root: RootSecret
  readonly now: () => number
  /** From 0 to 1. */
  readonly random: () => number
  /** All of it or nothing. */
  readonly transaction: (work: () => void) => void
  readonly log: (line: string) => void
  /** An event of our own, within a transaction. */
  readonly tell: (event: GateEvent) => void
}

/** Sends what is due: each endpoint its own, one after the other, so that a slow one holds up nobody else. */
export interface Deliveries {
  /** Until nothing is due. Never rejects. */
  run(): Promise<void>
  /** Something new is due; a run that is under way takes it up. False: none is. */
  wake(): boolean
  /** One attempt at once, whatever the state, that nothing is retried of. `undefined`: its secrets are gone. */
  test(endpoint: StoredEndpoint, id: string): Promise<Sent | undefined>
}

export function createDeliveries({ book, root, now, random, transaction, log, tell }: DeliveriesParts): Deliveries {
  const busy = new Map<string, Promise<void>>()
  /** A fault of our own: left alone until the next run. */
  const broken = new Set<string>()
  let awakeUntil: number | undefined

  function start(): void {
    if (awakeUntil === undefined || now() >= awakeUntil) return
    for (const endpoint of book.endpoints()) {
      const { id } = endpoint
      if (busy.has(id) || broken.has(id) || dueOf(endpoint) === undefined) continue
      const work = deliverTo(id, awakeUntil)
        .catch((error: unknown) => {
          broken.add(id)
          log(JSON.stringify({ event: 'webhook-failure', endpoint: id, detail: error instanceof Error ? error.message : 'unknown' }))
        })
        .finally(() => busy.delete(id))
      busy.set(id, work)
    }
  }

  const dueOf = ({ id, state, pausedUntil }: StoredEndpoint): Delivery | undefined =>
    state === 'active' && pausedUntil <= now() ? book.due(id, now()) : undefined

  async function deliverTo(id: string, until: number): Promise<void> {
    while (now() < until) {
      const endpoint = book.endpoint(id)
      const delivery = endpoint === undefined ? undefined : dueOf(endpoint)
      if (endpoint === undefined || delivery === undefined) return
      const sent = await send(endpoint, delivery.event.id, webhookBody(delivery.event))
      // The endpoint may have been changed, switched off or removed meanwhile.
      const current = book.endpoint(id)
      if (current === undefined) return
      transaction(() => settle(current, delivery, sent))
    }
  }

  async function send(endpoint: WebhookEndpoint, id: string, body: string): Promise<Sent | undefined> {
    const names = secretsAt(root, endpoint.secrets, now())
    if (names.length === 0) return undefined
    const secrets = await Promise.all(names.map(async (name) => webhookSecret(root, endpoint.id, name)))
    return sendWebhook({ url: endpoint.url, secrets, id, body }, now)
  }

  function settle(endpoint: StoredEndpoint, { sequence, attempts, event }: Delivery, sent: Sent | undefined): void {
    const at = now()
    if (sent === undefined) {
      switchOff(endpoint, 'secret-gone', at)
      return
    }
    const attempt = attempts + 1
    const isDelivered = sent.outcome === 'delivered'
    const delay = isDelivered ? undefined : retryDelay(attempt, random())
    const isGivenUp = !isDelivered && delay === undefined
    book.note(endpoint.id, { at, event: event.id, type: event.type, attempt, ...sent, ...(isGivenUp ? { givenUp: true } : {}) })
    if (delay === undefined) book.done(endpoint.id, sequence)
    else book.postpone(endpoint.id, sequence, at + delay)
    const { failingSince = at, ...rest } = endpoint
    if (isDelivered) {
      book.put({ ...rest, failures: 0, pausedUntil: 0 })
      return
    }
    const failures = endpoint.failures + 1
    const failing = { ...endpoint, failures, pausedUntil: at + pauseAfter(failures), failingSince }
    book.put(failing)
    if (endpoint.state === 'disabled') return
    if (sent.status === 410) switchOff(failing, 'gone', at)
    else if (at - failingSince >= DISABLED_AFTER_MS) switchOff(failing, 'failing', at)
  }

  function switchOff(endpoint: StoredEndpoint, disabledBecause: NonNullable<WebhookEndpoint['disabledBecause']>, at: number): void {
    const version = endpoint.version + 1
    book.put({ ...endpoint, state: 'disabled', disabledBecause, version })
    book.forget(endpoint.id)
    const data = { endpoint: endpoint.id, reason: disabledBecause }
    tell({ id: `evt_${endpoint.id}_${version}`, type: 'webhook.disabled', at, data })
  }

  return {
    async run() {
      awakeUntil = now() + AWAKE_MS
      broken.clear()
      try {
        start()
        while (busy.size > 0) {
          await Promise.race(busy.values())
          start()
        }
      } finally {
        awakeUntil = undefined
      }
    },
    wake() {
      start()
      return awakeUntil !== undefined
    },
    async test(endpoint, id) {
      const event = { type: 'webhook.test', at: now(), data: { endpoint: endpoint.id } }
      const sent = await send(endpoint, id, webhookBody(event))
      if (sent !== undefined) book.note(endpoint.id, { at: event.at, event: id, type: event.type, attempt: 1, ...sent })
      return sent
    },
  }
}
