import type { Random } from '../../support/random.ts'

export const PREFIXES = ['a', 'b', 'c', 'ns1', 'é', '𐐀x', '豈']
const NAMESPACES = ['urn:one', 'urn:two', 'http://example.com/?x=1;y', 'urn:oasis:names:tc:SAML:2.0:assertion', 'urn:z']
const NAMES = ['Assertion', 'x', 'y-1', 'Naïve', '_z', '𐐀', '豈更', 'ID', 'id']
const VALUES = ['', 'plain', ' two  spaces ', 'a\tb\nc', '&#9;&#10;&#13;', '&lt;&amp;&gt;&quot;&apos;', 'é😀', "it's", '\r\n', '&#x1F600;']
const TEXTS = [
  ...VALUES,
  '"',
  '<![CDATA[<b>&amp;]] ]]>',
  '<![CDATA[]]>',
  '<!-- gone -->',
  '<!---->',
  'admin<!-- x -->.example',
  '\r',
  '>',
  '\n  ',
]

/** One element with its declarations, some of them of no use, some hiding those around. */
export function randomElement(random: Random, inScope: ReadonlySet<string>, depth: number): string {
  const declared = new Map<string, string>()
  for (let count = random.below(4); count > 0; count--) declared.set(random.pick(PREFIXES), random.pick(NAMESPACES))
  if (random.chance(25)) declared.set('', random.chance(35) ? '' : random.pick(NAMESPACES))
  const usable = [...new Set([...inScope, ...declared.keys()])].filter((prefix) => prefix !== '')
  const qualify = (name: string): string => (usable.length > 0 && random.chance(60) ? `${random.pick(usable)}:${name}` : name)
  const attributes = new Map<string, string>()
  // A local name once only: two prefixes may be one namespace.
  const names = new Set(Array.from({ length: random.below(4) }, () => random.pick(NAMES)))
  for (const name of names) attributes.set(qualify(name), random.pick(VALUES))
  if (random.chance(10)) attributes.set('xml:lang', random.pick(['en', 'de', '']))
  for (const [prefix, namespace] of declared) attributes.set(prefix === '' ? 'xmlns' : `xmlns:${prefix}`, namespace)
  const shuffled = [...attributes].toSorted(() => random.below(3) - 1)
  const name = qualify(random.pick(NAMES))
  const head = [
    name,
    ...shuffled.map(([attribute, value]) => `${attribute}=${random.chance(80) || value.includes("'") ? `"${value}"` : `'${value}'`}`),
  ]
  const scope = new Set(usable)
  let content = ''
  for (let count = random.below(depth > 5 ? 2 : 5); count > 0; count--)
    content += random.chance(55) && depth < 7 ? randomElement(random, scope, depth + 1) : random.pick(TEXTS)
  if (content === '' && random.chance(50)) return `<${head.join(' ')}/>`
  return `<${head.join(random.pick([' ', '\n\t', '  ']))}>${content}</${name}>`
}
