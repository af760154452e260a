import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'

export type Feed = DurableObjectStub<RevocationFeed>
/** All that the feed's storage holds, by table. */
export type FeedTables = Readonly<Record<string, readonly Record<string, SqlStorageValue>[]>>
const TABLES = ['opened', 'entries', 'runs', 'total', 'chunk', 'replaced', 'sqlite_sequence']

export const remember = async (feed: Feed): Promise<FeedTables> =>
  runInDurableObject(feed, async (_object: RevocationFeed, { storage }) =>
    Object.fromEntries(TABLES.map((table) => [table, storage.sql.exec(`select * from ${table}`).toArray()])),
  )

/** What point-in-time recovery does: every table as it was, then a new run of the object. */
export async function setBack(feed: Feed, tables: FeedTables): Promise<void> {
  await runInDurableObject(feed, async (_object: RevocationFeed, { storage }) => {
    for (const [table, rows] of Object.entries(tables)) {
      storage.sql.exec(`delete from ${table}`)
      for (const row of rows) {
        const names = Object.keys(row)
        storage.sql.exec(`insert into ${table} (${names.join()}) values (${names.map(() => '?').join()})`, ...Object.values(row))
      }
    }
  })
  await evictDurableObject(feed)
}

/** The object of nothing but its second copy. */
export async function loseStorage(feed: Feed): Promise<void> {
  await runInDurableObject(feed, async (_object: RevocationFeed, { storage }) => storage.deleteAll())
  await evictDurableObject(feed)
}
