import { encodeBase64Url } from '../http/base64url.ts'

/** What a test token says; the rest is filled in (RFC 9068 §2.2). */
export interface TestToken {
  readonly issuer: string
  readonly audience: string
  readonly subject?: string
  readonly clientId?: string
  readonly scopes?: readonly string[]
  /** Seconds from now; negative: expired. Default 300. */
  readonly expiresInSeconds?: number
  /** Added to the claims, or put in place of them; `undefined` removes one. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Issuers that exist in the test alone: each has an Ed25519 key, metadata and a key set at the usual places. */
export interface TestIssuers {
  /** The answer to a request for metadata or keys; `undefined`: not an issuer's address. */
  answer(url: string): Promise<Response | undefined>
  sign(token: TestToken, now: number): Promise<string>
}

const KEYS_PATH = '/.well-known/portcullis-test/jwks.json'
const METADATA_PATH = '/.well-known/openid-configuration'
const utf8 = new TextEncoder()
const encodeJson = (value: unknown): string => encodeBase64Url(utf8.encode(JSON.stringify(value)))

/** `issuerOfKeys`: the issuer whose key set the policy finds at an address of its own (`jwksUri`). */
export function createTestIssuers(issuerOfKeys: ReadonlyMap<string, string>): TestIssuers {
  const keys = new Map<string, Promise<CryptoKeyPair>>()
  const keyOf = async (issuer: string): Promise<CryptoKeyPair> => {
    const made = keys.get(issuer) ?? (crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']) as Promise<CryptoKeyPair>)
    keys.set(issuer, made)
    return made
  }
  /** Its own in every test: the key set of another test's gate, kept by the data centre's cache, is then known to be an old one. */
  const kidOf = async (issuer: string): Promise<string> =>
    ((await crypto.subtle.exportKey('jwk', (await keyOf(issuer)).publicKey)) as JsonWebKey).x ?? ''
  const jwks = async (issuer: string): Promise<Response> => {
    const { kty, crv, x } = (await crypto.subtle.exportKey('jwk', (await keyOf(issuer)).publicKey)) as JsonWebKey
    return Response.json(
      { keys: [{ kty, crv, x, kid: await kidOf(issuer), use: 'sig', alg: 'EdDSA' }] },
      { headers: { 'cache-control': 'max-age=300' } },
    )
  }
  return {
    async answer(url) {
      const issuer = issuerOfKeys.get(url)
      if (issuer !== undefined) return jwks(issuer)
      if (url.endsWith(KEYS_PATH)) return jwks(url.slice(0, -KEYS_PATH.length))
      if (!url.endsWith(METADATA_PATH)) return undefined
      const named = url.slice(0, -METADATA_PATH.length)
      return Response.json({ issuer: named, jwks_uri: named + KEYS_PATH })
    },
    async sign(token, now) {
      const { privateKey } = await keyOf(token.issuer)
      const input = `${encodeJson({ alg: 'EdDSA', typ: 'at+jwt', kid: await kidOf(token.issuer) })}.${encodeJson(claimsOf(token, now))}`
      return `${input}.${encodeBase64Url(new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, utf8.encode(input))))}`
    },
  }
}

function claimsOf(token: TestToken, now: number): Record<string, unknown> {
  const seconds = Math.floor(now / 1000)
  return {
    iss: token.issuer,
    aud: token.audience,
    sub: token.subject ?? 'test-subject',
    client_id: token.clientId ?? 'test-client',
    iat: seconds,
    exp: seconds + (token.expiresInSeconds ?? 300),
    jti: crypto.randomUUID(),
    scope: (token.scopes ?? []).join(' '),
    ...token.claims,
  }
}
