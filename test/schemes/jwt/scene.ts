import type { RootSecret } from '../../../src/credentials/root-secret.ts'
import type { Directory } from '../../../src/directory/directory.ts'
import { encodeBase64Url } from '../../../src/http/base64url.ts'
import type { Authenticator, DeferredTask, Verdict, VerifyContext } from '../../../src/schemes/authenticator.ts'
import type { SchemeDependencies } from '../../../src/schemes/index.ts'
import { createJwtAuthenticator } from '../../../src/schemes/jwt/authenticator.ts'
import type { JwtConfig } from '../../../src/schemes/jwt/config.ts'
import { evaluateContext, NOW } from '../../support/authenticators.ts'

/** One gate with a `jwt` scheme, two issuers that exist in the test alone, and everyone else who signs tokens. */
export const ISSUER = 'https://idp.example'
export const OTHER = 'https://other.example/tenant'
export const AUDIENCE = 'https://api.example.com'
export const SECONDS = NOW / 1000
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519']
const utf8 = new TextEncoder()

type Json = Readonly<Record<string, unknown>>

/** Text as it is, anything else as JSON. */
export const encodePart = (value: unknown): string =>
  encodeBase64Url(utf8.encode(typeof value === 'string' ? value : JSON.stringify(value)))

/** `undefined` removes a claim. */
export const claimsWith = (overrides: Json = {}): Json => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'alice',
  client_id: 'app',
  iat: SECONDS,
  exp: SECONDS + 300,
  jti: 'token-1',
  scope: 'orders:read orders:write',
  ...overrides,
})

export interface Signer {
  readonly kid: string
  /** As the issuer publishes it. */
  readonly jwk: Json
  /** Signs whatever parts it is given. */
  signParts(header: string, claims: string): Promise<string>
  sign(claims?: Json, header?: Json): Promise<string>
}

const GENERATION = {
  Ed25519: [{ name: 'Ed25519' }, 'Ed25519'],
  ES256: [
    { name: 'ECDSA', namedCurve: 'P-256' },
    { name: 'ECDSA', hash: 'SHA-256' },
  ],
  RS256: [
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    'RSASSA-PKCS1-v1_5',
  ],
} as const

export async function createSigner(alg: keyof typeof GENERATION, kid: string = alg): Promise<Signer> {
  const [generation, signing] = GENERATION[alg]
  const pair = (await crypto.subtle.generateKey(generation, true, ['sign', 'verify'])) as CryptoKeyPair
  const { key_ops: _operations, ext: _ext, ...material } = (await crypto.subtle.exportKey('jwk', pair.publicKey)) as JsonWebKey
  const signParts = async (header: string, claims: string): Promise<string> => {
    const input = `${header}.${claims}`
    return `${input}.${encodeBase64Url(new Uint8Array(await crypto.subtle.sign(signing, pair.privateKey, utf8.encode(input))))}`
  }
  return {
    kid,
    jwk: { ...material, kid, use: 'sig', alg },
    signParts,
    sign: async (claims = {}, header = {}) => signParts(encodePart({ alg, typ: 'at+jwt', kid, ...header }), encodePart(claimsWith(claims))),
  }
}

export interface PublishedIssuer {
  keys: readonly unknown[]
  /** Of the key set. */
  headers: Readonly<Record<string, string>>
  isDown: boolean
  /** Put in place of members of the metadata. */
  metadata: Json
  /** What is answered instead, at addresses of its choice. */
  respond?: (url: string) => Response | Promise<Response> | undefined
}
export interface Scene {
  readonly authenticator: Authenticator
  readonly issuers: Readonly<Record<string, PublishedIssuer>>
  /** Every address that was fetched, in order. */
  readonly fetched: string[]
  /** What is to run after the response. */
  readonly deferred: DeferredTask[]
  verify(token: string, now?: number): Promise<Verdict | { readonly status: 'absent' }>
  verifyField(field: string, now?: number): Promise<Verdict | { readonly status: 'absent' }>
  /** Failures of deferred work are counted elsewhere and change no answer. */
  runDeferred(): Promise<void>
}

export const requestWith = (field: string): Request => new Request('https://api.example.com/', { headers: { authorization: field } })

/** Without a generation nothing is shared with other gates, so every fetch is seen. */
const NO_SECRET: RootSecret = { generations: [], derive: async () => new Uint8Array() }

export function createScene(
  keys: Readonly<Record<string, readonly unknown[]>>,
  overrides: Partial<JwtConfig> = {},
  rootSecret: RootSecret = NO_SECRET,
): Scene {
  const issuers = Object.fromEntries(
    Object.entries(keys).map(([issuer, published]): [string, PublishedIssuer] => [
      issuer,
      { keys: published, headers: { 'cache-control': 'max-age=300' }, isDown: false, metadata: {} },
    ]),
  )
  const fetched: string[] = []
  const deferred: DeferredTask[] = []
  const fetch = async (url: string): Promise<Response> => {
    fetched.push(url)
    const [issuer, found] = Object.entries(issuers).find(([name]) => url.startsWith(`${name}/`)) ?? []
    if (found === undefined || issuer === undefined) return new Response(null, { status: 404 })
    if (found.isDown) throw new TypeError('connection refused')
    const special = await found.respond?.(url)
    if (special !== undefined) return special
    if (url === `${issuer}/jwks`) return Response.json({ keys: found.keys }, { headers: found.headers })
    if (url !== `${issuer}/.well-known/openid-configuration`) return new Response(null, { status: 404 })
    return Response.json({ issuer, jwks_uri: `${issuer}/jwks`, ...found.metadata }, { headers: { 'cache-control': 'max-age=86400' } })
  }
  const config: JwtConfig = {
    kind: 'jwt',
    name: 'user',
    issuers: Object.keys(issuers).map((issuer) => ({ issuer, audiences: [AUDIENCE], algorithms: ALGORITHMS })),
    tokenType: 'at+jwt',
    scopeClaim: 'scope',
    clockToleranceSeconds: 30,
    maxTokenBytes: 8192,
    consumerOptional: false,
    ...overrides,
  }
  const directory: Partial<Directory> = {
    consumerOfClient: (issuer, client) => (issuer === ISSUER && client === 'app' ? 'acme' : undefined),
  }
  const dependencies = { directory, fetch, isLocal: false, rootSecret } as SchemeDependencies
  const authenticator = createJwtAuthenticator(config, dependencies)
  const verifyField = async (field: string, now = NOW): ReturnType<Scene['verify']> => {
    const request = requestWith(field)
    const attempt = authenticator.read(request)
    if (attempt === undefined) return { status: 'absent' }
    const context: Partial<VerifyContext> = { request, now, defer: (task) => deferred.push(task) }
    return attempt(evaluateContext(context))
  }
  return {
    authenticator,
    issuers,
    fetched,
    deferred,
    verifyField,
    verify: async (token, now) => verifyField(`Bearer ${token}`, now),
    async runDeferred() {
      await Promise.allSettled(deferred.splice(0).map(async ({ run }) => run()))
    },
  }
}

/** The reason of a refusal or an outage, else the status. */
export const outcomeOf = (verdict: Awaited<ReturnType<Scene['verify']>>): string => ('reason' in verdict ? verdict.reason : verdict.status)
