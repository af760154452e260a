import { decodeBase64 } from '../../http/base64url.ts'

/** What the edge says of the client certificate, in `request.cf.tlsClientAuth`; every member is text that nobody promises. */
export interface EdgeReport {
  readonly isPresented: boolean
  readonly isVerified: boolean
  readonly isRevoked: boolean
  readonly subject: string
  readonly issuerSubject: string
  /** Lower-case hexadecimal without separators. */
  readonly issuerKeyIdentifier: string
  /** As the edge sent it, with its colons; empty when it was too large. */
  readonly certificate: string
  /** 64 lower-case hexadecimal digits, or empty: an example of the platform's shows 128, which is no SHA-256. */
  readonly fingerprint: string
}

/** Reads `request.cf` alone: nothing that a client can send. */
export function readEdgeReport(request: Request): EdgeReport | undefined {
  const cf: unknown = request.cf
  if (typeof cf !== 'object' || cf === null) return undefined
  const auth: unknown = (cf as Record<string, unknown>)['tlsClientAuth']
  if (typeof auth !== 'object' || auth === null) return undefined
  const text = (name: string): string => {
    const value = (auth as Record<string, unknown>)[name]
    return typeof value === 'string' ? value : ''
  }
  const fingerprint = text('certFingerprintSHA256').toLowerCase()
  return {
    isPresented: text('certPresented') === '1',
    // The whole word, never a prefix; and revocation apart, because a revoked certificate may still be called verified.
    isVerified: text('certVerified') === 'SUCCESS',
    isRevoked: text('certRevoked') !== '0',
    subject: text('certSubjectDNRFC2253'),
    issuerSubject: text('certIssuerDNRFC2253'),
    issuerKeyIdentifier: normalizeHex(text('certIssuerSKI')),
    certificate: text('certRFC9440'),
    fingerprint: /^[0-9a-f]{64}$/u.test(fingerprint) ? fingerprint : '',
  }
}

/** Lower case without colons: key identifiers are written in both ways. */
export function normalizeHex(text: string): string {
  return text.replaceAll(':', '').toLowerCase()
}

/** The DER of a Byte Sequence (RFC 9440 §2.1). `undefined`: empty or not one. */
export function decodeByteSequence(text: string): Uint8Array<ArrayBuffer> | undefined {
  return text.length > 2 && text.startsWith(':') && text.endsWith(':') ? decodeBase64(text.slice(1, -1)) : undefined
}
