import type { Revocation } from './revocations.ts'

/** The one object of a gateway that holds its feed. */
export const FEED_NAME = 'feed'

/** Where a reader stands. Positions of another epoch mean nothing: the feed was made anew, and is read from its start. */
export interface FeedPosition {
  readonly epoch: string
  readonly sequence: number
}
export interface FeedPage {
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
