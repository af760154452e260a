import type { IdentityProviderConfig } from '../../policy/identity-providers.ts'
import { node, type XmlNode } from '../../http/xml-writer.ts'
import { attributeOf, childrenNamed, textOf, type XmlElement } from '../../http/xml.ts'
import { fail, failBy } from './fault.ts'
import { ASSERTION } from './xml/algorithms.ts'
import { decryptElement } from './xml/decrypt.ts'
import type { DecryptionKey } from './xml/keys.ts'
import type { SignedElement } from './xml/signature.ts'

/** How the identity provider names somebody (Core §2.2.3), as it came: a logout repeats it letter for letter. */
export interface NameId {
  readonly value: string
  readonly format?: string
  readonly nameQualifier?: string
  readonly spNameQualifier?: string
}

/** Core §8.3.7 bounds a persistent one, and nobody needs more. */
const MAX_LENGTH = 256
const ATTRIBUTES = { format: 'Format', nameQualifier: 'NameQualifier', spNameQualifier: 'SPNameQualifier' } as const

/** The NameID or EncryptedID directly within a Subject or LogoutRequest that was signed. */
export async function readNameId(parent: XmlElement, within: SignedElement, keys: readonly DecryptionKey[]): Promise<NameId> {
  const plain = childrenNamed(parent, ASSERTION, 'NameID')
  const encrypted = childrenNamed(parent, ASSERTION, 'EncryptedID')
  const [first] = [...plain, ...encrypted]
  if (first === undefined || plain.length + encrypted.length > 1) return fail('name-id')
  const element = first.localName === 'NameID' ? first : await decryptId(first, within, keys)
  const value = textOf(element) ?? ''
  if (value.trim() === '' || value.length > MAX_LENGTH) return fail('name-id')
  const attributes = Object.entries(ATTRIBUTES).map(([ours, theirs]) => [ours, attributeOf(element, theirs)] as const)
  if (attributes.some(([, text]) => (text ?? '').length > MAX_LENGTH * 4)) return fail('name-id')
  return { value, ...Object.fromEntries(attributes.filter(([, text]) => text !== undefined)) }
}

async function decryptId(container: XmlElement, within: SignedElement, keys: readonly DecryptionKey[]): Promise<XmlElement> {
  if (keys.length === 0) fail('no-decryption-key')
  const result = await decryptElement(container, keys, { within })
  if (result.status === 'refused') return failBy(result)
  const { element } = result
  return element.namespace === ASSERTION && element.localName === 'NameID' ? element : fail('name-id')
}

/** One text for one NameID as it was given. */
export function serializeNameId({ value, format, nameQualifier, spNameQualifier }: NameId): string {
  return JSON.stringify([value, format ?? null, nameQualifier ?? null, spNameQualifier ?? null])
}

/** `undefined`: not one of ours. */
export function parseNameId(text: string): NameId | undefined {
  const [value, format, nameQualifier, spNameQualifier] = JSON.parse(text) as readonly (string | null)[]
  if (typeof value !== 'string') return undefined
  return {
    value,
    ...(typeof format === 'string' ? { format } : {}),
    ...(typeof nameQualifier === 'string' ? { nameQualifier } : {}),
    ...(typeof spNameQualifier === 'string' ? { spNameQualifier } : {}),
  }
}

export function writeNameId({ value, format, nameQualifier, spNameQualifier }: NameId): XmlNode {
  return node('saml:NameID', { Format: format, NameQualifier: nameQualifier, SPNameQualifier: spNameQualifier }, value)
}

/** It names somebody else at every sign-in: no person is kept of those. */
export const isNameless = (provider: IdentityProviderConfig): boolean =>
  provider.kind === 'saml' && provider.nameIdFormat === 'transient' && provider.subjectAttribute === undefined
