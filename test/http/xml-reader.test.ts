import { array, assert, constantFrom, oneof, property, string, stringMatching, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { XmlReadOptions } from '../../src/http/xml-parser.ts'
import { readXml } from '../../src/http/xml-reader.ts'
import { attributeOf, childrenNamed, elementsWithin, isElement, textOf, XML_LIMITS, type XmlElement } from '../../src/http/xml.ts'

const read = (text: string, options?: XmlReadOptions) => readXml(new TextEncoder().encode(text), options)
function rootOf(text: string): XmlElement {
  const result = read(text)
  if (result.status === 'refused') throw new Error(`${result.code} at byte ${result.byte}`)
  return result.root
}
const codeOf = (text: string, options?: XmlReadOptions): string => {
  const result = read(text, options)
  return result.status === 'refused' ? result.code : 'read'
}

describe('readXml()', () => {
  test('elements, attributes and text with their namespaces', () => {
    const root = rootOf('\uFEFF<?xml version="1.0" encoding="utf-8"?>\n<p:r xmlns:p="urn:p" xmlns="urn:d" a="1" p:b=\'2\'>x<c/>y</p:r>\n')
    expect(root).toMatchObject({ prefix: 'p', localName: 'r', namespace: 'urn:p' })
    expect(root.attributes).toEqual([
      { prefix: '', localName: 'a', namespace: '', value: '1' },
      { prefix: 'p', localName: 'b', namespace: 'urn:p', value: '2' },
    ])
    expect(root.children).toMatchObject(['x', { localName: 'c', namespace: 'urn:d', children: [] }, 'y'])
    expect(attributeOf(root, 'a')).toBe('1')
    expect(attributeOf(root, 'b')).toBeUndefined()
    expect(childrenNamed(root, 'urn:d', 'c')).toHaveLength(1)
    expect(childrenNamed(root, '', 'c')).toHaveLength(0)
    expect(textOf(root)).toBeUndefined()
  })

  test.each([
    ['<r>admin@example.com<!-- -->.evil.test</r>', 'admin@example.com.evil.test'],
    ['<r>admin<![CDATA[@example]]>.com</r>', 'admin@example.com'],
    ['<r><![CDATA[a<b>&amp;]]><![CDATA[]]>c</r>', 'a<b>&amp;c'],
    ['<r>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;&#0000065;</r>', '<&>"\'A😀A'],
    ['<r>a\r\nb\rc&#13;</r>', 'a\nb\nc\r'],
    ['<r><!----></r>', ''],
  ])('XW-4: %j is one whole text', (xml, text) => {
    expect(textOf(rootOf(xml))).toBe(text)
    expect(rootOf(xml).children.length).toBeLessThanOrEqual(1)
  })

  test('white space of an attribute is a space unless it is referenced', () => {
    expect(attributeOf(rootOf('<r a="a\tb\r\nc\rd&#9;&#10;&#13;e"/>'), 'a')).toBe('a b c d\t\n\re')
  })

  test.each([
    ['<!DOCTYPE r><r/>', 'doctype'],
    ['<!DOCTYPE r [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]><r>&c;</r>', 'doctype'],
    ['<!DOCTYPE r SYSTEM "http://evil.test/x.dtd"><r/>', 'doctype'],
    ['<r><!DOCTYPE r></r>', 'doctype'],
    ['<r><?php evil?></r>', 'processing-instruction'],
    ['<?xml-stylesheet href="x"?><r/>', 'processing-instruction'],
    [' <?xml version="1.0"?><r/>', 'processing-instruction'],
    ['<?xml version="1.1"?><r/>', 'declaration'],
    ['<?xml encoding="UTF-8"?><r/>', 'declaration'],
    ['<?xml version="1.0" encoding="ISO-8859-1"?><r/>', 'encoding'],
    ['<?xml version="1.0" encoding="UTF-16"?><r/>', 'encoding'],
    ['<r>\u0000</r>', 'character'],
    ['<r>\u0008</r>', 'character'],
    ['<r>\uFFFE</r>', 'character'],
    ['<r>&#0;</r>', 'character'],
    ['<r>&#xD800;</r>', 'character'],
    ['<r>&#x110000;</r>', 'character'],
    ['<r a="&#xFFFF;"/>', 'character'],
    ['<r>a & b</r>', 'entity'],
    ['<r>&nbsp;</r>', 'entity'],
    ['<r>&amp</r>', 'entity'],
    ['<r>&#x;</r>', 'entity'],
    ['<r a="&"/>', 'entity'],
    ['<p:r/>', 'undeclared-prefix'],
    ['<r p:a="1"/>', 'undeclared-prefix'],
    ['<r><p:a xmlns:p="urn:p"/><p:b/></r>', 'undeclared-prefix'],
    ['<r xmlns:p=""/>', 'namespace'],
    ['<r xmlns:xmlns="urn:x"/>', 'namespace'],
    ['<r xmlns:xml="urn:x"/>', 'namespace'],
    ['<r xmlns:p="http://www.w3.org/XML/1998/namespace"/>', 'namespace'],
    ['<r xmlns="http://www.w3.org/2000/xmlns/"/>', 'namespace'],
    ['<xmlns:r/>', 'namespace'],
    ['<r a="1" a="2"/>', 'duplicate-attribute'],
    ['<r xmlns="urn:a" xmlns="urn:b"/>', 'duplicate-attribute'],
    ['<r xmlns:p="urn:x" xmlns:q="urn:x" p:a="1" q:a="2"/>', 'duplicate-attribute'],
    ['<a></b>', 'unbalanced'],
    ['<a><b></a></b>', 'unbalanced'],
    ['<a>', 'unbalanced'],
    ['</a>', 'unbalanced'],
    ['<p:a xmlns:p="urn:x"></a>', 'unbalanced'],
    ['', 'outside-root'],
    ['  ', 'outside-root'],
    ['x<r/>', 'outside-root'],
    ['<r/>x', 'outside-root'],
    ['<r/><r/>', 'outside-root'],
    ['<r/><![CDATA[]]>', 'outside-root'],
    ['&amp;<r/>', 'outside-root'],
    ['<r>]]></r>', 'syntax'],
    ['<r><!-- a -- b --></r>', 'syntax'],
    ['<r><!-- a</r>', 'syntax'],
    ['<r><![CDATA[</r>', 'syntax'],
    ['<r a=1/>', 'syntax'],
    ['<r a/>', 'syntax'],
    ['<r a="1"b="2"/>', 'syntax'],
    ['<r a="<"/>', 'syntax'],
    ['<r a="1/>', 'syntax'],
    ['<r:/>', 'syntax'],
    ['<a:b:c xmlns:a="urn:a"/>', 'syntax'],
    ['<1/>', 'syntax'],
    ['< r/>', 'syntax'],
    ['<r / >', 'syntax'],
    ['<r><!ELEMENT a></r>', 'syntax'],
    ['<r></r', 'syntax'],
    ['<r', 'syntax'],
    ['<', 'syntax'],
  ])('XW-1: refuses %j: %s', (xml, code) => {
    expect(codeOf(xml)).toBe(code)
  })

  test('the prefix xml needs no declaration and may have its own', () => {
    const root = rootOf('<r xml:lang="en" xmlns:xml="http://www.w3.org/XML/1998/namespace"/>')
    expect(root.attributes).toMatchObject([{ namespace: 'http://www.w3.org/XML/1998/namespace', localName: 'lang' }])
  })

  test('an empty default namespace is none', () => {
    expect(rootOf('<r xmlns="urn:a"><c xmlns=""/></r>').children).toMatchObject([{ namespace: '' }])
  })

  test('XW-4: comments are refused where the caller says so', () => {
    expect(codeOf('<r>a<!-- -->b</r>', { comments: 'refuse' })).toBe('comment')
    expect(codeOf('<!-- --><r/>', { comments: 'refuse' })).toBe('comment')
  })

  test('a scope around the root lends its prefixes', () => {
    const around = rootOf('<r xmlns:p="urn:p" xmlns="urn:d"/>')
    expect(codeOf('<p:a/>')).toBe('undeclared-prefix')
    const inner = read('<p:a><b/></p:a>', { scope: around.scope })
    expect(inner).toMatchObject({ status: 'read', root: { namespace: 'urn:p', children: [{ namespace: 'urn:d' }] } })
  })

  test('says where it stopped, in bytes and lines', () => {
    expect(read('<r>\n<é>\n&bad;</é></r>')).toEqual({ status: 'refused', code: 'entity', byte: 9, line: 3 })
    expect(read('\uFEFF<r>\n</q>')).toEqual({ status: 'refused', code: 'unbalanced', byte: 7, line: 2 })
    expect(read('<r>\r\na\r\n&#0;</r>')).toMatchObject({ byte: 8, line: 3 })
    expect(readXml(new Uint8Array([0x3c, 0x72, 0x3e, 0x0a, 0xe9, 0x3c, 0x2f]))).toEqual({
      status: 'refused',
      code: 'encoding',
      byte: 5,
      line: 2,
    })
    expect(readXml(new Uint8Array([0xff, 0xfe, 0x3c, 0x00]))).toMatchObject({ code: 'encoding', byte: 0 })
    expect(readXml(new Uint8Array([0x3c, 0x72, 0xc3]))).toMatchObject({ code: 'encoding', byte: 2 })
  })
})

describe('limits of readXml()', () => {
  test.each([
    ['length', (count: number) => `<r>${'a'.repeat(count - 7)}</r>`, XML_LIMITS.bytes, 'too-long'],
    ['depth', (count: number) => `${'<a>'.repeat(count)}${'</a>'.repeat(count)}`, XML_LIMITS.depth, 'too-deep'],
    [
      'depth, empty elements too',
      (count: number) => `${'<a>'.repeat(count - 1)}<a/>${'</a>'.repeat(count - 1)}`,
      XML_LIMITS.depth,
      'too-deep',
    ],
    ['elements', (count: number) => `<r>${'<a/>'.repeat(count - 1)}</r>`, XML_LIMITS.elements, 'too-many-elements'],
    [
      'attributes',
      (count: number) => `<r${Array.from({ length: count }, (_, index) => ` a${index}=""`).join('')}/>`,
      XML_LIMITS.attributes,
      'too-many-attributes',
    ],
    [
      'declarations',
      (count: number) => `<r${Array.from({ length: count }, (_, index) => ` xmlns:a${index}="u"`).join('')}/>`,
      XML_LIMITS.attributes,
      'too-many-attributes',
    ],
  ])('%s', (_name, document, limit, code) => {
    expect(codeOf(document(limit))).toBe('read')
    expect(codeOf(document(limit + 1))).toBe(code)
  })

  test('20,000 elements inside each other cost no stack', () => {
    expect(codeOf('<a>'.repeat(20_000))).toBe('too-deep')
  })
})

/** What every tree keeps, whatever it was made from. */
function expectWithinBounds(root: XmlElement): void {
  const depthOf = (element: XmlElement): number => 1 + Math.max(0, ...element.children.filter(isElement).map(depthOf))
  expect(depthOf(root)).toBeLessThanOrEqual(XML_LIMITS.depth)
  for (const element of elementsWithin(root)) {
    expect(element.attributes.length).toBeLessThanOrEqual(XML_LIMITS.attributes)
    const kinds = element.children.map((child) => typeof child)
    expect(kinds.some((kind, index) => kind === 'string' && (kinds[index + 1] === 'string' || element.children[index] === ''))).toBe(false)
  }
}

describe('readXml() on anything', () => {
  const pieces = constantFrom(
    '<a>',
    '</a>',
    '<p:b xmlns:p="u">',
    '</p:b>',
    '<c d="e"/>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '&amp;',
    '&#',
    ';',
    '&',
    '<?',
    '?>',
    '<!',
    '"',
    "'",
    '=',
    ' ',
    '\r',
    'x',
  )
  const documents = oneof(
    array(pieces, { maxLength: 40 }).map((parts) => `<r>${parts.join('')}</r>`),
    array(pieces).map((parts) => parts.join('')),
    string({ unit: 'binary' }),
    stringMatching(/^<[a-z:]{1,4}[ a-z="'<>/&;]{0,60}$/u),
  )

  test('never throws, and a refusal points into the bytes', () => {
    const check = (bytes: Uint8Array): void => {
      const result = readXml(bytes)
      if (result.status === 'read') return expectWithinBounds(result.root)
      expect(result.byte >= 0 && result.byte <= bytes.length && result.line >= 1).toBe(true)
    }
    assert(property(uint8Array({ maxLength: 200 }), check), { numRuns: 2000 })
    assert(
      property(
        documents.map((text) => new TextEncoder().encode(text)),
        check,
      ),
      { numRuns: 5000 },
    )
  })
})
