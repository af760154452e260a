import { decodeBase64, encodeBase64 } from '../../../http/base64url.ts'
import { canonicalize } from '../../../http/xml-canonical.ts'
import { readXml } from '../../../http/xml-reader.ts'
import { attributeOf, childrenNamed, elementsWithin, isElement, type XmlElement } from '../../../http/xml.ts'
import {
  ASSERTION,
  ENVELOPED,
  EXCLUSIVE_C14N,
  HASHES,
  SIGNATURE,
  SIGNATURE_METHODS,
  type Hash,
  type SignatureMethod,
} from './algorithms.ts'
import { verifyBytes, type VerificationKey } from './keys.ts'
import { refuse, refuseAlgorithm, type Refusal } from './refusal.ts'
import { algorithmOf, base64Of, exactChildren, readPrefixList } from './structure.ts'

declare const signed: unique symbol
/**
 * The root of a tree in which everything was signed with a configured key: it was read from the very bytes that were verified (XW-2). Only
 * this folder makes one.
 */
export type SignedElement = XmlElement & { readonly [signed]: true }

export const markSigned = (element: XmlElement): SignedElement => element as SignedElement

/** Direct children: what stands in a signed tree was signed. */
export const signedChildren = (parent: SignedElement, namespace: string, localName: string): readonly SignedElement[] =>
  childrenNamed(parent, namespace, localName).map(markSigned)

export type Verification = { readonly status: 'verified'; readonly signed: SignedElement } | Refusal

/**
 * Verifies the enveloped signature of `element`, which stands somewhere in `root` (SA-8, XW-1 to XW-3; SAML 2.0 Core §5.4). Believe nothing
 * but the tree it returns, where the signature itself is no longer in: what else the document says, anybody may have added.
 *
 * `keys`: all that are in force, old and new during a rollover; a few at most, since each is tried.
 */
export async function verifyEnveloped(root: XmlElement, element: XmlElement, keys: readonly VerificationKey[]): Promise<Verification> {
  const signature = findSignature(element)
  if ('status' in signature) return signature
  const parts = readSignature(signature)
  if ('status' in parts) return parts
  const misplaced = checkReference(root, element, parts.uri)
  if (misplaced !== undefined) return misplaced

  const rejected = await verifyBytes(parts.signedInfo, parts.value, parts.method, keys)
  if (rejected !== undefined) return rejected

  const bytes = canonicalize(element, { inclusivePrefixes: parts.prefixes, without: signature })
  if (bytes === undefined) return refuse('too-long')
  const digest = new Uint8Array(await crypto.subtle.digest(parts.hash, bytes))
  if (encodeBase64(digest) !== parts.digest) return refuse('digest-mismatch')
  const again = readXml(bytes)
  return again.status === 'read' ? { status: 'verified', signed: markSigned(again.root) } : refuse('signed-form')
}

interface SignatureParts {
  /** The canonical SignedInfo. */
  readonly signedInfo: Uint8Array<ArrayBuffer>
  readonly method: SignatureMethod
  readonly value: Uint8Array<ArrayBuffer>
  readonly uri: string
  readonly prefixes: readonly string[]
  readonly hash: Hash
  /** Base64. */
  readonly digest: string
}

/** XW-3: the only signature of the element, a child of it, where the schemas of SAML put it. */
function findSignature(element: XmlElement): XmlElement | Refusal {
  const [signature, another] = childrenNamed(element, SIGNATURE, 'Signature')
  if (signature === undefined) return refuse('unsigned')
  if (another !== undefined) return refuse('several-signatures')
  const siblings = element.children.filter(isElement)
  const before = siblings.slice(0, siblings.indexOf(signature))
  const isInPlace = before.every(({ namespace, localName }) => namespace === ASSERTION && localName === 'Issuer') && before.length < 2
  return isInPlace ? signature : refuse('signature-place')
}

function readSignature(signature: XmlElement): SignatureParts | Refusal {
  if (childrenNamed(signature, SIGNATURE, 'Object').length > 0) return refuse('signature-object')
  const [written, signatureValue] = exactChildren(signature, SIGNATURE, ['SignedInfo', 'SignatureValue', 'KeyInfo?']) ?? []
  const value = signatureValue && decodeBase64(base64Of(signatureValue) ?? '')
  if (written === undefined || value === undefined || value.length === 0) return refuse('signature-form')
  const signedInfo = canonicalSignedInfo(written)
  if ('status' in signedInfo) return signedInfo
  // From here on nothing but the bytes that the key is asked about.
  const again = readXml(signedInfo)
  return again.status === 'read' ? readSignedInfo(again.root, signedInfo, value) : refuse('signature-form')
}

function canonicalSignedInfo(signedInfo: XmlElement): Uint8Array<ArrayBuffer> | Refusal {
  const [method] = exactChildren(signedInfo, SIGNATURE, ['CanonicalizationMethod', 'SignatureMethod', 'Reference']) ?? []
  if (method === undefined) return refuse('signature-form')
  if (!isExclusive(algorithmOf(method))) return refuseAlgorithm(algorithmOf(method))
  const inclusivePrefixes = readPrefixList(method)
  if ('status' in inclusivePrefixes) return inclusivePrefixes
  return canonicalize(signedInfo, { inclusivePrefixes }) ?? refuse('too-long')
}

function readSignedInfo(root: XmlElement, signedInfo: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): SignatureParts | Refusal {
  const [, signatureMethod, reference] = exactChildren(root, SIGNATURE, ['CanonicalizationMethod', 'SignatureMethod', 'Reference']) ?? []
  if (signatureMethod === undefined || reference === undefined) return refuse('signature-form')
  const method = SIGNATURE_METHODS.get(algorithmOf(signatureMethod))
  if (method === undefined) return refuseAlgorithm(algorithmOf(signatureMethod))
  // HMACOutputLength and the parameters of PSS: no method here has any.
  if (signatureMethod.children.some(isElement)) return refuse('signature-form')
  const referred = readReference(reference)
  return 'status' in referred ? referred : { signedInfo, method, value, ...referred }
}

type ReferenceParts = Pick<SignatureParts, 'uri' | 'prefixes' | 'hash' | 'digest'>

function readReference(reference: XmlElement): ReferenceParts | Refusal {
  const [transforms, digestMethod, digestValue] = exactChildren(reference, SIGNATURE, ['Transforms', 'DigestMethod', 'DigestValue']) ?? []
  if (transforms === undefined || digestMethod === undefined || digestValue === undefined) return refuse('signature-form')
  const hash = HASHES.get(algorithmOf(digestMethod))
  if (hash === undefined) return refuseAlgorithm(algorithmOf(digestMethod))
  const prefixes = readTransforms(transforms)
  if ('status' in prefixes) return prefixes
  return { uri: attributeOf(reference, 'URI') ?? '', prefixes, hash, digest: base64Of(digestValue) ?? '' }
}

/** SA-8: exactly enveloped-signature, then Exclusive C14N; its prefix list. */
function readTransforms(transforms: XmlElement): readonly string[] | Refusal {
  const unknown = transforms.children
    .filter(isElement)
    .map(algorithmOf)
    .find((algorithm) => algorithm !== ENVELOPED && !isExclusive(algorithm))
  if (unknown !== undefined) return refuseAlgorithm(unknown)
  const [enveloped, exclusive] = exactChildren(transforms, SIGNATURE, ['Transform', 'Transform']) ?? []
  if (enveloped === undefined || exclusive === undefined) return refuse('transforms')
  if (algorithmOf(enveloped) !== ENVELOPED || enveloped.children.length > 0 || !isExclusive(algorithmOf(exclusive)))
    return refuse('transforms')
  return readPrefixList(exclusive)
}

/** With comments is the same here: the reader has dropped them, and where there were any the digest will not fit. */
const isExclusive = (algorithm: string): boolean => algorithm === EXCLUSIVE_C14N || algorithm === `${EXCLUSIVE_C14N}WithComments`

/** XW-1, XW-3: the reference names the parent, by an ID that nothing else in the document has, in whatever spelling of `id`. */
function checkReference(root: XmlElement, element: XmlElement, uri: string): Refusal | undefined {
  const id = attributeOf(element, 'ID') ?? ''
  if (id === '' || uri !== `#${id}`) return refuse('reference')
  let holders = 0
  let isInRoot = false
  for (const each of elementsWithin(root)) {
    holders += each.attributes.filter(({ localName, value }) => value === id && localName.toLowerCase() === 'id').length
    isInRoot ||= each === element
  }
  if (!isInRoot) return refuse('reference')
  return holders === 1 ? undefined : refuse('duplicate-id')
}
