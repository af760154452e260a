import type { Sealer } from '../credentials/sealer.ts'
import { within } from '../http/object-call.ts'
import type { Named } from './person-name.ts'
import { ExchangedTokens, type ExchangedAnswer } from './exchanged-tokens.ts'
import { createRowSeal, endOf, tokenTimes, type Kept, type RowSeal, type SessionRow } from './session-row.ts'
import type { ProviderTokens, Refreshed, SignIn, TokenRefresher } from './session.ts'

/** What a session begins with. */
export interface Beginning {
  readonly id: string
  readonly signIn: SignIn
  readonly idleSeconds: number
  readonly absoluteSeconds: number
  readonly followsTokens: boolean
}
/** `session`: a `Session` as JSON. */
export type Looked = { readonly status: 'active'; readonly session: string } | Gone
export type TokenAnswer = ExchangedAnswer
type Gone = { readonly status: 'over' } | { readonly status: 'unavailable'; readonly detail: string }
export interface Ended {
  readonly idToken?: string
  /** A sign-in without tokens, as JSON. */
  readonly signIn: string
}

/** `last_seen` is written at most once a minute, and at least four times in the time that a session may idle. */
const SEEN_MS = 60_000
/** How long a request waits for the provider. The refresh itself goes on, and its answer is kept. */
const REFRESH_WAIT_MS = 4000
/** After a failure the provider is left alone for this long. */
const COOL_DOWN_MS = 1000
/** A refresh that has no stored answer is sent again after this long: within the time that providers let a token be used once more. */
const RESEND_MS = 5000
/** How often without an answer before the next request is waited for: the sessions of a provider that is down do not all knock for ever. */
const MAX_TRIES = 3
/** An end that came before its session is remembered for this long. */
const TOMBSTONE_MS = 300_000

const TABLE = `create table session (
  id text not null, sign_in text not null, tokens text, started_at integer not null, ends_at integer not null, idle_ms integer not null,
  last_seen integer not null, follows_tokens integer not null, token_end integer, refresh_at integer, refresh_tries integer not null)`

type RefreshEnd = 'refreshed' | 'ended' | 'unavailable'

/**
 * One session: who signed in, the tokens, and when it is over (docs/sessions.md). `now` is the caller's clock. One refresh at a time:
 * whoever needs its answer waits for the same one.
 */
export class SessionKeeper {
  readonly #storage: DurableObjectStorage
  readonly #seal: RowSeal
  readonly #refresher: TokenRefresher
  readonly #log: (line: string) => void
  readonly #exchanged: ExchangedTokens
  #flight: Promise<RefreshEnd> | undefined
  #failedAt = Number.NEGATIVE_INFINITY
  #lastSeen = Number.NEGATIVE_INFINITY

  constructor(
    storage: DurableObjectStorage,
    { sealer, refresher, log }: { readonly sealer: Sealer; readonly refresher: TokenRefresher; readonly log: (line: string) => void },
  ) {
    this.#storage = storage
    this.#seal = createRowSeal(sealer)
    this.#refresher = refresher
    this.#log = log
    this.#exchanged = new ExchangedTokens(storage, this.#seal, refresher)
  }

  /** `over`: a logout came first. */
  async start({ id, signIn, idleSeconds, absoluteSeconds, followsTokens }: Beginning, now: number): Promise<'started' | 'over'> {
    const { tokens, ...kept } = signIn
    const [sealed, sealedTokens] = await Promise.all([
      this.#seal.closeSignIn(id, kept),
      tokens === undefined ? null : this.#seal.closeTokens(id, tokens),
    ])
    if (this.#has('tombstone')) return 'over'
    // An id is random and used once: this is the same call again.
    if (this.#has('session')) return 'started'
    const endsAt = Math.floor(Math.min(now + absoluteSeconds * 1000, signIn.endsAt ?? Number.POSITIVE_INFINITY))
    const { token_end: tokenEnd, refresh_at: refreshAt } = tokenTimes(tokens ?? {}, now)
    const follows = followsTokens && tokens?.refreshToken !== undefined ? 1 : 0
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec(TABLE)
      this.#storage.sql.exec(
        'insert into session values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)',
        id,
        sealed,
        sealedTokens,
        now,
        endsAt,
        idleSeconds * 1000,
        now,
        follows,
        tokenEnd,
        refreshAt,
      )
    })
    await this.#arm()
    return 'started'
  }

  /** The session as of now; to look is to use it. What follows its tokens is refreshed first where its access token is over. */
  async look(now: number): Promise<Looked> {
    const row = this.#row(now)
    if (row === undefined) return { status: 'over' }
    this.#touch(row, now)
    if (row.follows_tokens === 1) {
      const gone = await this.#keepTokens(row, now)
      if (gone !== undefined) return gone
    }
    // A refresh may have ended it, or have said something new of the person.
    const current = this.#row(now)
    if (current === undefined) return { status: 'over' }
    const signIn = await this.#seal.openSignIn(current)
    const session = { id: current.id, signIn, startedAt: current.started_at, expiresAt: endOf({ ...current, last_seen: Math.max(now, current.last_seen) }) } // prettier-ignore
    return { status: 'active', session: JSON.stringify(session) }
  }

  /**
   * An access token for an origin; with a `target`, a `TokenTarget` as JSON, the one that it is exchanged for. `over` also where the session
   * has none that is still good.
   */
  async token(now: number, target = ''): Promise<TokenAnswer> {
    const row = this.#row(now)
    if (row === undefined) return { status: 'over' }
    this.#touch(row, now)
    const gone = await this.#keepTokens(row, now)
    if (gone !== undefined) return gone
    const current = this.#row(now)
    const tokens = current === undefined ? undefined : await this.#seal.openTokens(current)
    // A token that is bound to a key of ours is of no use to an origin.
    if (tokens?.tokenType !== 'bearer' || (tokens.expiresAt ?? Number.POSITIVE_INFINITY) <= now) return { status: 'over' }
    if (current === undefined) return { status: 'over' }
    if (target === '') return { status: 'token', token: tokens.accessToken, usableUntil: current.refresh_at ?? current.ends_at }
    const { provider } = await this.#seal.openSignIn(current)
    const isCurrent = (): boolean => this.#stored()?.tokens === current.tokens
    const answer = await this.#exchanged.token({ id: current.id, provider, accessToken: tokens.accessToken, isCurrent }, target, now)
    // It may have ended meanwhile.
    return this.#row(now) === undefined ? { status: 'over' } : answer
  }

  /** Ends it. `undefined`: it was over. The refresh token is given back to the provider, if that can be reached (RFC 7009). */
  async end(named?: Named): Promise<Ended | undefined> {
    const row = this.#stored()
    if (row === undefined) {
      if (named !== undefined) await this.#bury()
      return undefined
    }
    const [signIn, tokens] = await Promise.all([this.#seal.openSignIn(row), this.#seal.openTokens(row)])
    if (named !== undefined && !isNamed(signIn, named)) return undefined
    // Another end may have come while the seal was opened.
    if (this.#stored() === undefined) return undefined
    await this.#delete(signIn, tokens)
    return { signIn: JSON.stringify(signIn), ...(tokens?.idToken === undefined ? {} : { idToken: tokens.idToken }) }
  }

  /** Forgets what is over, and sends a refresh again whose answer was lost. */
  async alarm(now: number): Promise<void> {
    const row = this.#stored()
    if (row === undefined) {
      if (this.#flight === undefined) await this.#storage.deleteAll()
      return
    }
    if (endOf({ ...row, last_seen: Math.max(row.last_seen, this.#lastSeen) }) <= now) {
      await this.end()
      return
    }
    if (row.refresh_tries > 0 && this.#flight === undefined) await this.#refresh(now)
    if (this.#stored() !== undefined) await this.#arm()
  }

  /** Ahead of its end in the background, after it while the request waits. */
  async #keepTokens(row: SessionRow, now: number): Promise<Gone | undefined> {
    if (row.refresh_at === null || now < row.refresh_at) return undefined
    const isOver = now >= (row.token_end ?? now)
    const mayAsk = this.#flight !== undefined || now < this.#failedAt || now - this.#failedAt >= COOL_DOWN_MS
    if (!isOver) {
      if (mayAsk) void this.#refresh(now)
      return undefined
    }
    if (!mayAsk) return { status: 'unavailable', detail: 'the provider did not answer just now' }
    const end = await within(this.#refresh(now), REFRESH_WAIT_MS, 'the provider').catch((): RefreshEnd => 'unavailable')
    if (end === 'unavailable') return { status: 'unavailable', detail: 'the provider cannot refresh the session at the moment' }
    return end === 'ended' ? { status: 'over' } : undefined
  }

  /** Never rejects. */
  async #refresh(now: number): Promise<RefreshEnd> {
    this.#flight ??= this.#send(now)
      .catch((error: unknown): RefreshEnd => {
        this.#log(JSON.stringify({ event: 'session-refresh-failure', detail: error instanceof Error ? error.message : 'unknown' }))
        return 'unavailable'
      })
      .then((end) => {
        this.#flight = undefined
        if (end === 'unavailable') this.#failedAt = now
        return end
      })
    return this.#flight
  }

  /**
   * What was sent is durable before it goes out. Should its answer be lost (we were evicted, the connection broke), nobody can know whether
   * the provider has replaced the refresh token. Not to try again would end the session for certain; so it is tried again soon, by the alarm:
   * providers that replace tokens take the old one for a little while longer, just for this. Meanwhile the old access token mostly still
   * holds, since all this begins ahead of its end. A provider that takes it for theft says `invalid_grant`: the person signs in again.
   */
  async #send(now: number): Promise<RefreshEnd> {
    const row = this.#stored()
    if (row === undefined) return 'ended'
    const [signIn, tokens] = await Promise.all([this.#seal.openSignIn(row), this.#seal.openTokens(row)])
    if (tokens?.refreshToken === undefined || this.#stored() === undefined) return 'ended'
    this.#storage.sql.exec('update session set refresh_tries = ?', row.refresh_tries + 1)
    await this.#arm()
    const refreshed = await this.#refresher.refresh(signIn.provider, tokens, signIn, now)
    return this.#take(refreshed, signIn, now)
  }

  async #take(refreshed: Refreshed, signIn: Kept, now: number): Promise<RefreshEnd> {
    const row = this.#stored()
    if (refreshed.status === 'unavailable') {
      // The mark stays for a few more: an answer may have been lost on its way. Then the next request is waited for.
      if (row !== undefined && row.refresh_tries >= MAX_TRIES) this.#storage.sql.exec('update session set refresh_tries = 0')
      return 'unavailable'
    }
    if (refreshed.status === 'ended') {
      if (row === undefined) return 'ended'
      if (row.follows_tokens === 1) await this.#delete(signIn, undefined)
      else {
        this.#storage.sql.exec('update session set tokens = null, token_end = null, refresh_at = null, refresh_tries = 0')
        this.#exchanged.forget()
      }
      return 'ended'
    }
    if (row === undefined) {
      // It ended meanwhile: what came for it must not stay valid.
      this.#revoke(signIn.provider, refreshed.tokens)
      return 'ended'
    }
    const [sealed, sealedTokens] = await Promise.all([
      refreshed.signIn === undefined ? row.sign_in : this.#seal.closeSignIn(row.id, { ...signIn, ...refreshed.signIn }),
      this.#seal.closeTokens(row.id, refreshed.tokens),
    ])
    if (this.#stored() === undefined) {
      this.#revoke(signIn.provider, refreshed.tokens)
      return 'ended'
    }
    const { token_end: tokenEnd, refresh_at: refreshAt } = tokenTimes(refreshed.tokens, now)
    this.#storage.sql.exec(
      'update session set sign_in = ?, tokens = ?, token_end = ?, refresh_at = ?, refresh_tries = 0',
      sealed,
      sealedTokens,
      tokenEnd,
      refreshAt,
    )
    this.#exchanged.forget()
    return 'refreshed'
  }

  async #delete(signIn: Kept, tokens: ProviderTokens | undefined): Promise<void> {
    this.#exchanged.forget()
    await this.#storage.deleteAlarm()
    await this.#storage.deleteAll()
    if (tokens !== undefined) this.#revoke(signIn.provider, tokens)
  }

  /** Best effort: the session is over whatever comes of it. */
  #revoke(provider: string, tokens: ProviderTokens): void {
    void this.#refresher.revoke(provider, tokens).catch((error: unknown) => {
      this.#log(JSON.stringify({ event: 'token-revocation-failure', provider, detail: error instanceof Error ? error.message : 'unknown' }))
    })
  }

  async #bury(): Promise<void> {
    this.#storage.sql.exec('create table if not exists tombstone (at integer)')
    await this.#storage.setAlarm(Date.now() + TOMBSTONE_MS)
  }

  /** In the object's own clock, however far the caller's lies from it. */
  async #arm(): Promise<void> {
    const row = this.#stored()
    if (row === undefined) return
    const end = Math.max(endOf(row), Date.now() + 1000)
    await this.#storage.setAlarm(row.refresh_tries === 0 ? end : Math.min(end, Date.now() + RESEND_MS))
  }

  #touch(row: SessionRow, now: number): void {
    this.#lastSeen = Math.max(this.#lastSeen, now)
    if (this.#lastSeen - row.last_seen < Math.min(SEEN_MS, row.idle_ms / 4)) return
    this.#storage.sql.exec('update session set last_seen = ?', this.#lastSeen)
  }

  /** The session if it is not over at `now`; a caller's clock deletes nothing. */
  #row(now: number): SessionRow | undefined {
    const row = this.#stored()
    const seen = row === undefined ? undefined : { ...row, last_seen: Math.max(row.last_seen, Math.min(this.#lastSeen, now)) }
    return seen === undefined || endOf(seen) <= now ? undefined : row
  }

  #stored(): SessionRow | undefined {
    return this.#has('session') ? this.#storage.sql.exec<SessionRow>('select * from session').toArray()[0] : undefined
  }

  #has(table: 'session' | 'tombstone'): boolean {
    return this.#storage.sql.exec("select 1 from sqlite_master where type = 'table' and name = ?", table).toArray().length > 0
  }
}

function isNamed(signIn: Kept, { issuer, subject, nameId, providerSession }: Named): boolean {
  return (
    signIn.issuer === issuer &&
    (subject === undefined || signIn.subject === subject) &&
    (nameId === undefined || signIn.nameId === nameId) &&
    (providerSession === undefined || signIn.providerSession === providerSession)
  )
}
