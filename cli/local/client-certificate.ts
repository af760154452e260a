import type { TLSSocket } from 'node:tls'
import type { X509Certificate } from 'node:crypto'
import { readCertificate } from '../../src/http/certificate.ts'

/** `request.cf.tlsClientAuth`, with every member that Cloudflare's edge sends. */
export type ClientCertificateReport = Readonly<Record<string, string | boolean>>

/** Members of a certificate that was not sent. */
export const NO_CERTIFICATE: ClientCertificateReport = {
  certPresented: '0',
  certVerified: 'NONE',
  certRevoked: '0',
  certIssuerDN: '',
  certSubjectDN: '',
  certIssuerDNRFC2253: '',
  certSubjectDNRFC2253: '',
  certIssuerDNLegacy: '',
  certSubjectDNLegacy: '',
  certSerial: '',
  certIssuerSerial: '',
  certSKI: '',
  certIssuerSKI: '',
  certFingerprintSHA1: '',
  certFingerprintSHA256: '',
  certNotBefore: '',
  certNotAfter: '',
  certRFC9440: '',
  certRFC9440TooLarge: false,
  certChainRFC9440: '',
  certChainRFC9440TooLarge: false,
}
const MAX_CERTIFICATE_BYTES = 10_240

/** What became of the client certificate of one connection. */
export function clientCertificateReport(socket: TLSSocket): ClientCertificateReport {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return NO_CERTIFICATE
  const fault = socket.authorized ? undefined : String(socket.authorizationError)
  const isRevoked = fault === 'CERT_REVOKED'
  const isTooLarge = certificate.raw.length > MAX_CERTIFICATE_BYTES
  return {
    ...NO_CERTIFICATE,
    certPresented: '1',
    certVerified: fault === undefined ? 'SUCCESS' : `FAILED:${WORDS[fault] ?? fault}`,
    certRevoked: isRevoked ? '1' : '0',
    ...namesOf(certificate),
    certSerial: certificate.serialNumber.toLowerCase(),
    certIssuerSerial: certificate.issuerCertificate?.serialNumber.toLowerCase() ?? '',
    certIssuerSKI: issuerKeyIdentifier(certificate),
    certFingerprintSHA1: certificate.fingerprint.replaceAll(':', '').toLowerCase(),
    certFingerprintSHA256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    certNotBefore: certificate.validFrom,
    certNotAfter: certificate.validTo,
    certRFC9440: isTooLarge ? '' : `:${certificate.raw.toString('base64')}:`,
    certRFC9440TooLarge: isTooLarge,
  }
}

/** OpenSSL's words for what Node names by its codes. */
const WORDS: Readonly<Record<string, string>> = {
  CERT_REVOKED: 'certificate revoked',
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self signed certificate in certificate chain',
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to verify the first certificate',
}

function namesOf({ subject, issuer }: X509Certificate): ClientCertificateReport {
  const [own, authority] = [attributesOf(subject), attributesOf(issuer)]
  const [subjectText, issuerText] = [own.toReversed().join(','), authority.toReversed().join(',')]
  return {
    certSubjectDN: subjectText,
    certIssuerDN: issuerText,
    certSubjectDNRFC2253: subjectText,
    certIssuerDNRFC2253: issuerText,
    certSubjectDNLegacy: own.map((attribute) => `/${attribute}`).join(''),
    certIssuerDNLegacy: authority.map((attribute) => `/${attribute}`).join(''),
  }
}

/** Node writes one attribute per line, in the order of the certificate; RFC 2253 §2.1 wants the last first. */
function attributesOf(name: string | undefined): string[] {
  return (name ?? '').split('\n').filter((line) => line !== '')
}

function issuerKeyIdentifier({ raw }: X509Certificate): string {
  return readCertificate(new Uint8Array(raw))?.authorityKeyIdentifier?.toUpperCase() ?? ''
}
