import { createColoCache } from '../credentials/colo-cache.ts'
import type { RootSecret } from '../credentials/root-secret.ts'
import type { FeedPosition } from './feed.ts'
import type { Revocation } from './revocations.ts'

/** The end of the feed as one isolate read it from the object. */
export interface FeedHead {
  /** When that read was sent, by the clock of who sent it: the feed was at least this far. */
  readonly readAt: number
  readonly position: FeedPosition
  /** `entries` are all that came after this sequence. */
  readonly from: number
  readonly entries: readonly Revocation[]
}
/** The feed up to a position, as a snapshot's `encode()`. */
export interface FeedWhole {
  readonly position: FeedPosition
  readonly snapshot: Uint8Array
}

/**
 * The feed as isolates of one data centre hand it to each other. Nothing is believed but what an isolate of this gateway
 * wrote; how old it is, is the reader's to judge. Look-ups and writes never reject: the object is still there.
 */
export interface FeedShare {
  /** The secret words that fingerprints are made with; the same in every isolate. */
  snapshotKey(): Promise<Int32Array | undefined>
  /** `position`: where the asker is; what came before need not be in it. */
  head(authority: string, position?: FeedPosition): Promise<FeedHead | undefined>
  putHead(authority: string, head: FeedHead): Promise<void>
  forgetHead(authority: string): Promise<void>
  whole(authority: string): Promise<FeedWhole | undefined>
  putWhole(authority: string, whole: FeedWhole): Promise<void>
}

/** Older than any bound: it is then still good to catch up by. */
const HEAD_SECONDS = 120
const WHOLE_SECONDS = 3600
/** A million entries that are all dated, and their labels. */
const MAX_VALUE_BYTES = 24 * 2 ** 20
const NEWLINE = 0x0a

export function createFeedShare(rootSecret: RootSecret): FeedShare {
  const cache = createColoCache(rootSecret, { purpose: 'revocation-cache', folder: 'revocations', maxBytes: MAX_VALUE_BYTES })
  const [generation] = rootSecret.generations
  return {
    async snapshotKey() {
      return generation === undefined ? undefined : new Int32Array((await rootSecret.derive('revocation-names', generation)).buffer, 0, 2)
    },
    async head(authority) {
      const found = await cache.get(authority, 'head')
      return found === undefined ? undefined : (read(found) as FeedHead | undefined)
    },
    putHead: async (authority, head) => quietly(cache.put(authority, 'head', JSON.stringify(head), HEAD_SECONDS)),
    forgetHead: async (authority) => quietly(cache.delete(authority, 'head')),
    async whole(authority) {
      const found = await cache.get(authority, 'whole')
      if (found === undefined) return undefined
      const end = found.indexOf(NEWLINE)
      const position = read(found.subarray(0, end)) as FeedPosition | undefined
      return position === undefined ? undefined : { position, snapshot: found.subarray(end + 1) }
    },
    async putWhole(authority, { position, snapshot }) {
      const head = new TextEncoder().encode(`${JSON.stringify(position)}\n`)
      const content = new Uint8Array(head.byteLength + snapshot.byteLength)
      content.set(head)
      content.set(snapshot, head.byteLength)
      await quietly(cache.put(authority, 'whole', content, WHOLE_SECONDS))
    },
  }
}

/** What an isolate of this gateway wrote; another version of it may have written otherwise. */
function read(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

/** Whoever misses it asks the object. */
async function quietly(work: Promise<void>): Promise<void> {
  await work.catch(() => undefined)
}
