import { within } from '../http/object-call.ts'
import type { FeedHead, FeedShare, FeedWhole } from './feed-share.ts'
import type { FeedPage, FeedPosition } from './feed.ts'
import type { FeedRelay } from './feed-relay-object.ts'
import { createHeldFeed } from './held-feed.ts'

/** A relay may be this part of the bound behind the feed. */
const RELAY_SHARE = 0.25
/** A relay that has no answer after this long is passed by, in milliseconds. */
const RELAY_MS = 1000
/** The same for all of a long feed. */
const WHOLE_MS = 10_000
/** Longest read of the feed by a relay, in milliseconds; another one then begins. */
const READ_MS = 5000

/** The end of the feed, as old as it is by the relay's own clock: no two clocks are compared. */
export interface RelayedHead extends Omit<FeedHead, 'readAt'> {
  readonly ageMs: number
}

/** What a relay knows of the feed. Its calls share one read at a time. */
export interface Relay {
  /** Not older than `maxAgeMs`, but for the time that the answer takes. Rejects where the feed cannot be read. */
  head(position: FeedPosition | undefined, maxAgeMs: number): Promise<RelayedHead>
  whole(): FeedWhole | undefined
}

/** `key`: what isolates make their fingerprints with. `now` in milliseconds. */
export function createRelay(
  read: (position: FeedPosition | undefined) => Promise<FeedPage>,
  key: Int32Array | undefined,
  now: () => number,
): Relay {
  const feed = createHeldFeed(key)
  let sentAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined

  async function readOn(): Promise<void> {
    for (;;) {
      const [at, from] = [now(), feed.position]
      const page = await within(read(from), READ_MS, 'the revocation feed')
      feed.adoptPage(page, from)
      if (page.hasMore) continue
      sentAt = at
      feed.snapshot.forget(at)
      return
    }
  }

  return {
    async head(asked, maxAgeMs) {
      const age = now() - sentAt
      if (age >= maxAgeMs || age < 0) {
        reading ??= readOn().finally(() => {
          reading = undefined
        })
        await reading
      }
      const { position, from, entries } = feed.head(sentAt)
      const known = asked?.mark === position.mark ? Math.max(from, Math.min(asked.sequence, position.sequence)) : from
      return { ageMs: Math.max(0, now() - sentAt), position, from: known, entries: entries.filter(({ sequence }) => sequence > known) }
    },
    whole: () => (sentAt === Number.NEGATIVE_INFINITY ? undefined : feed.whole()),
  }
}

/** A relay is told nothing: it reads the feed by itself. */
const nothing = async (): Promise<void> => undefined

/**
 * A relay in place of the data centre's cache, where there is none (workers.dev). `name`: of the relay of this isolate. A relay that
 * is down, or too old, costs the isolate a read of the feed itself.
 */
export function createRelayShare(
  relays: DurableObjectNamespace<FeedRelay>,
  {
    name,
    boundSeconds,
    snapshotKey,
    now,
  }: Pick<FeedShare, 'snapshotKey'> & { readonly name: string; readonly boundSeconds: number; readonly now: () => number },
): FeedShare {
  return {
    snapshotKey,
    async head(_authority, position) {
      const sentAt = now()
      try {
        const { ageMs, ...head } = await within(
          relays.getByName(name).head(position, boundSeconds * 1000 * RELAY_SHARE),
          RELAY_MS,
          'a relay',
        )
        return { ...head, readAt: sentAt - ageMs }
      } catch {
        return undefined
      }
    },
    whole: async () => within(relays.getByName(name).whole(), WHOLE_MS, 'a relay').catch(() => undefined),
    putHead: nothing,
    forgetHead: nothing,
    putWhole: nothing,
  }
}
