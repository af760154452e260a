import type { Bindings } from './bindings.ts'
import { readEnvironment } from './environment.ts'
import { createTokenRefresher } from './identity/oidc/refresher.ts'
import { SessionObject } from './sessions/session-object.ts'
import type { TokenRefresher } from './sessions/session.ts'

/**
 * The class of session objects for one policy, whose providers they refresh tokens at. The Worker exports it as `SessionObject`:
 * `export class SessionObject extends sessionObject(policy) {}`.
 */
export function sessionObject(document: unknown): new (state: DurableObjectState, bindings: Bindings) => SessionObject {
  /** One for all sessions of an isolate: configuration, keys and what providers say of themselves. */
  const refreshers = new WeakMap<Bindings, TokenRefresher>()
  return class extends SessionObject {
    constructor(state: DurableObjectState, bindings: Bindings) {
      const refresher = refreshers.get(bindings) ?? refresherOf(document, bindings)
      refreshers.set(bindings, refresher)
      super(state, bindings, refresher)
    }
  }
}

/** Made when it is first asked: a session of a policy that no longer holds can still be ended. */
function refresherOf(document: unknown, bindings: Bindings): TokenRefresher {
  let made: TokenRefresher | undefined
  const refresher = (): TokenRefresher => {
    if (made !== undefined) return made
    const { policy, rootSecret, isLocal } = readEnvironment(document, bindings)
    made = createTokenRefresher(policy.identityProviders, {
      rootSecret,
      isLocal,
      fetch: async (input, init) => fetch(input, { ...init, redirect: 'manual' }),
      now: Date.now,
    })
    return made
  }
  return {
    refresh: async (...asked) => refresher().refresh(...asked),
    exchange: async (...asked) => refresher().exchange(...asked),
    revoke: async (...asked) => refresher().revoke(...asked),
  }
}
