import { authorizationCodeGrant, fetchUserInfo, type TokenEndpointResponse } from 'openid-client'
import type { SignIn } from '../../sessions/session.ts'
import { mapAttributes } from '../attribute-mapping.ts'
import { readForm } from '../form.ts'
import type { IdentityContext, IdentityRefusal, ProviderOutcome } from '../provider.ts'
import { linkOf, type Transaction, type Transactions } from '../transaction.ts'
import { redirectUriOf } from './authorization.ts'
import type { Connection, OpenIdClient } from './client.ts'
import { faultOf, providerError, ProviderFault } from './fault.ts'
import { checkIdToken, type IdTokenClaims } from './id-token.ts'
import { issuerOfIdToken, mayIssue } from './issuers.ts'
import { keySetContextOf } from './key-set-context.ts'
import { tokensOf } from './tokens.ts'

const MAX_PARAMETERS = 32
/** As much as an address may have. */
const MAX_FORM_BYTES = 16_384
type Outcome = Extract<ProviderOutcome, { status: 'signed_in' | 'refused' }>

/**
 * The provider's answer, brought by the browser. Nothing is believed before its state is one that this browser has begun with this
 * very provider; then it is used up, whatever comes of it. Throws `ProviderFault`.
 */
export async function finishAuthorization(client: OpenIdClient, transactions: Transactions, context: IdentityContext): Promise<Outcome> {
  const { request, now } = context
  const sent = client.config.responseMode === 'form_post' ? await readForm(request, MAX_FORM_BYTES) : new URL(request.url).searchParams
  const answer = sent && singleParameters(sent)
  if (answer === undefined)
    return refuse('request-malformed', 'the answer is no form, or a parameter of it came twice, or there are too many')
  const state = answer.get('state')
  if (state === undefined) return refuse('request-malformed', 'the answer has no state')
  const transaction = await transactions.open(request, { provider: client.config.name, state }, now)
  const { verifier, nonce } = transaction?.data ?? {}
  // That of a sign-out has neither.
  if (transaction === undefined || verifier === undefined || nonce === undefined)
    return refuse('sign-in-unknown', 'this browser has not begun this sign-in')
  const connection = await client.connect(now)
  checkIssuer(answer.get('iss'), client, connection)
  if ((await transactions.use(transaction, now)) === 'replayed') return refuse('sign-in-replayed', 'the state has been used')
  const setCookies = [await transactions.clear(request, transaction, now)]
  try {
    const signIn = await signInOf(client, connection, { ...transaction, verifier, nonce }, answer, context)
    return { status: 'signed_in', signIn, returnTo: transaction.returnTo, setCookies, ...linkOf(transaction) }
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    return { ...refuse(error.code, error.message), setCookies, returnTo: transaction.returnTo }
  }
}

/** Mix-up defence (RFC 9207 §2.4, OC-3), of errors too. */
function checkIssuer(iss: string | undefined, { config }: OpenIdClient, { metadata }: Connection): void {
  if (iss === undefined && metadata.authorization_response_iss_parameter_supported !== true) return
  if (!mayIssue(config, iss)) throw new ProviderFault('provider-answer-invalid', 'the answer does not come from the issuer that was asked')
}

/** The code for tokens. Throws `ProviderFault`. */
async function redeem(
  { config }: OpenIdClient,
  connection: Connection,
  {
    state,
    verifier,
    answer,
    origin,
  }: { readonly state: string; readonly verifier: string; readonly answer: ReadonlyMap<string, string>; readonly origin: string },
): Promise<TokenEndpointResponse> {
  const url = new URL(redirectUriOf(origin, config.name))
  // `iss` was compared; openid-client knows the metadata's alone.
  const parameters = [...answer].map(([key, value]) => [key, key === 'iss' ? connection.metadata.issuer : value])
  url.search = new URLSearchParams(parameters).toString()
  try {
    return await authorizationCodeGrant(
      connection.configuration,
      url,
      { expectedState: state, pkceCodeVerifier: verifier },
      config.resource === undefined ? {} : { resource: config.resource },
      connection.proof,
    )
  } catch (failure) {
    throw faultOf(failure)
  }
}

async function signInOf(
  client: OpenIdClient,
  connection: Connection,
  { verifier, nonce, ...transaction }: Transaction & { readonly verifier: string; readonly nonce: string },
  answer: ReadonlyMap<string, string>,
  context: IdentityContext,
): Promise<SignIn> {
  const error = answer.get('error')
  if (error !== undefined) throw providerError(error)
  const { config } = client
  const { now } = context
  const { state, data } = transaction
  const maxAge = maxAgeOf(transaction, now)
  const granted = await redeem(client, connection, { state, verifier, answer, origin: context.origin })
  const tokens = tokensOf(granted, connection.idToken(), { mustBeBound: config.dpop === 'always', now })
  if (tokens.idToken === undefined) throw new ProviderFault('provider-answer-invalid', 'the answer has no ID token')
  const signed = await client.openToken(tokens.idToken, keySetContextOf(context))
  const issuer = issuerOfIdToken(config, signed)
  if (issuer !== (answer.get('iss') ?? issuer))
    throw new ProviderFault('provider-answer-invalid', "the token's iss is not that of the answer")
  const claims = await checkIdToken(signed, {
    issuer,
    clientId: config.clientId,
    now,
    nonce,
    accessToken: tokens.accessToken,
    acrValues: data['acrValues']?.split(' ') ?? config.acrValues,
    ...(maxAge === undefined ? {} : { maxAgeSeconds: maxAge }),
  })
  const described = await describePerson(client, connection, tokens.accessToken, claims)
  const { sub, sid, auth_time: at } = claims
  return {
    provider: config.name,
    issuer,
    subject: sub,
    ...(config.consumer === undefined ? {} : { consumer: config.consumer }),
    ...attributesOf(client, described),
    authenticatedAt: typeof at === 'number' ? Math.min(at * 1000, now) : now,
    ...(typeof sid === 'string' && sid.length <= 255 ? { providerSession: sid } : {}),
    tokens,
  }
}

/** Seconds. Who proves another identity does so now (`prompt=login`): who left a browser open at that provider is not who asks. */
function maxAgeOf(transaction: Transaction, now: number): number | undefined {
  const { link } = linkOf(transaction)
  if (link !== undefined) return (now - link.begunAt) / 1000
  const { maxAge } = transaction.data
  return maxAge === undefined ? undefined : Number(maxAge)
}

/** With what UserInfo adds; the ID token, being signed, has the last word. Its `sub` must be the same (OC-6). */
export async function describePerson(
  { config }: OpenIdClient,
  { metadata, configuration, proof }: Connection,
  accessToken: string,
  claims: IdTokenClaims,
): Promise<IdTokenClaims> {
  if (!config.userInfo) return claims
  if (metadata.userinfo_endpoint === undefined) throw new ProviderFault('provider-refused', 'the provider names no UserInfo endpoint')
  try {
    const more = await fetchUserInfo(configuration, accessToken, claims.sub, proof)
    // Neither may lend its `email_verified` to the other's address.
    const { email: _email, email_verified: _verified, ...others } = more
    return { ...(claims['email'] === undefined ? more : others), ...claims }
  } catch (error) {
    throw faultOf(error)
  }
}

/** What a session knows of the person: what the mapping names, and how they signed in. Also after a refresh. */
export function attributesOf(
  { config }: OpenIdClient,
  claims: Readonly<Record<string, unknown>>,
): Pick<SignIn, 'claims' | 'groups' | 'scopes'> {
  const { email, ...others } = claims
  // OC-7: an address that the provider does not vouch for is none.
  const vouched = claims['email_verified'] === true && email !== undefined ? { ...others, email } : others
  try {
    const mapped = mapAttributes(config.mapping, vouched)
    return { ...mapped, claims: { ...mapped.claims, ...strengthOf(claims) } }
  } catch (error) {
    if (error instanceof RangeError) throw new ProviderFault('provider-answer-invalid', error.message)
    throw error
  }
}

function strengthOf({ acr, amr, auth_time: at }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const methods = Array.isArray(amr)
    ? amr.filter((method): method is string => typeof method === 'string' && method.length <= 64).slice(0, 16)
    : []
  return {
    ...(typeof acr === 'string' && acr.length <= 255 ? { acr } : {}),
    ...(methods.length === 0 ? {} : { amr: methods }),
    ...(typeof at === 'number' ? { auth_time: at } : {}),
  }
}

/** `undefined`: one of them is there twice, so that two readers could see two different answers. */
function singleParameters(parameters: URLSearchParams): ReadonlyMap<string, string> | undefined {
  const entries = [...parameters]
  const single = new Map(entries)
  return single.size === entries.length && entries.length <= MAX_PARAMETERS ? single : undefined
}

function refuse(code: IdentityRefusal['code'], detail: string): IdentityRefusal {
  return { status: 'refused', code, detail }
}
