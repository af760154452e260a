import { describe, expect, test } from 'vitest'
import { canonicalize, type CanonicalOptions } from '../../src/http/xml-canonical.ts'
import { readXml } from '../../src/http/xml-reader.ts'
import { elementsWithin, isElement, XML_LIMITS, type XmlElement } from '../../src/http/xml.ts'

function elementOf(xml: string, name?: string): XmlElement {
  const result = readXml(new TextEncoder().encode(xml))
  if (result.status === 'refused') throw new Error(result.code)
  const element = [...elementsWithin(result.root)].find(({ localName }) => name === undefined || localName === name)
  if (element === undefined) throw new Error(`no ${name}`)
  return element
}
function canonical(xml: string, name?: string, options?: CanonicalOptions): string | undefined {
  const bytes = canonicalize(elementOf(xml, name), options)
  return bytes && new TextDecoder().decode(bytes)
}

/** Exclusive XML Canonicalization 1.0, §2.1 and §2.2: the same element in two surroundings. */
const SURROUNDINGS = [
  '<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>',
  '<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" xml:lang="fr" xml:space="retain"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n2:pdu>',
]

describe('canonicalize()', () => {
  test.each(SURROUNDINGS)('§2.2: an element does not depend on what is around it: %s', (xml) => {
    expect(canonical(xml, 'elem2')).toBe(
      '<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>',
    )
  })

  test.each([
    [
      'declarations by prefix, attributes by namespace then name',
      '<r b="1" a="2" xmlns:y="urn:a" y:z="3" xmlns:x="urn:b" x:a="4"/>',
      '<r xmlns:x="urn:b" xmlns:y="urn:a" a="2" b="1" y:z="3" x:a="4"></r>',
    ],
    ['by code point, not by code unit', '<r \u{10000}="1" \uF900="2"/>', '<r \uF900="2" \u{10000}="1"></r>'],
    ['a shorter name first', '<r ab="1" a="2"/>', '<r a="2" ab="1"></r>'],
    ['text is escaped', '<r>&amp;&lt;&gt;"\'&#13;\t\n</r>', '<r>&amp;&lt;&gt;"\'&#xD;\t\n</r>'],
    ['attributes are escaped', `<r a="&amp;&lt;&gt;&quot;'&#13;&#9;&#10;"/>`, `<r a="&amp;&lt;>&quot;'&#xD;&#x9;&#xA;"></r>`],
    ['unused declarations go', '<r xmlns:a="urn:a"><b/></r>', '<r><b></b></r>'],
    [
      'an empty default only where one was written',
      '<r xmlns=""><a xmlns="urn:a"><b xmlns=""/></a></r>',
      '<r><a xmlns="urn:a"><b xmlns=""></b></a></r>',
    ],
    ['siblings declare again', '<r xmlns:a="urn:a"><a:b/><a:b/></r>', '<r><a:b xmlns:a="urn:a"></a:b><a:b xmlns:a="urn:a"></a:b></r>'],
    ['comments and CDATA are text', '<r>a<!-- x -->b<![CDATA[<]]></r>', '<r>ab&lt;</r>'],
  ])('%s', (_name, xml, expected) => {
    expect(canonical(xml)).toBe(expected)
  })

  test('a listed prefix is written where it is declared, once', () => {
    const xml = '<r xmlns:a="urn:a" xmlns="urn:d"><m><n xmlns:a="urn:b"><o xmlns:a="urn:b"/></n></m></r>'
    expect(canonical(xml, 'm', { inclusivePrefixes: ['a', 'unknown'] })).toBe(
      '<m xmlns="urn:d" xmlns:a="urn:a"><n xmlns:a="urn:b"><o></o></n></m>',
    )
  })

  test('#default is the default namespace', () => {
    const xml = '<r xmlns="urn:d" xmlns:p="urn:p"><p:m><p:n xmlns=""/></p:m></r>'
    expect(canonical(xml, 'm', { inclusivePrefixes: ['#default'] })).toBe('<p:m xmlns="urn:d" xmlns:p="urn:p"><p:n xmlns=""></p:n></p:m>')
    expect(canonical(xml, 'm')).toBe('<p:m xmlns:p="urn:p"><p:n></p:n></p:m>')
  })

  test('one element may be left out; the text around it stays', () => {
    const root = elementOf('<r>a<s><t/></s>b</r>')
    const without = root.children.find(isElement)
    expect(without && new TextDecoder().decode(canonicalize(root, { without }))).toBe('<r>ab</r>')
  })

  test('reading what it wrote and writing it again changes nothing', () => {
    const once = canonical(SURROUNDINGS[0] ?? '') ?? ''
    expect(canonical(once)).toBe(once)
  })

  test('its length is bounded, whether by declarations written again and again or by escapes', () => {
    const repeated = (length: number): string => `<r xmlns:a="${'u'.repeat(length)}">${'<a:b/>'.repeat(1000)}</r>`
    const overhead = '<a:b xmlns:a=""></a:b>'.length * 1000 + '<r></r>'.length
    const length = Math.floor((XML_LIMITS.bytes - overhead) / 1000)
    expect(canonical(repeated(length))?.length).toBe(overhead + length * 1000)
    expect(canonical(repeated(length + 1))).toBeUndefined()
    // A gigabyte, were it written to the end: no string is that long.
    expect(canonical(`<r xmlns:a="${'u'.repeat(150_000)}">${'<a:b/>'.repeat(7000)}</r>`)).toBeUndefined()

    const escaped = Math.floor((XML_LIMITS.bytes - 7) / 4)
    expect(canonical(`<r>${'>'.repeat(escaped)}</r>`)?.length).toBe(7 + escaped * 4)
    expect(canonical(`<r>${'>'.repeat(escaped + 1)}</r>`)).toBeUndefined()
    expect(canonical(`<r><a/>${'é'.repeat(XML_LIMITS.bytes / 2 - 7)}</r>`)?.length).toBe(XML_LIMITS.bytes / 2 + 7)
    expect(canonical(`<r><a/>${'é'.repeat(XML_LIMITS.bytes / 2 - 6)}</r>`)).toBeUndefined()
  })
})
