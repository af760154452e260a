import type { Page } from '../directory/accounts.ts'
import { CALL_MS, callObject, within } from '../http/object-call.ts'
import type { EventsAsked } from './event-log.ts'
import type { EndpointStatus, EventsObject, WithSecret } from './events-object.ts'
import type { GateEvent } from './gate-event.ts'
import type { EndpointWritten } from './webhook-endpoints.ts'
import type { Sent } from './webhook-sender.ts'
import { TIMEOUT_MS, type Attempt, type WebhookDraft, type WebhookEndpoint, type WebhookPatch } from './webhook.ts'

/** The one object of a gateway that has its events. */
export const EVENTS_NAME = 'events'
/** Most events of one call. */
export const MAX_EMITTED = 100

/** Tells and lists events. Rejects where the object does not answer: what was told then may be told again, it counts once. */
export interface Events {
  emit(events: readonly GateEvent[]): Promise<void>
  list(asked: EventsAsked): Promise<Page<GateEvent>>
}

/** From a Worker or from another object. */
export function createEvents(namespace: Pick<DurableObjectNamespace<EventsObject>, 'getByName'>): Events {
  return {
    async emit(events) {
      for (let from = 0; from < events.length; from += MAX_EMITTED) {
        const some = events.slice(from, from + MAX_EMITTED)
        await callObject(async () => namespace.getByName(EVENTS_NAME).emit(some))
      }
    },
    list: async (asked) => callObject(async () => namespace.getByName(EVENTS_NAME).list(asked)),
  }
}

/** Where events are sent. Every method rejects where the object does not answer. `version`: what is to be changed; absent: whatever it is. */
export interface Webhooks {
  list(): Promise<readonly EndpointStatus[]>
  read(id: string): Promise<EndpointStatus | undefined>
  create(draft: WebhookDraft): Promise<EndpointWritten<WithSecret>>
  change(id: string, patch: WebhookPatch, version?: number): Promise<EndpointWritten<WebhookEndpoint>>
  rotate(id: string, overlapSeconds: number, version?: number): Promise<EndpointWritten<WithSecret>>
  remove(id: string, version?: number): Promise<EndpointWritten<WebhookEndpoint>>
  /** `undefined`: there is none of that id. `unsigned`: its secrets are gone. */
  test(id: string): Promise<Sent | 'unsigned' | undefined>
  /** Newest first. */
  attempts(id: string): Promise<readonly Attempt[]>
}

export function createWebhooks(namespace: Pick<DurableObjectNamespace<EventsObject>, 'getByName'>): Webhooks {
  const object = (): DurableObjectStub<EventsObject> => namespace.getByName(EVENTS_NAME)
  return {
    list: async () => callObject(async () => object().webhooks()),
    read: async (id) => callObject(async () => object().webhook(id)),
    create: async (draft) => once(async () => object().createWebhook(draft)),
    change: async (id, patch, version) => once(async () => object().changeWebhook(id, patch, version)),
    rotate: async (id, overlapSeconds, version) => once(async () => object().rotateWebhook(id, overlapSeconds, version)),
    remove: async (id, version) => once(async () => object().removeWebhook(id, version)),
    test: async (id) => once(async () => object().testWebhook(id), TIMEOUT_MS + CALL_MS),
    attempts: async (id) => callObject(async () => object().attempts(id)),
  }
}

/** Not made again by itself: it would be done twice. */
async function once<Value>(call: () => Promise<Value>, ms = CALL_MS): Promise<Value> {
  return within(call(), ms, 'the events object')
}
