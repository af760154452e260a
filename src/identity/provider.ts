import type { SignIn } from '../sessions/session.ts'
import type { OneTimeId } from '../replay/replay-memory.ts'
import type { IdentityRefusalCode } from './refusal.ts'
import type { LinkIntent } from './transaction.ts'

/** A sign-in that is about to begin. */
export interface SignInRequest {
  /** Path and query on our own host where the browser goes afterwards; already checked to be nothing else. */
  readonly returnTo: string
  readonly loginHint?: string
  /** RFC 9470: what a route asked for. */
  readonly acrValues?: readonly string[]
  readonly maxAgeSeconds?: number
  /** `none`: only if the provider needs not ask the person. */
  readonly prompt?: 'none' | 'login'
  readonly link?: LinkIntent
}

/** What of one request the identity endpoints work with. */
export interface IdentityContext {
  readonly request: Request
  /** `https://host[:port]` of the policy's host that was asked. */
  readonly origin: string
  /** Milliseconds since the epoch. */
  readonly now: number
  defer(task: { readonly name: string; readonly run: () => Promise<void> }): void
}

/**
 * One identity provider at work. Endpoints of its own lie under `/.portcullis/{oidc|saml}/{name}/`. It turns what the provider says
 * into a `SignIn` and leaves sessions to the caller (`identity-app.ts`).
 */
export interface IdentityProvider {
  readonly name: string
  readonly kind: 'oidc' | 'saml'
  /** Sends the browser to the provider: a redirect (303) or a form that posts itself, with the transaction cookie set. */
  begin(asked: SignInRequest, context: IdentityContext): Promise<Extract<ProviderOutcome, { status: 'answer' | 'refused' }>>
  /** Answers a request to `/.portcullis/{kind}/{name}/{endpoint}`. `undefined`: there is no such endpoint. */
  handle(endpoint: string, context: IdentityContext): Promise<ProviderOutcome | undefined>
  /** Sends the browser to the provider to end its session too; `undefined`: it offers none, ours is ended already. */
  signOut(
    ended: { readonly signIn: Omit<SignIn, 'tokens'>; readonly idToken?: string; readonly returnTo: string },
    context: IdentityContext,
  ): Promise<Response | undefined>
}

export type ProviderOutcome =
  /**
   * Somebody has signed in: the caller starts a session, adds its cookies and `setCookies`, and redirects (303) to `returnTo`. With `link`
   * it starts none.
   */
  | {
      readonly status: 'signed_in'
      readonly signIn: SignIn
      readonly returnTo: string
      readonly setCookies: readonly string[]
      readonly link?: LinkIntent & { readonly begunAt: number }
    }
  /**
   * Sessions must end (back-channel, front-channel, SLO); then `response` is sent, or 503 where they could not be ended. By `once` a
   * notice does so once: a provider that tries again after a 503 is heard, a repetition is refused with 400 and ends nothing.
   */
  | {
      readonly status: 'signed_out'
      readonly once?: OneTimeId
      readonly named: { readonly issuer: string; readonly subject?: string; readonly nameId?: string; readonly providerSession?: string }
      readonly response: Response
    }
  | { readonly status: 'answer'; readonly response: Response }
  | IdentityRefusal

/** A page, or problem+json for who does not take HTML. */
export interface IdentityRefusal {
  readonly status: 'refused'
  /** Stable; decides status and words (refusal.ts). */
  readonly code: IdentityRefusalCode
  /** Why exactly, for the log; never holds a credential. */
  readonly detail: string
  readonly setCookies?: readonly string[]
  /** Where the sign-in would have led: to begin again leads there too. */
  readonly returnTo?: string
}
