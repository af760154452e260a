import { FEED_NAME, type FeedPage, type FeedPosition } from './feed.ts'
import type { RevocationFeed } from './feed-object.ts'
import type { Revocations } from './revocations.ts'
import { createSnapshot } from './snapshot.ts'

/** A refresh that has not come back after this long is given up, and another one may start. */
const REFRESH_MS = 5000
/** Pages read by one refresh: more than the longest feed has. */
const MAX_PAGES = 32

/** Reads the feed: what came after the position. */
export type ReadFeed = (position: FeedPosition | undefined) => Promise<FeedPage>

/** The feed as one isolate knows it, over the `RevocationFeed` object. */
export function createRevocations(
  namespace: DurableObjectNamespace<RevocationFeed>,
  options: { readonly boundSeconds: number },
): Revocations {
  return createRevocationsOf(async (position) => namespace.getByName(FEED_NAME).since(position), options)
}

/**
 * Holds values, never a promise: concurrent first requests each read the feed. An isolate that is asked more often than
 * every half bound never waits again.
 */
export function createRevocationsOf(read: ReadFeed, { boundSeconds }: { readonly boundSeconds: number }): Revocations {
  const boundMs = boundSeconds * 1000
  const snapshot = createSnapshot()
  let position: FeedPosition | undefined
  /** When the read began whose answer `snapshot` holds: the feed was at least that far. */
  let readAt = Number.NEGATIVE_INFINITY
  let refreshingSince = Number.NEGATIVE_INFINITY

  async function refresh(now: number): Promise<void> {
    let from = position
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await read(from)
      adopt(answer)
      if (!answer.hasMore) {
        readAt = Math.max(readAt, now)
        snapshot.forget(now)
        return
      }
      from = answer.position
    }
    throw new Error('the revocation feed has no end')
  }

  function adopt({ position: reached, entries }: FeedPage): void {
    if (position !== undefined && position.epoch !== reached.epoch) {
      // A feed made anew may lack what the old one had: both count.
      position = undefined
    }
    snapshot.add(entries)
    if (position === undefined || reached.sequence > position.sequence) position = reached
  }

  return {
    snapshot(now, defer) {
      const age = now - readAt
      if (age < boundMs) {
        if (age >= boundMs / 2 && now - refreshingSince >= REFRESH_MS) {
          refreshingSince = now
          defer({
            name: 'refresh revocations',
            run: async () => {
              try {
                await refresh(now)
              } finally {
                refreshingSince = Number.NEGATIVE_INFINITY
              }
            },
          })
        }
        return snapshot
      }
      return (async () => {
        await refresh(now)
        return snapshot
      })()
    },
  }
}
