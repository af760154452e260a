import type { Page } from '../directory/accounts.ts'
import { callObject } from '../http/object-call.ts'
import type { EventsAsked } from './event-log.ts'
import type { EventsObject } from './events-object.ts'
import type { GateEvent } from './gate-event.ts'

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
