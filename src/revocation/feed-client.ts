import type { RootSecret } from '../credentials/root-secret.ts'
import { within } from '../http/object-call.ts'
import { createFeedShare, type FeedHead, type FeedShare } from './feed-share.ts'
import { FEED_NAME, type FeedPage, type FeedPosition } from './feed.ts'
import type { RevocationFeed } from './feed-object.ts'
import { createHeldFeed, type HeldFeed } from './held-feed.ts'
import type { Defer, Revocations, RevocationSnapshot } from './revocations.ts'

/** A refresh that has not come back after this long is given up, and another one may start. */
const REFRESH_MS = 5000
/** As long as an old copy may count, a request waits this long for a new one. */
const GRACE_REFRESH_MS = 1000
/** After a failure the old copy counts for this long before the feed is asked again. */
const RETRY_MS = 1000
/** Pages read by one refresh: more than the longest feed has. */
const MAX_PAGES = 256
/** How far the clocks of one data centre may lie apart; every copy from there counts as older by this much. */
export const CLOCK_SKEW_MS = 250
/** Polls begin at half the bound, and up to this part of it later: isolates of one data centre do not all ask at once. */
const JITTER = 0.1

/** Reads the feed: what came after the position. */
export type ReadFeed = (position: FeedPosition | undefined) => Promise<FeedPage>

export interface RevocationsOptions {
  /** Longest age of what is decided by, in seconds. */
  readonly boundSeconds: number
  /** How much older it may be while the feed cannot be read, in seconds. Default 0. */
  readonly graceSeconds?: number
  /** Copies of others; none: every poll reads the object. */
  readonly share?: FeedShare
  /** Milliseconds since the epoch. Default: the time of the request. */
  readonly now?: () => number
  /** From 0 to 1. Default 0: polls begin at half the bound. */
  readonly random?: () => number
}

/** The feed as one isolate knows it, over the `RevocationFeed` object and the cache of its data centre. */
export function createRevocations(
  namespace: DurableObjectNamespace<RevocationFeed>,
  { rootSecret, ...options }: Omit<RevocationsOptions, 'share' | 'random'> & { readonly rootSecret: RootSecret },
): Revocations {
  const read: ReadFeed = async (position) => namespace.getByName(FEED_NAME).since(position)
  return createRevocationsOf(read, { ...options, share: createFeedShare(rootSecret), random: Math.random })
}

/** What of a request a refresh needs. */
interface Asked {
  readonly now: number
  readonly authority: string | undefined
}

/**
 * Holds values, never a promise: concurrent first requests each read the feed. An isolate that is asked more often than
 * every half bound never waits again.
 */
export function createRevocationsOf(read: ReadFeed, options: RevocationsOptions): Revocations {
  const { share, random = () => 0 } = options
  const boundMs = options.boundSeconds * 1000
  const graceMs = (options.graceSeconds ?? 0) * 1000
  let held: HeldFeed | undefined
  /** The feed was at least this far, in time of this isolate's clock. */
  let asOf = Number.NEGATIVE_INFINITY
  let pollAfterMs = boundMs / 2
  let refreshingSince = Number.NEGATIVE_INFINITY
  let keptFreshAt = Number.NEGATIVE_INFINITY
  let failedAt = Number.NEGATIVE_INFINITY
  /** True once this isolate has put something into the feed that it has not read back. */
  let isBehind = false

  const clock = (asked: Asked): number => options.now?.() ?? asked.now

  function reach(at: number, feed: HeldFeed): void {
    // A clock that was set back says nothing of what came before.
    if (at > asOf || asOf - at >= boundMs) asOf = at
    pollAfterMs = boundMs * (0.5 + JITTER * random())
    feed.snapshot.forget(at)
  }

  /** Brings what is held up to date. What others may be told is returned. */
  async function refresh(asked: Asked): Promise<(() => Promise<void>) | undefined> {
    const key = await share?.snapshotKey()
    held ??= createHeldFeed(key)
    const feed = held
    const others = share === undefined || asked.authority === undefined ? undefined : { share, authority: asked.authority }
    if (others === undefined) {
      await readObject(feed, asked)
      return undefined
    }
    const wasEmpty = feed.position === undefined
    const sentAt = clock(asked)
    const head = await others.share.head(others.authority)
    const isNext = head !== undefined && (await catchUp(feed, head, others))
    if (isNext && takesAge(head, sentAt)) {
      reach(Math.min(sentAt, head.readAt) - CLOCK_SKEW_MS, feed)
      return undefined
    }
    if (head === undefined && wasEmpty) await beginWithWhole(feed, others)
    const readAt = await readObject(feed, asked)
    return async () => {
      await others.share.putHead(others.authority, feed.head(readAt))
      const whole = wasEmpty && !isNext ? feed.whole() : undefined
      if (whole !== undefined) await others.share.putWhole(others.authority, whole)
    }
  }

  /** Whether the copy lets this isolate rest: newer than what it has, and not itself due for a poll. */
  function takesAge({ readAt }: FeedHead, sentAt: number): boolean {
    const at = Math.min(sentAt, readAt) - CLOCK_SKEW_MS
    return readAt <= sentAt + CLOCK_SKEW_MS && at > asOf && sentAt - at < pollAfterMs
  }

  /** Reads to the end of the feed. When the read of the last page was sent. */
  async function readObject(feed: HeldFeed, asked: Asked): Promise<number> {
    let from = feed.position
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const sentAt = clock(asked)
      const answer = await read(from)
      feed.adoptPage(answer, from)
      if (!answer.hasMore) {
        reach(sentAt, feed)
        return sentAt
      }
      from = answer.position
    }
    throw new Error('the revocation feed has no end')
  }

  function refreshLater(asked: Asked, defer: Defer): void {
    refreshingSince = asked.now
    defer({
      name: 'refresh revocations',
      run: async () => {
        try {
          const tell = await within(refresh(asked), REFRESH_MS, 'the revocation feed')
          await tell?.()
        } finally {
          refreshingSince = Number.NEGATIVE_INFINITY
        }
      },
    })
  }

  async function refreshNow(asked: Asked, defer: Defer): Promise<RevocationSnapshot> {
    const mayBeOld = asked.now - asOf < boundMs + graceMs
    try {
      const tell = await within(refresh(asked), mayBeOld ? GRACE_REFRESH_MS : REFRESH_MS, 'the revocation feed')
      if (tell !== undefined) defer({ name: 'share revocations', run: tell })
    } catch (error) {
      failedAt = clock(asked)
      if (failedAt - asOf >= boundMs + graceMs) throw error
    }
    return snapshotOf(held)
  }

  return {
    snapshot(now, defer, authority) {
      if (isBehind) {
        isBehind = false
        // From the object itself: a copy of the data centre may be older.
        return refreshNow({ now, authority: undefined }, defer)
      }
      const asked = { now, authority }
      const age = now - asOf
      // Somewhat negative: the request began before the read that others did meanwhile.
      if (Math.abs(age) < boundMs) {
        if (age >= pollAfterMs && now - refreshingSince >= REFRESH_MS) refreshLater(asked, defer)
        return snapshotOf(held)
      }
      const hasJustFailed = now >= failedAt && now - failedAt < RETRY_MS
      return hasJustFailed && age < boundMs + graceMs ? snapshotOf(held) : refreshNow(asked, defer)
    },
    held: () => held?.snapshot,
    keepFresh(now, defer, authority) {
      const age = now - asOf
      const isDue = (age >= pollAfterMs || age <= -boundMs) && now - refreshingSince >= REFRESH_MS
      if (!isDue || (now >= keptFreshAt && now - keptFreshAt < RETRY_MS)) return
      keptFreshAt = now
      refreshLater({ now, authority }, defer)
    },
    async announce(authority) {
      isBehind = true
      await share?.forgetHead(authority)
    },
  }
}

/** Joins the latest entries to what is held, through the whole feed where they do not begin early enough. */
async function catchUp(
  feed: HeldFeed,
  head: FeedHead,
  others: { readonly share: FeedShare; readonly authority: string },
): Promise<boolean> {
  if (feed.adoptHead(head)) return true
  if (feed.position !== undefined) return false
  await beginWithWhole(feed, others)
  return feed.adoptHead(head)
}

async function beginWithWhole(
  feed: HeldFeed,
  { share, authority }: { readonly share: FeedShare; readonly authority: string },
): Promise<void> {
  const whole = await share.whole(authority)
  if (whole !== undefined) feed.adoptWhole(whole)
}

function snapshotOf(held: HeldFeed | undefined): RevocationSnapshot {
  if (held === undefined) throw new Error('nothing of the revocation feed is held')
  return held.snapshot
}
