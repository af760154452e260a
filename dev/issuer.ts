import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose'
import { Provider } from 'oidc-provider'
import { close, listen } from './listen.ts'

/** A certified OpenID provider on this machine, with demo clients and one demo user. */
export interface DemoIssuer {
  readonly url: string
  /** A token of a client on its own behalf (RFC 6749 §4.4). */
  clientToken(client: DemoClient, scope: string): Promise<string>
  /** A token of the demo user, by an authorization code with PKCE: what a browser would do. */
  userToken(client: DemoClient, scope: string): Promise<string>
  /** What this issuer would have signed an hour ago. */
  expiredToken(client: DemoClient, scope: string): Promise<string>
  stop(): Promise<void>
}
/** The gate as a client that signs people in. */
export interface DemoRelyingParty {
  readonly clientId: string
  readonly keys: readonly object[]
  readonly redirectUri: string
  readonly signedOutUri: string
  readonly backChannelLogoutUri: string
}
export interface DemoClient {
  readonly id: string
  readonly secret: string
}

const SCOPES = 'orders:read orders:write payments:write'
const TOKEN_SECONDS = 12 * 3600
/** Short, so that a session of the demo is seen to follow its tokens. */
const RELYING_PARTY_TOKEN_SECONDS = 15
/** Whoever else signs in is in no group; every password will do. */
const USERS: Readonly<Record<string, object>> = {
  demo: { name: 'Demo User', groups: ['staff', 'admins'] },
  dev: { name: 'Dev User', groups: ['staff'] },
}
const REDIRECT_URI = 'http://127.0.0.1/callback'
/** Keys kept: the newest signs, the others still verify what they signed. */
const KEPT_KEYS = 3

export async function startIssuer(options: {
  readonly port: number
  readonly keysPath: string
  readonly audience: string
  readonly clients: readonly DemoClient[]
  readonly relyingParty: DemoRelyingParty
}): Promise<DemoIssuer> {
  const { server, port } = await listen(options.port)
  const url = `http://127.0.0.1:${port}`
  const keys = await rotateKeys(options.keysPath)
  const provider = quietly(() => new Provider(url, configurationOf(options, keys)))
  const serve = provider.callback()
  server.on('request', (request, response) => serve(request, response))

  const tokenFrom = async (client: DemoClient, form: Readonly<Record<string, string>>): Promise<string> => {
    const response = await fetch(`${url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` },
      body: new URLSearchParams(form),
    })
    const answer = (await response.json()) as { readonly access_token?: string; readonly error_description?: string }
    if (answer.access_token === undefined) throw new Error(`the issuer gave no token: ${answer.error_description ?? response.status}`)
    return answer.access_token
  }

  return {
    url,
    clientToken: async (client, scope) => tokenFrom(client, { grant_type: 'client_credentials', scope, resource: options.audience }),
    async userToken(client, scope) {
      const verifier = 'demo-verifier-demo-verifier-demo-verifier-demo'
      const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))).toString('base64url')
      const query = new URLSearchParams({
        client_id: client.id,
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        scope: `openid ${scope}`,
        resource: options.audience,
        code_challenge: challenge,
        code_challenge_method: 'S256',
      })
      const code = await signIn(`${url}/auth?${query.toString()}`)
      return tokenFrom(client, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: verifier })
    },
    async expiredToken(client, scope) {
      const [key] = keys
      if (key === undefined) throw new Error('the issuer has no key')
      const now = Math.floor(Date.now() / 1000)
      return new SignJWT({ client_id: client.id, scope, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: String(key.kid) })
        .setIssuer(url)
        .setSubject(client.id)
        .setAudience(options.audience)
        .setIssuedAt(now - 7200)
        .setExpirationTime(now - 3600)
        .sign(key)
    },
    stop: async () => close(server),
  }
}

/** Signs the demo user in as a browser would: follows each redirect, answers each form. Gives the code. */
async function signIn(start: string): Promise<string> {
  const cookies = new Map<string, string>()
  let url = start
  let form: URLSearchParams | undefined
  for (let step = 0; step < 12; step += 1) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: form }),
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=', 2)
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    const page = await response.text()
    form = undefined
    if (location !== null) {
      const next = new URL(location, url)
      const code = next.href.startsWith(REDIRECT_URI) ? next.searchParams.get('code') : null
      if (code !== null) return code
      url = next.href
    } else {
      form = new URLSearchParams(
        page.includes('value="login"') ? { prompt: 'login', login: 'demo', password: 'demo' } : { prompt: 'consent' },
      )
    }
  }
  throw new Error('the demo user could not be signed in')
}

function configurationOf(
  {
    audience,
    clients,
    relyingParty,
  }: { readonly audience: string; readonly clients: readonly DemoClient[]; readonly relyingParty: DemoRelyingParty },
  keys: readonly JWK[],
): Readonly<Record<string, unknown>> {
  return {
    jwks: { keys },
    clients: [
      gateClient(relyingParty),
      ...clients.map(({ id, secret }) => ({
        client_id: id,
        client_secret: secret,
        grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: [REDIRECT_URI],
        application_type: 'native',
        id_token_signed_response_alg: 'ES256',
      })),
    ],
    scopes: ['openid', 'offline_access', 'profile', 'email', ...SCOPES.split(' ')],
    claims: { profile: ['name', 'groups'], email: ['email', 'email_verified'] },
    // ID tokens carry the claims: the gate needs no second call.
    conformIdTokenClaims: false,
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, ...USERS[id] }),
    }),
    issueRefreshToken: (_context: unknown, client: { grantTypeAllowed(type: string): boolean }) => client.grantTypeAllowed('refresh_token'),
    // Its own would not go to loopback addresses.
    fetch: async (input: URL | string, { dispatcher: _none, ...init }: RequestInit & { readonly dispatcher?: unknown }) =>
      fetch(input, init),
    ttl: {
      ClientCredentials: TOKEN_SECONDS,
      AccessToken: TOKEN_SECONDS,
      Grant: 86_400,
      Interaction: 600,
      Session: 86_400,
      IdToken: 3600,
      RefreshToken: 86_400,
    },
    cookies: { keys: [crypto.randomUUID()] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      dPoP: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
      revocation: { enabled: true },
      userinfo: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: unknown, _resource: string, client: { readonly clientId: string }) => ({
          scope: SCOPES,
          audience,
          accessTokenTTL: client.clientId === relyingParty.clientId ? RELYING_PARTY_TOKEN_SECONDS : TOKEN_SECONDS,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  }
}

function gateClient({ clientId, keys, redirectUri, signedOutUri, backChannelLogoutUri }: DemoRelyingParty): object {
  return {
    client_id: clientId,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys },
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    // Loopback without TLS is for native clients.
    application_type: 'native',
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [signedOutUri],
    backchannel_logout_uri: backChannelLogoutUri,
    backchannel_logout_session_required: true,
    id_token_signed_response_alg: 'ES256',
    dpop_bound_access_tokens: true,
    require_pushed_authorization_requests: true,
    // So that routes which want a fresh sign-in know how fresh it is.
    require_auth_time: true,
  }
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

/** A new key at every start; the ones before it stay published. */
async function rotateKeys(path: string): Promise<readonly JWK[]> {
  const known = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as readonly JWK[]) : []
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const fresh: JWK = { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), use: 'sig', alg: 'ES256' }
  const keys = [fresh, ...known].slice(0, KEPT_KEYS)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(path, JSON.stringify(keys), { mode: 0o600 })
  return keys
}
