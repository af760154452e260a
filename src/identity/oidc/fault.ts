import { AuthorizationResponseError, ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client'
import type { IdentityRefusalCode } from '../refusal.ts'

type FaultCode = Extract<
  IdentityRefusalCode,
  | 'provider-answer-invalid'
  | 'provider-refused'
  | 'provider-unavailable'
  | 'authentication-insufficient'
  | 'sign-in-unknown'
  | 'sign-in-denied'
  | 'interaction-required'
>

/** Why a provider could not be spoken to, or believed. The message is for logs: it names places and rules, never content. */
export class ProviderFault extends Error {
  override readonly name = 'ProviderFault'
  readonly code: FaultCode
  constructor(code: FaultCode, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * An answer that cannot be read or checked at the moment: a page of a proxy, or a token by a key that is not known (providers replace
 * keys). It signs nobody in, and says of nobody that they are out.
 */
export class UncheckedAnswer extends ProviderFault {
  constructor(message: string) {
    super('provider-answer-invalid', message)
  }
}

/** Of openid-client: UserInfo is about somebody else. */
const COMPARISON = 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'

/** What OAuth and OpenID Connect errors mean to who signs in (RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core §3.1.2.6). */
const MEANINGS: ReadonlyMap<string, FaultCode> = new Map([
  ['access_denied', 'sign-in-denied'],
  ['login_required', 'interaction-required'],
  ['interaction_required', 'interaction-required'],
  ['consent_required', 'interaction-required'],
  ['account_selection_required', 'interaction-required'],
  ['unmet_authentication_requirements', 'authentication-insufficient'],
  ['temporarily_unavailable', 'provider-unavailable'],
  ['server_error', 'provider-unavailable'],
  // A code that is over, or that was never given to us.
  ['invalid_grant', 'sign-in-unknown'],
])

/** An error that the provider answered with. Its description is the provider's, or a prober's: it is not repeated. */
export function providerError(error: string): ProviderFault {
  const name = /^[a-z_]{1,64}$/u.test(error) ? error : 'an error without a name'
  return new ProviderFault(MEANINGS.get(error) ?? 'provider-refused', `the provider answered ${name}`)
}

/** What went wrong in a call of openid-client. What is no fault of the provider's is thrown on: a bug. */
export function faultOf(error: unknown): ProviderFault {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof ProviderFault) return cause
  if (error instanceof ResponseBodyError || error instanceof AuthorizationResponseError) return providerError(error.error)
  if (error instanceof WWWAuthenticateChallengeError) return new ProviderFault('provider-refused', `the provider answered ${error.status}`)
  if (error instanceof ClientError) return clientFault(error)
  throw error
}

function clientFault(error: ClientError): ProviderFault {
  if (error.code === 'OAUTH_TIMEOUT' || error.code === 'OAUTH_ABORT')
    return new ProviderFault('provider-unavailable', 'the provider took too long')
  // The library's messages name the rule that was broken; its causes hold the content.
  const { cause } = error
  const message = cause instanceof Error ? cause.message : error.message
  return error.code === COMPARISON ? new ProviderFault('provider-answer-invalid', message) : new UncheckedAnswer(message)
}
