import type { Revocation } from './revocations.ts'

/** The one object of a gateway that holds its feed. */
export const FEED_NAME = 'feed'
/** Most targets that one look-up names. */
export const MAX_LOOKED_UP = 16
/** What an isolate that holds nothing reads before its first decision, in bytes of entries. */
export const FIRST_PAGE_BYTES = 32 * 1024

/**
 * Where a reader stands. `mark`: of the run of the object that wrote the entry there; where the object's storage was set back, or
 * lost, and others were written, it is another one, and the reader begins anew. At 0 it is empty.
 */
export interface FeedPosition {
  readonly sequence: number
  readonly mark: string
}
export interface FeedPage {
  /** `entries` are what came after this sequence; 0 where the reader's position was not good. */
  readonly from: number
  readonly position: FeedPosition
  readonly entries: readonly Revocation[]
  /** More entries follow: ask again from `position`. */
  readonly hasMore: boolean
}
export interface FeedStatus {
  readonly entries: number
  /** Sequence of the latest entry; 0: none yet. */
  readonly latest: number
}
