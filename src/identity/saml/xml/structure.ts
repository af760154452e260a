import { attributeOf, isElement, textOf, type XmlElement } from '../../../http/xml.ts'
import { EXCLUSIVE_C14N } from './algorithms.ts'
import { refuse, type Refusal } from './refusal.ts'

/**
 * The children of an element that holds elements and white space alone, if they are exactly those named, in that order. `?` at the end of a
 * name: may be absent. `undefined`: anything else is there, or something is missing.
 */
export function exactChildren(
  parent: XmlElement,
  namespace: string,
  names: readonly string[],
): readonly (XmlElement | undefined)[] | undefined {
  if (parent.children.some((child) => !isElement(child) && /[^\t\n\r ]/u.test(child))) return undefined
  const remaining = parent.children.filter(isElement)
  const found = names.map((name) => {
    const isNext = remaining[0]?.namespace === namespace && remaining[0].localName === name.replace('?', '')
    return isNext ? remaining.shift() : undefined
  })
  const isComplete = names.every((name, index) => name.endsWith('?') || found[index] !== undefined)
  return isComplete && remaining.length === 0 ? found : undefined
}

export const algorithmOf = (element: XmlElement): string => attributeOf(element, 'Algorithm') ?? ''

/** Base64 as XML Schema has it: white space anywhere. `undefined`: an element is in it. */
export const base64Of = (element: XmlElement): string | undefined => textOf(element)?.replaceAll(/[\t\n\r ]/gu, '')

/** More prefixes than any document has. */
const MAX_PREFIXES = 32

/** The PrefixList of a canonicalisation (Exclusive C14N §4), which holds nothing else. */
export function readPrefixList(method: XmlElement): readonly string[] | Refusal {
  const parts = exactChildren(method, EXCLUSIVE_C14N, ['InclusiveNamespaces?'])
  if (parts === undefined) return refuse('signature-form')
  const [inclusive] = parts
  if (inclusive === undefined) return []
  if (inclusive.children.length > 0) return refuse('signature-form')
  const prefixes = (attributeOf(inclusive, 'PrefixList') ?? '').split(/[\t\n\r ]+/u).filter((prefix) => prefix !== '')
  return prefixes.length > MAX_PREFIXES ? refuse('prefix-list') : prefixes
}
