import type { Revocation } from './revocations.ts'

/** At most, for each unit of UTF-16. */
const CHARACTER_BYTES = 3
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
export const KEEP_REPLACED_MS = 600_000
/** Replaced, but the manifest may still name it. */
const UNTIL_MANIFEST = Number.MAX_SAFE_INTEGER
const ROWS_PER_READ = 2000

type NewEntry = Omit<Revocation, 'sequence'>
/** `length` in characters. */
export interface Forgotten extends Record<string, SqlStorageValue> {
  readonly sequence: number
  readonly length: number
}
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
/** `stored`: characters of the entries it was written with; `live`: of those that are still there. */
interface Kept extends Chunk {
  readonly complete: number
  readonly stored: number
  readonly live: number
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
 * last. Until then the earlier manifest and all that it names are whole. The chunks it names hold less than twice what lives.
 */
export interface FeedBackup {
  /** Writes some of what is new, and writes anew some of what is mostly gone. When to call again, even if nothing is new; `undefined`: never. */
  write(now: number): Promise<number | undefined>
  /** To be told, in the transaction that does it, of every entry that leaves the feed. */
  forget(entries: readonly Forgotten[]): void
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
  sql.exec(`create table if not exists chunk (
    first integer primary key, last integer not null, entries integer not null, key text not null, complete integer not null,
    stored integer not null, live integer not null)`)
  sql.exec('create table if not exists replaced (key text primary key, at integer not null)')

  /** Whether chunks hold all entries up to `target`. */
  function reaches(target: number): boolean {
    return (
      rowsOf('select 1 from entries where sequence > (select coalesce(max(last), 0) from chunk) and sequence <= ? limit 1', target)
        .length === 0
    )
  }

  /** The rows after the last complete chunk, until there are enough for one. */
  function nextRows(): { readonly rows: readonly Row[]; readonly isComplete: boolean } {
    const [{ done } = { done: 0 }] = rowsOf<{ done: number }>('select coalesce(max(last), 0) as done from chunk where complete = 1')
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
        bytes += row.entry.length * CHARACTER_BYTES
        if (bytes >= CHUNK_BYTES) return { rows, isComplete: true }
      }
    }
    return { rows, isComplete: false }
  }

  /** Writes a chunk in place of `replaced`. */
  async function writeChunk(rows: readonly Row[], isComplete: boolean, replaced: readonly Chunk[]): Promise<void> {
    const first = rows[0]?.sequence ?? 0
    const last = rows.at(-1)?.sequence ?? 0
    const key = `${name}:${first}-${last}:${crypto.randomUUID()}`
    // Not needed, until it stands among the chunks: no call that failed leaves anything behind.
    replace(key)
    await kv.put(key, `[${rows.map(({ sequence, entry }) => `[${sequence},${entry}]`).join(',\n')}]`)
    storage.transactionSync(() => {
      sql.exec('delete from replaced where key = ?', key)
      for (const chunk of replaced) drop(chunk)
      insertChunk({ first, last, entries: rows.length, key }, isComplete, lengthOf(rows))
    })
  }

  /** Entries may have gone while the chunk was written. */
  function insertChunk({ first, last, entries, key }: Chunk, isComplete: boolean, stored: number): void {
    const [{ live } = { live: 0 }] = rowsOf<{ live: number }>(
      'select coalesce(sum(length(entry)), 0) as live from entries where sequence between ? and ?',
      first,
      last,
    )
    sql.exec('insert or replace into chunk values (?, ?, ?, ?, ?, ?, ?)', first, last, entries, key, isComplete ? 1 : 0, stored, live)
  }

  function replace(key: string): void {
    sql.exec('insert or ignore into replaced (key, at) values (?, ?)', key, UNTIL_MANIFEST)
  }

  function drop({ first, key }: Chunk): void {
    replace(key)
    sql.exec('delete from chunk where first = ? and key = ?', first, key)
  }

  const chunksOf = (): Kept[] => rowsOf<Kept>('select * from chunk order by first')

  /** Chunks of which nothing is left. */
  function dropEmpty(): void {
    storage.transactionSync(() => {
      const isOver = 'not exists (select 1 from entries where sequence between first and last)'
      for (const chunk of rowsOf<Kept>(`select * from chunk where ${isOver}`)) drop(chunk)
    })
  }

  /** The next neighbours that would make no more than one chunk, or the next chunk of which half is gone. */
  function nextSparse(): readonly Kept[] {
    const chunks = chunksOf()
    const runs: Kept[][] = chunks.filter(({ complete }) => complete === 0).map((chunk) => [chunk])
    let live = Number.POSITIVE_INFINITY
    for (const chunk of chunks.filter(({ complete }) => complete === 1)) {
      const isOneMore = (live + chunk.live) * CHARACTER_BYTES <= CHUNK_BYTES
      if (isOneMore) runs.at(-1)?.push(chunk)
      else runs.push([chunk])
      live = chunk.live + (isOneMore ? live : 0)
    }
    return runs.find((run) => run.length > 1 || run.every((chunk) => chunk.live * 2 <= chunk.stored)) ?? []
  }

  /** False: all chunks are as full as they need to be. */
  async function compactOne(): Promise<boolean> {
    dropEmpty()
    const run = nextSparse()
    const [from, to] = [run[0], run.at(-1)]
    if (from === undefined || to === undefined) return false
    const rows = rowsOf<Row>('select sequence, entry from entries where sequence between ? and ? order by sequence', from.first, to.last)
    await writeChunk(rows, to.complete === 1, run)
    return true
  }

  /** When the next ones may be removed; `undefined`: there are none. */
  async function removeReplaced(now: number): Promise<number | undefined> {
    const keys = rowsOf<{ key: string }>('select key from replaced where at <= ? limit ?', now - KEEP_REPLACED_MS, REMOVED_PER_CALL)
    for (const { key } of keys) {
      await kv.delete(key)
      sql.exec('delete from replaced where key = ?', key)
    }
    const [{ next } = { next: null }] = rowsOf<{ next: number | null }>('select min(at) as next from replaced')
    return next === null ? undefined : next + KEEP_REPLACED_MS
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
    let reached = last
    const inOrder = [...found.values()].toSorted((one, other) => one.first - other.first)
    // What others joined is in theirs.
    return inOrder.filter((chunk) => {
      const isFurther = chunk.last > reached
      if (isFurther) reached = chunk.last
      return isFurther
    })
  }

  function isKnown(key: string): boolean {
    return rowsOf('select 1 from chunk where key = ?1 union all select 1 from replaced where key = ?1', key).length > 0
  }

  function rowsOf<R extends Record<string, SqlStorageValue>>(query: string, ...values: readonly SqlStorageValue[]): R[] {
    return sql.exec<R>(query, ...values).toArray()
  }

  return {
    async write(now) {
      // What comes meanwhile is for the next call: under a steady stream there would be no manifest.
      const [{ target } = { target: 0 }] = rowsOf<{ target: number }>('select coalesce(max(sequence), 0) as target from entries')
      let written = 0
      for (; written < CHUNKS_PER_CALL && !reaches(target); written += 1) {
        const { rows, isComplete } = nextRows()
        await writeChunk(
          rows,
          isComplete,
          chunksOf().filter(({ complete }) => complete === 0),
        )
      }
      if (!reaches(target)) return now
      for (; written < CHUNKS_PER_CALL; written += 1) if (!(await compactOne())) break
      const chunks = rowsOf<Chunk>('select first, last, entries, key from chunk order by first')
      await kv.put(name, JSON.stringify({ version: 1, chunks } satisfies Manifest))
      sql.exec('update replaced set at = ?1 where at > ?1', now)
      const next = await removeReplaced(now)
      return nextSparse().length > 0 ? now : next
    },
    forget(entries) {
      const chunks = chunksOf()
      const gone = new Map<string, number>()
      for (const { sequence, length } of entries) {
        const chunk = chunks.findLast(({ first, last }) => first <= sequence && sequence <= last)
        if (chunk !== undefined) gone.set(chunk.key, (gone.get(chunk.key) ?? 0) + length)
      }
      for (const [key, length] of gone) sql.exec('update chunk set live = live - ? where key = ?', length, key)
    },
    async recover(keep) {
      const manifest = await kv.get<Manifest>(name, 'json')
      const named = manifest?.version === 1 ? manifest.chunks : []
      const unknown = [...named, ...(await listedBeyond(named.at(-1)?.last ?? 0))].filter(({ key }) => !isKnown(key))
      if (unknown.length === 0) return false
      for (const { key } of unknown) {
        // A chunk that is gone was replaced: the manifest is an old one, as KV may serve for a while.
        const chunk = await kv.get<Chunked>(key, 'json')
        if (chunk !== null) keep(chunk.map(([, entry]) => entry))
      }
      storage.transactionSync(() => {
        for (const { key } of unknown) replace(key)
        for (const chunk of chunksOf()) drop(chunk)
      })
      return true
    },
    async restore() {
      const manifest = await kv.get<Manifest>(name, 'json')
      if (manifest !== null && manifest.version !== 1) throw new Error('the second copy of the feed is of another version')
      const chunks = manifest?.chunks ?? []
      for (const { first, last, entries, key } of [...chunks, ...(await listedBeyond(chunks.at(-1)?.last ?? 0))]) {
        if (rowsOf('select 1 from chunk where key = ?', key).length > 0) continue
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
          insertChunk(
            { first, last, entries: chunk.length, key },
            true,
            lengthOf(chunk.map(([, entry]) => ({ entry: JSON.stringify(entry) }))),
          )
        })
      }
    },
  }
}

function lengthOf(rows: readonly Pick<Row, 'entry'>[]): number {
  return rows.reduce((sum, { entry }) => sum + entry.length, 0)
}
