import type { Revocation } from './revocations.ts'

/**
 * A chunk is complete from this size on, with three bytes for each unit of UTF-16: KV takes 25 MiB. The last chunk is written
 * anew whenever the feed grows, the others never.
 */
export const CHUNK_BYTES = 12 * 2 ** 20
/** Chunks written by one call. */
export const CHUNKS_PER_CALL = 4
/** Copies that are no longer needed, removed by one call. */
const REMOVED_PER_CALL = 16
/** A manifest is served by KV for a while after it was replaced: what it names must outlive it. */
const KEEP_REPLACED_MS = 600_000
const ROWS_PER_READ = 2000

type NewEntry = Omit<Revocation, 'sequence'>
interface Row extends Record<string, SqlStorageValue> {
  readonly sequence: number
  readonly entry: string
}
interface Chunk extends Record<string, SqlStorageValue> {
  readonly first: number
  readonly last: number
  readonly entries: number
  readonly key: string
}
/** A chunk as its key tells of it. */
type Listed = Pick<Chunk, 'first' | 'last' | 'key'> & { readonly entries?: number }
type Chunked = readonly (readonly [sequence: number, entry: NewEntry])[]
interface Manifest {
  readonly version: 1
  readonly chunks: readonly Chunk[]
}

/**
 * The second copy of a feed: chunks, each written once under a key of its own, and a manifest that names them, written
 * last. Until then the earlier manifest and all that it names are whole.
 */
export interface FeedBackup {
  /** Writes some of what is new. False: more is to be written; call again. */
  write(now: number): Promise<boolean>
  /**
   * Gives what chunks hold that this storage knows nothing of, because it was set back: in parts, to be kept before the next one.
   * False: there are none. All of the copy is then to be written anew.
   */
  recover(keep: (entries: readonly NewEntry[]) => void): Promise<boolean>
  /** Puts the entries back, chunk by chunk: one that was interrupted goes on where it was. Throws unless everything is there. */
  restore(): Promise<void>
}

export function createFeedBackup(
  storage: Pick<DurableObjectStorage, 'sql' | 'transactionSync'>,
  kv: KVNamespace,
  name: string,
): FeedBackup {
  const { sql } = storage
  sql.exec(`create table if not exists chunks (
    first integer primary key, last integer not null, entries integer not null, key text not null, complete integer not null)`)
  sql.exec('create table if not exists replaced (key text primary key, at integer not null)')

  /** Whether chunks hold all entries up to `target`. */
  function reaches(target: number): boolean {
    return (
      rowsOf('select 1 from entries where sequence > (select coalesce(max(last), 0) from chunks) and sequence <= ? limit 1', target)
        .length === 0
    )
  }

  /** The rows after the last complete chunk, until there are enough for one. */
  function nextRows(): { readonly rows: readonly Row[]; readonly isComplete: boolean } {
    const [{ done } = { done: 0 }] = rowsOf<{ done: number }>('select coalesce(max(last), 0) as done from chunks where complete = 1')
    const rows: Row[] = []
    let bytes = 0
    for (let page: Row[] | undefined; page === undefined || page.length === ROWS_PER_READ;) {
      page = rowsOf<Row>(
        'select sequence, entry from entries where sequence > ? order by sequence limit ?',
        rows.at(-1)?.sequence ?? done,
        ROWS_PER_READ,
      )
      for (const row of page) {
        rows.push(row)
        bytes += row.entry.length * 3
        if (bytes >= CHUNK_BYTES) return { rows, isComplete: true }
      }
    }
    return { rows, isComplete: false }
  }

  async function writeChunk(rows: readonly Row[], isComplete: boolean, now: number): Promise<void> {
    const first = rows[0]?.sequence ?? 0
    const last = rows.at(-1)?.sequence ?? 0
    const key = `${name}:${first}-${last}:${crypto.randomUUID()}`
    // Not needed, until it stands among the chunks: no call that failed leaves anything behind.
    sql.exec('insert into replaced (key, at) values (?, ?)', key, now)
    await kv.put(key, `[${rows.map(({ sequence, entry }) => `[${sequence},${entry}]`).join(',\n')}]`)
    storage.transactionSync(() => {
      sql.exec('delete from replaced where key = ?', key)
      sql.exec('insert into replaced (key, at) select key, ? from chunks where complete = 0', now)
      sql.exec('delete from chunks where complete = 0')
      sql.exec('insert into chunks values (?, ?, ?, ?, ?)', first, last, rows.length, key, isComplete ? 1 : 0)
    })
  }

  /** Chunks of which nothing is left. */
  function dropExpired(now: number): void {
    const isOver = 'not exists (select 1 from entries where sequence between first and last)'
    storage.transactionSync(() => {
      sql.exec(`insert into replaced (key, at) select key, ? from chunks where ${isOver}`, now)
      sql.exec(`delete from chunks where ${isOver}`)
    })
  }

  async function removeReplaced(now: number): Promise<void> {
    const keys = rowsOf<{ key: string }>('select key from replaced where at <= ? limit ?', now - KEEP_REPLACED_MS, REMOVED_PER_CALL)
    for (const { key } of keys) {
      await kv.delete(key)
      sql.exec('delete from replaced where key = ?', key)
    }
  }

  /**
   * Chunks that KV lists, of sequences after `last`, in their order: for a while it may serve an old manifest, or none. Of those that
   * begin alike the longest has it all. One list is enough: fewer than a thousand are kept at a time.
   */
  async function listedBeyond(last: number): Promise<readonly Listed[]> {
    const { keys } = await kv.list({ prefix: `${name}:` })
    const found = new Map<number, Listed>()
    for (const { name: key } of keys) {
      const [from, to] = (key.slice(name.length + 1).split(':', 1)[0] ?? '').split('-').map(Number)
      if (from === undefined || to === undefined || to <= last || to <= (found.get(from)?.last ?? 0)) continue
      found.set(from, { first: from, last: to, key })
    }
    return [...found.values()].toSorted((one, other) => one.first - other.first)
  }

  function isKnown(key: string): boolean {
    return rowsOf('select 1 from chunks where key = ?1 union all select 1 from replaced where key = ?1', key).length > 0
  }

  function rowsOf<R extends Record<string, SqlStorageValue>>(query: string, ...values: readonly SqlStorageValue[]): R[] {
    return sql.exec<R>(query, ...values).toArray()
  }

  return {
    async write(now) {
      dropExpired(now)
      // What comes meanwhile is for the next call: under a steady stream there would be no manifest.
      const [{ target } = { target: 0 }] = rowsOf<{ target: number }>('select coalesce(max(sequence), 0) as target from entries')
      for (let written = 0; written < CHUNKS_PER_CALL && !reaches(target); written += 1) {
        const { rows, isComplete } = nextRows()
        await writeChunk(rows, isComplete, now)
      }
      if (!reaches(target)) return false
      const chunks = rowsOf<Chunk>('select first, last, entries, key from chunks order by first')
      await kv.put(name, JSON.stringify({ version: 1, chunks } satisfies Manifest))
      await removeReplaced(now)
      return true
    },
    async recover(keep) {
      const manifest = await kv.get<Manifest>(name, 'json')
      const unknown = manifest?.version === 1 ? manifest.chunks.filter(({ key }) => !isKnown(key)) : []
      if (unknown.length === 0) return false
      for (const { key } of unknown) {
        // A chunk that is gone was replaced: the manifest is an old one, as KV may serve for a while.
        const chunk = await kv.get<Chunked>(key, 'json')
        if (chunk !== null) keep(chunk.map(([, entry]) => entry))
      }
      storage.transactionSync(() => {
        const now = Date.now()
        for (const { key } of unknown) sql.exec('insert or ignore into replaced (key, at) values (?, ?)', key, now)
        sql.exec('insert or ignore into replaced (key, at) select key, ? from chunks', now)
        sql.exec('delete from chunks')
      })
      return true
    },
    async restore() {
      const manifest = await kv.get<Manifest>(name, 'json')
      if (manifest !== null && manifest.version !== 1) throw new Error('the second copy of the feed is of another version')
      const chunks = manifest?.chunks ?? []
      for (const { first, last, entries, key } of [...chunks, ...(await listedBeyond(chunks.at(-1)?.last ?? 0))]) {
        if (rowsOf('select 1 from chunks where key = ?', key).length > 0) continue
        const chunk = await kv.get<Chunked>(key, 'json')
        if (chunk === null || chunk.length !== (entries ?? chunk.length))
          throw new Error(`the second copy of the feed lacks entries ${first} to ${last}`)
        storage.transactionSync(() => {
          for (const [sequence, entry] of chunk)
            sql.exec(
              'insert or ignore into entries (sequence, entry, expires_at) values (?, ?, ?)',
              sequence,
              JSON.stringify(entry),
              entry.expiresAt,
            )
          sql.exec('insert or replace into chunks values (?, ?, ?, ?, 1)', first, last, chunk.length, key)
        })
      }
    },
  }
}
