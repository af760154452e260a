import { attributeOf, childrenNamed, isElement, textOf, type XmlElement } from '../../http/xml.ts'
import { fail, failBy } from './fault.ts'
import { ASSERTION } from './xml/algorithms.ts'
import { decryptElement } from './xml/decrypt.ts'
import type { DecryptionKey } from './xml/keys.ts'
import type { SignedElement } from './xml/signature.ts'

/** More than anybody maps; the reader bounds the whole document besides. */
const MAX_ATTRIBUTES = 256
const MAX_ENCRYPTED = 8

/** What the usual two are called where nobody agreed on a name. */
const USUAL: Readonly<Record<string, readonly string[]>> = {
  email: ['mail', 'urn:oid:0.9.2342.19200300.100.1.3', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress'],
  name: [
    'displayName',
    'urn:oid:2.16.840.1.113730.3.1.241',
    'http://schemas.microsoft.com/identity/claims/displayname',
    'cn',
    'urn:oid:2.5.4.3',
  ],
}

/**
 * Attribute name to its value, or to the list of its values. A Name counts before a FriendlyName, which is only a hint to people
 * (Core §2.7.3.1); `email` and `name` are found under their usual names too. Throws `SamlFault`.
 */
export async function readAttributes(
  assertion: SignedElement,
  keys: readonly DecryptionKey[],
): Promise<Readonly<Record<string, string | readonly string[]>>> {
  const elements = await attributeElements(assertion, keys)
  const byName = gather(elements, 'Name')
  const all = new Map([...gather(elements, 'FriendlyName'), ...byName])
  for (const [name, usual] of Object.entries(USUAL)) {
    const found = usual.map((other) => byName.get(other)).find((values) => values !== undefined)
    if (!all.has(name) && found !== undefined) all.set(name, found)
  }
  return Object.fromEntries([...all].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]))
}

async function attributeElements(assertion: SignedElement, keys: readonly DecryptionKey[]): Promise<readonly XmlElement[]> {
  const statements = childrenNamed(assertion, ASSERTION, 'AttributeStatement')
  const plain = statements.flatMap((statement) => childrenNamed(statement, ASSERTION, 'Attribute'))
  const encrypted = statements.flatMap((statement) => childrenNamed(statement, ASSERTION, 'EncryptedAttribute'))
  if (plain.length + encrypted.length > MAX_ATTRIBUTES || encrypted.length > MAX_ENCRYPTED)
    fail('attributes', `${plain.length + encrypted.length} attributes`)
  if (encrypted.length > 0 && keys.length === 0) fail('no-decryption-key')
  const decrypted: XmlElement[] = []
  for (const container of encrypted) {
    const result = await decryptElement(container, keys, { within: assertion })
    if (result.status === 'refused') return failBy(result)
    const { element } = result
    if (element.namespace === ASSERTION && element.localName === 'Attribute') decrypted.push(element)
  }
  return [...plain, ...decrypted]
}

/** One that stands there several times has the values of all (Keycloak writes an Attribute per role). */
function gather(elements: readonly XmlElement[], key: 'Name' | 'FriendlyName'): ReadonlyMap<string, readonly string[]> {
  const gathered = new Map<string, string[]>()
  for (const element of elements) {
    const name = attributeOf(element, key) ?? ''
    if (name === '') continue
    const values = gathered.get(name) ?? []
    values.push(
      ...childrenNamed(element, ASSERTION, 'AttributeValue')
        .map(valueOf)
        .filter((value) => value !== ''),
    )
    gathered.set(name, values)
  }
  return new Map([...gathered].filter(([, values]) => values.length > 0))
}

/** Text, or the NameID that eduPersonTargetedID wraps one in. */
function valueOf(element: XmlElement): string {
  const [only, another] = element.children.filter(isElement)
  const isNameId = another === undefined && only?.namespace === ASSERTION && only.localName === 'NameID'
  return textOf(isNameId ? only : element) ?? ''
}
