import { within } from '../http/object-call.ts'
import { tokenTimes, type RowSeal } from './session-row.ts'
import type { Exchanged, TokenRefresher, TokenTarget } from './session.ts'

/** `usableUntil`: when another one is to be asked for, in milliseconds since the epoch. */
export type ExchangedAnswer =
  | { readonly status: 'token'; readonly token: string; readonly usableUntil: number }
  | Exclude<Exchanged, { status: 'exchanged' }>

/** Whose token is exchanged. */
export interface Subject {
  readonly id: string
  readonly provider: string
  readonly accessToken: string
  /** False once the session has another access token, or has ended: what was exchanged for an earlier one is not kept. */
  readonly isCurrent: () => boolean
}

/** How many are kept; of more, the one that was asked for longest ago is forgotten. */
export const MAX_EXCHANGED = 8
/** What a provider gives no end for is used no longer than this (RFC 8693 §2.2.1 recommends `expires_in`). */
const UNKNOWN_LIFE_MS = 60_000
/** How long a request waits for the provider. The exchange itself goes on, and its answer is kept. */
const WAIT_MS = 4000
/** After a failure the same is not asked for again for this long. */
const COOL_DOWN_MS = 1000

interface ExchangedRow extends Record<string, SqlStorageValue> {
  readonly token: string
  readonly token_end: number
  readonly renew_at: number
}
type Failure = Exclude<Exchanged, { status: 'exchanged' }>

const TABLE = `create table if not exists exchanged (
  target text primary key, token text not null, token_end integer not null, renew_at integer not null, asked_at integer not null)`

/**
 * Tokens for others that a session's access token was exchanged for (RFC 8693): sealed, by whom they are for, forgotten with the token
 * they came from. Never more than one exchange for the same target at a time.
 */
export class ExchangedTokens {
  readonly #storage: DurableObjectStorage
  readonly #seal: RowSeal
  readonly #exchange: TokenRefresher['exchange']
  readonly #flights = new Map<string, Promise<Exchanged>>()
  readonly #failures = new Map<string, { readonly failure: Failure; readonly at: number }>()

  constructor(storage: DurableObjectStorage, seal: RowSeal, { exchange }: Pick<TokenRefresher, 'exchange'>) {
    this.#storage = storage
    this.#seal = seal
    this.#exchange = exchange
  }

  /** `target`: a `TokenTarget` as JSON. Renewed ahead of its end in the background, after it while the request waits. */
  async token(subject: Subject, target: string, now: number): Promise<ExchangedAnswer> {
    const row = this.#row(target, now)
    if (row === undefined) return this.#wait(subject, target, now)
    if (now >= row.renew_at && this.#failure(target, now) === undefined) void this.#fetch(subject, target, now)
    const token = await this.#seal.openExchanged(subject.id, target, row.token)
    return { status: 'token', token, usableUntil: row.renew_at }
  }

  /** The session's own token was replaced, or is gone. */
  forget(): void {
    this.#failures.clear()
    this.#flights.clear()
    if (this.#exists()) this.#storage.sql.exec('delete from exchanged')
  }

  async #wait(subject: Subject, target: string, now: number): Promise<ExchangedAnswer> {
    const failure = this.#failure(target, now)
    if (failure !== undefined) return failure
    const late = { status: 'unavailable', detail: 'the provider takes long to exchange a token' } as const
    const exchanged = await within(this.#fetch(subject, target, now), WAIT_MS, 'the provider').catch((): Exchanged => late)
    if (exchanged.status !== 'exchanged') return exchanged
    return { status: 'token', token: exchanged.token, usableUntil: timesOf(exchanged, now).renewAt }
  }

  /** Never rejects. */
  async #fetch(subject: Subject, target: string, now: number): Promise<Exchanged> {
    const flying = this.#flights.get(target)
    if (flying !== undefined) return flying
    const flight = this.#send(subject, target, now).then((exchanged) => {
      if (this.#flights.get(target) === flight) this.#flights.delete(target)
      if (!subject.isCurrent()) return exchanged
      if (exchanged.status === 'exchanged') this.#failures.delete(target)
      else this.#failures.set(target, { failure: exchanged, at: now })
      return exchanged
    })
    this.#flights.set(target, flight)
    return flight
  }

  async #send({ id, provider, accessToken, isCurrent }: Subject, target: string, now: number): Promise<Exchanged> {
    try {
      const exchanged = await this.#exchange(provider, accessToken, JSON.parse(target) as TokenTarget, now)
      if (exchanged.status !== 'exchanged') return exchanged
      const sealed = await this.#seal.closeExchanged(id, target, exchanged.token)
      if (isCurrent()) this.#keep(target, sealed, exchanged, now)
      return exchanged
    } catch (error) {
      return { status: 'unavailable', detail: error instanceof Error ? error.message : 'unknown' }
    }
  }

  #keep(target: string, sealed: string, exchanged: { readonly expiresAt?: number }, now: number): void {
    const { end, renewAt } = timesOf(exchanged, now)
    const { sql } = this.#storage
    this.#storage.transactionSync(() => {
      sql.exec(TABLE)
      sql.exec('insert or replace into exchanged values (?, ?, ?, ?, ?)', target, sealed, end, renewAt, now)
      sql.exec('delete from exchanged where target not in (select target from exchanged order by asked_at desc limit ?)', MAX_EXCHANGED)
    })
  }

  #row(target: string, now: number): ExchangedRow | undefined {
    if (!this.#exists()) return undefined
    return this.#storage.sql.exec<ExchangedRow>('select * from exchanged where target = ? and token_end > ?', target, now).toArray()[0]
  }

  #failure(target: string, now: number): Failure | undefined {
    const failed = this.#failures.get(target)
    return failed !== undefined && now >= failed.at && now - failed.at < COOL_DOWN_MS ? failed.failure : undefined
  }

  #exists(): boolean {
    return this.#storage.sql.exec("select 1 from sqlite_master where type = 'table' and name = 'exchanged'").toArray().length > 0
  }
}

function timesOf({ expiresAt }: { readonly expiresAt?: number }, now: number): { readonly end: number; readonly renewAt: number } {
  const end = Math.floor(expiresAt ?? now + UNKNOWN_LIFE_MS)
  const { refresh_at: renewAt } = tokenTimes({ expiresAt: end }, now)
  return { end, renewAt: Math.floor(renewAt ?? end) }
}
