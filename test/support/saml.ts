import { decodeBase64 } from '../../src/http/base64url.ts'
import { readXml } from '../../src/http/xml-reader.ts'
import { elementsWithin, type XmlElement } from '../../src/http/xml.ts'
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
