import { describe, expect, test } from 'vitest'
import { canonicalize } from '../../../src/http/canonical-url.ts'
import { decodeBase64 } from '../../../src/http/base64url.ts'
import { checkContentDigest } from '../../../src/http/content-digest.ts'
import { createRequestBody } from '../../../src/http/request-body.ts'
import { signatureBase, type SignedMessage } from '../../../src/schemes/http-signature/signature-base.ts'
import { readSignatureFields, type SignatureCandidate } from '../../../src/schemes/http-signature/signature-fields.ts'
import vectors from '../../vectors/rfc9421.json'

interface Parameters {
  readonly name: string
  readonly hash?: string
  readonly namedCurve?: string
  readonly saltLength?: number
}
type Algorithm = 'rsa-pss-sha512' | 'ecdsa-p256-sha256' | 'hmac-sha256' | 'ed25519'
/** How the key of an algorithm is read, and how it verifies. `spki` for public keys, `raw` for the shared secret. */
const ALGORITHMS: Readonly<Record<Algorithm, { format: 'spki' | 'raw'; key: Parameters; verify: Parameters }>> = {
  'rsa-pss-sha512': { format: 'spki', key: { name: 'RSA-PSS', hash: 'SHA-512' }, verify: { name: 'RSA-PSS', saltLength: 64 } },
  'ecdsa-p256-sha256': { format: 'spki', key: { name: 'ECDSA', namedCurve: 'P-256' }, verify: { name: 'ECDSA', hash: 'SHA-256' } },
  'hmac-sha256': { format: 'raw', key: { name: 'HMAC', hash: 'SHA-256' }, verify: { name: 'HMAC' } },
  ed25519: { format: 'spki', key: { name: 'Ed25519' }, verify: { name: 'Ed25519' } },
}

interface RequestParts {
  readonly method: string
  readonly url: string
  readonly fields: Readonly<Record<string, string>>
}
const requests: Readonly<Record<string, RequestParts>> = vectors.requests
const keys: Readonly<Record<string, string>> = vectors.keys

function bytesOf(base64: string | undefined): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64(base64 ?? '*')
  if (bytes === undefined) throw new Error('not base64')
  return bytes
}

function messageOf(name: string, overrides: Partial<RequestParts> = {}): SignedMessage {
  const parts = requests[name]
  if (parts === undefined) throw new Error(`no request ${name}`)
  const { method, url, fields } = { ...parts, ...overrides }
  const target = canonicalize(url)
  if (target.status !== 'canonical') throw new Error(target.fault)
  return { method, target: target.url, headers: new Headers(fields) }
}

type Vector = (typeof vectors.vectors)[number]
function candidateOf({ label, signatureInput, signature }: Vector): SignatureCandidate {
  const headers = new Headers({ 'signature-input': `${label}=${signatureInput}`, signature: `${label}=:${signature}:` })
  const fields = readSignatureFields(headers, undefined)
  const candidate = fields.status === 'read' ? fields.candidates[0] : undefined
  if (candidate === undefined || 'malformed' in candidate) throw new Error('malformed')
  return candidate
}

async function holds({ algorithm }: Vector, candidate: SignatureCandidate, message: SignedMessage): Promise<boolean> {
  const { format, key, verify } = ALGORITHMS[algorithm as Algorithm]
  const imported = await crypto.subtle.importKey(format, bytesOf(keys[candidate.keyid]), key, false, ['verify'])
  const base = signatureBase(candidate, message)
  return crypto.subtle.verify(verify, imported, candidate.signature, new TextEncoder().encode(base))
}

describe('RFC 9421 Appendix B', () => {
  test.each(vectors.vectors)('HS-2: $name: the signature base is the published one', (vector) => {
    expect(signatureBase(candidateOf(vector), messageOf(vector.request))).toBe(vector.signatureBase.join('\n'))
  })

  test.each(vectors.vectors)('HS-9: $name: the published signature holds over it', async (vector) => {
    expect(await holds(vector, candidateOf(vector), messageOf(vector.request))).toBe(true)
  })

  test.each(vectors.vectors.filter(({ section }) => section !== 'B.2.1'))('$name: not for another host', async (vector) => {
    expect(await holds(vector, candidateOf(vector), messageOf(vector.request, { url: 'https://example.net/foo?Pet=dog' }))).toBe(false)
  })

  test('the digest of the test request is that of its content', async () => {
    const { body, method, url, fields } = vectors.requests['test-request']
    const content = createRequestBody(new Request(url, { method, body }), 1024)
    expect(await checkContentDigest(fields['content-digest'], content, 1024)).toBe('matches')
  })
})

/** What happens to the request of B.4 on its way, in the words of the RFC. */
describe('RFC 9421 Appendix B.4', () => {
  const vector = vectors.vectors.find(({ section }) => section === 'B.4')
  if (vector === undefined) throw new Error('no vector B.4')
  const URL_PLUS = 'https://example.org/demo?name1=Value1&Name2=value2&param=added'

  test.each<[change: string, overrides: Partial<RequestParts>, expected: boolean]>([
    [
      'a query parameter and Accept-Language are added',
      { url: URL_PLUS, fields: { accept: 'application/json, */*', 'accept-language': 'en-US,en;q=0.5' } },
      true,
    ],
    ['Date is replaced by Referer', { fields: { referer: 'https://developer.example.org/demo', accept: 'application/json, */*' } }, true],
    ['spaces around Accept are removed or added', { fields: { accept: '  application/json, */*\t' } }, true],
    ['method and authority are changed', { method: 'POST', url: 'https://example.com/demo?name1=Value1&Name2=value2' }, false],
    ['the values of Accept change places', { fields: { accept: '*/*, application/json' } }, false],
  ])('%s', async (_, overrides, expected) => {
    expect(await holds(vector, candidateOf(vector), messageOf(vector.request, overrides))).toBe(expected)
  })
})
