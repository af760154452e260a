import { decodeBase64 } from '../../../http/base64url.ts'
import { readXml } from '../../../http/xml-reader.ts'
import { childrenNamed, elementsWithin, type XmlElement } from '../../../http/xml.ts'
import { ENCRYPTION, ENCRYPTION_11, HASHES, SIGNATURE, type Hash } from './algorithms.ts'
import type { DecryptionKey } from './keys.ts'
import { refuse, refuseAlgorithm, type Refusal } from './refusal.ts'
import { markSigned, type SignedElement } from './signature.ts'
import { algorithmOf, base64Of } from './structure.ts'

export interface DecryptOptions {
  /** What was verified around the encrypted element. */
  readonly within?: SignedElement
  /**
   * Take AES-CBC as well, within a signed element only: without a signature its padding tells an attacker the plaintext, question by
   * question. Default false.
   */
  readonly allowCbc?: boolean
}

export type Decryption =
  | {
      readonly status: 'decrypted'
      readonly element: XmlElement
      /** The same element where a signature covers the ciphertext; elsewhere it needs a signature of its own, and until then means nothing. */
      readonly signed: SignedElement | undefined
    }
  | Refusal

type OaepHash = Hash | 'SHA-1'

/** Keys beside each other for several recipients; each is tried with each of ours. */
const MAX_ENCRYPTED_KEYS = 8
const CIPHERS: ReadonlyMap<string, Pick<Content, 'mode' | 'keyBytes'>> = new Map([
  [`${ENCRYPTION_11}aes128-gcm`, { mode: 'AES-GCM', keyBytes: 16 }],
  [`${ENCRYPTION_11}aes256-gcm`, { mode: 'AES-GCM', keyBytes: 32 }],
  [`${ENCRYPTION}aes128-cbc`, { mode: 'AES-CBC', keyBytes: 16 }],
  [`${ENCRYPTION}aes256-cbc`, { mode: 'AES-CBC', keyBytes: 32 }],
])
const SHA_1 = `${SIGNATURE}sha1`
const MGF_HASHES: ReadonlyMap<string, OaepHash> = new Map([
  [`${ENCRYPTION_11}mgf1sha1`, 'SHA-1'],
  [`${ENCRYPTION_11}mgf1sha256`, 'SHA-256'],
  [`${ENCRYPTION_11}mgf1sha384`, 'SHA-384'],
  [`${ENCRYPTION_11}mgf1sha512`, 'SHA-512'],
])

/**
 * What an EncryptedAssertion, EncryptedID or EncryptedAttribute holds (XW-5; SAML 2.0 Core §6, XML Encryption 1.1). The wrapped key may stand
 * in its KeyInfo or beside it; a RetrievalMethod is never followed, since both places are looked at anyway. Whatever goes wrong from the
 * wrapped key on is one refusal, `undecipherable`.
 */
export async function decryptElement(
  container: XmlElement,
  keys: readonly DecryptionKey[],
  options: DecryptOptions = {},
): Promise<Decryption> {
  const data = only(container, ENCRYPTION, 'EncryptedData')
  const isWithin = options.within !== undefined && [...elementsWithin(options.within)].includes(container)
  const content = data && readContent(data, isWithin && options.allowCbc === true)
  if (data === undefined || content === undefined) return refuse('encryption-form')
  if ('status' in content) return content
  const wrapped = readEncryptedKeys(container, data)
  if ('status' in wrapped) return wrapped

  const secret = await unwrap(wrapped, keys, content.keyBytes)
  const plaintext = secret && (await decrypt(secret, content))
  const document = plaintext && readXml(plaintext, { scope: container.scope })
  if (document?.status !== 'read') return refuse('undecipherable')
  return { status: 'decrypted', element: document.root, signed: isWithin ? markSigned(document.root) : undefined }
}

interface Content {
  readonly mode: 'AES-GCM' | 'AES-CBC'
  readonly keyBytes: number
  readonly ciphertext: Uint8Array<ArrayBuffer>
}

function readContent(data: XmlElement, allowCbc: boolean): Content | Refusal {
  const method = only(data, ENCRYPTION, 'EncryptionMethod')
  const ciphertext = readCipherValue(data)
  if (method === undefined || ciphertext === undefined) return refuse('encryption-form')
  const cipher = CIPHERS.get(algorithmOf(method))
  if (cipher === undefined || (cipher.mode === 'AES-CBC' && !allowCbc)) return refuseAlgorithm(algorithmOf(method))
  return { ...cipher, ciphertext }
}

function only(parent: XmlElement, namespace: string, name: string): XmlElement | undefined {
  const [child, another] = childrenNamed(parent, namespace, name)
  return another === undefined ? child : undefined
}

function readCipherValue(encrypted: XmlElement): Uint8Array<ArrayBuffer> | undefined {
  const data = only(encrypted, ENCRYPTION, 'CipherData')
  const value = data && only(data, ENCRYPTION, 'CipherValue')
  return value && decodeBase64(base64Of(value) ?? '')
}

interface WrappedKey {
  readonly ciphertext: Uint8Array<ArrayBuffer>
  /** Of both the digest and MGF1: Web Crypto has no other OAEP. */
  readonly hash: OaepHash
  readonly label: Uint8Array<ArrayBuffer>
}

/** Those that can be unwrapped at all; if none can, why the first cannot. */
function readEncryptedKeys(container: XmlElement, data: XmlElement): readonly WrappedKey[] | Refusal {
  const inside = childrenNamed(data, SIGNATURE, 'KeyInfo').flatMap((info) => childrenNamed(info, ENCRYPTION, 'EncryptedKey'))
  const all = [...inside, ...childrenNamed(container, ENCRYPTION, 'EncryptedKey')]
  if (all.length > MAX_ENCRYPTED_KEYS) return refuse('encryption-form')
  const read = all.map(readEncryptedKey)
  const usable = read.filter((key): key is WrappedKey => !('status' in key))
  return usable.length > 0 ? usable : (read.find((key): key is Refusal => 'status' in key) ?? refuse('encryption-form'))
}

function readEncryptedKey(encrypted: XmlElement): WrappedKey | Refusal {
  const method = only(encrypted, ENCRYPTION, 'EncryptionMethod')
  const ciphertext = readCipherValue(encrypted)
  if (method === undefined || ciphertext === undefined) return refuse('encryption-form')
  const hash = oaepHash(method)
  if (typeof hash !== 'string') return hash
  const parameters = only(method, ENCRYPTION, 'OAEPparams')
  const label = decodeBase64(parameters === undefined ? '' : (base64Of(parameters) ?? ''))
  return label === undefined ? refuse('encryption-form') : { ciphertext, hash, label }
}

/** XML Encryption 1.1 §5.5.2: both hashes default to SHA-1, and the older identifier fixes that of MGF1. */
function oaepHash(method: XmlElement): OaepHash | Refusal {
  const identifier = algorithmOf(method)
  const isOlder = identifier === `${ENCRYPTION}rsa-oaep-mgf1p`
  if (!isOlder && identifier !== `${ENCRYPTION_11}rsa-oaep`) return refuseAlgorithm(identifier)
  const digest = only(method, SIGNATURE, 'DigestMethod')
  const generator = isOlder ? undefined : only(method, ENCRYPTION_11, 'MGF')
  const digestName = digest === undefined ? SHA_1 : algorithmOf(digest)
  const hash = digestName === SHA_1 ? 'SHA-1' : HASHES.get(digestName)
  const generatorHash = generator === undefined ? 'SHA-1' : MGF_HASHES.get(algorithmOf(generator))
  if (hash === undefined) return refuseAlgorithm(digestName)
  return hash === generatorHash ? hash : { ...refuse('oaep'), algorithm: identifier }
}

/** A key of another length than the cipher's is none. */
async function unwrap(
  wrapped: readonly WrappedKey[],
  keys: readonly DecryptionKey[],
  bytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  for (const { ciphertext, hash, label } of wrapped) {
    for (const { keyFor } of keys) {
      const secret = await attempt(() => crypto.subtle.decrypt({ name: 'RSA-OAEP', label }, keyFor[hash], ciphertext))
      if (secret?.length === bytes) return secret
    }
  }
  return undefined
}

async function decrypt(secret: Uint8Array<ArrayBuffer>, { mode, ciphertext }: Content): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const key = await crypto.subtle.importKey('raw', secret, mode, false, ['encrypt', 'decrypt'])
  if (mode === 'AES-CBC') return decryptCbc(key, ciphertext)
  const iv = ciphertext.subarray(0, 12)
  return attempt(() => crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, ciphertext.subarray(12)))
}

/**
 * XML Encryption pads with any bytes and the length last (§5.2), Web Crypto insists on the length in all of them. A block more that does
 * decrypt to such a padding makes it return everything before.
 */
async function decryptCbc(key: CryptoKey, ciphertext: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (ciphertext.length < 32 || ciphertext.length % 16 !== 0) return undefined
  const last = ciphertext.subarray(-16)
  const padding = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CBC', iv: last }, key, new Uint8Array(0)))
  const extended = new Uint8Array([...ciphertext.subarray(16), ...padding])
  const padded = await attempt(() => crypto.subtle.decrypt({ name: 'AES-CBC', iv: ciphertext.subarray(0, 16) }, key, extended))
  const count = padded?.at(-1) ?? 0
  return count >= 1 && count <= 16 ? padded?.subarray(0, -count) : undefined
}

/** Web Crypto throws what is a mere "no". */
async function attempt(operation: () => Promise<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return new Uint8Array(await operation())
  } catch {
    return undefined
  }
}
