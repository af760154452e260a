import type { CertificateIdentity } from '../../directory/directory.ts'

/**
 * A certificate authority to pin, because any authority of the account verifies at the edge (platform rule). All given
 * members must hold.
 */
export interface PinnedIssuer {
  /** Subject key identifier of the issuer, lower-case hexadecimal without colons. */
  readonly ski?: string
  /** Issuer distinguished name in RFC 2253 form. */
  readonly subject?: string
}
export interface ServiceIdentity {
  readonly identity: CertificateIdentity
  readonly scopes: readonly string[]
  readonly consumer?: string
}
/** A `mutual-tls` scheme: the client certificate as the edge reports it in `request.cf.tlsClientAuth`. */
export interface MutualTlsConfig {
  readonly kind: 'mutual-tls'
  readonly name: string
  /** Never empty. */
  readonly issuers: readonly PinnedIssuer[]
  readonly identities: readonly ServiceIdentity[]
  readonly consumerOptional: boolean
}
