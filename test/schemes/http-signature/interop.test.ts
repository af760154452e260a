import { createSigner, httpbis, type SigningKey } from 'http-message-signatures'
import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../../src/http/base64url.ts'
import { NOW } from '../../support/authenticators.ts'
import { answerOf, COMPONENTS, digestOf, PAYMENTS, privatePkcs8, resent, SECRET, verify } from './signing-client.ts'

const pem = ['BEGIN', encodeBase64(new Uint8Array(privatePkcs8)), 'END']
  .map((part) => (part.length < 6 ? `-----${part} PRIVATE KEY-----` : part))
  .join('\n')
const keys: readonly (readonly [algorithm: string, key: SigningKey])[] = [
  ['hmac-sha256', createSigner(SECRET as Parameters<typeof createSigner>[0], 'hmac-sha256', 'acme-1')],
  ['ed25519', createSigner(pem, 'ed25519', 'globex-1')],
]

interface Message {
  readonly method?: string
  readonly url?: string
  readonly body?: string
  readonly headers?: Record<string, string>
  readonly fields?: readonly string[]
  readonly params?: readonly string[]
}

/** A request as `http-message-signatures` signs it. */
async function signedByOther(key: SigningKey, { method = 'POST', url = PAYMENTS, body, headers = {}, ...rest }: Message): Promise<Request> {
  const content = body === undefined ? {} : { 'Content-Digest': await digestOf(body, 'sha-512') }
  const {
    fields = [...COMPONENTS, ...(body === undefined ? [] : ['content-digest'])],
    params = ['created', 'keyid', 'alg', 'nonce', 'expires'],
  } = rest
  const paramValues = { created: new Date(NOW), expires: new Date(NOW + 60_000), nonce: crypto.randomUUID() }
  const message = { method, url, headers: { ...headers, ...content } }
  const signed = await httpbis.signMessage({ key, name: 'other', fields: [...fields], params: [...params], paramValues }, message)
  return new Request(url, { method, headers: signed.headers as Record<string, string>, ...(body === undefined ? {} : { body }) })
}

describe.each(keys)('http-message-signatures by %s', (_, key) => {
  test.each<[what: string, Message]>([
    ['content', { body: '{"amount":5}' }],
    ['no content', { method: 'GET' }],
    ['no query', { method: 'GET', url: 'https://api.example.com/v1/payments' }],
    ['nothing but a host', { method: 'GET', url: 'https://api.example.com' }],
    ['an odd port and escapes', { method: 'GET', url: 'https://API.example.com:8443/a%C3%A9/b;c?d=%20e&f' }],
    ['the default port', { method: 'GET', url: 'https://api.example.com:443/' }],
    ['the target as one', { method: 'DELETE', fields: ['@method', '@target-uri'] }],
    ['further fields', { fields: [...COMPONENTS, 'accept', '@scheme'], headers: { Accept: ' application/json, */* ' } }],
    ['a parameter of the query', { fields: [...COMPONENTS, '@query-param;name="account"'] }],
    ['parameters in another order', { params: ['nonce', 'keyid', 'expires', 'created'] }],
  ])('a request with %s verifies', async (_what, message) => {
    expect(answerOf(await verify(await signedByOther(key, message)))).toBe('verified')
  })

  test('a request changed on its way does not', async () => {
    const request = await signedByOther(key, { body: '{"amount":5}' })
    expect(answerOf(await verify(resent(request, { url: `${PAYMENTS}&a`, body: '{"amount":5}' })))).toBe('signature_invalid')
    expect(answerOf(await verify(resent(request, { body: '{"amount":6}' })))).toBe('authentic digest_mismatch')
  })

  test('a request that it signed a second time verifies by either signature', async () => {
    const stranger: SigningKey = { ...key, sign: async () => Buffer.alloc(64) }
    const once = await signedByOther(stranger, { method: 'GET' })
    const twice = await signedByOther(key, { method: 'GET', headers: Object.fromEntries(once.headers) })
    expect(twice.headers.get('signature-input')).toMatch(/^other=.*, other0=/u)
    expect(answerOf(await verify(twice))).toBe('verified')
  })
})
