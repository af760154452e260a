import type { FeedHead, FeedWhole } from './feed-share.ts'
import type { FeedPage, FeedPosition } from './feed.ts'
import type { Revocation } from './revocations.ts'
import { createSnapshot, type GrowingSnapshot } from './snapshot.ts'

/** The latest entries, kept whole for those who come after. A longer feed is handed on as a snapshot. */
export const MAX_RECENT = 500
/** The same in characters of JSON: an isolate that holds nothing reads them before its first decision. */
const MAX_RECENT_LENGTH = 52 * 1024
const START: FeedPosition = { sequence: 0, mark: '' }

/** What one isolate holds of the feed: everything up to its position, and what the feed had before it was made anew. */
export interface HeldFeed {
  readonly snapshot: GrowingSnapshot
  /** `undefined`: nothing yet. */
  readonly position: FeedPosition | undefined
  /** What the object answered to `asked`. Throws where it does not join what is held: another read began anew meanwhile. */
  adoptPage(page: FeedPage, asked: FeedPosition | undefined): void
  /** Catches up by the latest entries of another isolate. False: they do not begin where this one is. */
  adoptHead(head: FeedHead): boolean
  /** Begins with the copy of another isolate; one that already began keeps what it has. */
  adoptWhole(whole: FeedWhole): void
  /** For others. Throws before the first page. */
  head(readAt: number): FeedHead
  /** For others, where the latest entries are not all. */
  whole(): FeedWhole | undefined
}

/** `key`: what every isolate makes its fingerprints with. */
export function createHeldFeed(key: Int32Array | undefined): HeldFeed {
  let snapshot = createSnapshot(key)
  let position: FeedPosition | undefined
  /** All entries after `recentFrom`. */
  let recent: readonly Revocation[] = []
  let recentFrom = 0

  /** `entries`: all after `from` up to `reached`, where `from` is no later than `at`. */
  function extend(at: FeedPosition, reached: FeedPosition, from: number, entries: readonly Revocation[]): void {
    const later = entries.filter(({ sequence }) => sequence > at.sequence)
    snapshot.add(later)
    const isWider = from < recentFrom && reached.sequence >= recentFrom
    const earlier = isWider ? entries.filter(({ sequence }) => sequence <= recentFrom) : []
    if (isWider) recentFrom = from
    if (earlier.length > 0 || later.length > 0) keepRecent([...earlier, ...recent, ...later])
    position = reached.sequence > at.sequence ? reached : at
  }

  function keepRecent(entries: readonly Revocation[]): void {
    let length = 0
    const last = entries.findLastIndex((entry, index) => {
      length += JSON.stringify(entry).length
      return length > MAX_RECENT_LENGTH || index < entries.length - MAX_RECENT
    })
    recentFrom = entries[last]?.sequence ?? recentFrom
    recent = entries.slice(last + 1)
  }

  return {
    get snapshot() {
      return snapshot
    },
    get position() {
      return position
    },
    adoptPage({ position: reached, from, entries }, asked) {
      const isAnew = asked !== undefined && from !== asked.sequence
      if (isAnew) {
        // The feed was made anew, and may lack what the old one had: both count.
        recent = []
        recentFrom = 0
      }
      const at = isAnew ? START : (position ?? START)
      if (from > at.sequence) throw new Error('the revocation feed was begun anew meanwhile')
      extend(at, reached, from, entries)
    },
    adoptHead({ position: reached, from, entries }) {
      const at = position ?? START
      const isNext = at.sequence === 0 ? from === 0 : at.mark === reached.mark && from <= at.sequence
      if (isNext) extend(at, reached, from, entries)
      return isNext
    },
    adoptWhole({ position: reached, snapshot: encoded }) {
      if (position !== undefined) return
      try {
        snapshot = createSnapshot(key, encoded)
      } catch {
        // Another version of this gateway wrote it: the object has it all.
        return
      }
      position = reached
      recentFrom = reached.sequence
    },
    head(readAt) {
      if (position === undefined) throw new Error('nothing of the feed is held')
      return { readAt, position, from: recentFrom, entries: recent }
    },
    whole: () => (position === undefined || recentFrom === 0 ? undefined : { position, snapshot: snapshot.encode() }),
  }
}
