import { encodeHex } from './base64url.ts'
import { readChildren, readElements, readObjectIdentifier, readTime, TAG, type DerElement } from './der.ts'

/** What the gate reads of an X.509 certificate (RFC 5280): never its signature, which the edge has verified. */
export interface Certificate {
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  /** Subject alternative names (§4.2.1.6), in order. DNS names in lower case. */
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  /** Lower-case hexadecimal. */
  readonly authorityKeyIdentifier: string | undefined
  readonly isAuthority: boolean
  /** `undefined`: the extension is absent, so any use (§4.2.1.3). */
  readonly keyUsage: { readonly digitalSignature: boolean; readonly keyCertSign: boolean; readonly crlSign: boolean } | undefined
  /** Object identifiers; `undefined`: absent, so any purpose (§4.2.1.12). */
  readonly extendedKeyUsage: readonly string[] | undefined
}

/** The edge passes at most 10 KB on. */
export const MAX_CERTIFICATE_BYTES = 10_240

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17'
const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35'

/**
 * Reads strictly: version 3, every extension at most once, inner and outer signature algorithm the same, nothing after the end.
 * `undefined`: not such a certificate.
 */
export function readCertificate(der: Uint8Array<ArrayBuffer>): Certificate | undefined {
  if (der.length > MAX_CERTIFICATE_BYTES) return undefined
  try {
    return read(der)
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

/** Never leaves this file. */
class MalformedError extends Error {}

/** What a well-formed certificate has. */
function must<Found>(value: Found | undefined): Found {
  if (value === undefined) throw new MalformedError()
  return value
}

/** The one element that `bytes` must be. */
function only(bytes: Uint8Array<ArrayBuffer>): DerElement {
  const [element, ...more] = must(readElements(bytes))
  return must(more.length === 0 ? element : undefined)
}

const sequence = (element: DerElement | undefined): readonly DerElement[] => must(readChildren(element, TAG.sequence))

function read(der: Uint8Array<ArrayBuffer>): Certificate {
  const [tbs, algorithm, signature, ...rest] = sequence(only(der))
  if (signature?.tag !== TAG.bitString || rest.length > 0) throw new MalformedError()
  // [0] version, serial, algorithm, issuer, validity, subject, key, then optional members up to [3] extensions.
  const fields = sequence(tbs)
  if (fields.length < 7 || fields[0]?.tag !== 0xa0) throw new MalformedError()
  if (encodeHex(must(fields[2]).encoded) !== encodeHex(must(algorithm).encoded)) throw new MalformedError()
  const [notBefore, notAfter] = sequence(fields[4])
  const extensions = readExtensions(fields.slice(7).find(({ tag }) => tag === 0xa3))
  return {
    notBefore: must(readTime(notBefore)),
    notAfter: must(readTime(notAfter)),
    ...readNames(extensions.get(SUBJECT_ALTERNATIVE_NAME)),
    authorityKeyIdentifier: readAuthorityKeyIdentifier(extensions.get(AUTHORITY_KEY_IDENTIFIER)),
    isAuthority: readIsAuthority(extensions.get(BASIC_CONSTRAINTS)),
    keyUsage: readKeyUsage(extensions.get(KEY_USAGE)),
    extendedKeyUsage: readPurposes(extensions.get(EXTENDED_KEY_USAGE)),
  }
}

/** Extension values by object identifier. */
function readExtensions(wrapper: DerElement | undefined): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const values = new Map<string, Uint8Array<ArrayBuffer>>()
  for (const entry of wrapper === undefined ? [] : sequence(only(wrapper.content))) {
    const parts = sequence(entry)
    const identifier = must(readObjectIdentifier(parts[0]))
    const value = parts.at(-1)
    const isShaped = parts.length === 2 || (parts.length === 3 && parts[1]?.tag === TAG.boolean)
    // The same extension twice would be read differently by whoever takes the other one.
    if (!isShaped || value?.tag !== TAG.octetString || values.has(identifier)) throw new MalformedError()
    values.set(identifier, value.content)
  }
  return values
}

type Value = Uint8Array<ArrayBuffer> | undefined

function readNames(value: Value): { uris: string[]; dnsNames: string[] } {
  const uris: string[] = []
  const dnsNames: string[] = []
  for (const { tag, content } of value === undefined ? [] : sequence(only(value))) {
    if (tag !== URI && tag !== DNS_NAME) continue
    // IA5String: a byte above ASCII, or a control such as NUL, would read as another name elsewhere.
    if (content.length === 0 || content.length > 2048 || content.some((byte) => byte < 0x21 || byte > 0x7e)) throw new MalformedError()
    const text = String.fromCharCode(...content)
    if (tag === URI) uris.push(text)
    else dnsNames.push(text.toLowerCase())
  }
  return { uris, dnsNames }
}
const URI = 0x86
const DNS_NAME = 0x82

function readIsAuthority(value: Value): boolean {
  const [first] = value === undefined ? [] : sequence(only(value))
  return first?.tag === TAG.boolean && first.content.some((byte) => byte !== 0)
}

function readKeyUsage(value: Value): Certificate['keyUsage'] {
  if (value === undefined) return undefined
  const { tag, content } = only(value)
  const [unused, flags = 0] = content
  if (tag !== TAG.bitString || unused === undefined || unused > 7) throw new MalformedError()
  return { digitalSignature: (flags & 0x80) !== 0, keyCertSign: (flags & 0x04) !== 0, crlSign: (flags & 0x02) !== 0 }
}

function readPurposes(value: Value): readonly string[] | undefined {
  return value === undefined ? undefined : sequence(only(value)).map((element) => must(readObjectIdentifier(element)))
}

function readAuthorityKeyIdentifier(value: Value): string | undefined {
  const identifier = value === undefined ? undefined : sequence(only(value)).find(({ tag }) => tag === 0x80)
  return identifier === undefined ? undefined : encodeHex(identifier.content)
}
