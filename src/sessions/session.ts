/** Who signed in, as one identity provider vouches for it: one form for OpenID Connect and SAML, after attribute mapping. */
export interface SignIn {
  /** Name of the provider in the policy. */
  readonly provider: string
  /** OpenID issuer or SAML entityID. A person is issuer and subject together, never an e-mail address (OC-7). */
  readonly issuer: string
  readonly subject: string
  /** The random id of the person, as it was at the sign-in; set by `Sessions`. Absent: a provider that names somebody else each time. */
  readonly person?: string
  readonly consumer?: string
  /** Only what the mapping names, and `acr`, `amr`, `auth_time` (seconds). */
  readonly claims: Readonly<Record<string, unknown>>
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
  /** Milliseconds since the epoch. */
  readonly authenticatedAt: number
  /** The provider's own name of its session: OpenID `sid`, SAML `SessionIndex`. */
  readonly providerSession?: string
  /** What a logout at the provider names the person by, where that is not `subject`: the SAML NameID, serialised. */
  readonly nameId?: string
  /** Milliseconds since the epoch: the provider ends it then (`SessionNotOnOrAfter`). */
  readonly endsAt?: number
  readonly tokens?: ProviderTokens
}

/** What the provider granted. Never leaves the session object but as an access token for an origin. */
export interface ProviderTokens {
  readonly accessToken: string
  readonly tokenType: 'bearer' | 'dpop'
  /** Milliseconds since the epoch; absent: the provider did not say. */
  readonly expiresAt?: number
  readonly refreshToken?: string
  readonly idToken?: string
  readonly scope?: string
}

/** What a refresh at the provider came to. */
export type Refreshed =
  | { readonly status: 'refreshed'; readonly tokens: ProviderTokens; readonly signIn?: Pick<SignIn, 'claims' | 'groups' | 'scopes'> }
  /** `invalid_grant`: the session is over. */
  | { readonly status: 'ended' }
  /** The provider cannot be reached or cannot answer: the session stays, the request is 503. */
  | { readonly status: 'unavailable' }

/** Whom an exchanged token is for (RFC 8693 §2.1): either `audience`, a name that the provider knows, or `resource`, a URL. */
export interface TokenTarget {
  readonly audience?: string
  readonly resource?: string
  readonly scopes?: readonly string[]
}

/** What an exchange at the provider came to. `detail` is for logs. */
export type Exchanged =
  /** `expiresAt`: milliseconds since the epoch; absent: the provider did not say. */
  | { readonly status: 'exchanged'; readonly token: string; readonly expiresAt?: number }
  /** `invalid_grant`: the session's own token counts no longer there. */
  | { readonly status: 'over' }
  /** The provider exchanges none for this target, or answered with what was not asked for. */
  | { readonly status: 'refused'; readonly detail: string }
  | { readonly status: 'unavailable'; readonly detail: string }

/** Speaks to providers for the session object; made from policy and environment where the object lives. */
export interface TokenRefresher {
  refresh(provider: string, tokens: ProviderTokens, signIn: Pick<SignIn, 'issuer' | 'subject'>, now: number): Promise<Refreshed>
  /** RFC 8693: a bearer token for somebody else, for the session's access token. */
  exchange(provider: string, accessToken: string, target: TokenTarget, now: number): Promise<Exchanged>
  /** RFC 7009; best effort when a session ends. */
  revoke(provider: string, tokens: ProviderTokens): Promise<void>
}

/** A session as a request sees it. Holds no token. */
export interface Session {
  /** Another one after every sign-in; what a revocation names. */
  readonly id: string
  readonly signIn: Omit<SignIn, 'tokens'>
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** The earliest of idle, absolute and the provider's own end, as far as known. */
  readonly expiresAt: number
}

/** The sessions of a gate, as the identity endpoints and the session scheme use them. Every method throws when the objects cannot answer. */
export interface Sessions {
  /** Starts one and gives its `Set-Cookie` fields. The session whose cookie came with the request is ended first (BF-7). */
  start(signIn: SignIn, request: Request, now: number): Promise<{ readonly session: Session; readonly setCookies: readonly string[] }>
  /** By the cookie of a request. `undefined`: there is none, or it is over. */
  find(request: Request, now: number): Promise<Session | undefined>
  /** Ends one; gives what the provider needs to end its own. `setCookies` clear the cookie. */
  end(
    session: Pick<Session, 'id'>,
    reason: string,
    now: number,
  ): Promise<{ readonly idToken?: string; readonly signIn?: Omit<SignIn, 'tokens'>; readonly setCookies: readonly string[] }>
  /**
   * Ends every session that the provider's logout names: by `providerSession`, or all of a subject where it names none. Through the
   * revocation feed, so that isolates let none pass after the bound. The ids that ended.
   */
  endByProvider(
    named: { readonly issuer: string; readonly subject?: string; readonly nameId?: string; readonly providerSession?: string },
    reason: string,
    now: number,
  ): Promise<readonly string[]>
}
