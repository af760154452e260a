import { within } from '../http/object-call.ts'
import type { FeedHead, FeedShare } from './feed-share.ts'
import { FEED_NAME, FIRST_PAGE_BYTES, type FeedPage, type FeedPosition } from './feed.ts'
import type { RevocationFeed } from './feed-object.ts'
import { createHeldFeed, type HeldFeed } from './held-feed.ts'
import { shareOf, type ShareOptions } from './share-choice.ts'
import { createLookedUp, type LookUp } from './looked-up.ts'
import type { Defer, Revocations, RevocationSnapshot } from './revocations.ts'

/** A refresh that has not come back after this long is given up, and another one may start. */
const REFRESH_MS = 5000
/** As long as an old copy may count, a request waits this long for a new one. */
const GRACE_REFRESH_MS = 1000
/** After a failure the old copy counts for this long before the feed is asked again. */
const RETRY_MS = 1000
/** The same where all of a long feed is read. */
const LOAD_MS = 25_000
/** Pages read by one refresh: more than the longest feed has. */
const MAX_PAGES = 4096
/** How far the clocks of one data centre may lie apart; every copy from there counts as older by this much. */
export const CLOCK_SKEW_MS = 250
/** Polls begin at half the bound, and up to this part of it later: isolates of one data centre do not all ask at once. */
const JITTER = 0.1

/** Reads the feed: what came after the position, about `maxBytes` of it. */
export type ReadFeed = (position: FeedPosition | undefined, maxBytes?: number) => Promise<FeedPage>

export interface RevocationsOptions {
  /** Longest age of what is decided by, in seconds. */
  readonly boundSeconds: number
  /** How much older it may be while the feed cannot be read, in seconds. Default 0. */
  readonly graceSeconds?: number
  /** Asks for single targets while the feed is not held; none: a request waits until all of it is. */
  readonly lookUp?: LookUp
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
  options: Omit<RevocationsOptions, 'share' | 'random' | 'lookUp'> & ShareOptions,
): Revocations {
  const read: ReadFeed = async (position, maxBytes) => namespace.getByName(FEED_NAME).since(position, maxBytes)
  const lookUp: LookUp = async (targets) => namespace.getByName(FEED_NAME).lookUp(targets)
  return createRevocationsOf(read, { ...options, lookUp, share: shareOf(options), random: Math.random })
}

/** What of a request a refresh needs. */
interface Others {
  readonly share: FeedShare
  readonly authority: string
}

interface Asked {
  readonly now: number
  readonly authority: string | undefined
}

/**
 * Holds values, never a promise: concurrent first requests each read the feed. One that is longer than a first page is asked for the
 * names of each request until all of it is here, read after responses. From then on an isolate that is asked more often than every
 * half bound never waits again.
 */
export function createRevocationsOf(read: ReadFeed, options: RevocationsOptions): Revocations {
  const { share, lookUp, random = () => 0 } = options
  const boundMs = options.boundSeconds * 1000
  const graceMs = (options.graceSeconds ?? 0) * 1000
  let held: HeldFeed | undefined
  /** The beginning of a long feed, until all of it is held. */
  let loading: HeldFeed | undefined
  let lookedUp = createLookedUp(boundMs)
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
    if (isNews(at)) asOf = at
    pollAfterMs = boundMs * (0.5 + JITTER * random())
    feed.snapshot.forget(at)
  }

  /** Brings what is held up to date. What others may be told is returned. */
  async function refresh(asked: Asked, isWhole: boolean): Promise<(() => Promise<void>) | undefined> {
    const others = othersOf(asked)
    const feed = held ?? loading ?? createHeldFeed(await share?.snapshotKey())
    const sentAt = clock(asked)
    const head = await others?.share.head(others.authority, feed.position)
    if (joins(feed, head, sentAt)) return undefined
    if (held !== undefined) return tellOf(feed, await readObject(feed, asked), others)
    if (isWhole || lookUp === undefined) return loadAll(feed, asked, others, head)
    // A feed whose latest entries alone were found is a long one: there is no use in its first page.
    const isLong = head !== undefined && feed.position === undefined
    const readAt = isLong ? undefined : await readObject(feed, asked, FIRST_PAGE_BYTES)
    if (readAt === undefined) loading ??= feed
    return tellOf(feed, readAt, others)
  }

  function othersOf({ authority }: Asked): Others | undefined {
    return share === undefined || authority === undefined ? undefined : { share, authority }
  }

  /** All of a feed, from the copy of another isolate where there is one. */
  async function loadAll(
    begun: HeldFeed,
    asked: Asked,
    others: Others | undefined,
    head: FeedHead | undefined,
  ): Promise<(() => Promise<void>) | undefined> {
    const sentAt = clock(asked)
    const whole = await others?.share.whole(others.authority)
    let feed = begun
    if (whole !== undefined && whole.position.sequence > (begun.position?.sequence ?? 0)) {
      feed = createHeldFeed(await share?.snapshotKey())
      feed.adoptWhole(whole)
    }
    if (joins(feed, head, sentAt)) return undefined
    if (lookUp !== undefined) loading = feed
    const readAt = await readObject(feed, asked)
    if (others === undefined || readAt === undefined) return undefined
    return async () => {
      await others.share.putHead(others.authority, feed.head(readAt))
      const mine = whole === undefined ? feed.whole() : undefined
      if (mine !== undefined) await others.share.putWhole(others.authority, mine)
    }
  }

  /** Whether the latest entries of another isolate make the feed whole and new enough; it is held then. */
  function joins(feed: HeldFeed, head: FeedHead | undefined, sentAt: number): boolean {
    const isFresh = head !== undefined && feed.adoptHead(head) && takesAge(head, sentAt)
    if (isFresh) hold(feed, Math.min(sentAt, head.readAt) - CLOCK_SKEW_MS)
    return isFresh
  }

  /** A clock that was set back says nothing of what came before. */
  const isNews = (at: number): boolean => at > asOf || asOf - at >= boundMs

  /** All of `feed` is here, as of `at`. Where several reads began at once, the one that was sent last counts. */
  function hold(feed: HeldFeed, at: number): void {
    if (held === undefined || isNews(at)) held = feed
    loading = undefined
    reach(at, feed)
  }

  /** Whether the copy lets this isolate rest: newer than what it has, and not itself due for a poll. */
  function takesAge({ readAt }: FeedHead, sentAt: number): boolean {
    const at = Math.min(sentAt, readAt) - CLOCK_SKEW_MS
    return readAt <= sentAt + CLOCK_SKEW_MS && at > asOf && sentAt - at < pollAfterMs
  }

  /** Reads to the end of the feed, or one page of `maxBytes`. When the read of the last page was sent; `undefined`: more follows. */
  async function readObject(feed: HeldFeed, asked: Asked, maxBytes?: number): Promise<number | undefined> {
    let from = feed.position
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const sentAt = clock(asked)
      const answer = await read(from, maxBytes)
      feed.adoptPage(answer, from)
      if (!answer.hasMore) {
        hold(feed, sentAt)
        return sentAt
      }
      if (maxBytes !== undefined) return undefined
      from = answer.position
    }
    throw new Error('the revocation feed has no end')
  }

  function refreshLater(asked: Asked, defer: Defer): void {
    refreshingSince = asked.now
    const isWhole = held === undefined
    defer({
      name: 'refresh revocations',
      run: async () => {
        try {
          const tell = await within(refresh(asked, isWhole), isWhole ? LOAD_MS : REFRESH_MS, 'the revocation feed')
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
      const tell = await within(refresh(asked, false), mayBeOld ? GRACE_REFRESH_MS : REFRESH_MS, 'the revocation feed')
      if (tell !== undefined) defer({ name: 'share revocations', run: tell })
    } catch (error) {
      failedAt = clock(asked)
      if (failedAt - asOf >= boundMs + graceMs) throw error
    }
    return held?.snapshot ?? partial(asked, defer)
  }

  /** Of a feed of which only the beginning is here: names are asked for, while the rest is read after the response. */
  function partial(asked: Asked, defer: Defer): RevocationSnapshot {
    if (lookUp === undefined) throw new Error('nothing of the revocation feed is held')
    if (!(asked.now >= refreshingSince && asked.now - refreshingSince < LOAD_MS)) refreshLater(asked, defer)
    return lookedUp.at(clock(asked), async (targets) => within(lookUp(targets), REFRESH_MS, 'the revocation feed'))
  }

  return {
    snapshot(now, defer, authority) {
      if (held === undefined && loading !== undefined) return partial({ now, authority }, defer)
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
    held: () => (held ?? loading)?.snapshot,
    ageMs: (now) => (held === undefined ? undefined : Math.max(0, now - asOf)),
    keepFresh(now, defer, authority) {
      const age = now - asOf
      const isDue = (age >= pollAfterMs || age <= -boundMs) && now - refreshingSince >= REFRESH_MS
      if (!isDue || (now >= keptFreshAt && now - keptFreshAt < RETRY_MS)) return
      keptFreshAt = now
      refreshLater({ now, authority }, defer)
    },
    async announce(authority) {
      isBehind = true
      lookedUp = createLookedUp(boundMs)
      await share?.forgetHead(authority)
    },
  }
}

/** What others may be told once the answer is out. */
function tellOf(feed: HeldFeed, readAt: number | undefined, others: Others | undefined): (() => Promise<void>) | undefined {
  return readAt === undefined || others === undefined ? undefined : async () => others.share.putHead(others.authority, feed.head(readAt))
}

function snapshotOf(held: HeldFeed | undefined): RevocationSnapshot {
  if (held === undefined) throw new Error('nothing of the revocation feed is held')
  return held.snapshot
}
