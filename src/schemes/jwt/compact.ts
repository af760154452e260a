import { decodeBase64Url } from '../../http/base64url.ts'
import { parseStrictObject } from './strict-json.ts'

/** The parts of a JWT in compact form, decoded and not yet believed. */
export interface CompactJwt {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly signature: Uint8Array<ArrayBuffer>
  /** What the signature covers: the first two parts as they came (RFC 7515 §5.2). */
  readonly signed: Uint8Array<ArrayBuffer>
}

const UTF8 = new TextEncoder()

/** Exactly three parts of strict base64url, the first two UTF-8 JSON objects without repeated members (RFC 7519 §7.2). */
export function parseCompact(token: string): CompactJwt | undefined {
  const parts = token.split('.', 4)
  const [headerPart, claimsPart, signaturePart] = parts
  if (headerPart === undefined || claimsPart === undefined || signaturePart === undefined || parts.length !== 3) return undefined
  const header = objectOf(headerPart)
  const claims = objectOf(claimsPart)
  const signature = decodeBase64Url(signaturePart)
  if (header === undefined || claims === undefined || signature === undefined) return undefined
  return { header, claims, signature, signed: new Uint8Array(UTF8.encode(`${headerPart}.${claimsPart}`)) }
}

function objectOf(part: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = decodeBase64Url(part)
  return bytes === undefined ? undefined : parseStrictObject(bytes)
}
