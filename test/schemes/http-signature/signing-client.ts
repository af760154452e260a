import type { Plan, SigningKey } from '../../../src/directory/directory.ts'
import { canonicalize } from '../../../src/http/canonical-url.ts'
import { encodeBase64 } from '../../../src/http/base64url.ts'
import { createRequestBody } from '../../../src/http/request-body.ts'
import { parseRootSecret } from '../../../src/credentials/root-secret.ts'
import type { ReplayMemory } from '../../../src/replay/replay-memory.ts'
import { createMemoryReplay } from '../../../src/replay/replay-store.ts'
import type { Authenticator, Verdict } from '../../../src/schemes/authenticator.ts'
import { createHttpSignatureAuthenticator } from '../../../src/schemes/http-signature/authenticator.ts'
import type { HttpSignatureConfig } from '../../../src/schemes/http-signature/config.ts'
import type { SchemeDependencies } from '../../../src/schemes/index.ts'
import type { EvaluateContext } from '../../../src/policy/evaluate.ts'
import { evaluateContext, NOW } from '../../support/authenticators.ts'

export const NOW_SECONDS = NOW / 1000
export const PAYMENTS = 'https://api.example.com/v1/payments?account=7'
export const COMPONENTS = ['@method', '@authority', '@path', '@query']

/** A signer of its own: it shares no code with what it is held against, except for base64. */
export interface Signer {
  readonly keyid: string
  readonly sign: (base: string) => Promise<Uint8Array>
}
export function hmacSigner(keyid: string, secret: Uint8Array<ArrayBuffer>): Signer {
  return {
    keyid,
    async sign(base) {
      const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
      return new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(base)))
    },
  }
}

export const SECRET = crypto.getRandomValues(new Uint8Array(32))
export const acme = hmacSigner('acme-1', SECRET)
const pair = (await crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify'])) as CryptoKeyPair
export const publicJwk = (await crypto.subtle.exportKey('jwk', pair.publicKey)) as JsonWebKey
export const privatePkcs8 = (await crypto.subtle.exportKey('pkcs8', pair.privateKey)) as ArrayBuffer
export const globex: Signer = {
  keyid: 'globex-1',
  sign: async (base) => new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, new TextEncoder().encode(base))),
}
export const rootSecret = parseRootSecret('g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0', { gateway: 'test', environment: 'test' })

export interface SignOptions {
  readonly url?: string
  readonly method?: string
  readonly body?: string
  readonly fields?: Readonly<Record<string, string>>
  /** Names or whole identifiers. Default: the four of `COMPONENTS`, and `content-digest` with a body. */
  readonly components?: readonly string[]
  /** Values of components whose identifier has a parameter. */
  readonly values?: Readonly<Record<string, string>>
  readonly label?: string
  /** Parameters beside or instead of `created`, `keyid` and `nonce`, as they are written; `undefined` leaves one out. */
  readonly parameters?: Readonly<Record<string, string | undefined>>
}

/** What a good client sends, unless the options say otherwise. */
export async function signedRequest(signer: Signer, options: SignOptions = {}): Promise<Request> {
  const { url = PAYMENTS, method = options.body === undefined ? 'GET' : 'POST', body, label = 'sig' } = options
  const headers = new Headers(body === undefined ? {} : { 'content-digest': await digestOf(body) })
  for (const [name, value] of Object.entries(options.fields ?? {})) headers.set(name, value)
  const components = options.components ?? [...COMPONENTS, ...(body === undefined ? [] : ['content-digest'])]
  const { host, pathname, search, href, protocol } = new URL(url)
  const derived: Readonly<Record<string, string>> = {
    '@method': method,
    '@authority': host,
    '@path': pathname,
    '@query': search || '?',
    '@target-uri': href,
    '@scheme': protocol.slice(0, -1),
  }
  const identifiers = components.map((component) => (component.startsWith('"') ? component : `"${component}"`))
  const parameters = parametersOf(signer, identifiers, options.parameters)
  const lines = identifiers.map((identifier, index) => {
    const name = components[index] ?? ''
    return `${identifier}: ${options.values?.[identifier] ?? derived[name] ?? headers.get(name) ?? ''}`
  })
  const signature = await signer.sign([...lines, `"@signature-params": ${parameters}`].join('\n'))
  headers.set('signature-input', `${label}=${parameters}`)
  headers.set('signature', `${label}=:${encodeBase64(signature)}:`)
  return new Request(url, { method, headers, ...(body === undefined ? {} : { body }) })
}

function parametersOf(signer: Signer, identifiers: readonly string[], changed: SignOptions['parameters'] = {}): string {
  const parameters: Record<string, string | undefined> = {
    created: String(NOW_SECONDS),
    keyid: `"${signer.keyid}"`,
    nonce: `"${crypto.randomUUID()}"`,
    ...changed,
  }
  const written = Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [`;${name}=${value}`]))
  return `(${identifiers.join(' ')})${written.join('')}`
}

export async function digestOf(body: string, algorithm: 'sha-256' | 'sha-512' = 'sha-256'): Promise<string> {
  const digest = await crypto.subtle.digest(algorithm.toUpperCase(), new TextEncoder().encode(body))
  return `${algorithm}=:${encodeBase64(new Uint8Array(digest))}:`
}

/** The fields of a request on another one; `undefined` removes a field. */
export function resent(
  request: Request,
  changes: { url?: string; method?: string; body?: string; fields?: Readonly<Record<string, string | undefined>> } = {},
): Request {
  const { url = request.url, method = request.method, body, fields = {} } = changes
  const headers = new Headers(request.headers)
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) headers.delete(name)
    else headers.set(name, value)
  }
  return new Request(url, { method, headers, ...(body === undefined ? {} : { body }) })
}

/** Two messages' signatures in one: the members of both dictionaries, in order. */
export function withBoth(first: Request, second: Request): Request {
  const joined = (name: string): string => `${first.headers.get(name)}, ${second.headers.get(name)}`
  return resent(first, { fields: { 'signature-input': joined('signature-input'), signature: joined('signature') } })
}

const declared: readonly SigningKey[] = [
  { keyid: 'acme-1', consumer: 'acme', scopes: ['payments:write', 'admin'], material: { algorithm: 'hmac-sha256', secret: SECRET } },
  { keyid: 'acme-all', consumer: 'acme', material: { algorithm: 'hmac-sha256', secret: SECRET } },
  { keyid: 'globex-1', consumer: 'globex', material: { algorithm: 'ed25519', publicJwk } },
  { keyid: 'lost-1', consumer: 'nobody', material: { algorithm: 'hmac-sha256', secret: SECRET } },
  { keyid: 'adrift-1', consumer: 'adrift', material: { algorithm: 'hmac-sha256', secret: SECRET } },
  { keyid: 'broken-1', consumer: 'acme', material: { algorithm: 'ed25519', publicJwk: { kty: 'RSA' } } },
]
const consumers: ReadonlyMap<string, string | undefined> = new Map([
  ['acme', 'gold'],
  ['globex', undefined],
  ['adrift', 'no-such-plan'],
])
const gold: Plan = { name: 'gold', limits: [], scopes: new Set(['payments:write', 'payments:read']) }

export function authenticator(overrides: Partial<HttpSignatureConfig> = {}, replay: ReplayMemory = createMemoryReplay()): Authenticator {
  const config: HttpSignatureConfig = {
    kind: 'http-signature',
    name: 'signed',
    components: COMPONENTS,
    contentDigest: 'when-body',
    coveredFields: [],
    maxAgeSeconds: 300,
    clockToleranceSeconds: 30,
    nonce: true,
    maxBodyBytes: 1024,
    consumerOptional: false,
    ...overrides,
  }
  const directory: Partial<SchemeDependencies['directory']> = {
    signingKey: (keyid) => declared.find((key) => key.keyid === keyid),
    consumer(name) {
      const plan = consumers.get(name)
      return consumers.has(name) ? { name, ...(plan === undefined ? {} : { plan }) } : undefined
    },
    plan: (name) => (name === 'gold' ? gold : undefined),
  }
  return createHttpSignatureAuthenticator(config, { directory, replay, rootSecret } as unknown as SchemeDependencies)
}

export function contextOf(request: Request, now = NOW): EvaluateContext {
  const target = canonicalize(request.url)
  if (target.status !== 'canonical') throw new Error(target.fault)
  return evaluateContext({ request, target: target.url, body: createRequestBody(request, 10_485_760), now })
}

export async function verify(request: Request, made: Authenticator = authenticator(), now = NOW): Promise<Verdict> {
  const attempt = made.read(request)
  if (attempt === undefined) throw new Error('absent')
  return attempt(contextOf(request, now))
}

export const reasonOf = (verdict: { status: string; reason?: string }): string => verdict.reason ?? verdict.status
/** `authentic reason` where the gate says publicly what was wrong. */
export function answerOf(verdict: Verdict): string {
  return verdict.status === 'rejected' && verdict.authentic === true ? `authentic ${verdict.reason}` : reasonOf(verdict)
}
