import { isElement, namespaceOf, XML_LIMITS, type NamespaceScope, type XmlAttribute, type XmlElement } from './xml.ts'

export interface CanonicalOptions {
  /**
   * InclusiveNamespaces PrefixList (Exclusive XML Canonicalization §3): their declarations are written where they stand, not where they are
   * used; `#default` is the default namespace. Default: none.
   */
  readonly inclusivePrefixes?: readonly string[]
  /** Left out with everything in it, as the enveloped-signature transform wants it (XML Signature §6.6.4). */
  readonly without?: XmlElement
}

/**
 * Exclusive XML Canonicalization 1.0 without comments, of the element and everything in it, as UTF-8. `undefined`: longer than a document
 * may be. The limit matters: a long namespace declared once is written again at every element that uses it, so a short document could ask
 * for gigabytes.
 */
export function canonicalize(element: XmlElement, options: CanonicalOptions = {}): Uint8Array<ArrayBuffer> | undefined {
  const inclusive = (options.inclusivePrefixes ?? []).map((prefix) => (prefix === '#default' ? '' : prefix))
  const writer = new Writer(new Set(inclusive), options.without)
  if (!writer.write(element, undefined)) return undefined
  const bytes = new Uint8Array(new TextEncoder().encode(writer.text))
  return bytes.length <= XML_LIMITS.bytes ? bytes : undefined
}

class Writer {
  text = ''
  readonly #inclusive: ReadonlySet<string>
  readonly #without: XmlElement | undefined

  constructor(inclusive: ReadonlySet<string>, without: XmlElement | undefined) {
    this.#inclusive = inclusive
    this.#without = without
  }

  /** `rendered`: what the elements around have declared in the output. `false`: over the limit. The reader bounds the depth. */
  write(element: XmlElement, rendered: NamespaceScope | undefined): boolean {
    if (element === this.#without) return true
    const declared = this.#declarationsOf(element, rendered)
    const name = element.prefix === '' ? element.localName : `${element.prefix}:${element.localName}`
    this.text += `<${name}`
    for (const prefix of [...declared.keys()].toSorted(byCodePoint)) {
      this.text += ` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeAttribute(declared.get(prefix) ?? '')}"`
    }
    for (const attribute of element.attributes.toSorted(byNamespaceAndName)) {
      const prefix = attribute.prefix === '' ? '' : `${attribute.prefix}:`
      this.text += ` ${prefix}${attribute.localName}="${escapeAttribute(attribute.value)}"`
    }
    this.text += '>'
    if (this.text.length > XML_LIMITS.bytes) return false
    const inner = declared.size === 0 ? rendered : { declared, outer: rendered }
    for (const child of element.children) {
      if (!isElement(child)) this.text += escapeText(child)
      else if (!this.write(child, inner)) return false
    }
    this.text += `</${name}>`
    return true
  }

  /** Exclusive C14N §3: a prefix is declared where it is visibly used, unless the output around already says the same. */
  #declarationsOf(element: XmlElement, rendered: NamespaceScope | undefined): ReadonlyMap<string, string> {
    const prefixes = new Set([element.prefix])
    for (const { prefix } of element.attributes) if (prefix !== '') prefixes.add(prefix)
    // A listed prefix changes only where it is declared, or at the top, where its declaration may come from further out.
    const listed = rendered === undefined ? this.#inclusive : element.scope.declared.keys()
    for (const prefix of listed) if (this.#inclusive.has(prefix)) prefixes.add(prefix)
    const declared = new Map<string, string>()
    for (const prefix of prefixes) {
      const namespace = prefix === 'xml' ? undefined : namespaceOf(prefix, element.scope)
      const around = namespaceOf(prefix, rendered)
      if (namespace !== undefined && namespace !== around) declared.set(prefix, namespace)
    }
    return declared
  }
}

/** Order of code points, which is that of UTF-8 and not that of JavaScript strings. */
function byCodePoint(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  let index = 0
  while (index < length && left.charCodeAt(index) === right.charCodeAt(index)) index++
  // Two halves of a pair differ in the second half, or in both: the first half that differs orders the characters as well.
  return index < length ? rank(left.charCodeAt(index)) - rank(right.charCodeAt(index)) : left.length - right.length
}

/** Surrogates stand for what is above U+FFFF. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit)

const byNamespaceAndName = (left: XmlAttribute, right: XmlAttribute): number =>
  byCodePoint(left.namespace, right.namespace) || byCodePoint(left.localName, right.localName)

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
}
const escape = (character: string): string => ESCAPES[character] ?? character

export const escapeText = (text: string): string => text.replaceAll(/[&<>\r]/gu, escape)
export const escapeAttribute = (value: string): string => value.replaceAll(/["&<\t\n\r]/gu, escape)
