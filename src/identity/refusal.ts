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
  | 'method-not-allowed'
  | 'dependency-unavailable'
  | 'internal-error'

/** What the page and problem+json say about one code. */
export interface IdentityRefusalWords {
  readonly status: 400 | 401 | 403 | 404 | 405 | 500 | 502 | 503
  readonly title: string
  /** What whoever reads it can do. */
  readonly advice: string
  /** Whether to begin again may help. */
  readonly offersSignIn: boolean
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
