import { canonicalize } from '../../src/http/xml-canonical.ts'
import { attributeOf, childrenNamed, isElement, textOf, type XmlElement } from '../../src/http/xml.ts'
import { ASSERTION } from '../../src/identity/saml/xml/algorithms.ts'
import { decryptElement } from '../../src/identity/saml/xml/decrypt.ts'
import { importDecryptionKey, type DecryptionKey, type VerificationKey } from '../../src/identity/saml/xml/keys.ts'
import { verifyEnveloped, type SignedElement } from '../../src/identity/saml/xml/signature.ts'
import { readXml } from '../../src/http/xml-reader.ts'
import vectors from '../vectors/saml/xmlsec.json' with { type: 'json' }
import { randomFrom, type Random } from './random.ts'
import { bytesOf, vectorKey } from './saml.ts'

/** A tree to change. */
interface Tree {
  prefix: string
  localName: string
  namespace: string
  attributes: { prefix: string; localName: string; namespace: string; value: string }[]
  children: (Tree | string)[]
  readonly scope: XmlElement['scope']
}

const copy = (element: XmlElement | Tree): Tree => ({
  ...element,
  attributes: element.attributes.map(({ prefix, localName, namespace, value }) => ({ prefix, localName, namespace, value })),
  children: element.children.map((child) => (typeof child === 'string' ? child : copy(child))),
})

interface Place {
  readonly parent: Tree
  readonly element: Tree
}

function placesOf(root: Tree): readonly Place[] {
  const places: Place[] = []
  const visit = (parent: Tree): void => {
    for (const element of parent.children) {
      if (typeof element === 'string') continue
      places.push({ parent, element })
      visit(element)
    }
  }
  visit(root)
  return places
}

const EVIL = ['admin', 'admin@example.com', 'ann@example.com', '_a1', '_r1', '_evil', '#_a1', '#_r1', '', 'https://evil.test']

/** One change that somebody in the middle might make. Truth has many children: mutations of the identity are the frequent ones. */
function mutate(root: Tree, random: Random): void {
  const places = placesOf(root)
  if (places.length === 0) return
  const { parent, element } = random.pick(places)
  const { parent: otherParent, element: other } = random.pick(places)
  const insert = (into: Tree, what: Tree | string): void => void into.children.splice(random.below(into.children.length + 1), 0, what)
  const remove = (): void => void parent.children.splice(parent.children.indexOf(element), 1)
  const operations: readonly (() => void)[] = [
    remove,
    () => insert(otherParent, copy(element)),
    () => insert(other, copy(element)),
    () => insert(root, copy(element)),
    () => {
      const moved = copy(element)
      remove()
      insert(other === element ? root : other, moved)
    },
    () => {
      // An evil twin of the whole, with or without its signature.
      const twin = copy(element)
      for (const { element: name } of placesOf(twin)) if (name.localName === 'NameID') name.children = [random.pick(EVIL)]
      if (random.chance(50)) twin.children = twin.children.filter((child) => typeof child === 'string' || child.localName !== 'Signature')
      for (const attribute of twin.attributes) if (attribute.localName === 'ID' && random.chance(50)) attribute.value = random.pick(EVIL)
      insert(random.chance(50) ? parent : other, twin)
    },
    () => {
      const [mine, theirs] = [copy(element), copy(other)]
      Object.assign(element, theirs)
      Object.assign(other, mine)
    },
    () => {
      const wrapped = copy(element)
      Object.assign(element, { ...copy(other), children: [wrapped] })
    },
    () => (element.children = [random.pick(EVIL)]),
    () => insert(element, random.pick(EVIL)),
    () => {
      const attribute = element.attributes.at(0)
      if (attribute === undefined)
        element.attributes.push({ prefix: '', localName: random.pick(['ID', 'Id', 'Name']), namespace: '', value: random.pick(EVIL) })
      else attribute.value = random.pick(EVIL)
    },
    () => (element.attributes = []),
    () => (element.localName = other.localName),
    () => Object.assign(element, { namespace: other.namespace, prefix: other.prefix }),
  ]
  random.pick(operations)()
}

/** One change below the level of elements. */
function scribble(xml: string, random: Random): string {
  const at = random.below(xml.length)
  const piece = random.pick([
    '<!-- -->',
    '<![CDATA[admin]]>',
    '<![CDATA[]]>',
    '&#97;',
    'a',
    ' ',
    '\n',
    '<x/>',
    '"',
    '/',
    '<?p?>',
    '&amp;',
    'admin',
    ' ID="_a1"',
  ])
  if (random.chance(50)) return xml.slice(0, at) + piece + xml.slice(at)
  return xml.slice(0, at) + piece + xml.slice(at + 1 + random.below(8))
}

/** `xml` after one to three changes. */
export function mutation(xml: string, random: Random): string {
  const read = readXml(new TextEncoder().encode(xml))
  if (read.status === 'refused') throw new Error(read.code)
  const tree = copy(read.root)
  for (let count = 1 + random.below(3); count > 0; count--) mutate(tree, random)
  const bytes = canonicalize(tree) ?? new Uint8Array()
  const text = new TextDecoder().decode(bytes)
  return random.chance(30) ? scribble(text, random) : text
}

/** Who the response says it is, as a service provider reads it: of one direct assertion, from a signed tree alone. */
async function identityOf(
  xml: string,
  keys: readonly VerificationKey[],
  decryptionKeys: readonly DecryptionKey[],
): Promise<string | undefined> {
  const read = readXml(new TextEncoder().encode(xml))
  if (read.status === 'refused') return undefined
  const signedResponse = await signedOf(read.root, read.root, keys)
  const response = signedResponse ?? read.root
  const [plain, another] = response.children
    .filter(isElement)
    .filter(({ localName }) => localName === 'Assertion' || localName === 'EncryptedAssertion')
  if (plain === undefined || another !== undefined) return undefined
  if (plain.localName === 'Assertion') return signedResponse ? describe(plain) : describeSigned(await signedOf(response, plain, keys))
  const options = signedResponse === undefined ? {} : { within: signedResponse, allowCbc: true }
  const decrypted = await decryptElement(plain, decryptionKeys, options)
  if (decrypted.status === 'refused') return undefined
  return describeSigned(decrypted.signed ?? (await signedOf(decrypted.element, decrypted.element, keys)))
}

async function signedOf(root: XmlElement, element: XmlElement, keys: readonly VerificationKey[]): Promise<SignedElement | undefined> {
  const result = await verifyEnveloped(root, element, keys)
  return result.status === 'verified' ? result.signed : undefined
}

const describeSigned = (assertion: SignedElement | undefined): string | undefined => assertion && describe(assertion)

function describe(assertion: XmlElement): string | undefined {
  if (assertion.localName !== 'Assertion' || assertion.namespace !== ASSERTION) return undefined
  const [subject] = childrenNamed(assertion, ASSERTION, 'Subject')
  const [name] = subject === undefined ? [] : childrenNamed(subject, ASSERTION, 'NameID')
  const statements = childrenNamed(assertion, ASSERTION, 'AttributeStatement')
  const attributes = statements.flatMap((statement) => childrenNamed(statement, ASSERTION, 'Attribute'))
  const values = attributes.map((attribute) => [
    attributeOf(attribute, 'Name'),
    childrenNamed(attribute, ASSERTION, 'AttributeValue').map(textOf),
  ])
  return JSON.stringify([attributeOf(assertion, 'ID'), name && textOf(name), values])
}

const GENUINE = [
  'assertion',
  'response',
  'both',
  'assertion-odd-text',
  'response-default-namespaces',
  'encrypted-aes256-gcm',
  'encrypted-aes128-cbc-in-signed-response',
  'assertion-ecdsa-sha256',
] as const

export interface Survey {
  readonly distinct: number
  /** How many still gave the signed identity. */
  readonly accepted: number
  /** Those that gave another one. */
  readonly changed: readonly string[]
}

/** Mutates each genuine response the same number of times. */
export async function surveyMutations(count: number, seed: number): Promise<Survey> {
  const keys = [await vectorKey('rsa'), await vectorKey('p256')]
  const decryptionKey = await importDecryptionKey(bytesOf(vectors.decryptionKey))
  const decryptionKeys = decryptionKey === undefined ? [] : [decryptionKey]
  const random = randomFrom(seed)
  const seen = new Set<string>()
  const changed: string[] = []
  let accepted = 0
  for (const name of GENUINE) {
    const { xml } = vectors.documents[name]
    const truth = await identityOf(xml, keys, decryptionKeys)
    if (truth?.includes('ann@example.com') !== true) throw new Error(`${name} is not accepted as it is`)
    for (let index = 0; index < count / GENUINE.length; index++) {
      const mutated = mutation(xml, random)
      if (seen.has(mutated)) continue
      seen.add(mutated)
      const identity = await identityOf(mutated, keys, decryptionKeys)
      if (identity === truth) accepted++
      else if (identity !== undefined) changed.push(mutated)
    }
  }
  return { distinct: seen.size, accepted, changed }
}
