/** Why a sign-in or sign-out did not happen, in stable words (docs/identity.md, "Errors"). */
export type IdentityRefusalCode =
  | 'sign-in-unknown'
  | 'sign-in-replayed'
  | 'sign-in-denied'
  | 'interaction-required'
  | 'authentication-insufficient'
  | 'provider-answer-invalid'
  | 'provider-refused'
  | 'provider-unavailable'
  | 'provider-unknown'
  | 'request-malformed'
  | 'return-to-invalid'
  | 'sign-out-cross-site'
  | 'account-cross-site'
  | 'session-over'
  | 'link-unknown'
  | 'link-same'
  | 'link-taken'
  | 'link-full'
  | 'link-not-possible'
  | 'link-not-found'
  | 'method-not-allowed'
  | 'dependency-unavailable'
  | 'internal-error'

/** What the page and problem+json say about one code. */
export interface IdentityRefusalWords {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 500 | 502 | 503
  readonly title: string
  /** What whoever reads it can do. */
  readonly advice: string
  /** Whether to begin again may help. */
  readonly offersSignIn: boolean
  /** Whether the way on is the account page. */
  readonly offersAccount?: true
}

export const IDENTITY_REFUSALS: Readonly<Record<IdentityRefusalCode, IdentityRefusalWords>> = {
  'sign-in-unknown': {
    status: 400,
    title: 'This sign-in is not known here',
    advice: 'It may have taken longer than 15 minutes, or begun in another browser. Sign in again.',
    offersSignIn: true,
  },
  'sign-in-replayed': {
    status: 400,
    title: 'This sign-in has been used already',
    advice: 'An answer of the identity provider is good once. Sign in again.',
    offersSignIn: true,
  },
  'sign-in-denied': {
    status: 403,
    title: 'The identity provider did not sign you in',
    advice: 'You may have cancelled, or not be allowed to use this service. Ask its administrator for access.',
    offersSignIn: true,
  },
  'interaction-required': {
    status: 401,
    title: 'The identity provider needs to ask you first',
    advice: 'Sign in again.',
    offersSignIn: true,
  },
  'authentication-insufficient': {
    status: 403,
    title: 'A stronger or more recent sign-in is needed',
    advice:
      'The identity provider did not confirm the kind of sign-in that this service asks for. Sign in again, with a second factor where you are offered one.',
    offersSignIn: true,
  },
  'provider-answer-invalid': {
    status: 502,
    title: 'The identity provider gave an answer that does not hold',
    advice: 'Nobody was signed in. Sign in again; if it stays so, give the request id to the administrator of this service.',
    offersSignIn: true,
  },
  'provider-refused': {
    status: 502,
    title: 'The identity provider does not accept this service',
    advice:
      'The registration of this service at the identity provider needs a change. Give the request id to the administrator of this service.',
    offersSignIn: false,
  },
  'provider-unavailable': {
    status: 503,
    title: 'The identity provider cannot be reached',
    advice: 'Nothing is wrong with your account. Sign in again in a minute.',
    offersSignIn: true,
  },
  'provider-unknown': {
    status: 404,
    title: 'There is no such way to sign in here',
    advice: 'Go back to the application and start from there.',
    offersSignIn: false,
  },
  'request-malformed': {
    status: 400,
    title: 'The request is not one that this address takes',
    advice: 'Go back to the application and start from there.',
    offersSignIn: false,
  },
  'return-to-invalid': {
    status: 400,
    title: 'The address to return to is not one of this service',
    advice: 'Go back to the application and start from there.',
    offersSignIn: false,
  },
  'sign-out-cross-site': {
    status: 403,
    title: 'Another site asked to sign you out',
    advice: 'You are still signed in. To sign out, do it on this site.',
    offersSignIn: false,
  },
  'account-cross-site': {
    status: 403,
    title: 'Another site asked to change how you sign in',
    advice: 'Nothing was changed. To change it, do it on this site.',
    offersSignIn: false,
    offersAccount: true,
  },
  'session-over': {
    status: 401,
    title: 'You are no longer signed in',
    advice: 'Nothing was changed. Sign in, and start again from your account.',
    offersSignIn: false,
    offersAccount: true,
  },
  'link-unknown': {
    status: 400,
    title: 'This does not belong to where you are signed in now',
    advice: 'It may have taken too long, or you have signed in anew meanwhile. Nothing was changed: start again from your account.',
    offersSignIn: false,
    offersAccount: true,
  },
  'link-same': {
    status: 409,
    title: 'You are signed in by that already',
    advice: 'Nothing was changed. At the identity provider, choose the other account that you want to add.',
    offersSignIn: false,
    offersAccount: true,
  },
  'link-taken': {
    status: 409,
    title: 'That belongs to another person here',
    advice:
      'It is one of several ways in which somebody signs in. Nothing was changed. If that is you, sign in by it and remove it there first, or ask the administrator of this service.',
    offersSignIn: false,
    offersAccount: true,
  },
  'link-full': {
    status: 409,
    title: 'You have as many ways to sign in as a person can have',
    advice: 'Nothing was changed. Remove one that you no longer use.',
    offersSignIn: false,
    offersAccount: true,
  },
  'link-not-possible': {
    status: 409,
    title: 'This way to sign in cannot be linked',
    advice: 'It names you anew each time, so nothing of it can be kept. Nothing was changed.',
    offersSignIn: false,
    offersAccount: true,
  },
  'link-not-found': {
    status: 404,
    title: 'That is none of your other ways to sign in',
    advice: 'It may have been removed already. The one that you are signed in by can be removed after you have signed in by another.',
    offersSignIn: false,
    offersAccount: true,
  },
  'method-not-allowed': {
    status: 405,
    title: 'The address does not take this method',
    advice: 'Go back to the application and start from there.',
    offersSignIn: false,
  },
  'dependency-unavailable': {
    status: 503,
    title: 'Signing in is not possible at the moment',
    advice: 'Nothing is wrong with your account. Try again in a few seconds.',
    offersSignIn: true,
  },
  'internal-error': {
    status: 500,
    title: 'Something went wrong here',
    advice: 'Nobody was signed in. Please give the request id to the administrator of this service.',
    offersSignIn: false,
  },
}
