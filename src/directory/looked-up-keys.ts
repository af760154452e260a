import type { RootSecret } from '../credentials/root-secret.ts'
import { callObject } from '../http/object-call.ts'
import type { DirectoryObject } from './directory-object.ts'
import { DIRECTORY_NAME } from './accounts-client.ts'
import { isId } from './ids.ts'
import type { DirectoryKey, KeyLookUp, LookedUpKeys, LookUpContext } from './key-look-up.ts'
import { createProjection, type ProjectionStore } from './projection.ts'
import type { StoredKey } from './tables.ts'

/** Keys that are remembered, those used last; and names that were nobody's. */
const MAX_KNOWN = 4096
const MAX_UNKNOWN = 4096
/** A key that was found is read again after so long, so that what was forgotten elsewhere is forgotten here. */
const KNOWN_MS = 600_000
/** A name that was nobody's may have become somebody's: `effectiveBy` of a new key. */
export const UNKNOWN_MS = 3000
/** Calls of the object, so that guesses cannot wear it out: so many at once, and one more each so many milliseconds. */
export const PER_ADDRESS = { burst: 20, everyMs: 3000 }
export const PER_ISOLATE = { burst: 200, everyMs: 50 }
const MAX_ADDRESSES = 4096

export interface LookedUpKeysParts {
  readonly projection: ProjectionStore
  readonly rootSecret: RootSecret
  /** Asks the object itself. */
  readonly ask: KeyLookUp
}

export function createKeyLookUp(namespace: Pick<DurableObjectNamespace<DirectoryObject>, 'getByName'>): KeyLookUp {
  return async (lookups) => {
    const found = await callObject(async () => namespace.getByName(DIRECTORY_NAME).findKey(lookups))
    return found === undefined ? undefined : projected(found.key, found.app.plan)
  }
}

/** Which of these ids, at most 100, the directory does not have. */
export function createUnknownKeys(
  namespace: Pick<DurableObjectNamespace<DirectoryObject>, 'getByName'>,
): (ids: readonly string[]) => Promise<readonly string[]> {
  return async (ids) => callObject(async () => namespace.getByName(DIRECTORY_NAME).unknownKeys(ids))
}

/** What it was added with: what has changed since is the feed's to say. */
function projected({ id, app, issued, publicKey, expiresAt }: StoredKey, appPlan: string): DirectoryKey {
  return {
    id,
    consumer: app,
    ...(issued ?? { plan: appPlan }),
    ...(publicKey === undefined ? {} : { publicKey }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}

export function createLookedUpKeys({ projection, rootSecret, ask }: LookedUpKeysParts): LookedUpKeys {
  const entries = createProjection(projection, rootSecret)
  const known = new Map<string, { readonly key: DirectoryKey; readonly until: number }>()
  const unknown = new Map<string, number>()
  const ofAddress = new Map<string, Bucket>()
  const ofIsolate = createBucket(PER_ISOLATE)

  function remember(lookup: string, key: DirectoryKey, now: number): void {
    known.delete(lookup)
    makeRoom(known, MAX_KNOWN)
    known.set(lookup, { key, until: now + KNOWN_MS })
  }

  function recall(lookup: string, now: number): DirectoryKey | undefined {
    const found = known.get(lookup)
    if (found === undefined) return undefined
    known.delete(lookup)
    if (found.until <= now) return undefined
    known.set(lookup, found)
    return found.key
  }

  function mayAsk({ address = '', now }: LookUpContext): boolean {
    let bucket = ofAddress.get(address)
    if (bucket === undefined) {
      makeRoom(ofAddress, MAX_ADDRESSES)
      bucket = createBucket(PER_ADDRESS)
      ofAddress.set(address, bucket)
    }
    // The address first: whoever is over its own budget takes nothing of what all share.
    return bucket.take(now) && ofIsolate.take(now)
  }

  return {
    async find(lookups, context) {
      const { now } = context
      const recalled = lookups.map((lookup) => recall(lookup, now)).find((key) => key !== undefined)
      if (recalled !== undefined) return recalled
      if (lookups.every((lookup) => (unknown.get(lookup) ?? 0) > now)) return undefined
      const copies = await Promise.all(lookups.map(async (lookup) => ({ lookup, key: await entries.get(lookup) })))
      for (const { lookup, key } of copies) {
        if (key === undefined) continue
        remember(lookup, key, now)
        return key
      }
      if (!mayAsk(context)) throw new Error('more keys that nobody knows than are asked for')
      const key = await ask(lookups)
      const [first] = lookups
      if (key === undefined || !isId('app', key.consumer)) {
        for (const lookup of lookups) {
          makeRoom(unknown, MAX_UNKNOWN)
          unknown.set(lookup, now + UNKNOWN_MS)
        }
        return undefined
      }
      // Under each of the names: which of them it has is not worth knowing, all are of one text.
      if (first !== undefined) {
        remember(first, key, now)
        context.defer({ name: 'project key', run: async () => entries.put(first, key) })
      }
      return key
    },
  }
}

interface Bucket {
  take(now: number): boolean
}
function createBucket({ burst, everyMs }: { readonly burst: number; readonly everyMs: number }): Bucket {
  let tokens = burst
  let at: number | undefined
  return {
    take(now) {
      tokens = Math.min(burst, tokens + Math.max(0, now - (at ?? now)) / everyMs)
      at = now
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}

/** The oldest leaves. */
function makeRoom(map: Map<string, unknown>, most: number): void {
  const oldest = map.size < most ? undefined : map.keys().next().value
  if (oldest !== undefined) map.delete(oldest)
}
