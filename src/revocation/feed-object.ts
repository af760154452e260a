import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { createFeedBackup, type FeedBackup, type Forgotten } from './feed-backup.ts'
import { canonicalTarget, targetText } from './target.ts'
import { MAX_LOOKED_UP, type FeedPage, type FeedPosition, type FeedStatus } from './feed.ts'
import type { ChangeRequest } from './change-request.ts'
import { mergeChanges, stampChanges, type Changes } from './changes.ts'
import type { Revocation, RevocationTarget } from './revocations.ts'

/** A feed this long takes no more: 503 rather than an unbounded one. */
export const MAX_ENTRIES = 1_000_000
/** Keys and consumers that are changed at one time: isolates hold them as text. */
export const MAX_CHANGED = 50_000
/** Restrictions at one time: one address after another must not keep keys from being changed. */
export const MAX_RESTRICTED = 10_000
/** Entries handed out by one call. */
export const PAGE_ENTRIES = 5000
/** The same in bytes, about. */
const PAGE_BYTES = 2 ** 20
/** No entry is shorter. */
const LEAST_BYTES = 64
/** Entries of one target that a look-up gives: the latest say it all. */
const MAX_FOUND = 16
/** Runs of the object that are kept apart; positions of earlier ones are read anew. */
const MAX_RUNS = 1000
/** The backup is written at most this often (KV takes one write per second and key). */
const BACKUP_DELAY_MS = 2000
/** The platform repeats an alarm that failed six times, and then never: one that was repeated this often is set anew. */
const MAX_REPEATED = 4
/** Until the next attempt then, and how late an alarm may be before it counts as lost. */
const ALARM_AGAIN_MS = 60_000
/** Expired entries that one alarm forgets. */
export const FORGOTTEN_PER_ALARM = 20_000
const FORGET_EVERY_MS = 86_400_000

interface Row extends Record<string, SqlStorageValue> {
  readonly sequence: number
  readonly entry: string
}
type NewEntry = Omit<Revocation, 'sequence'>

const TARGET = `json_extract(entry, '$.target')`
const IS_CHANGE = `json_extract(entry, '$.changed') is not null`
const IS_RESTRICTED = `json_extract(entry, '$.target.type') = 'restricted'`

function textOf({ target, before, changed, expiresAt, reason }: NewEntry): string {
  return JSON.stringify({ target: canonicalTarget(target), before, changed, expiresAt, reason })
}

function revocationOf({ sequence, entry }: Row): Revocation {
  return { sequence, ...(JSON.parse(entry) as NewEntry) }
}

/**
 * Everything that must stop, in one append-only list. An entry is durable before `append` answers. A second copy in KV
 * brings the list back should the object's storage ever be lost, and what came later should it be set back.
 */
export class RevocationFeed extends DurableObject<Bindings> {
  readonly #sql: SqlStorage
  /** Of what this run of the object writes: another run after the storage was set back writes under another one. */
  readonly #mark = crypto.randomUUID()
  /** The second copy could not be read when the object began: what it has beyond the storage is yet to come back. */
  #isUnchecked = false
  readonly #backup: FeedBackup
  /** `undefined`: nothing waits for the second copy. */
  #backupAt: number | undefined

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings)
    this.#sql = state.storage.sql
    this.#backup = createFeedBackup(state.storage, bindings.BACKUP, `revocation-feed:${state.id.toString()}`)
    void state.blockConcurrencyWhile(async () => this.#open())
  }

  async append(entries: readonly NewEntry[]): Promise<readonly Revocation[]> {
    if (this.#count() + entries.length > MAX_ENTRIES) throw new Error('the revocation feed is full')
    const appended = this.ctx.storage.transactionSync(() => {
      this.#begin(entries.length)
      return entries.map((entry): Revocation => ({ sequence: this.#insert(entry), ...entry }))
    })
    await this.#backUpLater()
    return appended
  }

  /** Joins a change to what was already set of its target: the feed keeps one such entry a target. */
  async change({ target, patch, expiresAt, reason }: ChangeRequest, now: number): Promise<Revocation> {
    const entry = this.ctx.storage.transactionSync((): Revocation => {
      const earlier = this.#changesOf(target)
      if (earlier.length === 0 && !this.#hasRoom(target, now)) throw new Error('the revocation feed takes no more changes')
      const known = earlier.reduce<Changes | undefined>((merged, { changed }) => mergeChanges(merged, changed ?? {}), undefined)
      const changed = mergeChanges(known, stampChanges(patch, known, now))
      const end = Math.max(expiresAt, ...earlier.map((one) => one.expiresAt))
      for (const { sequence } of earlier) this.#delete('?', sequence)
      if (this.#begin(1) > MAX_ENTRIES) throw new Error('the revocation feed is full')
      const joined: NewEntry = { target, changed, expiresAt: end, reason }
      return { sequence: this.#insert(joined), ...joined }
    })
    await this.#backUpLater()
    return entry
  }

  /** By this object's clock: no caller's can put it off. */
  async #backUpLater(): Promise<void> {
    const now = Date.now()
    // Further entries do not put it off: under a steady stream the copy would never be written. A clock that was set back does not either.
    if (this.#backupAt === undefined || Math.abs(now - this.#backupAt) >= ALARM_AGAIN_MS) {
      const backupAt = now + BACKUP_DELAY_MS
      await this.ctx.storage.setAlarm(backupAt)
      this.#backupAt = backupAt
    }
  }

  /** What came after `position`, oldest first, in about `maxBytes`; `undefined`, or no position of this feed: everything. */
  async since(position: FeedPosition | undefined, maxBytes = PAGE_BYTES): Promise<FeedPage> {
    const from = position !== undefined && this.#isHere(position) ? position.sequence : 0
    const limit = Math.min(PAGE_ENTRIES, Math.ceil(maxBytes / LEAST_BYTES))
    const rows = this.#sql
      .exec<Row>('select sequence, entry from entries where sequence > ? order by sequence limit ?', from, limit)
      .toArray()
    let bytes = 0
    const cut = rows.findIndex(({ entry }, index) => (bytes += entry.length) > maxBytes && index > 0)
    const entries = (cut === -1 ? rows : rows.slice(0, cut)).map(revocationOf)
    const sequence = entries.at(-1)?.sequence ?? from
    return { from, position: { sequence, mark: this.#markAt(sequence) }, entries, hasMore: cut !== -1 || rows.length === limit }
  }

  /** What names exactly these targets, by `targetText`; of each the latest. For isolates that do not hold the feed yet. */
  async lookUp(targets: readonly string[]): Promise<readonly Revocation[]> {
    if (targets.length > MAX_LOOKED_UP) throw new RangeError('too many targets at once')
    const query = `select sequence, entry from entries where ${TARGET} = ? order by sequence desc limit ${MAX_FOUND}`
    return targets.flatMap((target) => this.#sql.exec<Row>(query, target).toArray()).map(revocationOf)
  }

  /** All that is restricted now, what ends first first. */
  async restrictions(now: number): Promise<readonly Revocation[]> {
    const rows = this.#sql.exec<Row>(
      `select sequence, entry from entries where ${IS_RESTRICTED} and expires_at > ? order by expires_at`,
      now,
    )
    return [...rows].map(revocationOf).filter(({ changed }) => (changed?.restriction?.value?.until ?? 0) > now)
  }

  async status(): Promise<FeedStatus> {
    const [row] = this.#sql.exec<{ latest: number | null }>('select max(sequence) as latest from entries').toArray()
    return { entries: this.#count(), latest: row?.latest ?? 0 }
  }

  /** Forgets what has expired by itself, then writes the second copy: a part of either where there is much. */
  override async alarm(repeated?: AlarmInvocationInfo): Promise<void> {
    this.#backupAt = undefined
    const now = Date.now()
    const hasForgotten = this.#forget(now)
    let backUpAt: number | undefined
    try {
      if (this.#isUnchecked) await this.#recover()
      backUpAt = await this.#backup.write(now)
    } catch (error) {
      if ((repeated?.retryCount ?? 0) < MAX_REPEATED) throw error
      return this.ctx.storage.setAlarm(now + ALARM_AGAIN_MS)
    }
    if ((await this.ctx.storage.getAlarm()) !== null) return
    const forgetAt = hasForgotten ? (this.#count() > 0 ? now + FORGET_EVERY_MS : undefined) : now
    const next = Math.min(forgetAt ?? Number.POSITIVE_INFINITY, backUpAt ?? Number.POSITIVE_INFINITY)
    if (next !== Number.POSITIVE_INFINITY) await this.ctx.storage.setAlarm(Math.max(next, Date.now() + BACKUP_DELAY_MS))
  }

  /** False: there is more to forget. */
  #forget(now: number): boolean {
    return this.ctx.storage.transactionSync(() => {
      const before = 'select sequence from entries where expires_at <= ? order by expires_at limit ?'
      const { length } = this.#delete(before, now, FORGOTTEN_PER_ALARM)
      return length < FORGOTTEN_PER_ALARM
    })
  }

  /** `which`: a query of sequences. */
  #delete(which: string, ...values: readonly SqlStorageValue[]): readonly Forgotten[] {
    const gone = this.#sql
      .exec<Forgotten>(`delete from entries where sequence in (${which}) returning sequence, length(entry) as length`, ...values)
      .toArray()
    this.#backup.forget(gone)
    this.#total(-gone.length)
    return gone
  }

  async #open(): Promise<void> {
    this.#sql.exec('create table if not exists opened (at integer not null)')
    this.#sql.exec(`create table if not exists entries (
      sequence integer primary key autoincrement, entry text not null, expires_at integer not null)`)
    this.#sql.exec('create index if not exists entries_by_end on entries (expires_at)')
    this.#sql.exec(`create index if not exists entries_by_target on entries (${TARGET})`)
    this.#sql.exec(`create index if not exists changes on entries (sequence) where ${IS_CHANGE}`)
    this.#sql.exec(`create index if not exists restricted on entries (expires_at) where ${IS_RESTRICTED}`)
    this.#sql.exec('create table if not exists runs (first integer primary key, mark text not null)')
    this.#sql.exec('create table if not exists total (entries integer not null)')
    const isNew = this.#sql.exec('select 1 from opened').toArray().length === 0
    // Throws when KV cannot answer or lacks a part: an empty feed must not pass for a whole one.
    if (isNew) await this.#backup.restore()
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec('insert into total select (select count(*) from entries) where not exists (select 1 from total)')
      this.#sql.exec('delete from runs where first not in (select first from runs order by first desc limit ?)', MAX_RUNS)
      if (!isNew) return
      this.#sql.exec('insert into opened (at) values (?)', Date.now())
      if (this.#count() > 0) this.#sql.exec('insert or replace into runs (first, mark) values (1, ?)', this.#mark)
    })
    // What was put back may have expired.
    if (isNew && this.#count() > 0) await this.ctx.storage.setAlarm(Date.now() + BACKUP_DELAY_MS)
    if (isNew) return
    try {
      await this.#recover()
    } catch {
      // The storage is here: it counts until the second copy can be read.
      this.#isUnchecked = true
      await this.ctx.storage.setAlarm(Date.now() + BACKUP_DELAY_MS)
    }
  }

  /** Where the storage was set back to an earlier time, the second copy has what came later: it comes back as new entries. */
  async #recover(): Promise<void> {
    const hasMore = await this.#backup.recover((entries) => {
      this.ctx.storage.transactionSync(() => {
        const lost = entries.filter((entry) => !this.#holds(entry))
        this.#begin(lost.length)
        for (const entry of lost) this.#insert(entry)
      })
    })
    this.#isUnchecked = false
    if (hasMore) await this.ctx.storage.setAlarm(Date.now() + BACKUP_DELAY_MS)
  }

  #holds(entry: NewEntry): boolean {
    return (
      this.#sql.exec(`select 1 from entries where ${TARGET} = ? and entry = ?`, targetText(entry.target), textOf(entry)).toArray().length >
      0
    )
  }

  #isHere({ sequence, mark }: FeedPosition): boolean {
    return sequence <= this.#latest() && mark === this.#markAt(sequence)
  }

  /** The highest sequence that was ever given. */
  #latest(): number {
    return this.#sql.exec<{ seq: number }>(`select seq from sqlite_sequence where name = 'entries'`).toArray()[0]?.seq ?? 0
  }

  #markAt(sequence: number): string {
    return (
      this.#sql.exec<{ mark: string }>('select mark from runs where first <= ? order by first desc limit 1', sequence).toArray()[0]?.mark ??
      ''
    )
  }

  /** To be called before a run writes: `more` entries will be added. How many there are then. */
  #begin(more: number): number {
    if (more > 0)
      this.#sql.exec(
        'insert or replace into runs (first, mark) select ?, ? where not exists (select 1 from runs where mark = ?)',
        this.#latest() + 1,
        this.#mark,
        this.#mark,
      )
    return this.#total(more)
  }

  #changesOf(target: RevocationTarget): Revocation[] {
    return this.#sql
      .exec<Row>(`select sequence, entry from entries where ${TARGET} = ? and ${IS_CHANGE}`, targetText(target))
      .toArray()
      .map(revocationOf)
  }

  #hasRoom({ type }: RevocationTarget, now: number): boolean {
    if (type !== 'restricted') return this.#countOf(`${IS_CHANGE} and not ${IS_RESTRICTED}`) < MAX_CHANGED
    const isFull = this.#countOf(IS_RESTRICTED) >= MAX_RESTRICTED
    if (isFull) this.#delete(`select sequence from entries where ${IS_RESTRICTED} and expires_at <= ?`, now)
    return this.#countOf(IS_RESTRICTED) < MAX_RESTRICTED
  }

  #countOf(which: string): number {
    return this.#sql.exec<{ entries: number }>(`select count(*) as entries from entries where ${which}`).one().entries
  }

  #insert(entry: NewEntry): number {
    const [row] = this.#sql
      .exec<{ sequence: number }>(
        'insert into entries (entry, expires_at) values (?, ?) returning sequence',
        textOf(entry),
        entry.expiresAt,
      )
      .toArray()
    if (row === undefined) throw new Error('the entry was not stored')
    return row.sequence
  }

  #total(more: number): number {
    return this.#sql.exec<{ total: number }>('update total set entries = entries + ? returning entries as total', more).one().total
  }

  #count(): number {
    return this.#sql.exec<{ entries: number }>('select entries from total').one().entries
  }
}
