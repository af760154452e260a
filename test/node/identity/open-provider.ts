import { exportJWK, generateKeyPair } from 'jose'
import { errors, Provider } from 'oidc-provider'
import { close, listen } from '../../../dev/listen.ts'

/** A certified OpenID provider that asks for all it can: pushed requests, DPoP with nonces, rotation of refresh tokens. */
export interface OpenProvider {
  readonly url: string
  /** Of each request, as `METHOD /path status`. */
  readonly calls: readonly string[]
  /** The gate, once it is known: the provider reads the client's keys there, and tells it of sign-outs. */
  register(gate: string): void
  /** Resolves when the provider has told a client of a sign-out, with whether it was heard. */
  told(): Promise<boolean>
  stop(): Promise<void>
}

export const CLIENT_ID = 'gate'
/** Has bearer tokens, and may exchange them for `billing`. */
export const BEARER_CLIENT_ID = 'gate-bearer'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

export async function startOpenProvider(accessTokenSeconds: number): Promise<OpenProvider> {
  const { server, port } = await listen(0)
  const url = `http://127.0.0.1:${port}`
  const calls: string[] = []
  const listeners: ((isHeard: boolean) => void)[] = []
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(privateKey)), kid: 'provider-1', alg: 'ES256', use: 'sig' }
  server.on('request', (request, response) => {
    response.on('finish', () => calls.push(`${request.method} ${(request.url ?? '').split('?')[0]} ${response.statusCode}`))
  })
  return {
    url,
    calls,
    register(gate) {
      const provider = quietly(() => new Provider(url, configurationOf(gate, jwk, accessTokenSeconds)))
      provider.on('backchannel.success', () => listeners.splice(0).forEach((tell) => tell(true)))
      provider.on('backchannel.error', () => listeners.splice(0).forEach((tell) => tell(false)))
      addExchange(provider)
      const serve = provider.callback()
      server.on('request', (request, response) => serve(request, response))
    },
    told: async () => new Promise((resolve) => listeners.push(resolve)),
    stop: async () => close(server),
  }
}

function configurationOf(gate: string, jwk: object, accessTokenSeconds: number): Readonly<Record<string, unknown>> {
  return {
    jwks: { keys: [jwk] },
    clients: [
      {
        client_id: CLIENT_ID,
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks_uri: `${gate}/.portcullis/oidc/acme/jwks.json`,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: [`${gate}/.portcullis/oidc/acme/callback`],
        post_logout_redirect_uris: [`${gate}/.portcullis/oidc/acme/signed-out`],
        backchannel_logout_uri: `${gate}/.portcullis/oidc/acme/backchannel-logout`,
        backchannel_logout_session_required: true,
        id_token_signed_response_alg: 'ES256',
        dpop_bound_access_tokens: true,
        require_pushed_authorization_requests: true,
        application_type: 'web',
      },
      {
        client_id: BEARER_CLIENT_ID,
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks_uri: `${gate}/.portcullis/oidc/bearer/jwks.json`,
        grant_types: ['authorization_code', 'refresh_token', EXCHANGE],
        response_types: ['code'],
        redirect_uris: [`${gate}/.portcullis/oidc/bearer/callback`],
        id_token_signed_response_alg: 'ES256',
        application_type: 'web',
      },
    ],
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `Person ${id}`, email: `${id}@example.net`, email_verified: true, groups: ['staff'] }),
    }),
    claims: { profile: ['name', 'groups'], email: ['email', 'email_verified'] },
    // Its own would not go to loopback addresses.
    fetch: async (input: URL | string, { dispatcher: _none, ...init }: RequestInit & { readonly dispatcher?: unknown }) =>
      fetch(input, init),
    conformIdTokenClaims: false,
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    pkce: { required: () => true },
    ttl: { AccessToken: accessTokenSeconds, Grant: 3600, Interaction: 600, Session: 3600, IdToken: 300, RefreshToken: 3600 },
    cookies: { keys: [crypto.randomUUID()] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'], clientAuthSigningAlgValues: ['ES256'] },
    clientAuthMethods: ['private_key_jwt'],
    features: {
      devInteractions: { enabled: true },
      dPoP: { enabled: true, nonceSecret: crypto.getRandomValues(Buffer.alloc(32)), requireNonce: () => true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      revocation: { enabled: true },
    },
  }
}

/** RFC 8693, as far as a test needs it: for one audience, with a token of the same client. */
function addExchange(provider: Provider): void {
  const handler = async (context: ExchangeContext): Promise<void> => {
    const { client, params } = context.oidc
    const subject = await provider.AccessToken.find(params['subject_token'] ?? '')
    if (subject === undefined || subject.clientId !== client.clientId) throw new errors.InvalidRequest('the subject token does not count')
    if (params['audience'] !== 'billing') throw new errors.InvalidTarget('nobody of that name')
    const { accountId, grantId } = subject
    const token = new provider.AccessToken({ client, accountId, grantId, gty: 'token_exchange', scope: params['scope'] ?? '' })
    context.body = {
      access_token: await token.save(),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: token.expiration,
    }
  }
  const parameters = ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope']
  provider.registerGrantType(EXCHANGE, handler, parameters)
}
interface ExchangeContext {
  readonly oidc: { readonly client: { readonly clientId: string }; readonly params: Readonly<Record<string, string | undefined>> }
  body: unknown
}

/** The provider warns that it keeps nothing and signs anybody in: here that is the point. */
function quietly<Made>(make: () => Made): Made {
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = () => true
  try {
    return make()
  } finally {
    process.stderr.write = write
  }
}
