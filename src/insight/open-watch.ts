import type { Bindings } from '../bindings.ts'
import { FEED_NAME } from '../revocation/feed.ts'
import { createEvents } from './events.ts'
import { createWatch, type Watch } from './watch.ts'

/** The watch over the insight object's storage, which tells the feed and the events object. */
export function openWatch(storage: DurableObjectStorage, { REVOCATIONS, EVENTS }: Pick<Bindings, 'REVOCATIONS' | 'EVENTS'>): Watch {
  return createWatch({
    storage,
    restrict: async (request, now) => REVOCATIONS.getByName(FEED_NAME).change(request, now),
    emit: async (events) => createEvents(EVENTS).emit(events),
    now: Date.now,
    log: (line) => console.log(line), // oxlint-disable-line no-console -- the log is the console
  })
}
