import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose'

/** An OpenID provider in a test's memory that keeps every rule, except those that its `ways` break. */
export interface HostileProvider {
  readonly issuer: string
  readonly fetch: (input: string, init?: RequestInit) => Promise<Response>
  /** Every call, as `METHOD path`. */
  readonly calls: string[]
  readonly ways: Ways
  /** What the browser does at the authorization endpoint: gives the address that it is sent back to. */
  authorize(location: string): Promise<string>
  /** A JWT signed by this provider. */
  sign(claims: Claims, header?: Readonly<Record<string, unknown>>): Promise<string>
  /** What the last authorization request asked for. */
  readonly asked: URLSearchParams
}

type Claims = Readonly<Record<string, unknown>>
type Change<Value> = (value: Value) => Value

/** Each turns what is right into what is wrong. */
export interface Ways {
  discovery?: Change<Claims>
  jwks?: Change<{ keys: readonly JWK[] }>
  par?: (right: Response) => Response | Promise<Response>
  callback?: (right: URLSearchParams) => void
  claims?: Change<Claims>
  header?: Change<Claims>
  idToken?: (right: string) => string | Promise<string>
  token?: (right: Claims, body: URLSearchParams) => Claims | Response | Promise<Response>
  userInfo?: Change<Claims>
  /** By path: an answer, or a throw, instead of everything. */
  instead?: Readonly<Record<string, () => Response | Promise<Response>>>
}

export const SUBJECT = 'person-1'
export const PROVIDER_SESSION = 'sid-1'
const ALGORITHM = 'ES256'

export async function createHostileProvider(options: {
  readonly clientId: string
  readonly now: () => number
  readonly issuer?: string
}): Promise<HostileProvider> {
  const issuer = options.issuer ?? 'https://idp.example.net'
  const at = new URL(issuer)
  const prefix = at.pathname === '/' ? '' : at.pathname
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  // Another one in every test: key sets are shared within a data centre.
  const kid = crypto.randomUUID()
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg: ALGORITHM, use: 'sig' }
  const calls: string[] = []
  const ways: Ways = {}
  const pushed = new Map<string, URLSearchParams>()
  const codes = new Map<string, URLSearchParams>()
  let asked = new URLSearchParams()
  const seconds = (): number => Math.floor(options.now() / 1000)

  const sign = async (claims: Claims, header: Claims = {}): Promise<string> =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg: ALGORITHM, kid, ...header }).sign(privateKey)

  async function idTokenFor(nonce: string | null, accessToken: string): Promise<string> {
    const right: Claims = {
      iss: issuer,
      sub: SUBJECT,
      aud: options.clientId,
      iat: seconds(),
      exp: seconds() + 300,
      auth_time: seconds() - 10,
      sid: PROVIDER_SESSION,
      acr: 'basic',
      amr: ['pwd'],
      name: 'Ada',
      email: 'ada@example.net',
      email_verified: true,
      groups: ['staff'],
      at_hash: await leftHalf(accessToken),
      ...(nonce === null ? {} : { nonce }),
    }
    const token = await sign(ways.claims?.(right) ?? right, ways.header?.({}) ?? {})
    return (await ways.idToken?.(token)) ?? token
  }

  async function grant(body: URLSearchParams): Promise<Response> {
    const code = body.get('code') ?? ''
    const request = codes.get(code)
    const isCode = body.get('grant_type') === 'authorization_code'
    if (isCode && (request === undefined || request.get('code_challenge') !== (await challengeOf(body.get('code_verifier') ?? ''))))
      return Response.json({ error: 'invalid_grant' }, { status: 400 })
    codes.delete(code)
    const accessToken = crypto.randomUUID()
    const right: Claims = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 300,
      refresh_token: crypto.randomUUID(),
      id_token: await idTokenFor(request?.get('nonce') ?? null, accessToken),
    }
    const given = (await ways.token?.(right, body)) ?? right
    return given instanceof Response ? given : Response.json(given)
  }

  const metadata: Claims = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/userinfo`,
    revocation_endpoint: `${issuer}/revoke`,
    end_session_endpoint: `${issuer}/end`,
    pushed_authorization_request_endpoint: `${issuer}/par`,
    authorization_response_iss_parameter_supported: true,
  }

  function describe(): Response {
    const right = { sub: SUBJECT, name: 'Ada', department: 'engines' }
    return Response.json(ways.userInfo?.(right) ?? right)
  }

  async function push(body: URLSearchParams): Promise<Response> {
    const uri = `urn:ietf:params:oauth:request_uri:${crypto.randomUUID()}`
    pushed.set(uri, body)
    const right = Response.json({ request_uri: uri, expires_in: 60 }, { status: 201 })
    return (await ways.par?.(right)) ?? right
  }

  async function answer(path: string, init: RequestInit | undefined): Promise<Response> {
    const body = init?.body instanceof URLSearchParams ? init.body : new URLSearchParams()
    switch (path) {
      case '/.well-known/openid-configuration':
        return Response.json(ways.discovery?.(metadata) ?? metadata)
      case '/jwks':
        return Response.json(ways.jwks?.({ keys: [jwk] }) ?? { keys: [jwk] })
      case '/par':
        return push(body)
      case '/token':
        return grant(body)
      case '/userinfo':
        return describe()
      case '/revoke':
        return new Response(null, { status: 200 })
      default:
        return new Response(null, { status: 404 })
    }
  }

  return {
    issuer,
    calls,
    ways,
    sign,
    get asked() {
      return asked
    },
    async fetch(input, init) {
      const { origin, pathname: path } = new URL(input)
      if (origin !== at.origin || !path.startsWith(prefix)) throw new TypeError(`nobody is at ${input}`)
      const pathname = path.slice(prefix.length)
      calls.push(`${init?.method ?? 'GET'} ${pathname}`)
      return ways.instead?.[pathname]?.() ?? answer(pathname, init)
    },
    async authorize(location) {
      const { searchParams } = new URL(location)
      asked = pushed.get(searchParams.get('request_uri') ?? '') ?? searchParams
      const code = crypto.randomUUID()
      codes.set(code, asked)
      const back = new URL(asked.get('redirect_uri') ?? '')
      const parameters = new URLSearchParams({ code, state: asked.get('state') ?? '', iss: issuer })
      ways.callback?.(parameters)
      back.search = parameters.toString()
      return back.href
    },
  }
}

async function challengeOf(verifier: string): Promise<string> {
  return base64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))))
}

export async function leftHalf(text: string): Promise<string> {
  return base64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).subarray(0, 16))
}

export function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
