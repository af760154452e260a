import { readXml } from '../../http/xml-reader.ts'
import { attributeOf, childrenNamed, elementsWithin, textOf, type XmlElement } from '../../http/xml.ts'
import type { SamlProviderConfig } from '../../policy/identity-providers.ts'
import { fail, failBy, type SamlFaultCode } from './fault.ts'
import type { KeyMaterial } from './material.ts'
import { checkMessage, PROTOCOL, type MessageRules } from './protocol.ts'
import { ASSERTION, SIGNATURE } from './xml/algorithms.ts'
import { decryptElement } from './xml/decrypt.ts'
import { signedChildren, verifyEnveloped, type SignedElement } from './xml/signature.ts'

export interface ResponseRules extends MessageRules {
  /** ID of the AuthnRequest that this browser began with; `undefined`: none, the identity provider began (SA-7). */
  readonly requestId: string | undefined
}

type ResponseConfig = Pick<SamlProviderConfig, 'wantSigned' | 'wantEncrypted' | 'allowCbc'>

/**
 * The one Assertion of a Response, as it was signed (SA-2, SA-8, XW-1 to XW-5). Where the Response is signed everything is read from its
 * signed form; where it is not, only the assertion's own signature counts, and what the Response says besides can refuse but not admit.
 * Throws `SamlFault`.
 */
export async function readResponse(
  bytes: Uint8Array,
  rules: ResponseRules,
  config: ResponseConfig,
  material: KeyMaterial,
): Promise<SignedElement> {
  const root = readRoot(bytes, ['Response'])
  const signed = isSigned(root) ? await verify(root, root, material) : undefined
  const response = signed ?? root
  checkMessage(response, rules, false)
  checkRequest(response, rules.requestId)
  checkStatus(response)
  if (signed === undefined && (config.wantSigned === 'response' || config.wantSigned === 'both')) fail('response-unsigned')
  checkCount(root)
  const assertion = await readAssertion(root, signed, config, material)
  return assertion.isSignedItself || config.wantSigned === 'response' || config.wantSigned === 'either'
    ? assertion.element
    : fail('assertion-unsigned')
}

/** The root of a message of the protocol, of one of these names. */
export function readRoot(bytes: Uint8Array, names: readonly string[]): XmlElement {
  const document = readXml(bytes)
  if (document.status === 'refused') return failBy(document)
  const { root } = document
  return root.namespace === PROTOCOL && names.includes(root.localName) ? root : fail('message', root.localName)
}

const isSigned = (element: XmlElement): boolean => childrenNamed(element, SIGNATURE, 'Signature').length > 0

/** A signature that is there must hold, whether it is asked for or not. */
export async function verify(
  root: XmlElement,
  element: XmlElement,
  { verification }: Pick<KeyMaterial, 'verification'>,
): Promise<SignedElement> {
  const result = await verifyEnveloped(root, element, verification)
  return result.status === 'refused' ? failBy(result) : result.signed
}

function checkRequest(response: XmlElement, requestId: string | undefined): void {
  const answered = attributeOf(response, 'InResponseTo')
  if (answered !== requestId) fail(requestId === undefined ? 'unsolicited' : 'in-response-to', answered)
}

const STATUS = 'urn:oasis:names:tc:SAML:2.0:status:'
const REFUSALS: ReadonlyMap<string, SamlFaultCode> = new Map([
  ['NoPassive', 'status-passive'],
  ['NoAuthnContext', 'status-context'],
  ['AuthnFailed', 'status-denied'],
  ['RequestDenied', 'status-denied'],
  ['UnknownPrincipal', 'status-denied'],
  ['InvalidNameIDPolicy', 'status-name-id'],
])

/** Core §3.2.2; the identity provider's own words go into the log alone. */
function checkStatus(response: XmlElement): void {
  const [status, another] = childrenNamed(response, PROTOCOL, 'Status')
  if (status === undefined || another !== undefined) return fail('message', 'no Status')
  const first = childrenNamed(status, PROTOCOL, 'StatusCode')[0]
  const second = first && childrenNamed(first, PROTOCOL, 'StatusCode')[0]
  const [top, detail] = [nameOf(first), nameOf(second)]
  if (top === 'Success' && detail === '') return
  const words = childrenNamed(status, PROTOCOL, 'StatusMessage').map((message) => textOf(message) ?? '')
  const code = REFUSALS.get(detail) ?? (top === 'Responder' ? 'status-responder' : 'status-requester')
  fail(code, [top, detail, ...words].filter((part) => part !== '').join(', '))
}

const nameOf = (code: XmlElement | undefined): string => (code && attributeOf(code, 'Value'))?.replace(STATUS, '') ?? ''

/** XW-1: one Response and one assertion in the whole document, wherever else one might hide. */
function checkCount(root: XmlElement): void {
  const all = [...elementsWithin(root)]
  const assertions = all.filter(isAssertion)
  const responses = all.filter(({ namespace, localName }) => namespace === PROTOCOL && localName === 'Response')
  const [assertion] = assertions
  if (assertion === undefined || assertions.length > 1 || responses.length > 1 || !root.children.includes(assertion))
    fail('assertion-count', `${assertions.length} assertions, ${responses.length} responses`)
}

const isAssertion = ({ namespace, localName }: XmlElement): boolean =>
  namespace === ASSERTION && (localName === 'Assertion' || localName === 'EncryptedAssertion')

interface FoundAssertion {
  readonly element: SignedElement
  /** By a signature of its own. */
  readonly isSignedItself: boolean
}

/** `signed`: the Response as it was signed, if it was. */
async function readAssertion(
  root: XmlElement,
  signed: SignedElement | undefined,
  config: ResponseConfig,
  material: KeyMaterial,
): Promise<FoundAssertion> {
  const [plain] = childrenNamed(root, ASSERTION, 'Assertion')
  if (plain === undefined) return decryptAssertion(root, signed, config, material)
  if (config.wantEncrypted) fail('not-encrypted')
  // In the document as it came: a prefix list of this signature may need declarations that the signed form of the Response left out.
  if (isSigned(plain)) return { element: await verify(root, plain, material), isSignedItself: true }
  const [element] = signed === undefined ? [] : signedChildren(signed, ASSERTION, 'Assertion')
  return element === undefined ? fail('assertion-unsigned') : { element, isSignedItself: false }
}

/** XW-5: what comes out needs a signature like any other, in a document of its own. */
async function decryptAssertion(
  root: XmlElement,
  signed: SignedElement | undefined,
  { allowCbc }: ResponseConfig,
  material: KeyMaterial,
): Promise<FoundAssertion> {
  const [container] = childrenNamed(signed ?? root, ASSERTION, 'EncryptedAssertion')
  if (container === undefined) return fail('assertion-count')
  if (material.decryption.length === 0) fail('no-decryption-key')
  const result = await decryptElement(container, material.decryption, { allowCbc, ...(signed === undefined ? {} : { within: signed }) })
  if (result.status === 'refused') return failBy(result)
  const { element } = result
  if (element.localName !== 'Assertion' || [...elementsWithin(element)].filter(isAssertion).length !== 1) fail('assertion-count')
  if (isSigned(element)) return { element: await verify(element, element, material), isSignedItself: true }
  return result.signed === undefined ? fail('assertion-unsigned') : { element: result.signed, isSignedItself: false }
}
