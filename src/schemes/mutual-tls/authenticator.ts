import { readCertificate, type Certificate } from '../../http/certificate.ts'
import { encodeHex } from '../../http/base64url.ts'
import type { Attempt, Authenticator, Principal, RejectionReason, Verdict } from '../authenticator.ts'
import type { SchemeDependencies } from '../index.ts'
import type { MutualTlsConfig, PinnedIssuer } from './config.ts'
import { decodeByteSequence, normalizeHex, readEdgeReport, type EdgeReport } from './edge-report.ts'
import { matchedName, type PresentedCertificate } from './identity.ts'

/** Certificates kept parsed; with 10 KB each at most 10 MB. */
const MAX_KEPT = 1024
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const ANY_PURPOSE = '2.5.29.37.0'

interface ParsedCertificate {
  readonly certificate: Certificate
  readonly sha256: string
}

/**
 * Client certificates as the edge reports them (docs/mutual-tls.md). Trust is the edge's word; the pinned issuer, validity, purpose
 * and identity are checked here, on every request. Nothing a client can send in a field counts (CC-1).
 */
export function createMutualTlsAuthenticator(config: MutualTlsConfig, { directory }: SchemeDependencies): Authenticator {
  const parsed = new Map<string, ParsedCertificate>()

  const parse = async (text: string): Promise<ParsedCertificate | undefined> => {
    const known = parsed.get(text)
    if (known !== undefined) return known
    const der = decodeByteSequence(text)
    const certificate = der === undefined ? undefined : readCertificate(der)
    if (der === undefined || certificate === undefined) return undefined
    const sha256 = encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', der)))
    if (parsed.size >= MAX_KEPT) parsed.clear()
    const entry = { certificate, sha256 }
    parsed.set(text, entry)
    return entry
  }

  const verify = async (report: EdgeReport, now: number): Promise<Verdict> => {
    if (!report.isVerified) return rejected('certificate_not_verified')
    if (report.isRevoked) return rejected('certificate_revoked')
    if (report.certificate === '') return judge(report, undefined, now)
    const known = parsed.get(report.certificate) ?? (await parse(report.certificate))
    return known === undefined ? rejected('certificate_unreadable') : judge(report, known, now)
  }

  /** `known` undefined: the edge sent its fields, but not the certificate itself. */
  const judge = (report: EdgeReport, known: ParsedCertificate | undefined, now: number): Verdict => {
    const sha256 = known?.sha256 ?? report.fingerprint
    if (sha256 === '') return rejected('certificate_unreadable', 'neither certificate nor fingerprint')
    const certificate = known?.certificate
    if (!config.issuers.some((issuer) => isPinned(issuer, report, certificate))) return rejected('issuer_not_pinned')
    const fault = certificate === undefined ? undefined : faultOf(certificate, now)
    if (fault !== undefined) return rejected(fault)
    const principal = identify({ report, sha256, certificate })
    return principal === undefined ? rejected('unknown_certificate') : { status: 'verified', principal }
  }

  const identify = (presented: PresentedCertificate): Principal | undefined => {
    for (const { identity, scopes, consumer } of config.identities) {
      const subject = matchedName(identity, presented)
      if (subject !== undefined) return principalOf(presented, subject, new Set(scopes), consumer ?? boundConsumer(presented))
    }
    for (const { identity, consumer } of directory.certificates()) {
      const subject = matchedName(identity, presented)
      if (subject !== undefined) return principalOf(presented, subject, scopesOf(consumer), consumer)
    }
    return undefined
  }

  /** A service identity may be bound to its consumer where the consumer is declared. */
  const boundConsumer = (presented: PresentedCertificate): string | undefined =>
    directory.certificates().find(({ identity }) => matchedName(identity, presented) !== undefined)?.consumer

  const scopesOf = (consumer: string): ReadonlySet<string> => {
    const plan = directory.consumer(consumer)?.plan
    return (plan === undefined ? undefined : directory.plan(plan)?.scopes) ?? new Set()
  }

  const principalOf = (
    { report, sha256, certificate }: PresentedCertificate,
    subject: string,
    scopes: ReadonlySet<string>,
    consumer: string | undefined,
  ): Principal => ({
    scheme: config.name,
    kind: 'mutual-tls',
    issuer: `x509:${report.issuerKeyIdentifier === '' ? report.issuerSubject : report.issuerKeyIdentifier}`,
    subject,
    credentialId: sha256,
    scopes,
    claims: {},
    // When it was issued is not known (a start of validity may lie in the past or future): a revocation by time stops it.
    expiresAt: certificate?.notAfter ?? Number.POSITIVE_INFINITY,
    ...(consumer === undefined ? {} : { consumer }),
  })

  return {
    name: config.name,
    kind: 'mutual-tls',
    carriers: [{ in: 'tls' }],
    read(request): Attempt | undefined {
      const report = readEdgeReport(request)
      return report?.isPresented === true ? async ({ now }) => verify(report, now) : undefined
    },
    // After the handshake no challenge helps: a certificate is asked for while connecting.
    remedy: async () => undefined,
  }
}

const rejected = (reason: RejectionReason, detail?: string): Verdict => ({
  status: 'rejected',
  reason,
  ...(detail === undefined ? {} : { detail }),
})

/** Any authority of the account verifies at the edge, so the issuer is compared here. The certificate itself must agree with the edge. */
function isPinned({ ski, subject }: PinnedIssuer, report: EdgeReport, certificate: Certificate | undefined): boolean {
  if (ski === undefined && subject === undefined) return false
  if (subject !== undefined && (report.issuerSubject === '' || report.issuerSubject !== subject)) return false
  if (ski === undefined) return true
  const pinned = normalizeHex(ski)
  const named = certificate?.authorityKeyIdentifier
  return pinned !== '' && report.issuerKeyIdentifier === pinned && (named === undefined || named === pinned)
}

function faultOf({ notBefore, notAfter, isAuthority, extendedKeyUsage }: Certificate, now: number): RejectionReason | undefined {
  if (now < notBefore) return 'not_yet_valid'
  if (now >= notAfter) return 'expired'
  const mayAuthenticate = extendedKeyUsage === undefined || extendedKeyUsage.includes(CLIENT_AUTH) || extendedKeyUsage.includes(ANY_PURPOSE)
  return isAuthority || !mayAuthenticate ? 'type_not_allowed' : undefined
}
