/** Namespaces and algorithm identifiers of XML Signature 1.1, XML Encryption 1.1, RFC 9231 and SAML 2.0. */
export const SIGNATURE = 'http://www.w3.org/2000/09/xmldsig#'
export const ENCRYPTION = 'http://www.w3.org/2001/04/xmlenc#'
export const ENCRYPTION_11 = 'http://www.w3.org/2009/xmlenc11#'
export const ASSERTION = 'urn:oasis:names:tc:SAML:2.0:assertion'
const MORE = 'http://www.w3.org/2001/04/xmldsig-more#'

export const ENVELOPED = `${SIGNATURE}enveloped-signature`
export const EXCLUSIVE_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#'

export type Hash = 'SHA-256' | 'SHA-384' | 'SHA-512'
export type KeyKind = 'RSA' | 'P-256' | 'P-384' | 'P-521'

export const HASHES: ReadonlyMap<string, Hash> = new Map([
  [`${ENCRYPTION}sha256`, 'SHA-256'],
  [`${MORE}sha384`, 'SHA-384'],
  [`${ENCRYPTION}sha512`, 'SHA-512'],
])

export interface SignatureMethod {
  readonly family: 'RSA' | 'ECDSA'
  readonly hash: Hash
}
export const SIGNATURE_METHODS: ReadonlyMap<string, SignatureMethod> = new Map([
  [`${MORE}rsa-sha256`, { family: 'RSA', hash: 'SHA-256' }],
  [`${MORE}rsa-sha384`, { family: 'RSA', hash: 'SHA-384' }],
  [`${MORE}rsa-sha512`, { family: 'RSA', hash: 'SHA-512' }],
  [`${MORE}ecdsa-sha256`, { family: 'ECDSA', hash: 'SHA-256' }],
  [`${MORE}ecdsa-sha384`, { family: 'ECDSA', hash: 'SHA-384' }],
  [`${MORE}ecdsa-sha512`, { family: 'ECDSA', hash: 'SHA-512' }],
])

export const signatureMethodOf = (kind: KeyKind, hash: Hash): string => `${MORE}${kind === 'RSA' ? 'rsa' : 'ecdsa'}-sha${hash.slice(4)}`

export const digestMethodOf = (hash: Hash): string => `${hash === 'SHA-384' ? MORE : ENCRYPTION}sha${hash.slice(4)}`
