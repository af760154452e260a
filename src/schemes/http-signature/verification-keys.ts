import type { RootSecret } from '../../credentials/root-secret.ts'
import { SIGNING_KEY_PREFIX, type ResolvedSigningKey } from '../../credentials/signing-key.ts'
import type { Directory, SigningKey } from '../../directory/directory.ts'

/** `undefined`: no key that was issued here. */
export type ResolveIssuedKey = (root: RootSecret, keyid: string) => Promise<ResolvedSigningKey | undefined>

/** What verifies the signatures of one keyid, and whom they speak for. */
export interface VerificationKey {
  /** In the words of the RFC 9421 §6.2 registry. */
  readonly algorithm: 'hmac-sha256' | 'ed25519'
  readonly key: CryptoKey
  /** What a revocation names. */
  readonly credentialId: string
  readonly consumer: string
  readonly plan?: string
  readonly scopes?: readonly string[]
  readonly generation?: string
  readonly issuedAt?: number
  readonly expiresAt: number
}

/** Imported keys that are kept; the oldest leaves first. */
export const MAX_CACHED_KEYS = 1024

export interface VerificationKeys {
  /** Throws where the key is known but cannot be had: an outage, never an unknown key. */
  find(keyid: string): Promise<VerificationKey | undefined>
  /** Keeps a key; only for those whose signature held, so that guesses displace nothing. */
  keep(keyid: string, key: VerificationKey): void
}

/** Keys that the policy declares, then those that were derived from the root secret. */
export function createVerificationKeys(
  directory: Pick<Directory, 'signingKey'>,
  root: RootSecret,
  resolveIssuedKey: ResolveIssuedKey,
): VerificationKeys {
  const kept = new Map<string, VerificationKey>()
  return {
    async find(keyid) {
      const known = kept.get(keyid)
      if (known !== undefined) return known
      const declared = directory.signingKey(keyid)
      if (declared !== undefined) return fromDeclared(declared)
      const issued = keyid.startsWith(SIGNING_KEY_PREFIX) ? await resolveIssuedKey(root, keyid) : undefined
      return issued === undefined ? undefined : fromIssued(issued)
    },
    keep(keyid, key) {
      if (kept.has(keyid)) return
      const oldest = kept.size < MAX_CACHED_KEYS ? undefined : kept.keys().next().value
      if (oldest !== undefined) kept.delete(oldest)
      kept.set(keyid, key)
    },
  }
}

async function fromDeclared({ keyid, consumer, scopes, material }: SigningKey): Promise<VerificationKey> {
  return {
    algorithm: material.algorithm,
    key: material.algorithm === 'ed25519' ? await importEd25519(material.publicJwk) : await importHmac(material.secret),
    credentialId: keyid,
    consumer,
    ...(scopes === undefined ? {} : { scopes }),
    expiresAt: Number.POSITIVE_INFINITY,
  }
}

async function fromIssued({ secret, id, ...named }: ResolvedSigningKey): Promise<VerificationKey> {
  return { ...named, algorithm: 'hmac-sha256', key: await importHmac(secret), credentialId: id }
}

async function importHmac(secret: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

/** Only what makes the key: `alg`, `use` or `key_ops` of the JWK have no say. */
async function importEd25519({ kty, crv, x }: JsonWebKey): Promise<CryptoKey> {
  if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined) throw new Error('not an Ed25519 public key')
  return crypto.subtle.importKey('jwk', { kty, crv, x }, { name: 'Ed25519' }, false, ['verify'])
}
