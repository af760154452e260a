/** How one JWA signature algorithm is done with Web Crypto (RFC 7518 §3, RFC 8037 §3.1, RFC 9864 §2.2). */
export interface SignatureAlgorithm {
  /** One name per algorithm: `EdDSA` is `Ed25519` here, as a JWK may say either. */
  readonly name: string
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly crv?: string
  readonly importParameters: SubtleCryptoImportKeyAlgorithm
  readonly verifyParameters: SubtleCryptoSignAlgorithm
  /** Bytes of a signature; for RSA those of the modulus. */
  readonly signatureBytes?: number
}

const ED25519: SignatureAlgorithm = {
  name: 'Ed25519',
  kty: 'OKP',
  crv: 'Ed25519',
  importParameters: { name: 'Ed25519' },
  verifyParameters: { name: 'Ed25519' },
  signatureBytes: 64,
}

/** Asymmetric only: with no HMAC in the table a public key can never serve as a shared secret (RFC 8725 §2.1). */
const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ...['256', '384', '512'].flatMap((bits) => [rsa(`RS${bits}`, bits), rsaPss(`PS${bits}`, bits)]),
  ecdsa('ES256', 'P-256', '256', 64),
  ecdsa('ES384', 'P-384', '384', 96),
  ecdsa('ES512', 'P-521', '512', 132),
  ['EdDSA', ED25519],
  ['Ed25519', ED25519],
])

/** `name` is compared case-sensitively (RFC 7515 §4.1.1). */
export function signatureAlgorithm(name: string): SignatureAlgorithm | undefined {
  return ALGORITHMS.get(name)
}

type Entry = [string, SignatureAlgorithm]

function rsa(name: string, bits: string): Entry {
  const importParameters = { name: 'RSASSA-PKCS1-v1_5', hash: `SHA-${bits}` }
  return [name, { name, kty: 'RSA', importParameters, verifyParameters: { name: 'RSASSA-PKCS1-v1_5' } }]
}

function rsaPss(name: string, bits: string): Entry {
  const importParameters = { name: 'RSA-PSS', hash: `SHA-${bits}` }
  return [name, { name, kty: 'RSA', importParameters, verifyParameters: { name: 'RSA-PSS', saltLength: Number(bits) / 8 } }]
}

function ecdsa(name: string, crv: string, bits: string, signatureBytes: number): Entry {
  const importParameters = { name: 'ECDSA', namedCurve: crv }
  return [name, { name, kty: 'EC', crv, importParameters, verifyParameters: { name: 'ECDSA', hash: `SHA-${bits}` }, signatureBytes }]
}
