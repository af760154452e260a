import { createHmac, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto'
import { issueKey } from '../src/credentials/key-format.ts'
import { parseRootSecret } from '../src/credentials/root-secret.ts'
import { compilePolicy } from '../src/policy/parse-policy.ts'

/** One way to answer a request, measured against the others. */
export interface Variant {
  readonly id: string
  readonly name: string
  readonly worker: 'pass-through' | 'gate'
  /** Whole requests: `count` of them where each is good for one use, else as many as there are credentials. */
  requests(count: number): string[]
  /** A request that must be refused before this variant may be measured. */
  readonly refused?: string
}

export interface Bench {
  readonly variants: readonly Variant[]
  policy(): unknown
  bindings(): Record<string, string>
}

const CREDENTIALS = 256
const ISSUER = 'https://issuer.example.com'
const AUDIENCE = 'https://api.example.com'
const ROOT_KEY = `g1:${randomBytes(32).toString('base64url')}`
const SIGNING_SECRET = randomBytes(32)

/* oxlint-disable no-template-curly-in-string -- placeholders */
const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Bench', version: '1' },
  servers: [{ url: AUDIENCE }],
  'x-portcullis': {
    origins: { main: { url: '${ORIGIN}' } },
    defaults: { origin: 'main' },
    limits: { calls: { by: ['consumer'], rate: '1000000000/second' } },
    consumers: {
      acme: {
        clients: [{ issuer: ISSUER, clientId: 'acme-app' }],
        signingKeys: [{ keyid: 'acme-1', secret: '${SIGNING_SECRET}' }],
      },
    },
  },
  components: {
    securitySchemes: {
      user: { type: 'http', scheme: 'bearer', 'x-portcullis': { kind: 'jwt', issuer: ISSUER, jwksUri: '${KEY_SET}', audience: AUDIENCE } },
      app: { type: 'apiKey', in: 'header', name: 'X-API-Key', 'x-portcullis': { kind: 'api-key' } },
      signed: { type: 'http', scheme: 'Signature', 'x-portcullis': { kind: 'http-signature' } },
    },
  },
  paths: {
    '/orders/{id}': { get: { security: [{ user: ['orders:read'], app: [] }] } },
    '/limited': { get: { security: [{ user: ['orders:read'], app: [] }], 'x-portcullis': { limits: ['calls'] } } },
    '/key': { get: { security: [{ app: [] }] } },
    '/signed': { get: { security: [{ signed: [] }] } },
  },
}
/* oxlint-enable no-template-curly-in-string */

/** `authority`: how the load names the host, for all variants the same. It is the origin's own, so the pass-through needs no code. */
export async function createBench(): Promise<{ readonly keySet: string; at(authority: string): Bench }> {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const tokens = Array.from({ length: CREDENTIALS }, (_, index) => token(keys.privateKey, index))
  const root = parseRootSecret(ROOT_KEY, { gateway: 'portcullis', environment: 'local' })
  const apiKeys = await Promise.all(tokens.map(async () => (await issueKey(root, 'api', { consumer: 'acme' }, Date.now())).key))
  const keySet = JSON.stringify({ keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }] })
  return { keySet, at: (authority) => benchAt(authority, tokens, apiKeys) }
}

function benchAt(authority: string, tokens: readonly string[], apiKeys: readonly string[]): Bench {
  const get = (path: string, fields: readonly string[]): string =>
    [
      `GET ${path} HTTP/1.1`,
      `Host: ${authority}`,
      'User-Agent: bench/1.0',
      'Accept: application/json',
      'CF-Connecting-IP: 192.0.2.7',
      'X-Forwarded-For: 192.0.2.7',
      'X-Forwarded-Proto: https',
      ...fields,
      '',
      '',
    ].join('\r\n')
  const keyField = (index: number): string => `X-API-Key: ${apiKeys[index % CREDENTIALS]}`
  const both = (index: number): string[] => [`Authorization: Bearer ${tokens[index % CREDENTIALS]}`, keyField(index)]
  const rotating = (path: string, fields: (index: number) => readonly string[]) => (): string[] =>
    Array.from({ length: CREDENTIALS }, (_, index) => get(path, fields(index)))
  const forged = (path: string): string => get(path, [`Authorization: Bearer ${tokens[0]?.slice(0, -8)}AAAAAAAA`, keyField(0)])
  const otherKey = `X-API-Key: ${apiKeys[0]?.slice(0, -8)}AAAAAAAA`
  const spent = get('/signed', signature(authority, '/signed', Buffer.alloc(32)))
  return {
    variants: [
      { id: 'bare', name: 'pass-through, no credentials', worker: 'pass-through', requests: rotating('/orders/1', () => []) },
      { id: 'carried', name: 'pass-through, JWT + key unchecked', worker: 'pass-through', requests: rotating('/orders/1', both) },
      { id: 'jwt-key', name: 'JWT + API key', worker: 'gate', requests: rotating('/orders/1', both), refused: forged('/orders/1') },
      {
        id: 'jwt-key-paths',
        name: 'JWT + API key, every path new',
        worker: 'gate',
        requests: (count) => Array.from({ length: count }, (_, index) => get(`/orders/${randomUUID()}`, both(index))),
        refused: forged('/orders/1'),
      },
      {
        id: 'jwt-key-limit',
        name: 'JWT + API key + limit',
        worker: 'gate',
        requests: rotating('/limited', both),
        refused: forged('/limited'),
      },
      {
        id: 'key',
        name: 'API key',
        worker: 'gate',
        requests: rotating('/key', (index) => [keyField(index)]),
        refused: get('/key', [otherKey]),
      },
      {
        id: 'signature',
        name: 'HTTP signature, used once',
        worker: 'gate',
        requests: (count) => Array.from({ length: count }, () => get('/signed', signature(authority, '/signed', SIGNING_SECRET))),
        refused: spent,
      },
    ],
    policy() {
      const compiled = compilePolicy(DOCUMENT, { placeholders: 'keep' })
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
      return compiled.document
    },
    bindings: () => ({
      PORTCULLIS_ROOT_KEY: ROOT_KEY,
      PORTCULLIS_GATEWAY: 'portcullis',
      PORTCULLIS_ENVIRONMENT: 'local',
      PORTCULLIS_LOCAL: JSON.stringify([authority]),
      ORIGIN: `http://${authority}`,
      KEY_SET: `http://${authority}/jwks.json`,
      SIGNING_SECRET: SIGNING_SECRET.toString('base64url'),
    }),
  }
}

/** An access token of RFC 9068 by RS256, valid for an hour. */
function token(key: Parameters<typeof sign>[2], index: number): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: `user-${index}`,
    client_id: 'acme-app',
    iat: now,
    nbf: now,
    exp: now + 3600,
    jti: randomUUID(),
    scope: 'orders:read orders:write',
  }
  const input = `${encode({ alg: 'RS256', typ: 'at+jwt', kid: 'k1' })}.${encode(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
}

/** RFC 9421 by `hmac-sha256`, with a nonce of its own. */
function signature(authority: string, path: string, secret: Buffer): string[] {
  const created = Math.floor(Date.now() / 1000)
  const nonce = randomBytes(12).toString('hex')
  const parameters = `("@method" "@authority" "@path" "@query");created=${created};keyid="acme-1";nonce="${nonce}"`
  const base = `"@method": GET\n"@authority": ${authority}\n"@path": ${path}\n"@query": ?\n"@signature-params": ${parameters}`
  const mac = createHmac('sha256', secret).update(base).digest('base64')
  return [`Signature-Input: sig=${parameters}`, `Signature: sig=:${mac}:`]
}
