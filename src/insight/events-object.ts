import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { parseRootSecret, type RootSecret } from '../credentials/root-secret.ts'
import type { Page } from '../directory/accounts.ts'
import { createEventLog, type EventLog, type EventsAsked } from './event-log.ts'
import type { GateEvent } from './gate-event.ts'
import { createWebhookBook, type StoredEndpoint, type WebhookBook } from './webhook-book.ts'
import { createDeliveries, type Deliveries } from './webhook-deliveries.ts'
import { createEndpoints, endpointOf, type Endpoints, type EndpointWritten } from './webhook-endpoints.ts'
import { shownWebhookSecret } from './webhook-secret.ts'
import type { Sent } from './webhook-sender.ts'
import type { Attempt, WebhookDraft, WebhookEndpoint, WebhookPatch } from './webhook.ts'

/** With the secret, shown this once. */
export type WithSecret = WebhookEndpoint & { readonly secret: string }
export type EndpointStatus = WebhookEndpoint & { readonly waiting: number }

/** Soonest that the object wakes again, in milliseconds: no fault of ours makes it spin. */
const SOONEST_MS = 1000

/** What happened that somebody should know of, and the webhooks that tell it: the one object of a gateway that has it (docs/events.md). */
export class EventsObject extends DurableObject<Bindings> {
  readonly #root: RootSecret
  readonly #events: EventLog
  readonly #book: WebhookBook
  readonly #endpoints: Endpoints
  readonly #deliveries: Deliveries

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings)
    const { sql } = state.storage
    const label = { gateway: bindings.PORTCULLIS_GATEWAY ?? 'portcullis', environment: bindings.PORTCULLIS_ENVIRONMENT ?? 'local' }
    this.#root = parseRootSecret(bindings.PORTCULLIS_ROOT_KEY, label)
    this.#events = createEventLog(sql)
    this.#book = createWebhookBook(sql)
    const isLocal = (bindings.PORTCULLIS_LOCAL ?? '') !== ''
    this.#endpoints = createEndpoints({ book: this.#book, root: this.#root, isLocal, now })
    this.#deliveries = createDeliveries({
      book: this.#book,
      root: this.#root,
      now,
      random: Math.random,
      transaction: (work) => state.storage.transactionSync(work),
      log: logLine,
      tell: (event) => {
        if (this.#tell(event)) logEvent(event)
      },
    })
  }

  /** Durable once answered. An event told again changes nothing. */
  async emit(events: readonly GateEvent[]): Promise<void> {
    const added = this.ctx.storage.transactionSync(() => events.filter((event) => this.#tell(event)))
    for (const event of added) logEvent(event)
    // A run that is under way takes them up; it may be gone before it does, so the object wakes for them in any case.
    this.#deliveries.wake()
    if (added.length > 0) await this.#arm(0)
  }

  async list(asked: EventsAsked): Promise<Page<GateEvent>> {
    return this.#events.page(asked)
  }

  async webhooks(): Promise<readonly EndpointStatus[]> {
    return this.#book.endpoints().map((endpoint) => this.#statusOf(endpoint))
  }

  async webhook(id: string): Promise<EndpointStatus | undefined> {
    const endpoint = this.#book.endpoint(id)
    return endpoint === undefined ? undefined : this.#statusOf(endpoint)
  }

  async createWebhook(draft: WebhookDraft): Promise<EndpointWritten<WithSecret>> {
    return this.#withSecret(this.#endpoints.create(draft))
  }

  async changeWebhook(id: string, patch: WebhookPatch, version?: number): Promise<EndpointWritten<WebhookEndpoint>> {
    const written = this.#endpoints.change(id, patch, version)
    await this.#arm(0)
    return shown(written)
  }

  async rotateWebhook(id: string, overlapSeconds: number, version?: number): Promise<EndpointWritten<WithSecret>> {
    return this.#withSecret(this.#endpoints.rotate(id, overlapSeconds, version))
  }

  async removeWebhook(id: string, version?: number): Promise<EndpointWritten<WebhookEndpoint>> {
    return shown(this.#endpoints.remove(id, version))
  }

  /** `undefined`: there is no such endpoint. `unsigned`: no secret of it can be made any more. */
  async testWebhook(id: string): Promise<Sent | 'unsigned' | undefined> {
    const endpoint = this.#book.endpoint(id)
    if (endpoint === undefined) return undefined
    return (await this.#deliveries.test(endpoint, `evt_test_${crypto.randomUUID()}`)) ?? 'unsigned'
  }

  /** Newest first. */
  async attempts(id: string): Promise<readonly Attempt[]> {
    return this.#book.attempts(id)
  }

  override async alarm(): Promise<void> {
    await this.#deliveries.run()
    await this.#arm(SOONEST_MS)
  }

  #tell(event: GateEvent): boolean {
    const at = now()
    const sequence = this.#events.add(event, at)
    if (sequence !== undefined) this.#book.enqueue(sequence, event, at)
    return sequence !== undefined
  }

  /** Wakes when something is due: a delivery, or what is too old. */
  async #arm(soonest: number): Promise<void> {
    const times = [this.#events.trim(now()), this.#book.nextDue()].filter((time) => time !== undefined)
    if (times.length > 0) await this.ctx.storage.setAlarm(Math.max(now() + soonest, Math.min(...times)))
  }

  #statusOf(endpoint: StoredEndpoint): EndpointStatus {
    return { ...endpointOf(endpoint), waiting: this.#book.waiting(endpoint.id) }
  }

  async #withSecret(written: EndpointWritten<StoredEndpoint>): Promise<EndpointWritten<WithSecret>> {
    if (written.status !== 'written') return written
    const { value } = written
    const [newest] = value.secrets
    if (newest === undefined) throw new Error('an endpoint without a secret')
    return { status: 'written', value: { ...endpointOf(value), secret: await shownWebhookSecret(this.#root, value.id, newest) } }
  }
}

function shown(written: EndpointWritten<StoredEndpoint>): EndpointWritten<WebhookEndpoint> {
  return written.status === 'written' ? { status: 'written', value: endpointOf(written.value) } : written
}

const now = (): number => Date.now()
const logLine = (line: string): void => console.log(line) // oxlint-disable-line no-console -- the log is the console
const logEvent = (event: GateEvent): void =>
  logLine(JSON.stringify({ event: 'gate-event', ...event, at: new Date(event.at).toISOString() }))
