import type { FeedHead, FeedWhole } from './feed-share.ts'
import type { FeedPage, FeedPosition } from './feed.ts'
import type { Revocation } from './revocations.ts'
import { createSnapshot, type GrowingSnapshot } from './snapshot.ts'

/** The latest entries, kept whole for those who come after. A longer feed is handed on as a snapshot. */
export const MAX_RECENT = 500

/** What one isolate holds of the feed: everything up to its position, and of earlier epochs what it had then. */
export interface HeldFeed {
  readonly snapshot: GrowingSnapshot
  /** `undefined`: nothing yet. */
  readonly position: FeedPosition | undefined
  /** What the object answered to `from`. */
  adoptPage(page: FeedPage, from: FeedPosition | undefined): void
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
  /** All entries of this epoch after `recentFrom`. */
  let recent: readonly Revocation[] = []
  let recentFrom = 0

  /** `entries`: all of `epoch` after `from` up to `reached`, where `from` is no later than the position. */
  function extend(reached: FeedPosition, from: number, entries: readonly Revocation[]): void {
    if (position?.epoch !== reached.epoch) {
      // A feed made anew may lack what the old one had: both count.
      position = { epoch: reached.epoch, sequence: from }
      recent = []
      recentFrom = from
    }
    const known = position.sequence
    const later = entries.filter(({ sequence }) => sequence > known)
    snapshot.add(later)
    const earlier = from < recentFrom && reached.sequence >= recentFrom ? entries.filter(({ sequence }) => sequence <= recentFrom) : []
    if (from < recentFrom && reached.sequence >= recentFrom) recentFrom = from
    recent = [...earlier, ...recent, ...later]
    recentFrom = recent.at(-MAX_RECENT - 1)?.sequence ?? recentFrom
    recent = recent.slice(-MAX_RECENT)
    if (reached.sequence > known) position = reached
  }

  return {
    get snapshot() {
      return snapshot
    },
    get position() {
      return position
    },
    adoptPage({ position: reached, entries }, from) {
      extend(reached, from?.epoch === reached.epoch ? from.sequence : 0, entries)
    },
    adoptHead({ position: reached, from, entries }) {
      const isNext = position === undefined ? from === 0 : position.epoch === reached.epoch && from <= position.sequence
      if (isNext) extend(reached, from, entries)
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
