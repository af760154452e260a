/** What a consumer may do and how much. */
export interface Plan {
  readonly name: string
  /** Upper bound of the scopes of a key on this plan. Absent: the plan bounds nothing. */
  readonly scopes?: ReadonlySet<string>
  /** Names of limits that count for every request of a caller on this plan. */
  readonly limits: readonly string[]
}
export interface Consumer {
  readonly name: string
  readonly plan?: string
}
/** A key made elsewhere, known by a peppered hash (docs/policy.md, "keys"). */
export interface ImportedKey {
  readonly id: string
  readonly consumer: string
  readonly scopes?: readonly string[]
  readonly plan?: string
}
/** A key that verifies RFC 9421 signatures: a shared secret or a public key. */
export interface SigningKey {
  readonly keyid: string
  readonly consumer: string
  readonly scopes?: readonly string[]
  readonly material:
    | { readonly algorithm: 'hmac-sha256'; readonly secret: Uint8Array }
    | { readonly algorithm: 'ed25519'; readonly publicJwk: JsonWebKey }
}
/** How a certificate is named. All given members must hold. */
export interface CertificateIdentity {
  readonly uri?: string
  readonly dns?: string
  /** Subject distinguished name in RFC 2253 form. */
  readonly subject?: string
  /** SHA-256 of the DER, 64 lower-case hexadecimal digits. */
  readonly sha256?: string
}
export interface CertificateBinding {
  readonly identity: CertificateIdentity
  readonly consumer: string
}

/** Who is known: today what the policy declares. Synchronous, because all of it is in memory. */
export interface Directory {
  plan(name: string): Plan | undefined
  /** `undefined`: unknown, to be refused. A policy that declares no consumers at all knows every name. */
  consumer(name: string): Consumer | undefined
  consumerOfClient(issuer: string, clientId: string): string | undefined
  certificates(): readonly CertificateBinding[]
  /** `digest`: lower-case hexadecimal of the peppered hash. */
  importedKey(digest: string): ImportedKey | undefined
  signingKey(keyid: string): SigningKey | undefined
}
