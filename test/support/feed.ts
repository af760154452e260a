import type { ReadFeed } from '../../src/revocation/feed-client.ts'
import type { FeedHead, FeedShare, FeedWhole } from '../../src/revocation/feed-share.ts'
import type { Revocable, Revocation } from '../../src/revocation/revocations.ts'

export const keyOf = (id: string): Revocable => ({ kind: 'api-key', issuer: 'portcullis', subject: 'acme', credentialId: id })

/** A feed in memory, handed out in pages as the object does. */
export interface TestFeed {
  readonly read: ReadFeed
  append(id: string): void
  /** The feed is made anew, from its second copy: other numbers, no entry lost. */
  renew(): void
}
export function createTestFeed(pageEntries: number): TestFeed {
  let epoch = 0
  let entries: Revocation[] = []
  const add = (id: string, sequence: number): void => {
    entries.push({ sequence, target: { type: 'key', id }, expiresAt: Number.MAX_SAFE_INTEGER, reason: 'leaked' })
  }
  return {
    read: async (position) => {
      const from = position?.mark === `${epoch}` ? position.sequence : 0
      const page = entries.filter(({ sequence }) => sequence > from).slice(0, pageEntries)
      return {
        from,
        position: { sequence: page.at(-1)?.sequence ?? from, mark: `${epoch}` },
        entries: page,
        hasMore: page.length === pageEntries,
      }
    },
    append: (id) => add(id, (entries.at(-1)?.sequence ?? 0) + 2),
    renew: () => {
      epoch += 1
      const ids = entries.map(({ target }) => target.id)
      entries = []
      for (const [index, id] of ids.entries()) add(id, index + 1)
    },
  }
}

/** The cache of one data centre in memory, with everything that was ever in it. */
export interface TestShare extends FeedShare {
  readonly heads: FeedHead[]
  readonly wholes: FeedWhole[]
  /** What is found from now on; `undefined`: nothing. */
  plant(head: FeedHead | undefined, whole: FeedWhole | undefined): void
}
export function createTestShare(): TestShare {
  const key = Int32Array.of(17, 4)
  const [heads, wholes]: [FeedHead[], FeedWhole[]] = [[], []]
  let [head, whole]: [FeedHead | undefined, FeedWhole | undefined] = [undefined, undefined]
  return {
    heads,
    wholes,
    plant: (nextHead, nextWhole) => {
      head = nextHead
      whole = nextWhole
    },
    snapshotKey: async () => key,
    head: async () => head,
    putHead: async (_authority, value) => {
      head = structuredClone(value)
      heads.push(head)
    },
    forgetHead: async () => {
      head = undefined
    },
    whole: async () => whole,
    putWhole: async (_authority, value) => {
      whole = structuredClone(value)
      wholes.push(whole)
    },
  }
}
