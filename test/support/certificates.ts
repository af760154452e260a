import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { encodeBase64, encodeHex } from '../../src/http/base64url.ts'

export interface TestAuthority {
  readonly certificate: x509.X509Certificate
  readonly keys: CryptoKeyPair
  readonly ski: string
}
export interface LeafOptions {
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly extensions?: readonly x509.Extension[]
  readonly keyUsage?: x509.KeyUsageFlags | null
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const NOT_BEFORE = new Date('2026-01-01T00:00:00Z')
const NOT_AFTER = new Date('2027-01-01T00:00:00Z')

export async function createAuthority(name = 'Test CA'): Promise<TestAuthority> {
  const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as CryptoKeyPair
  const identifier = await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore: NOT_BEFORE,
    notAfter: NOT_AFTER,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true), identifier],
  })
  return { certificate, keys, ski: identifier.keyId }
}

export async function createLeaf(authority: TestAuthority, options: LeafOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as CryptoKeyPair
  const names = [
    ...(options.uris ?? []).map((value) => ({ type: 'url' as const, value })),
    ...(options.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
  ]
  const usage = options.keyUsage === undefined ? x509.KeyUsageFlags.digitalSignature : options.keyUsage
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: encodeHex(crypto.getRandomValues(new Uint8Array(8))),
    subject: 'CN=leaf',
    issuer: authority.certificate.subject,
    notBefore: options.notBefore ?? NOT_BEFORE,
    notAfter: options.notAfter ?? NOT_AFTER,
    signingKey: authority.keys.privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ...(usage === null ? [] : [new x509.KeyUsagesExtension(usage, true)]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
      ...(options.extensions ?? []),
    ],
  })
  return new Uint8Array(certificate.rawData)
}

/** `request.cf.tlsClientAuth` as the edge fills it for a certificate that verified. */
export function edgeReportOf(der: Uint8Array, authority: TestAuthority, overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    certPresented: '1',
    certVerified: 'SUCCESS',
    certRevoked: '0',
    certSubjectDNRFC2253: 'CN=leaf',
    certIssuerDNRFC2253: 'CN=Test CA',
    certIssuerSKI: authority.ski.toUpperCase(),
    certRFC9440: `:${encodeBase64(der)}:`,
    certRFC9440TooLarge: false,
    certFingerprintSHA256: '',
    ...overrides,
  }
}
