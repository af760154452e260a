import type { RootSecret } from '../credentials/root-secret.ts'
import { createRelayShare } from './feed-relay.ts'
import type { FeedRelay } from './feed-relay-object.ts'
import { createFeedShare, type FeedShare } from './feed-share.ts'

/** What the copies of others come from. */
export interface ShareOptions {
  readonly rootSecret: RootSecret
  /** `count` undefined: only on workers.dev, where data centres have no cache. */
  readonly boundSeconds: number
  readonly now?: () => number
  readonly relays: { readonly namespace: DurableObjectNamespace<FeedRelay>; readonly count: number | undefined }
}

/** Relays on workers.dev where the policy does not say how many. */
const DEFAULT_RELAYS = 4
const WITHOUT_CACHE = /\.workers\.dev(?::\d+)?$/u

/** The data centre's cache, or one of the relays, drawn once for each isolate. */
export function shareOf({ rootSecret, relays: { namespace, count }, boundSeconds, now = Date.now }: ShareOptions): FeedShare {
  const cache = createFeedShare(rootSecret)
  const name = `relay-${Math.floor(Math.random() * (count ?? DEFAULT_RELAYS))}`
  const relay = createRelayShare(namespace, { name, boundSeconds, snapshotKey: async () => cache.snapshotKey(), now })
  const of = (authority: string): FeedShare => (count !== undefined || WITHOUT_CACHE.test(authority) ? relay : cache)
  return {
    snapshotKey: async () => cache.snapshotKey(),
    head: async (authority, position) => of(authority).head(authority, position),
    putHead: async (authority, head) => of(authority).putHead(authority, head),
    forgetHead: async (authority) => of(authority).forgetHead(authority),
    whole: async (authority) => of(authority).whole(authority),
    putWhole: async (authority, whole) => of(authority).putWhole(authority, whole),
  }
}
