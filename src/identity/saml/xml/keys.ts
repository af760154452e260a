import { encodeBase64 } from '../../../http/base64url.ts'
import { readChildren, readElements, readObjectIdentifier, TAG, type DerElement } from '../../../http/der.ts'
import type { Hash, KeyKind, SignatureMethod } from './algorithms.ts'
import { refuse, type Refusal } from './refusal.ts'

/** A public key of an identity provider, from its metadata or the configuration, never from a message (SA-9). */
export interface VerificationKey {
  readonly kind: KeyKind
  readonly keyFor: Readonly<Record<Hash, CryptoKey>>
}

/** A private key of ours. */
export interface SigningKey {
  readonly kind: KeyKind
  readonly hash: Hash
  readonly key: CryptoKey
}

export interface DecryptionKey {
  readonly keyFor: Readonly<Record<Hash | 'SHA-1', CryptoKey>>
}

const MAX_KEY_BYTES = 10_240
/** Smaller is forgeable in reach of a state, larger is slow for everybody. */
const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 8192
const RSA = '1.2.840.113549.1.1.1'
const ELLIPTIC_CURVE = '1.2.840.10045.2.1'
const CURVES: ReadonlyMap<string | undefined, 'P-256' | 'P-384' | 'P-521'> = new Map([
  ['1.2.840.10045.3.1.7', 'P-256'],
  ['1.3.132.0.34', 'P-384'],
  ['1.3.132.0.35', 'P-521'],
])
const HASH_OF_CURVE = { 'P-256': 'SHA-256', 'P-384': 'SHA-384', 'P-521': 'SHA-512' } as const

/**
 * The key of an X.509 certificate, or a bare SubjectPublicKeyInfo. Of a certificate nothing else is looked at: metadata pins the key, and
 * its dates and signature bind nobody (SAML 2.0 Metadata §2.4.1). `undefined`: not RSA of 2048 to 8192 bits, P-256, P-384 or P-521.
 */
export async function importVerificationKey(der: Uint8Array<ArrayBuffer>): Promise<VerificationKey | undefined> {
  const spki = der.length > MAX_KEY_BYTES ? undefined : publicKeyInfoOf(der)
  const [algorithm, bits] = readChildren(spki, TAG.sequence) ?? []
  const kind = kindOf(algorithm)
  if (spki === undefined || kind === undefined || (kind === 'RSA' && !isRsaOfSize(bits))) return undefined
  const importFor = (hash: Hash): Promise<CryptoKey> =>
    crypto.subtle.importKey('spki', spki.encoded, importAlgorithm(kind, hash), true, ['verify'])
  try {
    const keyFor = { 'SHA-256': await importFor('SHA-256'), 'SHA-384': await importFor('SHA-384'), 'SHA-512': await importFor('SHA-512') }
    return { kind, keyFor }
  } catch {
    return undefined
  }
}

/** PKCS#8. RSA signs with SHA-256, a curve with the hash of its size. `undefined`: not such a key. */
export async function importSigningKey(pkcs8: Uint8Array<ArrayBuffer>): Promise<SigningKey | undefined> {
  const kind = kindOf(privateKeyAlgorithm(pkcs8))
  if (kind === undefined) return undefined
  const hash = kind === 'RSA' ? 'SHA-256' : HASH_OF_CURVE[kind]
  try {
    return { kind, hash, key: await crypto.subtle.importKey('pkcs8', pkcs8, importAlgorithm(kind, hash), false, ['sign']) }
  } catch {
    return undefined
  }
}

/** PKCS#8 of an RSA key. `undefined`: not one. */
export async function importDecryptionKey(pkcs8: Uint8Array<ArrayBuffer>): Promise<DecryptionKey | undefined> {
  if (kindOf(privateKeyAlgorithm(pkcs8)) !== 'RSA') return undefined
  const importFor = (hash: Hash | 'SHA-1'): Promise<CryptoKey> =>
    crypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSA-OAEP', hash }, false, ['decrypt'])
  try {
    const keyFor = {
      'SHA-1': await importFor('SHA-1'),
      'SHA-256': await importFor('SHA-256'),
      'SHA-384': await importFor('SHA-384'),
      'SHA-512': await importFor('SHA-512'),
    }
    return { keyFor }
  } catch {
    return undefined
  }
}

const importAlgorithm = (kind: KeyKind, hash: Hash) =>
  kind === 'RSA' ? { name: 'RSASSA-PKCS1-v1_5', hash } : { name: 'ECDSA', namedCurve: kind }

const signAlgorithm = (kind: KeyKind, hash: Hash) => (kind === 'RSA' ? { name: 'RSASSA-PKCS1-v1_5' } : { name: 'ECDSA', hash })

/** `undefined`: one of the keys made it. An ECDSA value is r and s side by side (XML Signature §6.4.3), as Web Crypto has it. */
export async function verifyBytes(
  bytes: Uint8Array<ArrayBuffer>,
  value: Uint8Array<ArrayBuffer>,
  { family, hash }: SignatureMethod,
  keys: readonly VerificationKey[],
): Promise<Refusal | undefined> {
  const fitting = keys.filter(({ kind }) => (kind === 'RSA') === (family === 'RSA'))
  if (fitting.length === 0) return refuse('no-key')
  for (const { kind, keyFor } of fitting)
    if (await crypto.subtle.verify(signAlgorithm(kind, hash), keyFor[hash], value, bytes)) return undefined
  return refuse('signature-invalid')
}

/** Base64. */
export async function signBytes(bytes: Uint8Array<ArrayBuffer>, { kind, hash, key }: SigningKey): Promise<string> {
  return encodeBase64(new Uint8Array(await crypto.subtle.sign(signAlgorithm(kind, hash), key, bytes)))
}

/** RFC 5280 §4.1: a certificate is three elements, a key is two. */
function publicKeyInfoOf(der: Uint8Array<ArrayBuffer>): DerElement | undefined {
  const outer = readElements(der)
  const only = outer?.length === 1 ? outer[0] : undefined
  const parts = readChildren(only, TAG.sequence)
  if (parts?.length === 2) return only
  const fields = parts?.length === 3 ? readChildren(parts[0], TAG.sequence) : undefined
  // [0] version is absent in version 1; then serial, algorithm, issuer, validity, subject, key.
  return fields?.[fields[0]?.tag === 0xa0 ? 6 : 5]
}

function privateKeyAlgorithm(pkcs8: Uint8Array<ArrayBuffer>): DerElement | undefined {
  const outer = pkcs8.length > MAX_KEY_BYTES ? undefined : readElements(pkcs8)
  return outer?.length === 1 ? readChildren(outer[0], TAG.sequence)?.[1] : undefined
}

function kindOf(algorithm: DerElement | undefined): KeyKind | undefined {
  const [identifier, parameters] = readChildren(algorithm, TAG.sequence) ?? []
  const name = readObjectIdentifier(identifier)
  if (name === RSA) return 'RSA'
  return name === ELLIPTIC_CURVE ? CURVES.get(readObjectIdentifier(parameters)) : undefined
}

function isRsaOfSize(bits: DerElement | undefined): boolean {
  if (bits?.tag !== TAG.bitString) return false
  const modulus = readChildren(readElements(bits.content.subarray(1))?.[0], TAG.sequence)?.[0]?.content
  if (modulus === undefined) return false
  const leading = modulus.findIndex((byte) => byte !== 0)
  const size = leading === -1 ? 0 : (modulus.length - leading) * 8 - Math.clz32(modulus[leading] ?? 0) + 24
  return size >= MIN_RSA_BITS && size <= MAX_RSA_BITS
}
