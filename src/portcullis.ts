import type { Context, MiddlewareHandler } from 'hono'
import type { Bindings } from './bindings.ts'
import { createGate, type Gate } from './gate.ts'

export type { Bindings } from './bindings.ts'
export { DirectoryObject } from './directory/directory-object.ts'
export { EventsObject } from './insight/events-object.ts'
export { InsightObject } from './insight/insight-object.ts'
export { Ledger } from './limits/ledger-object.ts'
export { ReplayShard } from './replay/replay-object.ts'
export { FeedRelay } from './revocation/feed-relay-object.ts'
export { RevocationFeed } from './revocation/feed-object.ts'
export { PersonObject } from './sessions/person-object.ts'
export { sessionObject } from './session-class.ts'

/**
 * The whole gate as a Hono handler, for an application of one's own: `new Hono().all('*', portcullis(policy))`.
 * `policy`: what `portcullis compile` wrote. The application exports the Durable Object classes above, its own
 * `class SessionObject extends sessionObject(policy) {}`, and has the bindings of `Bindings`.
 */
export function portcullis(policy: unknown): MiddlewareHandler<{ Bindings: Bindings }> {
  const gates = new WeakMap<Bindings, Gate>()
  return async (context: Context<{ Bindings: Bindings }>) => {
    const gate = gates.get(context.env) ?? createGate(policy, context.env)
    gates.set(context.env, gate)
    return gate.handle(context.req.raw, context.executionCtx)
  }
}
