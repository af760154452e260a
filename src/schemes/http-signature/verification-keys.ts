import type { RootSecret } from '../../credentials/root-secret.ts'
import { SIGNING_KEY_PREFIX, type ResolvedSigningKey } from '../../credentials/signing-key.ts'
import type { Directory, SigningKey } from '../../directory/directory.ts'
import { isId } from '../../directory/ids.ts'
import type { DirectoryKey, LookedUpKeys, LookUpContext } from '../../directory/key-look-up.ts'

/** `undefined`: no key that was issued here. */
export type ResolveIssuedKey = (root: RootSecret, keyid: string) => Promise<ResolvedSigningKey | undefined>

/** What verifies the signatures of one keyid, and whom they speak for. */
export interface VerificationKey {
  /** In the words of the RFC 9421 §6.2 registry. */
  readonly algorithm: 'hmac-sha256' | 'ed25519' | 'ecdsa-p256-sha256'
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
  find(keyid: string, context: LookUpContext): Promise<VerificationKey | undefined>
  /** Keeps a key; only for those whose signature held, so that guesses displace nothing. False: it was kept already. */
  keep(keyid: string, key: VerificationKey): boolean
}

/** Keys that the policy declares, then those that were derived from the root secret, then public keys of the directory. */
export function createVerificationKeys(
  directory: Pick<Directory, 'signingKey'>,
  root: RootSecret,
  resolveIssuedKey: ResolveIssuedKey,
  lookedUp?: LookedUpKeys,
): VerificationKeys {
  const kept = new Map<string, VerificationKey>()
  return {
    async find(keyid, context) {
      const known = kept.get(keyid)
      if (known !== undefined) return known
      const declared = directory.signingKey(keyid)
      if (declared !== undefined) return fromDeclared(declared)
      const issued = keyid.startsWith(SIGNING_KEY_PREFIX) ? await resolveIssuedKey(root, keyid) : undefined
      if (issued !== undefined) return fromIssued(issued)
      const found = isId('key', keyid) ? await lookedUp?.find([`keyid:${keyid}`], context) : undefined
      return found === undefined ? undefined : fromDirectory(found)
    },
    keep(keyid, key) {
      if (kept.has(keyid)) return false
      const oldest = kept.size < MAX_CACHED_KEYS ? undefined : kept.keys().next().value
      if (oldest !== undefined) kept.delete(oldest)
      kept.set(keyid, key)
      return true
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

/** What has changed since it was added is the feed's to say. */
async function fromDirectory({
  id,
  publicKey,
  expiresAt = Number.POSITIVE_INFINITY,
  ...carried
}: DirectoryKey): Promise<VerificationKey | undefined> {
  if (publicKey === undefined) return undefined
  const isEdwards = publicKey.crv === 'Ed25519'
  const key = isEdwards ? await importEd25519(publicKey) : await importP256(publicKey)
  return { ...carried, algorithm: isEdwards ? 'ed25519' : 'ecdsa-p256-sha256', key, credentialId: id, expiresAt }
}

async function importHmac(secret: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

/** Only what makes the key: `alg`, `use` or `key_ops` of the JWK have no say. */
async function importEd25519({ kty, crv, x }: JsonWebKey): Promise<CryptoKey> {
  if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined) throw new Error('not an Ed25519 public key')
  return crypto.subtle.importKey('jwk', { kty, crv, x }, { name: 'Ed25519' }, false, ['verify'])
}

async function importP256({ kty, crv, x, y }: JsonWebKey): Promise<CryptoKey> {
  if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined) throw new Error('not a P-256 public key')
  return crypto.subtle.importKey('jwk', { kty, crv, x, y }, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
}
