import { genericGrantRequest, type TokenEndpointResponse } from 'openid-client'
import { parseCompact } from '../../schemes/jwt/compact.ts'
import type { Exchanged, TokenTarget } from '../../sessions/session.ts'
import type { OpenIdClient } from './client.ts'
import { faultOf, ProviderFault, UncheckedAnswer } from './fault.ts'
import { tokensOf } from './tokens.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** Asks for a bearer token for somebody else in exchange for an access token (RFC 8693 §2). What else is answered is left. */
export async function exchangeAt(client: OpenIdClient, accessToken: string, target: TokenTarget, now: number): Promise<Exchanged> {
  try {
    const { configuration, proof } = await client.connect(now)
    const granted = await genericGrantRequest(configuration, GRANT, parametersOf(accessToken, target), proof).catch((error: unknown) => {
      throw faultOf(error)
    })
    return exchangedOf(granted, accessToken, target, now)
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    if (error.code === 'sign-in-unknown') return { status: 'over' }
    const isOutage = error.code === 'provider-unavailable' || error instanceof UncheckedAnswer
    return { status: isOutage ? 'unavailable' : 'refused', detail: error.message }
  }
}

function parametersOf(accessToken: string, { audience, resource, scopes = [] }: TokenTarget): Record<string, string> {
  return {
    subject_token: accessToken,
    subject_token_type: ACCESS_TOKEN,
    requested_token_type: ACCESS_TOKEN,
    ...(audience === undefined ? {} : { audience }),
    ...(resource === undefined ? {} : { resource }),
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
  }
}

function exchangedOf(granted: TokenEndpointResponse, accessToken: string, target: TokenTarget, now: number): Exchanged {
  const { accessToken: token, tokenType, expiresAt } = tokensOf(granted, undefined, { mustBeBound: false, now })
  if (granted['issued_token_type'] !== ACCESS_TOKEN) throw invalid('issued_token_type is not that of an access token')
  // `N_A`, a token that is none to call with (RFC 8693 §2.2.1), and one that is bound to a key of ours.
  if (tokenType !== 'bearer' || granted.token_type !== 'bearer') throw invalid('token_type is not Bearer')
  if (token === accessToken) throw invalid('token is the one that was to be exchanged')
  if (!/^[A-Za-z0-9\-._~+/]+=*$/u.test(token)) throw invalid('token cannot be sent (RFC 6750 §2.1)')
  checkAudience(token, target.audience ?? target.resource ?? '')
  if (expiresAt !== undefined && expiresAt <= now) throw invalid('token is over')
  return { status: 'exchanged', token, ...(expiresAt === undefined ? {} : { expiresAt }) }
}

/** To us the token is opaque. Where it can be read all the same, one for somebody else goes to nobody (BF-6). */
function checkAudience(token: string, audience: string): void {
  const aud = parseCompact(token)?.claims['aud']
  if (aud === undefined) return
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!audiences.includes(audience)) throw invalid('token is for another audience')
}

function invalid(what: string): ProviderFault {
  return new ProviderFault('provider-answer-invalid', `of the exchange the ${what}`)
}
