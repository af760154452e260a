import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canonicalize } from '../../../src/http/xml-canonical.ts'
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

function canonicalOf({ xml, element, prefixes }: Case): string | null {
  const chosen = [...elementsWithin(readDocument(xml))][element - 1]
  const bytes = chosen && canonicalize(chosen, { inclusivePrefixes: prefixes })
  return bytes === undefined ? null : Buffer.from(bytes).toString('base64')
}

test('XW-6: the canonical form is that of libxml2, byte for byte', () => {
  const random = randomFrom(20_261_125)
  const cases = Array.from({ length: DOCUMENTS }, (): Case => {
    const xml = `${random.chance(30) ? '<?xml version="1.0" encoding="UTF-8"?>\n' : ''}${randomElement(random, new Set(), 1)}`
    const count = [...elementsWithin(readDocument(xml))].length
    const prefixes = random.chance(50) ? [] : [...PREFIXES, '#default', 'unknown'].filter(() => random.chance(35))
    return { xml, element: random.chance(40) ? 1 : 1 + random.below(count), prefixes }
  })
  const distinct = new Set(cases.map((each) => JSON.stringify(each))).size
  const { stdout, stderr } = spawnSync('python3', [join(import.meta.dirname, 'libxml2.py')], {
    input: cases.map((each) => JSON.stringify(each)).join('\n'),
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  })
  expect(stderr).toBe('')
  const theirs = stdout
    .trim()
    .split('\n')
    .map((line): string | null => JSON.parse(line))
  expect(theirs.length).toBe(DOCUMENTS)

  // What libxml2 refuses, it did not canonicalise: it must stay a rarity.
  const compared = cases.map((each, index) => ({ each, their: theirs[index] })).filter(({ their }) => their !== null)
  console.log(`${distinct} distinct inputs, ${compared.length} canonicalised by libxml2`)
  expect(compared.length).toBeGreaterThan(DOCUMENTS * 0.98)
  const different = compared.filter(({ each, their }) => canonicalOf(each) !== their)
  expect(different.slice(0, 3).map(({ each, their }) => ({ each, their, ours: canonicalOf(each) }))).toEqual([])
  expect(distinct).toBeGreaterThan(10_000)
})
