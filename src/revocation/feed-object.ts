import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import type { FeedPage, FeedPosition, FeedStatus } from './feed.ts'
import type { Revocation } from './revocations.ts'

/** A feed this long takes no more: 503 rather than an unbounded one. */
export const MAX_ENTRIES = 100_000
/** Entries handed out by one call. */
export const PAGE_ENTRIES = 5000
/** The backup is written at most this often (KV takes one write per second and key). */
const BACKUP_DELAY_MS = 2000
const FORGET_EVERY_MS = 86_400_000

interface Row extends Record<string, SqlStorageValue> {
  readonly sequence: number
  readonly entry: string
}
type NewEntry = Omit<Revocation, 'sequence'>

/**
 * Everything that must stop, in one append-only list. An entry is durable before `append` answers. A second copy in KV
 * brings the list back should the object's storage ever be lost; it is read then and never else.
 */
export class RevocationFeed extends DurableObject<Bindings> {
  readonly #sql: SqlStorage
  #epoch = ''
  readonly #backupKey: string
  /** `undefined`: nothing waits for the second copy. */
  #backupAt: number | undefined

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings)
    this.#sql = state.storage.sql
    this.#backupKey = `revocation-feed:${state.id.toString()}`
    void state.blockConcurrencyWhile(async () => this.#open())
  }

  async append(entries: readonly NewEntry[], now: number): Promise<readonly Revocation[]> {
    if (this.#count() + entries.length > MAX_ENTRIES) throw new Error('the revocation feed is full')
    const appended = entries.map((entry): Revocation => ({ sequence: this.#insert(entry), ...entry }))
    // Further entries do not put it off: under a steady stream the copy would never be written.
    if (this.#backupAt === undefined) {
      this.#backupAt = now + BACKUP_DELAY_MS
      await this.ctx.storage.setAlarm(this.#backupAt)
    }
    return appended
  }

  /** What came after `position`, oldest first; `undefined`: everything. */
  async since(position: FeedPosition | undefined): Promise<FeedPage> {
    const from = position?.epoch === this.#epoch ? position.sequence : 0
    const rows = this.#sql
      .exec<Row>('select sequence, entry from entries where sequence > ? order by sequence limit ?', from, PAGE_ENTRIES)
      .toArray()
    const entries = rows.map(({ sequence, entry }): Revocation => ({ sequence, ...(JSON.parse(entry) as NewEntry) }))
    const sequence = entries.at(-1)?.sequence ?? from
    return { position: { epoch: this.#epoch, sequence }, entries, hasMore: rows.length === PAGE_ENTRIES }
  }

  async status(): Promise<FeedStatus> {
    const [row] = this.#sql.exec<{ latest: number | null }>('select max(sequence) as latest from entries').toArray()
    return { entries: this.#count(), latest: row?.latest ?? 0 }
  }

  /** Forgets what has expired by itself, then writes the second copy. */
  override async alarm(): Promise<void> {
    this.#backupAt = undefined
    this.#sql.exec('delete from entries where expires_at <= ?', Date.now())
    const rows = this.#sql.exec<Row>('select sequence, entry from entries order by sequence').toArray()
    await this.env.BACKUP.put(this.#backupKey, JSON.stringify(rows.map(({ entry }) => JSON.parse(entry) as NewEntry)))
    if (rows.length > 0 && (await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + FORGET_EVERY_MS)
  }

  async #open(): Promise<void> {
    this.#sql.exec('create table if not exists meta (epoch text not null)')
    this.#sql.exec(`create table if not exists entries (
      sequence integer primary key autoincrement, entry text not null, expires_at integer not null)`)
    const [known] = this.#sql.exec<{ epoch: string }>('select epoch from meta').toArray()
    if (known !== undefined) {
      this.#epoch = known.epoch
      return
    }
    // Throws when KV cannot answer: an empty feed must not pass for a whole one.
    const backup = await this.env.BACKUP.get<readonly NewEntry[]>(this.#backupKey, 'json')
    this.#epoch = crypto.randomUUID()
    this.ctx.storage.transactionSync(() => {
      for (const entry of backup ?? []) this.#insert(entry)
      this.#sql.exec('insert into meta (epoch) values (?)', this.#epoch)
    })
  }

  #insert({ target, before, expiresAt, reason }: NewEntry): number {
    const entry = JSON.stringify({ target, before, expiresAt, reason })
    const [row] = this.#sql
      .exec<{ sequence: number }>('insert into entries (entry, expires_at) values (?, ?) returning sequence', entry, expiresAt)
      .toArray()
    if (row === undefined) throw new Error('the entry was not stored')
    return row.sequence
  }

  #count(): number {
    return this.#sql.exec<{ count: number }>('select count(*) as count from entries').one().count
  }
}
