/**
 * What the XML reader makes: elements and text, nothing else. Comments are gone, CDATA and references are text, and text is never split,
 * so nobody can read half of a name (XW-4).
 */
export interface XmlElement {
  readonly prefix: string
  readonly localName: string
  /** Empty: in no namespace. */
  readonly namespace: string
  /** In document order, without the namespace declarations. */
  readonly attributes: readonly XmlAttribute[]
  /** A string is all the text between two tags; never empty, never two in a row. */
  readonly children: readonly (XmlElement | string)[]
  readonly scope: NamespaceScope
}

export interface XmlAttribute {
  readonly prefix: string
  readonly localName: string
  readonly namespace: string
  readonly value: string
}

/** The namespace declarations of one element, and where to look for the rest. The empty prefix is the default namespace. */
export interface NamespaceScope {
  readonly declared: ReadonlyMap<string, string>
  readonly outer: NamespaceScope | undefined
}

/** More than any sign-in needs: a response with many attributes has 20 KiB, 12 levels and 200 elements. */
export const XML_LIMITS = {
  bytes: 262_144,
  /** Elements inside each other, the root being the first. */
  depth: 48,
  elements: 8_000,
  /** Of one element, namespace declarations included. */
  attributes: 64,
} as const

export const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace'

/** `undefined`: the prefix is not declared. The default namespace is then none, which is `''`. */
export function namespaceOf(prefix: string, scope: NamespaceScope | undefined): string | undefined {
  if (prefix === 'xml') return XML_NAMESPACE
  for (let inner = scope; inner !== undefined; inner = inner.outer) {
    const namespace = inner.declared.get(prefix)
    if (namespace !== undefined) return namespace
  }
  return prefix === '' ? '' : undefined
}

export const isElement = (child: XmlElement | string): child is XmlElement => typeof child !== 'string'

/** The direct children of that name, never deeper ones. */
export function childrenNamed(parent: XmlElement, namespace: string, localName: string): readonly XmlElement[] {
  return parent.children.filter(isElement).filter((child) => child.namespace === namespace && child.localName === localName)
}

/** The value of an attribute in no namespace. */
export function attributeOf(element: XmlElement, name: string): string | undefined {
  return element.attributes.find(({ namespace, localName }) => namespace === '' && localName === name)?.value
}

/** The text of an element that holds text alone. `undefined`: it has elements in it. */
export function textOf(element: XmlElement): string | undefined {
  const [text = '', ...rest] = element.children
  return typeof text === 'string' && rest.length === 0 ? text : undefined
}

/** The element and everything in it, in document order. */
export function* elementsWithin(element: XmlElement): Generator<XmlElement, void> {
  const pending = [element]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    yield next
    pending.push(...next.children.filter(isElement).toReversed())
  }
}
