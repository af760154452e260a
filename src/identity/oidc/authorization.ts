import {
  buildAuthorizationUrl,
  buildAuthorizationUrlWithPAR,
  calculatePKCECodeChallenge,
  randomNonce,
  randomPKCECodeVerifier,
} from 'openid-client'
import type { IdentityContext, SignInRequest } from '../provider.ts'
import { linkData, type Transactions } from '../transaction.ts'
import type { Connection, OpenIdClient } from './client.ts'
import { faultOf, ProviderFault } from './fault.ts'

/** Where the provider sends the browser: one address per provider, which tells their answers apart (OC-3). */
export function redirectUriOf(origin: string, provider: string): string {
  return `${origin}/.portcullis/oidc/${provider}/callback`
}

/** Begins a sign-in: the address at the provider, and the cookie that remembers it. Throws `ProviderFault`. */
export async function beginAuthorization(
  client: OpenIdClient,
  transactions: Transactions,
  asked: SignInRequest,
  { request, origin, now }: IdentityContext,
): Promise<{ readonly location: string; readonly setCookie: string }> {
  const { config } = client
  const connection = await client.connect(now)
  const verifier = randomPKCECodeVerifier()
  const nonce = randomNonce()
  const acrValues = (asked.acrValues ?? config.acrValues).join(' ')
  const maxAge = asked.maxAgeSeconds === undefined ? undefined : String(asked.maxAgeSeconds)
  const { transaction, setCookie } = await transactions.begin(
    request,
    {
      provider: config.name,
      returnTo: asked.returnTo,
      data: { ...definedOf({ verifier, nonce, acrValues: asked.acrValues?.join(' '), maxAge }), ...linkData(asked.link) },
    },
    now,
  )
  const parameters = definedOf({
    redirect_uri: redirectUriOf(origin, config.name),
    scope: ['openid', ...config.scopes].join(' '),
    state: transaction.state,
    nonce,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    acr_values: acrValues === '' ? undefined : acrValues,
    max_age: maxAge,
    login_hint: asked.loginHint,
    prompt: asked.prompt,
    resource: config.resource,
    response_mode: config.responseMode,
  })
  return { location: await urlOf(client, connection, parameters), setCookie }
}

/** By a pushed request where the provider offers or wants one (OC-4). */
async function urlOf(
  { config }: OpenIdClient,
  { metadata, configuration, proof }: Connection,
  parameters: Record<string, string>,
): Promise<string> {
  const isOffered = metadata.pushed_authorization_request_endpoint !== undefined
  const isWanted = config.pushedAuthorization === 'always' || metadata.require_pushed_authorization_requests === true
  if (isWanted && !isOffered) throw new ProviderFault('provider-refused', 'the provider names no endpoint for pushed requests')
  if (!isWanted && (config.pushedAuthorization === 'never' || !isOffered)) return buildAuthorizationUrl(configuration, parameters).href
  try {
    return (await buildAuthorizationUrlWithPAR(configuration, parameters, proof)).href
  } catch (error) {
    throw faultOf(error)
  }
}

function definedOf(parameters: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
