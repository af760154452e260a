/** One issuer whose tokens a `jwt` scheme takes; its keys verify nobody else's tokens (JB-6). */
export interface JwtIssuer {
  /** Compared exactly with `iss` (JW-12). */
  readonly issuer: string
  /** Key set, when it is not to be found by discovery. */
  readonly jwksUri?: string
  /** Metadata document; default: `issuer` + `/.well-known/openid-configuration`, then RFC 8414's form. */
  readonly metadataUrl?: string
  /** One of them must be in `aud` (JW-11). Never empty. */
  readonly audiences: readonly string[]
  /** Signature algorithms, in JWA's words. Default RS256, PS256, ES256, ES384, EdDSA, Ed25519. Never `none` or an HMAC. */
  readonly algorithms: readonly string[]
}

/** A `jwt` scheme: access tokens in RFC 9068 form, in `Authorization: Bearer`. */
export interface JwtConfig {
  readonly kind: 'jwt'
  readonly name: string
  readonly issuers: readonly JwtIssuer[]
  /** `at+jwt` (default, RFC 9068 §4), or `any` for issuers that set no `typ` (AT-6). */
  readonly tokenType: 'at+jwt' | 'any'
  /** Claim that holds the scopes, as a space-delimited string or a list. Default `scope`. */
  readonly scopeClaim: string
  /** How far `iat`, `nbf` and `exp` may disagree with our clock, in seconds. Default 30, at most 300. */
  readonly clockToleranceSeconds: number
  /** Longest token looked at, in bytes. Default 8192 (JW-13). */
  readonly maxTokenBytes: number
  /** `consumer: any`: in a conjunction its principal may name no consumer. */
  readonly consumerOptional: boolean
}
