import { encodeBase64 } from '../../../http/base64url.ts'
import { canonicalize } from '../../../http/xml-canonical.ts'
import { readXml } from '../../../http/xml-reader.ts'
import { node, writeXml, type XmlNode } from '../../../http/xml-writer.ts'
import { attributeOf, isElement, type XmlElement } from '../../../http/xml.ts'
import { ASSERTION, digestMethodOf, ENVELOPED, EXCLUSIVE_C14N, SIGNATURE, signatureMethodOf } from './algorithms.ts'
import { signBytes, type SigningKey } from './keys.ts'

/**
 * A message or metadata of ours with an enveloped signature over its root, which has an ID: after the issuer, or first (SAML 2.0 Core §5.4).
 * Throws when `message` is nothing our own reader takes: what we send, we wrote.
 */
export async function signEnveloped(message: string, key: SigningKey): Promise<string> {
  const root = readOwn(message)
  const id = attributeOf(root, 'ID')
  if (id === undefined) throw new TypeError('the root of a signed message needs an ID')
  const hash = key.hash
  const digest = new Uint8Array(await crypto.subtle.digest(hash, canonicalOwn(root)))
  const signedInfo = signedInfoOf(key, `#${id}`, encodeBase64(digest))
  const value = await signBytes(canonicalOwn(readOwn(writeXml(signedInfo))), key)
  const signature = readOwn(writeXml(node('ds:Signature', { 'xmlns:ds': SIGNATURE }, signedInfo, node('ds:SignatureValue', {}, value))))
  const issuer = root.children.findIndex((child) => isElement(child) && child.namespace === ASSERTION && child.localName === 'Issuer')
  return new TextDecoder().decode(canonicalOwn({ ...root, children: root.children.toSpliced(issuer + 1, 0, signature) }))
}

const algorithm = (name: string, identifier: string): XmlNode => node(name, { Algorithm: identifier })

function signedInfoOf({ kind, hash }: SigningKey, uri: string, digest: string): XmlNode {
  return node(
    'ds:SignedInfo',
    { 'xmlns:ds': SIGNATURE },
    algorithm('ds:CanonicalizationMethod', EXCLUSIVE_C14N),
    algorithm('ds:SignatureMethod', signatureMethodOf(kind, hash)),
    node(
      'ds:Reference',
      { URI: uri },
      node('ds:Transforms', {}, algorithm('ds:Transform', ENVELOPED), algorithm('ds:Transform', EXCLUSIVE_C14N)),
      algorithm('ds:DigestMethod', digestMethodOf(hash)),
      node('ds:DigestValue', {}, digest),
    ),
  )
}

function readOwn(text: string): XmlElement {
  const result = readXml(new TextEncoder().encode(text))
  if (result.status === 'refused') throw new TypeError(`a message of our own is not XML: ${result.code} at byte ${result.byte}`)
  return result.root
}

function canonicalOwn(element: XmlElement): Uint8Array<ArrayBuffer> {
  const bytes = canonicalize(element)
  if (bytes === undefined) throw new TypeError('a message of our own is too long')
  return bytes
}
