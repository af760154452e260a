import { buildEndSessionUrl } from 'openid-client'
import type { OpenIdProviderConfig } from '../../policy/identity-providers.ts'
import { readForm } from '../form.ts'
import type { IdentityContext, IdentityProvider, IdentityRefusal, ProviderOutcome } from '../provider.ts'
import { redirect } from '../redirect.ts'
import type { Transactions } from '../transaction.ts'
import { beginAuthorization } from './authorization.ts'
import { finishAuthorization } from './callback.ts'
import { createOpenIdClient, type OpenIdClient, type OpenIdDependencies } from './client.ts'
import { ProviderFault, UncheckedAnswer } from './fault.ts'
import { issuerOf, mayIssue } from './issuers.ts'
import { keySetContextOf } from './key-set-context.ts'
import { checkLogoutToken } from './logout-token.ts'

const MAX_LOGOUT_BYTES = 65_536
/** Longest address that browsers and servers take everywhere; beyond it the provider asks the person instead. */
const MAX_LOCATION = 8000

/** One OpenID provider at work: sign-in by code flow, and sign-out in all three directions. */
export function createOpenIdProvider(
  config: OpenIdProviderConfig,
  dependencies: OpenIdDependencies & { readonly transactions: Transactions },
): IdentityProvider {
  const { transactions } = dependencies
  const client = createOpenIdClient(config, dependencies)
  const { name } = config

  const endpoints: Readonly<
    Record<string, { readonly method: 'GET' | 'POST'; readonly run: (context: IdentityContext) => Promise<ProviderOutcome> }>
  > = {
    // The other way would take what the provider was not asked for, and leave a code in histories.
    callback: {
      method: config.responseMode === 'form_post' ? 'POST' : 'GET',
      run: async (context) => finishAuthorization(client, transactions, context),
    },
    'jwks.json': { method: 'GET', run: async () => answer(publicJson({ keys: await client.keys.published() })) },
    'signed-out': { method: 'GET', run: async (context) => finishSignOut(transactions, name, context) },
    'backchannel-logout': { method: 'POST', run: async (context) => backChannel(client, context) },
    'frontchannel-logout': { method: 'GET', run: async (context) => frontChannel(config, context) },
  }

  return {
    name,
    kind: 'oidc',
    async begin(asked, context) {
      return refusing(async () => {
        const { location, setCookie } = await beginAuthorization(client, transactions, asked, context)
        return { status: 'answer', response: redirect(location, [setCookie]) }
      })
    },
    async handle(endpoint, context) {
      const known = Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined
      if (known === undefined) return undefined
      if (context.request.method !== known.method)
        return { status: 'refused', code: 'method-not-allowed', detail: `this endpoint takes ${known.method}` }
      return refusing(async () => known.run(context))
    },
    async signOut({ idToken, returnTo }, context) {
      const { origin, request, now } = context
      const { metadata, configuration } = await client.connect(now)
      if (metadata.end_session_endpoint === undefined) return undefined
      const { transaction, setCookie } = await transactions.begin(request, { provider: name, returnTo, data: { purpose: 'sign-out' } }, now)
      const parameters = { post_logout_redirect_uri: `${origin}/.portcullis/oidc/${name}/signed-out`, state: transaction.state }
      const hinted = buildEndSessionUrl(configuration, { ...parameters, ...(idToken === undefined ? {} : { id_token_hint: idToken }) }).href
      const location = hinted.length <= MAX_LOCATION ? hinted : buildEndSessionUrl(configuration, parameters).href
      return redirect(location, [setCookie])
    },
  }
}

/** What is wrong with the provider becomes a refusal; anything else is a bug, and stays one. */
async function refusing<Done>(work: () => Promise<Done>): Promise<Done | IdentityRefusal> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ProviderFault) return { status: 'refused', code: error.code, detail: error.message }
    throw error
  }
}

/** The browser is back from the provider's own end. Whoever comes without having been sent is out as well. */
async function finishSignOut(transactions: Transactions, provider: string, { request, now }: IdentityContext): Promise<ProviderOutcome> {
  const state = new URL(request.url).searchParams.get('state') ?? ''
  const transaction = await transactions.open(request, { provider, state }, now)
  if (transaction?.data['purpose'] !== 'sign-out') return answer(redirect('/.portcullis/logout'))
  return answer(redirect(transaction.returnTo, [await transactions.clear(request, transaction, now)]))
}

/** OC-11. What is wrong with the token is 400; what we cannot know now is 503, so that the provider tries again. */
async function backChannel(client: OpenIdClient, context: IdentityContext): Promise<ProviderOutcome> {
  const { config } = client
  const form = await readForm(context.request, MAX_LOGOUT_BYTES)
  const tokens = form?.getAll('logout_token') ?? []
  const [token] = tokens
  if (token === undefined || tokens.length > 1) return answer(logoutError(400, 'invalid_request', 'one logout_token is needed'))
  try {
    const signed = await client.openToken(token, keySetContextOf(context))
    const issuer = issuerOf(config, signed)
    const { subject, providerSession, id, expiresAt } = checkLogoutToken(signed, {
      issuer,
      clientId: config.clientId,
      now: context.now,
    })
    return {
      status: 'signed_out',
      once: { scope: `logout-token:${config.name}`, id, expiresAt },
      named: {
        issuer,
        ...(subject === undefined ? {} : { subject }),
        ...(providerSession === undefined ? {} : { providerSession }),
      },
      response: new Response(null, { status: 200, headers: { 'cache-control': 'no-store' } }),
    }
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    // A key that is not known yet, too: who is told 400 does not try again.
    if (error.code === 'provider-unavailable' || error instanceof UncheckedAnswer)
      return answer(logoutError(503, 'temporarily_unavailable', 'the keys of the provider could not be had'))
    return answer(logoutError(400, 'invalid_request', error.message))
  }
}

/** OC-12: in a frame of the provider's page, where our cookies do not come along: the session is found by the two names. */
async function frontChannel(config: OpenIdProviderConfig, { request }: IdentityContext): Promise<ProviderOutcome> {
  const { searchParams } = new URL(request.url)
  const [issuers, sessions] = [searchParams.getAll('iss'), searchParams.getAll('sid')]
  const [issuer] = issuers
  const [providerSession = ''] = sessions
  if (issuers.length !== 1 || !mayIssue(config, issuer) || sessions.length !== 1 || !/^[\x20-\x7e]{1,255}$/u.test(providerSession))
    return { status: 'refused', code: 'request-malformed', detail: `front-channel logout of ${config.name} without its iss and a sid` }
  const headers = {
    'cache-control': 'no-store',
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; frame-ancestors ${new URL(issuer).origin}`,
    'x-content-type-options': 'nosniff',
  }
  return {
    status: 'signed_out',
    named: { issuer, providerSession },
    response: new Response('<!doctype html><title>Signed out</title>', { headers }),
  }
}

function answer(response: Response): ProviderOutcome {
  return { status: 'answer', response }
}

/** The same for everybody, so anybody may keep it for a while. */
function publicJson(value: object): Response {
  return Response.json(value, { headers: { 'cache-control': 'public, max-age=300', 'x-content-type-options': 'nosniff' } })
}

function logoutError(status: 400 | 503, error: string, description: string): Response {
  return Response.json(
    { error, error_description: description },
    { status, headers: { 'cache-control': 'no-store', ...(status === 503 ? { 'retry-after': '30' } : {}) } },
  )
}
