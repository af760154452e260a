import type { Unavailable, VerifyContext } from '../authenticator.ts'
import type { SchemeDependencies } from '../index.ts'
import { createColoCache } from './colo-cache.ts'
import type { JwtIssuer } from './config.ts'
import { parseKeySet, type KeySet } from './key-set.ts'
import { createKeySetSource, IssuerFault, type Fetched } from './key-set-source.ts'

/**
 * The key set of one issuer: from memory, else from the data centre, else from the issuer. Holds values, never a promise:
 * concurrent first requests may each ask the issuer.
 */
export interface RemoteJwks {
  /** The set in memory while it may be used without waiting; starts a refresh after the response where one is due. */
  current(context: KeySetContext): KeySet | undefined
  /** Waits for a set where `current` has none. */
  load(context: KeySetContext): Promise<KeySetAnswer>
  /**
   * For a key that `seen` does not hold: the newer set in memory, else one from the issuer, at most once per 30 s whatever
   * came of it. Within these, the answer is `seen`, or an outage where the last attempt failed: the key may be a new one.
   */
  reload(context: KeySetContext, seen: KeySet): Promise<KeySetAnswer>
}
export type KeySetContext = Pick<VerifyContext, 'now' | 'defer' | 'target'>
export type KeySetAnswer = { readonly status: 'loaded'; readonly keySet: KeySet } | Unavailable

const COOLDOWN_MS = 30_000
/** An attempt that has not ended after this long never will: its request is gone. */
const ATTEMPT_MS = 6000
/** Requests that ask at once for a key that may be a new one; further ones are sent away for a second. */
const MAX_ATTEMPTS = 8
/** A set that is so much newer than the clock shows that the clock was set back: it says nothing of how old the set is. */
const CLOCK_STEP_MS = 60_000
/** Past its freshness, while a refresh runs (RFC 5861 §3). */
const STALE_WHILE_REVALIDATE_MS = 10_000
/** Past its freshness, while the issuer cannot be reached (RFC 5861 §4). */
const STALE_IF_ERROR_MS = 3_600_000

interface Held {
  readonly keySet: KeySet
  readonly text: string
  readonly fetchedAt: number
  readonly freshUntil: number
}

const loaded = (keySet: KeySet): KeySetAnswer => ({ status: 'loaded', keySet })

export function createRemoteJwks(
  issuer: JwtIssuer,
  dependencies: Pick<SchemeDependencies, 'fetch' | 'isLocal' | 'rootSecret' | 'noteKeySet'>,
): RemoteJwks {
  const source = createKeySetSource(issuer, dependencies)
  const place = issuer.jwksUri ?? issuer.metadataUrl ?? ''
  const colo = createColoCache(JSON.stringify([issuer.issuer, place]), dependencies.rootSecret)
  let held: Held | undefined
  /** When the issuer was last asked. */
  let askedAt = Number.NEGATIVE_INFINITY
  /** The same for the last attempt that has ended: while they differ, a newer set may be on its way. */
  let endedFor = Number.NEGATIVE_INFINITY
  let attempts = 0
  /** What went wrong when it was last asked; undefined: nothing. */
  let fault: string | undefined

  dependencies.noteKeySet?.(() => ({
    issuer: issuer.issuer,
    keys: held?.keySet.keys.length ?? 0,
    ...(held === undefined ? {} : { fetchedAt: held.fetchedAt, freshUntil: held.freshUntil }),
    ...(fault === undefined ? {} : { fault }),
  }))

  const isCoolingDown = (now: number): boolean => Math.abs(now - askedAt) < COOLDOWN_MS
  const isBeingAsked = (now: number): boolean => askedAt !== endedFor && Math.abs(now - askedAt) < ATTEMPT_MS

  function unavailable(now: number): Unavailable {
    const until = isBeingAsked(now) ? now : askedAt + COOLDOWN_MS
    const retryAfterSeconds = Math.min(30, Math.max(1, Math.ceil((until - now) / 1000)))
    return { status: 'unavailable', reason: 'key_set_unavailable', retryAfterSeconds, ...(fault === undefined ? {} : { detail: fault }) }
  }

  /** The same text keeps the same object: keys stay imported, and verified tokens stay known. */
  function adopt({ text, fetchedAt, freshUntil }: Fetched): KeySet {
    const keySet = held?.text === text ? held.keySet : parseKeySet(text)
    if (keySet === undefined) throw new IssuerFault('what the issuer serves is not a JWK Set')
    if (held !== undefined && held.fetchedAt > fetchedAt && held.fetchedAt - fetchedAt < CLOCK_STEP_MS) return held.keySet
    held = { keySet, text, fetchedAt, freshUntil }
    return keySet
  }

  async function fromColo({ now, target }: KeySetContext): Promise<KeySet | undefined> {
    const found = await colo.get(target.authority, now)
    return found === undefined || (held !== undefined && found.fetchedAt <= held.fetchedAt) ? undefined : adopt(found)
  }

  /** `undefined`: it failed, and `fault` says why. */
  async function fromIssuer(now: number, share: (fetched: Fetched) => void): Promise<KeySet | undefined> {
    attempts = isBeingAsked(now) ? attempts + 1 : 1
    askedAt = now
    try {
      const fetched = await source.fetch(now)
      const keySet = adopt(fetched)
      fault = undefined
      share(fetched)
      return keySet
    } catch (error) {
      fault = error instanceof IssuerFault ? error.message : 'the issuer could not be reached'
      return undefined
    } finally {
      // An earlier attempt may end last, and the clock may have been set back.
      if (now === askedAt || now > endedFor) endedFor = now
    }
  }

  const sharing =
    ({ defer, target }: KeySetContext) =>
    (fetched: Fetched): void =>
      defer({ name: 'share key set', run: async () => colo.put(target.authority, fetched) })

  async function refresh(context: KeySetContext): Promise<void> {
    if ((await fromColo(context)) !== undefined) {
      endedFor = context.now
      return
    }
    let fetched: Fetched | undefined
    await fromIssuer(context.now, (value) => {
      fetched = value
    })
    if (fetched === undefined) throw new IssuerFault(fault ?? 'the key set was not refreshed')
    await colo.put(context.target.authority, fetched)
  }

  return {
    current(context) {
      if (held === undefined || held.fetchedAt - context.now >= CLOCK_STEP_MS) return undefined
      const overdue = context.now - held.freshUntil
      if (overdue < 0) return held.keySet
      const isBeingFixed = fault !== undefined || isCoolingDown(context.now)
      if (overdue >= (isBeingFixed ? STALE_IF_ERROR_MS : STALE_WHILE_REVALIDATE_MS)) return undefined
      if (!isCoolingDown(context.now)) {
        askedAt = context.now
        context.defer({ name: 'refresh key set', run: async () => refresh(context) })
      }
      return held.keySet
    },

    async load(context) {
      const { now } = context
      const shared = await fromColo(context)
      if (shared !== undefined) return loaded(shared)
      const fetched = fault !== undefined && isCoolingDown(now) ? undefined : await fromIssuer(now, sharing(context))
      if (fetched !== undefined) return loaded(fetched)
      return held !== undefined && now - held.freshUntil < STALE_IF_ERROR_MS ? loaded(held.keySet) : unavailable(now)
    },

    async reload(context, seen) {
      const { now } = context
      if (held !== undefined && held.keySet !== seen) return loaded(held.keySet)
      if (isBeingAsked(now) ? attempts >= MAX_ATTEMPTS : isCoolingDown(now))
        return fault === undefined && !isBeingAsked(now) ? loaded(seen) : unavailable(now)
      const fetched = await fromIssuer(now, sharing(context))
      return fetched === undefined ? unavailable(now) : loaded(fetched)
    },
  }
}
