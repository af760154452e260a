import { decodeBase64, encodeBase64 } from '../../../http/base64url.ts'
import { readXml } from '../../../http/xml-reader.ts'
import { XML_LIMITS } from '../../../http/xml.ts'
import { SIGNATURE_METHODS, signatureMethodOf } from './algorithms.ts'
import { signBytes, verifyBytes, type SigningKey, type VerificationKey } from './keys.ts'
import { refuse, refuseAlgorithm, type Refusal } from './refusal.ts'
import { markSigned, type SignedElement } from './signature.ts'

/** Which message a query carries (SAML 2.0 Bindings §3.4). */
export type MessageParameter = 'SAMLRequest' | 'SAMLResponse'

export type RedirectVerification =
  | {
      readonly status: 'verified'
      readonly parameter: MessageParameter
      readonly signed: SignedElement
      /** Decoded; covered by the signature. */
      readonly relayState: string | undefined
    }
  | Refusal

/** Longer than any URL that arrives here. */
const MAX_QUERY_LENGTH = 65_536
const DEFLATE = 'urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE'
const NAMES: ReadonlySet<string> = new Set(['SAMLRequest', 'SAMLResponse', 'RelayState', 'SigAlg', 'Signature', 'SAMLEncoding'])

/**
 * Verifies a message of the redirect binding from the query as it was sent, without `?`: the signature is over those very bytes, in the order
 * message, RelayState, SigAlg, wherever they stand (SA-1; Bindings §3.4.4.1). Inflates at most `XML_LIMITS.bytes`, and only what was signed.
 */
export async function verifyRedirect(query: string, keys: readonly VerificationKey[]): Promise<RedirectVerification> {
  const raw = readParameters(query)
  const parameter = raw && messageParameterOf(raw)
  const message = parameter && decodeForm(raw.get(parameter))
  if (raw === undefined || parameter === undefined || message === undefined) return refuse('query-form')
  if (decodeForm(raw.get('SAMLEncoding') ?? DEFLATE) !== DEFLATE) return refuse('query-form')

  const rejected = await verifyQuery(raw, parameter, keys)
  if (rejected !== undefined) return rejected

  const deflated = decodeBase64(withoutSpace(message))
  const inflated = deflated && (await inflate(deflated))
  const document = inflated && readXml(inflated)
  if (document?.status !== 'read') return refuse('signed-form')
  return { status: 'verified', parameter, signed: markSigned(document.root), relayState: decodeForm(raw.get('RelayState')) }
}

function messageParameterOf(raw: ReadonlyMap<string, string>): MessageParameter | undefined {
  if (raw.has('SAMLRequest')) return raw.has('SAMLResponse') ? undefined : 'SAMLRequest'
  return raw.has('SAMLResponse') ? 'SAMLResponse' : undefined
}

async function verifyQuery(
  raw: ReadonlyMap<string, string>,
  parameter: MessageParameter,
  keys: readonly VerificationKey[],
): Promise<Refusal | undefined> {
  const algorithm = decodeForm(raw.get('SigAlg'))
  const value = decodeForm(raw.get('Signature'))
  if (algorithm === undefined || value === undefined) return refuse('unsigned')
  if (raw.has('RelayState') && decodeForm(raw.get('RelayState')) === undefined) return refuse('query-form')
  const method = SIGNATURE_METHODS.get(algorithm)
  if (method === undefined) return refuseAlgorithm(algorithm)
  const signature = decodeBase64(withoutSpace(value))
  if (signature === undefined) return refuse('query-form')
  const signedNames = [parameter, 'RelayState', 'SigAlg'].filter((name) => raw.has(name))
  const octets = new TextEncoder().encode(signedNames.map((name) => `${name}=${raw.get(name) ?? ''}`).join('&'))
  return verifyBytes(new Uint8Array(octets), signature, method, keys)
}

/**
 * The query of a message of ours: compressed, and signed where there is a key. The identity provider verifies these very bytes: append
 * nothing but the query's own `?` or `&` in front.
 */
export async function signRedirect(
  message: { readonly parameter: MessageParameter; readonly xml: string; readonly relayState?: string },
  key: SigningKey | undefined,
): Promise<string> {
  const deflated = encodeBase64(await deflate(message.xml))
  const parts = [`${message.parameter}=${encodeURIComponent(deflated)}`]
  if (message.relayState !== undefined) parts.push(`RelayState=${encodeURIComponent(message.relayState)}`)
  if (key === undefined) return parts.join('&')
  parts.push(`SigAlg=${encodeURIComponent(signatureMethodOf(key.kind, key.hash))}`)
  const octets = new TextEncoder().encode(parts.join('&'))
  return `${parts.join('&')}&Signature=${encodeURIComponent(await signBytes(new Uint8Array(octets), key))}`
}

/** Raw values by name. `undefined`: too long, or one of ours stands there twice. Names of nobody's are left alone: they are not signed. */
function readParameters(query: string): ReadonlyMap<string, string> | undefined {
  if (query.length > MAX_QUERY_LENGTH) return undefined
  const raw = new Map<string, string>()
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    const name = equals === -1 ? pair : pair.slice(0, equals)
    if (!NAMES.has(name)) continue
    if (raw.has(name)) return undefined
    raw.set(name, equals === -1 ? '' : pair.slice(equals + 1))
  }
  return raw
}

/** A form's value. `undefined`: absent, or a bad escape. */
function decodeForm(value: string | undefined): string | undefined {
  try {
    return value === undefined ? undefined : decodeURIComponent(value.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

const withoutSpace = (text: string): string => text.replaceAll(/[\t\n\r ]/gu, '')

async function deflate(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** `undefined`: not raw DEFLATE, or more comes out of it than a document may have. */
async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))) {
      size += chunk.byteLength
      // Leaving the loop cancels the stream: a bomb is inflated no further.
      if (size > XML_LIMITS.bytes) return undefined
      chunks.push(chunk)
    }
  } catch {
    return undefined
  }
  const inflated = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    inflated.set(chunk, offset)
    offset += chunk.length
  }
  return inflated
}
