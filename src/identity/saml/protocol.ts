import { encodeHex } from '../../http/base64url.ts'
import { attributeOf, childrenNamed, textOf, type XmlElement } from '../../http/xml.ts'
import { fail, type SamlFaultCode } from './fault.ts'
import { ASSERTION } from './xml/algorithms.ts'

export const PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol'
export const NAME_ID_FORMATS = {
  persistent: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  transient: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
  emailAddress: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  unspecified: 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
} as const
export const BINDINGS = {
  redirect: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
  post: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
} as const

/** Names of a message travel in query strings and replay memories; longer ones are nobody's. */
const MAX_ID_BYTES = 256

/** An ID of a message of ours: 160 random bits (Core §1.3.4 asks for 128). */
export const newId = (): string => `_${encodeHex(crypto.getRandomValues(new Uint8Array(20)))}`

/** xs:dateTime in UTC (Core §1.3.3), in milliseconds since the epoch. `undefined`: not that, or no day of the calendar. */
export function readInstant(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/u.test(text)) return undefined
  const instant = Date.parse(`${text.slice(0, 19)}Z`)
  if (!Number.isFinite(instant) || new Date(instant).toISOString().slice(0, 19) !== text.slice(0, 19)) return undefined
  return instant + Math.trunc(Number(`0.${text.slice(20, -1) || '0'}`) * 1000)
}

/** Whole seconds, as every SAML implementation reads them. */
export const writeInstant = (now: number): string => `${new Date(now).toISOString().slice(0, 19)}Z`

/** xs:anyURI: white space around it is no part of it. */
export const uriOf = (element: XmlElement | undefined): string | undefined => (element && textOf(element))?.trim()

/** The only child of that name; none or several: the fault. */
export function onlyChild(parent: XmlElement, namespace: string, localName: string, code: SamlFaultCode): XmlElement {
  const [child, another] = childrenNamed(parent, namespace, localName)
  return child === undefined || another !== undefined ? fail(code) : child
}

/** An id that a replay memory can hold. */
export function readId(element: XmlElement, code: SamlFaultCode): string {
  const id = attributeOf(element, 'ID') ?? ''
  return id === '' || new TextEncoder().encode(id).byteLength > MAX_ID_BYTES ? fail(code) : id
}

export interface MessageRules {
  /** entityID of the identity provider. */
  readonly issuer: string
  /** Our address, as our metadata has it. */
  readonly destination: string
}

/** What every message must be (SA-2): Version, Issuer, Destination. `mustName`: a response may leave its issuer to the assertion. */
export function checkMessage(message: XmlElement, { issuer, destination }: MessageRules, mustName: boolean): void {
  const version = attributeOf(message, 'Version')
  if (version !== '2.0') fail('version', version)
  const [named, another] = childrenNamed(message, ASSERTION, 'Issuer')
  if (another !== undefined || (mustName && named === undefined)) fail('issuer')
  if (named !== undefined && uriOf(named) !== issuer) fail('issuer', uriOf(named))
  const sentTo = attributeOf(message, 'Destination')
  if (sentTo !== destination) fail('destination', sentTo)
}
