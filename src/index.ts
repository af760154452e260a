import document from '#policy'
import type { Bindings } from './bindings.ts'
import { createGate, type Gate } from './gate.ts'
import { sessionObject } from './session-class.ts'

export { DirectoryObject } from './directory/directory-object.ts'
export { EventsObject } from './insight/events-object.ts'
export { InsightObject } from './insight/insight-object.ts'
export { Ledger } from './limits/ledger-object.ts'
export { ReplayShard } from './replay/replay-object.ts'
export { FeedRelay } from './revocation/feed-relay-object.ts'
export { RevocationFeed } from './revocation/feed-object.ts'
export { PersonObject } from './sessions/person-object.ts'
export class SessionObject extends sessionObject(document) {}

/** One gate per isolate: plain data and keys, nothing that belongs to a request. */
let gate: Gate | undefined

export default {
  async fetch(request, bindings, lifetime) {
    gate ??= createGate(document, bindings)
    return gate.handle(request, lifetime)
  },
} satisfies ExportedHandler<Bindings>
