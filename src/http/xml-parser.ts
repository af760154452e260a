import { namespaceOf, XML_LIMITS, XML_NAMESPACE, type NamespaceScope, type XmlAttribute, type XmlElement } from './xml.ts'

export type XmlRefusalCode =
  /** One of `XML_LIMITS`. */
  | 'too-long'
  | 'too-deep'
  | 'too-many-elements'
  | 'too-many-attributes'
  /** Not UTF-8, or said to be something else. */
  | 'encoding'
  /** A character that XML 1.0 does not have, written out or as a reference. */
  | 'character'
  | 'doctype'
  | 'processing-instruction'
  /** An XML declaration that is not version 1.0. */
  | 'declaration'
  /** Only where comments are refused. */
  | 'comment'
  /** `&` that begins none of the five entities and no character reference. */
  | 'entity'
  | 'undeclared-prefix'
  /** A declaration that Namespaces in XML 1.0 forbids. */
  | 'namespace'
  | 'duplicate-attribute'
  /** An end tag without its start tag, or the other way round. */
  | 'unbalanced'
  /** No root, text outside it, or a second root. */
  | 'outside-root'
  | 'syntax'

export interface XmlReadOptions {
  /** Default 'drop': the text on both sides becomes one, as Canonical XML has it. */
  readonly comments?: 'drop' | 'refuse'
  /** Declarations around the root, for a decrypted element that leans on the document it came in. Default: none. */
  readonly scope?: NamespaceScope
}

/** Only `readXml` sees it. */
export class MalformedXmlError extends Error {
  override readonly name = 'MalformedXmlError'
  readonly code: XmlRefusalCode
  /** Of the text. */
  readonly index: number
  constructor(code: XmlRefusalCode, index: number) {
    super(code)
    this.code = code
    this.index = index
  }
}

/** Throws `MalformedXmlError`. A byte order mark at the beginning is skipped. */
export function parseXml(text: string, options: XmlReadOptions): XmlElement {
  return new Parser(text, options).parse()
}

/** XML 1.0 §2.2 and §2.3, Namespaces in XML §3: a name has at most one colon, and something on both sides of it. */
const FOREIGN = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u
const START =
  'A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}\\u{200C}\\u{200D}\\u{2070}-\\u{218F}' +
  '\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}'
const NAME = `[${START}][${START}\\-.0-9\\u{B7}\\u{300}-\\u{36F}\\u{203F}\\u{2040}]*`
const QUALIFIED_NAME = new RegExp(`(?:(${NAME}):)?(${NAME})`, 'uy')
const SPACE = /[\t\n\r ]+/uy
const EQUALS = /[\t\n\r ]*=[\t\n\r ]*/uy
const QUOTED = /"([^"<]*)"|'([^'<]*)'/uy
const DECLARATION =
  /<\?xml[\t\n\r ]+version[\t\n\r ]*=[\t\n\r ]*["']1\.0["'](?:[\t\n\r ]+encoding[\t\n\r ]*=[\t\n\r ]*["']([A-Za-z][\w.-]*)["'])?(?:[\t\n\r ]+standalone[\t\n\r ]*=[\t\n\r ]*["'](?:yes|no)["'])?[\t\n\r ]*\?>/uy
/** What is not taken as it stands: line ends (§2.11) and references; in an attribute also white space (§3.3.3). */
const IN_TEXT = /\r\n?|&(?:#x([\dA-Fa-f]{1,8})|#(\d{1,8})|(amp|lt|gt|quot|apos));|&/gu
const IN_ATTRIBUTE = /\r\n|[\t\n\r]|&(?:#x([\dA-Fa-f]{1,8})|#(\d{1,8})|(amp|lt|gt|quot|apos));|&/gu
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])
const XMLNS_NAMESPACE = 'http://www.w3.org/2000/xmlns/'

interface RawAttribute {
  readonly prefix: string
  readonly localName: string
  readonly value: string
  readonly index: number
}

/** An element whose end tag has not come yet. */
interface OpenElement {
  readonly name: string
  readonly children: (XmlElement | string)[]
  readonly scope: NamespaceScope
  text: string
}

class Parser {
  readonly #text: string
  readonly #refusesComments: boolean
  readonly #outerScope: NamespaceScope | undefined
  readonly #open: OpenElement[] = []
  #index = 0
  #elements = 0
  #root: XmlElement | undefined

  constructor(text: string, options: XmlReadOptions) {
    this.#text = text
    this.#refusesComments = options.comments === 'refuse'
    this.#outerScope = options.scope
  }

  parse(): XmlElement {
    if (this.#text.startsWith('\uFEFF')) this.#index = 1
    const foreign = this.#text.search(FOREIGN)
    if (foreign !== -1) this.#fail('character', foreign)
    this.#readDeclaration()
    while (this.#index < this.#text.length) this.#readNext()
    if (this.#open.length > 0) this.#fail('unbalanced')
    return this.#root ?? this.#fail('outside-root')
  }

  #fail(code: XmlRefusalCode, index = this.#index): never {
    throw new MalformedXmlError(code, index)
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#index
    const match = pattern.exec(this.#text)
    if (match === null) return undefined
    this.#index += match[0].length
    return match
  }

  #readDeclaration(): void {
    if (!/^<\?xml[\t\n\r ?]/u.test(this.#text.slice(this.#index, this.#index + 6))) return
    const start = this.#index
    const match = this.#match(DECLARATION) ?? this.#fail('declaration')
    if ((match[1] ?? 'utf-8').toLowerCase() !== 'utf-8') this.#fail('encoding', start)
  }

  #readNext(): void {
    const text = this.#text
    if (text[this.#index] !== '<') return this.#readText()
    if (text.startsWith('</', this.#index)) return this.#readEndTag()
    if (text.startsWith('<!--', this.#index)) return this.#readComment()
    if (text.startsWith('<![CDATA[', this.#index)) return this.#readCdata()
    if (text.startsWith('<!DOCTYPE', this.#index)) return this.#fail('doctype')
    if (text.startsWith('<?', this.#index)) return this.#fail('processing-instruction')
    return this.#readStartTag()
  }

  #readText(): void {
    const start = this.#index
    const end = this.#text.indexOf('<', start)
    const raw = this.#text.slice(start, end === -1 ? undefined : end)
    const element = this.#open.at(-1)
    if (element === undefined) {
      const foreign = raw.search(/[^\t\n\r ]/u)
      if (foreign !== -1) this.#fail('outside-root', start + foreign)
    } else {
      const cdataEnd = raw.indexOf(']]>')
      if (cdataEnd !== -1) this.#fail('syntax', start + cdataEnd)
      element.text += this.#expand(raw, IN_TEXT, '\n', start)
    }
    this.#index = start + raw.length
  }

  #readComment(): void {
    if (this.#refusesComments) this.#fail('comment')
    const dashes = this.#text.indexOf('--', this.#index + 4)
    if (dashes === -1 || this.#text[dashes + 2] !== '>') this.#fail('syntax')
    this.#index = dashes + 3
  }

  #readCdata(): void {
    const element = this.#open.at(-1) ?? this.#fail('outside-root')
    const end = this.#text.indexOf(']]>', this.#index)
    if (end === -1) this.#fail('syntax')
    element.text += this.#text.slice(this.#index + 9, end).replaceAll(/\r\n?/gu, '\n')
    this.#index = end + 3
  }

  #readEndTag(): void {
    const start = this.#index
    const element = this.#open.at(-1) ?? this.#fail('unbalanced')
    this.#index += 2
    const match = this.#match(QUALIFIED_NAME) ?? this.#fail('syntax')
    if (match[0] !== element.name) this.#fail('unbalanced', start)
    this.#match(SPACE)
    if (this.#text[this.#index] !== '>') this.#fail('syntax')
    this.#index++
    if (element.text !== '') element.children.push(element.text)
    this.#open.pop()
  }

  #readStartTag(): void {
    const start = this.#index
    if (this.#root !== undefined && this.#open.length === 0) this.#fail('outside-root')
    if (this.#open.length === XML_LIMITS.depth) this.#fail('too-deep')
    if (++this.#elements > XML_LIMITS.elements) this.#fail('too-many-elements')
    this.#index++
    const [name, prefix = '', localName = ''] = this.#match(QUALIFIED_NAME) ?? this.#fail('syntax')
    const attributes = this.#readAttributes()
    const isEmpty = this.#text.startsWith('/>', this.#index)
    if (!isEmpty && this.#text[this.#index] !== '>') this.#fail('syntax')
    this.#index += isEmpty ? 2 : 1

    const { children, scope } = this.#begin(prefix, localName, attributes, start)
    if (!isEmpty) this.#open.push({ name, children, scope, text: '' })
  }

  #begin(
    prefix: string,
    localName: string,
    raw: readonly RawAttribute[],
    start: number,
  ): { children: (XmlElement | string)[]; scope: NamespaceScope } {
    const outer = this.#open.at(-1)?.scope ?? this.#outerScope
    const declared = this.#declarationsOf(raw)
    const scope = declared.size === 0 && outer !== undefined ? outer : { declared, outer }
    if (prefix === 'xmlns') this.#fail('namespace', start)
    const namespace = namespaceOf(prefix, scope) ?? this.#fail('undeclared-prefix', start)
    const children: (XmlElement | string)[] = []
    const element = { prefix, localName, namespace, attributes: this.#resolve(raw, scope), children, scope }
    this.#append(element)
    return element
  }

  #append(element: XmlElement): void {
    const parent = this.#open.at(-1)
    if (parent === undefined) {
      this.#root = element
      return
    }
    if (parent.text !== '') parent.children.push(parent.text)
    parent.text = ''
    parent.children.push(element)
  }

  #readAttributes(): readonly RawAttribute[] {
    const attributes: RawAttribute[] = []
    const names = new Set<string>()
    while (this.#match(SPACE) !== undefined) {
      const index = this.#index
      const name = this.#match(QUALIFIED_NAME)
      if (name === undefined) break
      if (attributes.length === XML_LIMITS.attributes) this.#fail('too-many-attributes', index)
      if (this.#match(EQUALS) === undefined) this.#fail('syntax')
      const quoted = this.#match(QUOTED) ?? this.#fail('syntax')
      const raw = quoted[1] ?? quoted[2] ?? ''
      if (names.has(name[0])) this.#fail('duplicate-attribute', index)
      names.add(name[0])
      const value = this.#expand(raw, IN_ATTRIBUTE, ' ', this.#index - 1 - raw.length)
      attributes.push({ prefix: name[1] ?? '', localName: name[2] ?? '', value, index })
    }
    return attributes
  }

  #declarationsOf(attributes: readonly RawAttribute[]): ReadonlyMap<string, string> {
    const declared = new Map<string, string>()
    for (const { prefix, localName, value, index } of attributes) {
      const isDefault = prefix === '' && localName === 'xmlns'
      if (!isDefault && prefix !== 'xmlns') continue
      const declares = isDefault ? '' : localName
      const isXml = declares === 'xml'
      const isForbidden = declares === 'xmlns' || value === XMLNS_NAMESPACE || isXml !== (value === XML_NAMESPACE)
      if (isForbidden || (value === '' && !isDefault)) this.#fail('namespace', index)
      if (!isXml) declared.set(declares, value)
    }
    return declared
  }

  #resolve(attributes: readonly RawAttribute[], scope: NamespaceScope): readonly XmlAttribute[] {
    const resolved: XmlAttribute[] = []
    const names = new Set<string>()
    for (const { prefix, localName, value, index } of attributes) {
      if (prefix === 'xmlns' || (prefix === '' && localName === 'xmlns')) continue
      const namespace = prefix === '' ? '' : (namespaceOf(prefix, scope) ?? this.#fail('undeclared-prefix', index))
      // A local name has no space in it, so the pair is unambiguous.
      const expanded = `${localName} ${namespace}`
      if (names.has(expanded)) this.#fail('duplicate-attribute', index)
      names.add(expanded)
      resolved.push({ prefix, localName, namespace, value })
    }
    return resolved
  }

  /** `start`: where `raw` stands in the text. */
  #expand(raw: string, pattern: RegExp, space: string, start: number): string {
    return raw.replaceAll(pattern, (match: string, hexadecimal?: string, decimal?: string, name?: string, offset = 0) => {
      if (!match.startsWith('&')) return space
      const entity = ENTITIES.get(name ?? '')
      if (entity !== undefined) return entity
      if (hexadecimal === undefined && decimal === undefined) this.#fail('entity', start + offset)
      const code = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16)
      const character = code > 0x10_ffff ? '\u0000' : String.fromCodePoint(code)
      return FOREIGN.test(character) ? this.#fail('character', start + offset) : character
    })
  }
}
