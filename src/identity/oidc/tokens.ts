import type { TokenEndpointResponse } from 'openid-client'
import type { ProviderTokens } from '../../sessions/session.ts'
import { ProviderFault } from './fault.ts'

/** Longest access or refresh token that a session keeps, in characters. */
const MAX_TOKEN = 16_384

/** What a token endpoint granted, to be kept; `idToken` unproven. Throws `ProviderFault` where it is not what was asked for. */
export function tokensOf(
  answer: TokenEndpointResponse,
  idToken: string | undefined,
  { mustBeBound, now }: { readonly mustBeBound: boolean; readonly now: number },
): ProviderTokens {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds, scope } = answer
  const isBound = answer.token_type === 'dpop'
  if (mustBeBound && !isBound) throw new ProviderFault('provider-answer-invalid', 'the access token is not bound to our key')
  if (accessToken.length > MAX_TOKEN || (refreshToken ?? '').length > MAX_TOKEN)
    throw new ProviderFault('provider-answer-invalid', `a token has more than ${MAX_TOKEN} characters`)
  return {
    accessToken,
    tokenType: isBound ? 'dpop' : 'bearer',
    ...(seconds === undefined ? {} : { expiresAt: now + seconds * 1000 }),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(idToken === undefined ? {} : { idToken }),
    ...(scope === undefined ? {} : { scope }),
  }
}
