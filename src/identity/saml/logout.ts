import { decodeBase64 } from '../../http/base64url.ts'
import { attributeOf, childrenNamed, textOf } from '../../http/xml.ts'
import type { OneTimeId } from '../../replay/replay-memory.ts'
import { fail, failBy } from './fault.ts'
import type { KeyMaterial } from './material.ts'
import { readNameId, type NameId } from './name-id.ts'
import { checkMessage, PROTOCOL, readId, readInstant, type MessageRules } from './protocol.ts'
import { readRoot, verify } from './response.ts'
import type { MessageParameter } from './xml/redirect.ts'
import { verifyRedirect } from './xml/redirect.ts'
import type { SignedElement } from './xml/signature.ts'

/** A message that came by one of the front-channel bindings. */
export interface Incoming {
  readonly parameter: MessageParameter
  readonly relayState: string | undefined
  /** Reads it; `undefined`: it has no signature. Throws `SamlFault` where the signature does not hold. */
  readonly open: (material: KeyMaterial) => Promise<SignedElement | undefined>
}

/** Of a query as it was sent, without `?`. */
export function fromQuery(query: string): Incoming {
  // An escaped name would be one to us and another to whoever verifies the query.
  if (/(?:^|&)[^=&]*[%+]/u.test(query)) fail('form')
  const parameters = new URLSearchParams(query)
  const parameter = parameters.has('SAMLRequest') ? 'SAMLRequest' : 'SAMLResponse'
  return {
    parameter,
    relayState: singleValue(parameters, 'RelayState'),
    async open({ verification }) {
      const result = await verifyRedirect(query, verification)
      if (result.status === 'verified') return result.parameter === parameter ? result.signed : fail('form')
      return result.code === 'unsigned' ? undefined : failBy(result)
    },
  }
}

/** Of a posted form. */
export function fromForm(form: URLSearchParams): Incoming {
  const parameter = form.has('SAMLRequest') ? 'SAMLRequest' : 'SAMLResponse'
  return {
    parameter,
    relayState: singleValue(form, 'RelayState'),
    async open(material) {
      const root = readRoot(readPosted(form, parameter), ['LogoutRequest', 'LogoutResponse'])
      const isSigned = childrenNamed(root, 'http://www.w3.org/2000/09/xmldsig#', 'Signature').length > 0
      return isSigned ? verify(root, root, material) : undefined
    },
  }
}

/** The message of a form: strict Base64, with line breaks as MIME has them. */
export function readPosted(form: URLSearchParams, parameter: MessageParameter): Uint8Array<ArrayBuffer> {
  const text = singleValue(form, parameter)
  if (text === undefined || text === '' || (form.has('SAMLRequest') && form.has('SAMLResponse'))) return fail('form')
  return decodeBase64(text.replaceAll(/[\r\n]/gu, '')) ?? fail('base64')
}

export function singleValue(form: URLSearchParams, name: string): string | undefined {
  const [value, another] = form.getAll(name)
  return another === undefined ? value : fail('form', `${name} twice`)
}

export interface LogoutRules extends MessageRules {
  readonly now: number
  readonly toleranceMs: number
}

export interface LogoutRequest {
  readonly id: string
  readonly nameId: NameId
  /** None: all sessions of the person. */
  readonly sessionIndexes: readonly string[]
  readonly once: OneTimeId
}

/** A LogoutRequest without NotOnOrAfter is good for so long after its IssueInstant. */
const LIFE_MS = 900_000
const MAX_INDEXES = 32

/** The identity provider ends a session (Core §3.7.3.2): it counts for nothing without a signature. Throws `SamlFault`. */
export async function readLogoutRequest(incoming: Incoming, rules: LogoutRules, material: KeyMaterial): Promise<LogoutRequest> {
  const request = await incoming.open(material)
  if (request === undefined) return fail('logout-unsigned')
  if (request.localName !== 'LogoutRequest' || request.namespace !== PROTOCOL) fail('message', request.localName)
  checkMessage(request, rules, true)
  const id = readId(request, 'logout-id')
  const usableUntil = checkLife(request, rules)
  const sessionIndexes = childrenNamed(request, PROTOCOL, 'SessionIndex').map((element) => textOf(element)?.trim() ?? '')
  if (sessionIndexes.length > MAX_INDEXES) fail('session-index', `${sessionIndexes.length} of them`)
  return {
    id,
    nameId: await readNameId(request, request, material.decryption),
    sessionIndexes,
    once: { scope: `saml-logout:${rules.issuer}`, id, expiresAt: usableUntil },
  }
}

function checkLife(request: SignedElement, { now, toleranceMs }: LogoutRules): number {
  const issued = attributeOf(request, 'IssueInstant')
  const issuedAt = readInstant(issued)
  if (issuedAt === undefined || issuedAt > now + toleranceMs) return fail('logout-expired', issued)
  const until = attributeOf(request, 'NotOnOrAfter')
  const end = until === undefined ? Infinity : (readInstant(until) ?? -Infinity)
  const usableUntil = Math.min(end, issuedAt + LIFE_MS) + toleranceMs
  return usableUntil <= now ? fail('logout-expired', until ?? issued) : usableUntil
}

/**
 * The identity provider's answer to our own LogoutRequest. Our session is over already and the browser goes where its transaction says,
 * so an unsigned answer decides nothing either; one whose signature does not hold is refused. Throws `SamlFault`.
 */
export async function checkLogoutResponse(
  incoming: Incoming,
  requestId: string,
  rules: MessageRules,
  material: KeyMaterial,
): Promise<void> {
  const response = await incoming.open(material)
  if (response === undefined) return
  if (response.localName !== 'LogoutResponse' || response.namespace !== PROTOCOL) fail('message', response.localName)
  checkMessage(response, rules, true)
  const answered = attributeOf(response, 'InResponseTo')
  if (answered !== requestId) fail('logout-answer', answered)
}
