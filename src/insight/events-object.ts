import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import type { Page } from '../directory/accounts.ts'
import { createEventLog, type EventLog, type EventsAsked } from './event-log.ts'
import type { GateEvent } from './gate-event.ts'

/** What happened that somebody should know of: the one object of a gateway that has it (docs/events.md). */
export class EventsObject extends DurableObject<Bindings> {
  readonly #events: EventLog

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings)
    this.#events = createEventLog(state.storage.sql)
  }

  /** Durable once answered. An event told again changes nothing. */
  async emit(events: readonly GateEvent[]): Promise<void> {
    const now = Date.now()
    const added = this.ctx.storage.transactionSync(() => events.filter((event) => this.#events.add(event, now) !== undefined))
    for (const event of added) console.log(JSON.stringify({ event: 'gate-event', ...event, at: new Date(event.at).toISOString() })) // oxlint-disable-line no-console -- the log is the console
    await this.#arm(now)
  }

  async list(asked: EventsAsked): Promise<Page<GateEvent>> {
    return this.#events.page(asked)
  }

  override async alarm(): Promise<void> {
    await this.#arm(Date.now())
  }

  async #arm(now: number): Promise<void> {
    const next = this.#events.trim(now)
    if (next !== undefined) await this.ctx.storage.setAlarm(next)
  }
}
