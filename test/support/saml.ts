import { decodeBase64, encodeBase64 } from '../../src/http/base64url.ts'
import { canonicalize } from '../../src/http/xml-canonical.ts'
import { readXml } from '../../src/http/xml-reader.ts'
import { attributeOf, elementsWithin, type XmlElement } from '../../src/http/xml.ts'
import { importVerificationKey, type VerificationKey } from '../../src/identity/saml/xml/keys.ts'
import vectors from '../vectors/saml/xmlsec.json' with { type: 'json' }

export type DocumentName = keyof typeof vectors.documents
export type KeyName = keyof typeof vectors.keys

export function readDocument(xml: string): XmlElement {
  const result = readXml(new TextEncoder().encode(xml))
  if (result.status === 'refused') throw new Error(`${result.code} at byte ${result.byte}, line ${result.line}`)
  return result.root
}

export function find(root: XmlElement, localName: string): XmlElement {
  const found = [...elementsWithin(root)].find((element) => element.localName === localName)
  if (found === undefined) throw new Error(`no ${localName}`)
  return found
}

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64(base64)
  if (bytes === undefined) throw new Error('not Base64')
  return bytes
}

export async function vectorKey(name: string): Promise<VerificationKey> {
  const key = await importVerificationKey(bytesOf(vectors.keys[name as KeyName]))
  if (key === undefined) throw new Error(`no key ${name}`)
  return key
}

export const NAMESPACES =
  'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
const EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#'
const MORE = 'http://www.w3.org/2001/04/xmldsig-more#'

/** Everything about a signature that an attacker, or a careless identity provider, may choose. */
export interface SignatureShape {
  readonly uri?: string
  readonly canonicalization?: string
  readonly method?: string
  readonly methodContent?: string
  readonly transforms?: string
  readonly digestMethod?: string
  readonly prefixes?: string
  /** After DigestValue, Reference, SignedInfo and SignatureValue. */
  readonly inReference?: string
  readonly inSignedInfo?: string
  readonly beforeValue?: string
  readonly afterValue?: string
}

const pair = (await crypto.subtle.generateKey(
  { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
  true,
  ['sign', 'verify'],
)) as CryptoKeyPair

/** The key of an identity provider that signs whatever it is asked to, truly, with RSA-SHA256. */
export async function obligingKey(): Promise<VerificationKey> {
  const key = await importVerificationKey(new Uint8Array((await crypto.subtle.exportKey('spki', pair.publicKey)) as ArrayBuffer))
  if (key === undefined) throw new Error('no key')
  return key
}

const listOf = (prefixes: string | undefined): string =>
  prefixes === undefined ? '' : `<ec:InclusiveNamespaces xmlns:ec="${EXCLUSIVE}" PrefixList="${prefixes}"/>`

const PLAIN = {
  canonicalization: EXCLUSIVE,
  method: `${MORE}rsa-sha256`,
  methodContent: '',
  digestMethod: 'http://www.w3.org/2001/04/xmlenc#sha256',
  inReference: '',
  inSignedInfo: '',
  beforeValue: '',
  afterValue: '',
} satisfies SignatureShape

/** `document` with the signature in the place it gives it; `name` is the element that the digest is of. */
export async function signAnything(document: (signature: string) => string, name: string, shape: SignatureShape = {}): Promise<string> {
  const element = find(readDocument(document('')), name)
  const { uri, transforms, prefixes, ...parts } = {
    uri: `#${attributeOf(element, 'ID')}`,
    transforms: `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="${EXCLUSIVE}">${listOf(shape.prefixes)}</ds:Transform>`,
    ...PLAIN,
    ...shape,
  }
  const bytes = canonicalize(element, { inclusivePrefixes: prefixes?.split(' ') ?? [] })
  const digest = encodeBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes ?? new Uint8Array())))
  const signedInfo = `<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:CanonicalizationMethod Algorithm="${parts.canonicalization}"/><ds:SignatureMethod Algorithm="${parts.method}">${parts.methodContent}</ds:SignatureMethod><ds:Reference URI="${uri}"><ds:Transforms>${transforms}</ds:Transforms><ds:DigestMethod Algorithm="${parts.digestMethod}"/><ds:DigestValue>${digest}</ds:DigestValue>${parts.inReference}</ds:Reference>${parts.inSignedInfo}</ds:SignedInfo>`
  const signed = canonicalize(readDocument(signedInfo)) ?? new Uint8Array()
  const value = encodeBase64(new Uint8Array(await crypto.subtle.sign('RSASSA-PKCS1-v1_5', pair.privateKey, signed)))
  return document(
    `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">${signedInfo}${parts.beforeValue}<ds:SignatureValue>${value}</ds:SignatureValue>${parts.afterValue}</ds:Signature>`,
  )
}

/** Those that only decryption gives. */
export type DecryptionRefusalCode = 'rsa-1_5' | '3des' | 'cbc' | 'oaep' | 'encryption-form' | 'undecipherable'
