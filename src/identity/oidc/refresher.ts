import { refreshTokenGrant, ResponseBodyError, tokenRevocation, type TokenEndpointResponse } from 'openid-client'
import type { IdentityProviderConfig } from '../../policy/identity-providers.ts'
import { parseCompact } from '../../schemes/jwt/compact.ts'
import type { KeySetContext } from '../../schemes/jwt/remote-jwks.ts'
import type { DeferredTask } from '../../schemes/authenticator.ts'
import type { ProviderTokens, Refreshed, SignIn, TokenRefresher } from '../../sessions/session.ts'
import { attributesOf, describePerson } from './callback.ts'
import { createOpenIdClient, type Connection, type OpenIdClient, type OpenIdDependencies } from './client.ts'
import { exchangeAt } from './exchange.ts'
import { faultOf, ProviderFault, UncheckedAnswer } from './fault.ts'
import { checkIdToken } from './id-token.ts'
import { issuerOfIdToken, mayIssue } from './issuers.ts'
import { keySetContextOf } from './key-set-context.ts'
import type { SignedToken } from './signed-token.ts'
import { tokensOf } from './tokens.ts'

/** For the object that keeps a session: it asks for one refresh at a time. */
export function createTokenRefresher(providers: readonly IdentityProviderConfig[], dependencies: OpenIdDependencies): TokenRefresher {
  const clients = new Map(
    providers.flatMap((config) => (config.kind === 'oidc' ? [[config.name, createOpenIdClient(config, dependencies)] as const] : [])),
  )
  return {
    async refresh(provider, tokens, signIn, now) {
      const client = clients.get(provider)
      // The provider is gone from the policy, or asks for nothing to be refreshed.
      if (client === undefined || tokens.refreshToken === undefined) return { status: 'ended' }
      try {
        return await refreshAt(client, { ...tokens, refreshToken: tokens.refreshToken }, signIn, now)
      } catch (error) {
        return conclude(error)
      }
    },
    async exchange(provider, accessToken, target, now) {
      const client = clients.get(provider)
      return client === undefined ? { status: 'over' } : exchangeAt(client, accessToken, target, now)
    },
    async revoke(provider, { refreshToken, accessToken }) {
      const client = clients.get(provider)
      if (client === undefined) return
      const { metadata, configuration } = await client.connect(dependencies.now())
      if (metadata.revocation_endpoint === undefined) return
      // With a refresh token go the access tokens of its grant (RFC 7009 §2.1).
      const [token, hint] = refreshToken === undefined ? [accessToken, 'access_token'] : [refreshToken, 'refresh_token']
      await tokenRevocation(configuration, token, { token_type_hint: hint }).catch((error: unknown) => {
        // Such as a JWT, which holds until its end (RFC 7009 §2.2.1).
        if (error instanceof ResponseBodyError && error.error === 'unsupported_token_type') return
        throw faultOf(error)
      })
    },
  }
}

function conclude(error: unknown): Refreshed {
  if (!(error instanceof ProviderFault)) throw error
  return { status: isOver(error) ? 'ended' : 'unavailable' }
}

/**
 * Of an answer only what shows that it is over ends a session: `invalid_grant`, or a token that does not hold or is not for this person.
 * An outage, an answer that cannot be checked, and a registration that does not hold at the moment, leave it as it is.
 */
function isOver(fault: ProviderFault): boolean {
  return fault.code === 'sign-in-unknown' || (fault.code === 'provider-answer-invalid' && !(fault instanceof UncheckedAnswer))
}

async function refreshAt(
  client: OpenIdClient,
  tokens: ProviderTokens & { readonly refreshToken: string },
  { issuer, subject }: Pick<SignIn, 'issuer' | 'subject'>,
  now: number,
): Promise<Refreshed> {
  const { config } = client
  if (!mayIssue(config, issuer)) return { status: 'ended' }
  let connection: Connection
  try {
    connection = await client.connect(now)
  } catch (error) {
    // Metadata that is wrong today says nothing about this session.
    if (error instanceof ProviderFault) return { status: 'unavailable' }
    throw error
  }
  let granted: TokenEndpointResponse
  try {
    granted = await refreshTokenGrant(
      connection.configuration,
      tokens.refreshToken,
      config.resource === undefined ? {} : { resource: config.resource },
      connection.proof,
    )
  } catch (error) {
    throw faultOf(error)
  }
  const renewed = { ...kept(tokens), ...tokensOf(granted, connection.idToken(), { mustBeBound: tokens.tokenType === 'dpop', now }) }
  const idToken = connection.idToken()
  if (idToken === undefined) return { status: 'refreshed', tokens: renewed }
  const signIn = await personOf(client, connection, {
    idToken,
    accessToken: renewed.accessToken,
    former: tokens.idToken,
    issuer,
    subject,
    now,
  })
  if (signIn !== undefined) return { status: 'refreshed', tokens: renewed, signIn }
  // It cannot be checked now, and the old refresh token may be used up: the grant counts, its ID token does not.
  const { idToken: _unproven, ...others } = renewed
  return { status: 'refreshed', tokens: { ...others, ...(tokens.idToken === undefined ? {} : { idToken: tokens.idToken }) } }
}

/** What a provider need not say again (RFC 6749 §6). */
function kept({ refreshToken, idToken, scope }: ProviderTokens): Partial<ProviderTokens> {
  return {
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(idToken === undefined ? {} : { idToken }),
    ...(scope === undefined ? {} : { scope }),
  }
}

/** What cannot be verified, however it may look, says nothing: neither who somebody is nor that they are out. */
async function openedOrNothing(client: OpenIdClient, token: string, context: KeySetContext): Promise<SignedToken | undefined> {
  try {
    return await client.openToken(token, context)
  } catch (error) {
    if (error instanceof ProviderFault) return undefined
    throw error
  }
}

/** OC-8: the same issuer, audience, person and time of sign-in. `undefined`: its key, or UserInfo, could not be had. */
async function personOf(
  client: OpenIdClient,
  connection: Connection,
  asked: {
    readonly idToken: string
    readonly accessToken: string
    readonly former: string | undefined
    readonly issuer: string
    readonly subject: string
    readonly now: number
  },
): Promise<Pick<SignIn, 'claims' | 'groups' | 'scopes'> | undefined> {
  const { config } = client
  const { idToken, accessToken, former, issuer, subject, now } = asked
  const deferred: DeferredTask[] = []
  const context = keySetContextOf({ origin: new URL(config.issuer).origin, now, defer: (task) => deferred.push(task) })
  try {
    const signed = await openedOrNothing(client, idToken, context)
    if (signed === undefined) return undefined
    const claims = await checkIdToken(signed, { issuer, clientId: config.clientId, now, subject, accessToken })
    issuerOfIdToken(config, signed)
    const before = former === undefined ? undefined : parseCompact(former)?.claims['auth_time']
    if (before !== undefined && claims['auth_time'] !== undefined && claims['auth_time'] !== before)
      throw new ProviderFault('provider-answer-invalid', "the token's auth_time is not that of the sign-in")
    const described = await describePerson(client, connection, accessToken, claims)
    return attributesOf(client, { ...(before === undefined ? {} : { auth_time: before }), ...described })
  } catch (error) {
    if (error instanceof ProviderFault && !isOver(error)) return undefined
    throw error
  } finally {
    await Promise.allSettled(deferred.map(async ({ run }) => run()))
  }
}
