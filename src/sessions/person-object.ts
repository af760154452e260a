import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { MAX_LINKED, type Person, type Seen } from './person.ts'

/** Sessions that one name may have at a time; one more ends the oldest. */
export const MAX_SESSIONS = 100
/** Groups and scopes that are kept of those seen. */
const MAX_SEEN = 256
/** A person who has not been seen for this long is forgotten: 400 days. */
const FORGET_MS = 400 * 86_400_000

/**
 * The sessions of one name: of a person (issuer and subject), of a provider's session, or of a SAML NameID. Of a person also who it is.
 * The object's name is a hash: it does not know whose it is.
 */
export class PersonObject extends DurableObject<Bindings> {
  readonly #sql: SqlStorage

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings)
    this.#sql = state.storage.sql
  }

  /** Adds a session; gives those that there is no more room for. `seen`: this is a person. */
  async add(session: string, expiresAt: number, now: number, seen?: Seen): Promise<readonly string[]> {
    const crowded = this.ctx.storage.transactionSync(() => {
      this.#open()
      this.#sql.exec('insert or ignore into sessions (id, expires_at) values (?, ?)', session, Math.ceil(expiresAt))
      this.#sql.exec('delete from sessions where expires_at <= ?', now)
      if (seen !== undefined) this.#see(seen, now)
      const newest = 'select number from sessions order by number desc limit ?'
      return this.#sql
        .exec<{ id: string }>(`delete from sessions where number not in (${newest}) returning id`, MAX_SESSIONS)
        .toArray()
        .map(({ id }) => id)
    })
    await this.#arm()
    return crowded
  }

  async sessions(): Promise<readonly string[]> {
    return this.#isOpen()
      ? this.#sql
          .exec<{ id: string }>('select id from sessions order by number')
          .toArray()
          .map(({ id }) => id)
      : []
  }

  async remove(sessions: readonly string[]): Promise<void> {
    if (!this.#isOpen()) return
    for (const id of sessions) this.#sql.exec('delete from sessions where id = ?', id)
    await this.#arm()
  }

  /** Somebody proved to be this without beginning a session. */
  async see(seen: Seen, now: number): Promise<void> {
    this.#open()
    this.#see(seen, now)
    await this.#arm()
  }

  /** `undefined`: nobody signed in by this identity, or not for very long. */
  async describe(): Promise<Person | undefined> {
    return this.#person()
  }

  /** These identities and this one are one person, `id`. Whoever calls has the proof. Nobody who never signed in is linked. */
  async link(others: readonly string[], id: string): Promise<void> {
    const person = this.#person()
    if (person !== undefined) this.#put({ ...person, id, linked: others.slice(0, MAX_LINKED) })
  }

  /** These are no longer the same person as this one. */
  async part(others: readonly string[]): Promise<void> {
    const person = this.#person()
    if (person !== undefined) this.#put({ ...person, linked: person.linked.filter((name) => !others.includes(name)) })
  }

  /** A person by itself again, and another one than before. */
  async separate(): Promise<void> {
    const person = this.#person()
    if (person !== undefined && person.linked.length > 0) this.#put({ ...person, id: crypto.randomUUID(), linked: [] })
  }

  override async alarm(): Promise<void> {
    if (!this.#isOpen()) return
    const now = Date.now()
    this.#sql.exec('delete from sessions where expires_at <= ?', now)
    const person = this.#person()
    if (person !== undefined && person.lastSeen + FORGET_MS <= now && person.linked.length === 0) this.#sql.exec('delete from person')
    await this.#arm()
  }

  #see({ provider, groups, scopes }: Seen, now: number): void {
    const known = this.#person()
    const { id, firstSeen, linked } = known ?? { id: crypto.randomUUID(), firstSeen: now, linked: [] }
    this.#put({ id, firstSeen, lastSeen: now, provider, groups: groups.slice(0, MAX_SEEN), scopes: scopes.slice(0, MAX_SEEN), linked })
  }

  #person(): Person | undefined {
    const [row] = this.#isOpen() ? this.#sql.exec<{ person: string }>('select person from person').toArray() : []
    return row === undefined ? undefined : (JSON.parse(row.person) as Person)
  }

  #put(person: Person): void {
    this.#sql.exec('insert or replace into person (one, person) values (1, ?)', JSON.stringify(person))
  }

  #isOpen(): boolean {
    return this.#sql.exec("select 1 from sqlite_master where type = 'table' and name = 'sessions'").toArray().length > 0
  }

  #open(): void {
    this.#sql.exec('create table if not exists sessions (number integer primary key autoincrement, id text unique, expires_at integer)')
    this.#sql.exec('create table if not exists person (one integer primary key, person text not null)')
  }

  /** Wakes when the next session is over; with nothing left the object is as if it had never been. */
  async #arm(): Promise<void> {
    const [row] = this.#sql.exec<{ next: number | null }>('select min(expires_at) as next from sessions').toArray()
    const person = this.#person()
    const forgetAt = person === undefined || person.linked.length > 0 ? undefined : person.lastSeen + FORGET_MS
    const next = row?.next ?? forgetAt
    if (next !== undefined) await this.ctx.storage.setAlarm(Math.max(next, Date.now() + 1000))
    else if (person === undefined) await this.ctx.storage.deleteAll()
  }
}
