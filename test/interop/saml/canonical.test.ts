import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canonicalize } from '../../../src/http/xml-canonical.ts'
import { readXml } from '../../../src/http/xml-reader.ts'
import { elementsWithin } from '../../../src/http/xml.ts'
import { PREFIXES, randomElement } from './random-xml.ts'
import { randomFrom } from '../../support/random.ts'
import { readDocument } from './xmlsec.ts'

const DOCUMENTS = 20_000
interface Case {
  readonly xml: string
  readonly element: number
  readonly prefixes: readonly string[]
}

function canonicalOf({ xml, element, prefixes }: Case): string | undefined {
  const chosen = [...elementsWithin(readDocument(xml))][element - 1]
  const bytes = chosen && canonicalize(chosen, { inclusivePrefixes: prefixes })
  return bytes && Buffer.from(bytes).toString('base64')
}

/** What libxml2 makes of each; `malformed`, `namespace`: why not. */
function libxml2(cases: readonly Case[]): readonly string[] {
  const { stdout, stderr } = spawnSync('python3', [join(import.meta.dirname, 'libxml2.py')], {
    input: cases.map((each) => JSON.stringify(each)).join('\n'),
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  })
  expect(stderr).toBe('')
  const theirs = stdout
    .trim()
    .split('\n')
    .map((line): string => JSON.parse(line))
  expect(theirs.length).toBe(cases.length)
  return theirs
}

const differences = (cases: readonly Case[], theirs: readonly string[]) =>
  cases.map((each, index) => ({ each, their: theirs[index], ours: canonicalOf(each) })).filter(({ their, ours }) => ours !== their)

test('XW-6: the canonical form is that of libxml2, byte for byte', () => {
  const random = randomFrom(20_261_125)
  const cases = Array.from({ length: DOCUMENTS }, (): Case => {
    const xml = `${random.chance(30) ? '<?xml version="1.0" encoding="UTF-8"?>\n' : ''}${randomElement(random, new Set(), 1)}`
    const count = [...elementsWithin(readDocument(xml))].length
    const prefixes = random.chance(50) ? [] : [...PREFIXES, '#default', 'unknown'].filter(() => random.chance(35))
    return { xml, element: random.chance(40) ? 1 : 1 + random.below(count), prefixes }
  })
  const distinct = new Set(cases.map((each) => JSON.stringify(each))).size
  const theirs = libxml2(cases)

  console.log(`${distinct} distinct inputs`)
  const different = differences(cases, theirs)
  expect(different.slice(0, 3)).toEqual([])
  expect(distinct).toBeGreaterThan(10_000)
})

const PIECES = [
  '<!-- -->',
  '<!--',
  '-->',
  '<![CDATA[x]]>',
  '<![CDATA[',
  ']]>',
  '&#97;',
  '&#x0;',
  '&#xD;',
  '&amp;',
  '&',
  ';',
  'a',
  ':',
  ' ',
  '\n',
  '\r',
  '<x/>',
  '<',
  '>',
  '"',
  "'",
  '/',
  '=',
  '<?p?>',
  '<!DOCTYPE a>',
  '\u0001',
  '\uFFFF',
  '\u0300',
  '·',
  ' xmlns=""',
  ' xmlns:a=""',
  ' xmlns:q="urn:one"',
  ' xml:lang="x"',
  '\uFEFF',
  '<?xml version="1.0"?>',
]

test('XW-4: what we read, libxml2 reads alike; a document that it refuses, we refuse', () => {
  const random = randomFrom(20_261_128)
  const cases: Case[] = []
  const seen = new Set<string>()
  let refused = 0
  for (let count = 0; count < 60_000; count++) {
    let xml = randomElement(random, new Set(), 4)
    for (let changes = 1 + random.below(2); changes > 0; changes--) {
      const at = random.below(xml.length + 1)
      xml = xml.slice(0, at) + random.pick(PIECES) + xml.slice(at + (random.chance(50) ? 0 : 1 + random.below(3)))
    }
    // Half an astral character is not a text.
    xml = xml.toWellFormed()
    if (seen.has(xml)) continue
    seen.add(xml)
    if (readXml(new TextEncoder().encode(xml)).status === 'read') cases.push({ xml, element: 1, prefixes: [] })
    else refused++
  }
  const theirs = libxml2(cases)
  // libxml2 takes no relative namespace name, and writes `&` in one as a reference of a reference.
  const isOdd = (each: Case): boolean => /xmlns(:[^=]+)?="[^"]*&/u.test(Buffer.from(canonicalOf(each) ?? '', 'base64').toString())
  const usable = cases.filter((each, index) => theirs[index] !== 'namespace' && !isOdd(each))
  console.log(`${seen.size} distinct inputs: ${refused} refused here, ${usable.length} compared`)
  const different = differences(cases, theirs).filter(({ each }) => usable.includes(each))
  expect(different.slice(0, 3)).toEqual([])
  expect(usable.length).toBeGreaterThan(4_000)
})
