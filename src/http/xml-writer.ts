import { escapeAttribute, escapeText } from './xml-canonical.ts'

/** An element to write. */
export interface XmlNode {
  readonly name: string
  readonly attributes: Readonly<Record<string, string | undefined>>
  readonly children: readonly (XmlNode | string)[]
}

/** The name with its prefix; `undefined` leaves an attribute out; namespace declarations are attributes. */
export const node = (name: string, attributes: XmlNode['attributes'] = {}, ...children: XmlNode['children']): XmlNode => ({
  name,
  attributes,
  children,
})

/** Text and values are escaped; names are the caller's own, never foreign. A character that XML does not have is the reader's to refuse. */
export function writeXml({ name, attributes, children }: XmlNode): string {
  let head = name
  for (const [attribute, value] of Object.entries(attributes)) if (value !== undefined) head += ` ${attribute}="${escapeAttribute(value)}"`
  const content = children.map((child) => (typeof child === 'string' ? escapeText(child) : writeXml(child))).join('')
  return content === '' ? `<${head}/>` : `<${head}>${content}</${name}>`
}
