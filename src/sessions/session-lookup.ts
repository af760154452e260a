import type { Session, TokenTarget } from './session.ts'

/** What a session is known as while a request is decided on. */
export type FoundSession =
  | { readonly status: 'active'; readonly session: Session }
  /** Never began, signed out, idle for too long, at its end, or its provider took it back. */
  | { readonly status: 'over' }
  /** The value is none that this gate made. */
  | { readonly status: 'forged' }
  /** The object, or the provider of an expired token, cannot answer: never an end. */
  | { readonly status: 'unavailable'; readonly detail: string }

/** Sessions as the `session` scheme and the origin ask for them. */
export interface SessionLookup {
  /** By the value of the cookie. Never rejects. */
  findByCookie(cookie: string, now: number): Promise<FoundSession>
  /**
   * The access token of a session, by its id, refreshed ahead of its end. With a `target` the one that the provider gives in exchange for
   * it. `over`: it has none that an origin may have; `refused`: the provider exchanges none for this target.
   */
  accessToken(
    id: string,
    now: number,
    target?: TokenTarget,
  ): Promise<
    | { readonly status: 'token'; readonly token: string }
    | { readonly status: 'refused'; readonly detail: string }
    | Exclude<FoundSession, { status: 'active' }>
  >
  /** Ends a session that the feed has stopped already. */
  discard(id: string): Promise<void>
}
