import type { CertificateIdentity } from '../../directory/directory.ts'
import type { Certificate } from '../../http/certificate.ts'
import type { EdgeReport } from './edge-report.ts'

/** What an identity is compared with. */
export interface PresentedCertificate {
  readonly report: EdgeReport
  /** SHA-256 of the DER. */
  readonly sha256: string
  /** Absent where the edge dropped the certificate for its size: names cannot be known then. */
  readonly certificate: Certificate | undefined
}

/** SPIFFE-ID §2: trust domain in lower case, a path of plain segments, nothing else. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/u

/** The name by which `identity` matches, or `undefined`. All given members must hold; an identity with none matches nobody. */
export function matchedName(identity: CertificateIdentity, { report, sha256, certificate }: PresentedCertificate): string | undefined {
  const { uri, dns, subject } = identity
  if (uri !== undefined && !hasUri(uri, certificate)) return undefined
  if (dns !== undefined && certificate?.dnsNames.includes(dns.toLowerCase()) !== true) return undefined
  if (subject !== undefined && (report.subject === '' || report.subject !== subject)) return undefined
  if (identity.sha256 !== undefined && identity.sha256.toLowerCase() !== sha256) return undefined
  return uri ?? dns ?? subject ?? identity.sha256
}

function hasUri(uri: string, certificate: Certificate | undefined): boolean {
  if (certificate?.uris.includes(uri) !== true) return false
  return !uri.startsWith('spiffe:') || isSvid(uri, certificate)
}

/** X509-SVID §2, §4: exactly one URI; a leaf that may sign and may not certify (SP-1 to SP-3). */
function isSvid(uri: string, { uris, isAuthority, keyUsage }: Certificate): boolean {
  const isLeaf = !isAuthority && keyUsage?.digitalSignature === true && !keyUsage.keyCertSign && !keyUsage.crlSign
  return isLeaf && uris.length === 1 && uri.length <= 2048 && SPIFFE_ID.test(uri)
}
