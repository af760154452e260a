import { attributeOf, childrenNamed, isElement, type XmlElement } from '../../http/xml.ts'
import { fail } from './fault.ts'
import { onlyChild, readId, readInstant, uriOf } from './protocol.ts'
import { ASSERTION } from './xml/algorithms.ts'
import type { SignedElement } from './xml/signature.ts'

export interface AssertionRules {
  /** entityID of the identity provider. */
  readonly issuer: string
  /** Ours. */
  readonly audience: string
  /** Our assertion consumer service. */
  readonly recipient: string
  readonly requestId: string | undefined
  readonly now: number
  readonly toleranceMs: number
  /** Milliseconds since the epoch: the person must have been authenticated no earlier. */
  readonly authenticatedSince: number | undefined
  /** One of these, where there are any. */
  readonly authnContexts: readonly string[]
}

/** What an assertion says about the sign-in itself. */
export interface AssertionFacts {
  readonly id: string
  /** Milliseconds since the epoch: until then the same assertion would be taken again (SA-5). */
  readonly usableUntil: number
  readonly subject: XmlElement
  readonly authenticatedAt: number
  readonly sessionIndex: string | undefined
  readonly endsAt: number | undefined
  readonly authnContext: string | undefined
}

/** However long the identity provider lets an assertion live: it is for now, and the replay memory has to outlast it. */
const MAX_LIFE_MS = 3_600_000
const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer'
const MAX_SESSION_INDEX = 256

/** SA-3, SA-4, SA-6 (Profiles §4.1.4.2 and §4.1.4.3, Core §2.5.1): all of it, always. Throws `SamlFault`. */
export function checkAssertion(assertion: SignedElement, rules: AssertionRules): AssertionFacts {
  const version = attributeOf(assertion, 'Version')
  if (version !== '2.0') fail('version', version)
  const id = readId(assertion, 'assertion-id')
  const issuer = uriOf(onlyChild(assertion, ASSERTION, 'Issuer', 'issuer'))
  if (issuer !== rules.issuer) fail('issuer', issuer)
  const issuedAt = checkIssueInstant(attributeOf(assertion, 'IssueInstant'), rules)
  const subject = onlyChild(assertion, ASSERTION, 'Subject', 'subject')
  const confirmedUntil = checkConfirmations(subject, rules)
  checkConditions(assertion, rules)
  return {
    id,
    usableUntil: Math.min(confirmedUntil, issuedAt + MAX_LIFE_MS) + rules.toleranceMs,
    subject,
    ...checkAuthentication(onlyChild(assertion, ASSERTION, 'AuthnStatement', 'authn-statement'), rules),
  }
}

function checkIssueInstant(text: string | undefined, { now, toleranceMs }: AssertionRules): number {
  const issuedAt = readInstant(text)
  if (issuedAt === undefined || issuedAt > now + toleranceMs || issuedAt + MAX_LIFE_MS + toleranceMs <= now)
    return fail('issue-instant', text)
  return issuedAt
}

/** SA-3: one bearer confirmation must hold in all its parts; if none does, the last one says why. When it ends. */
function checkConfirmations(subject: XmlElement, rules: AssertionRules): number {
  const bearers = childrenNamed(subject, ASSERTION, 'SubjectConfirmation').filter((each) => attributeOf(each, 'Method') === BEARER)
  const [bearer, another] = bearers
  // Several would be several chances to be believed; no identity provider needs them.
  if (bearer === undefined || another !== undefined) return fail('confirmation', `${bearers.length} of method bearer`)
  const data = onlyChild(bearer, ASSERTION, 'SubjectConfirmationData', 'confirmation')
  const recipient = attributeOf(data, 'Recipient')
  if (recipient !== rules.recipient) fail('recipient', recipient)
  if (attributeOf(data, 'NotBefore') !== undefined) fail('confirmation-not-before')
  const answered = attributeOf(data, 'InResponseTo')
  if (answered !== rules.requestId) fail(rules.requestId === undefined ? 'unsolicited' : 'confirmation-request', answered)
  const end = readInstant(attributeOf(data, 'NotOnOrAfter'))
  if (end === undefined || end + rules.toleranceMs <= rules.now) return fail('confirmation-expired', attributeOf(data, 'NotOnOrAfter'))
  return end
}

/** SA-4. OneTimeUse asks for what is done anyway; ProxyRestriction binds who passes assertions on, which nobody does here. */
const KNOWN_CONDITIONS = new Set(['AudienceRestriction', 'OneTimeUse', 'ProxyRestriction'])

function checkConditions(assertion: XmlElement, { now, toleranceMs, audience }: AssertionRules): void {
  const conditions = onlyChild(assertion, ASSERTION, 'Conditions', 'conditions')
  const notBefore = attributeOf(conditions, 'NotBefore')
  if (notBefore !== undefined && !((readInstant(notBefore) ?? Infinity) - toleranceMs <= now)) fail('not-yet-valid', notBefore)
  const notOnOrAfter = attributeOf(conditions, 'NotOnOrAfter')
  if (notOnOrAfter !== undefined && !((readInstant(notOnOrAfter) ?? -Infinity) + toleranceMs > now)) fail('expired', notOnOrAfter)
  const unknown = conditions.children
    .filter(isElement)
    .find(({ namespace, localName }) => namespace !== ASSERTION || !KNOWN_CONDITIONS.has(localName))
  if (unknown !== undefined) fail('condition-unknown', unknown.localName)
  const restrictions = childrenNamed(conditions, ASSERTION, 'AudienceRestriction')
  if (restrictions.length === 0) fail('conditions')
  // Each must let us in; within one, any of its audiences may be ours (Core §2.5.1.4).
  for (const restriction of restrictions) {
    const audiences = childrenNamed(restriction, ASSERTION, 'Audience').map(uriOf)
    if (!audiences.includes(audience)) fail('audience', audiences.join(' '))
  }
}

type AuthenticationFacts = Pick<AssertionFacts, 'authenticatedAt' | 'sessionIndex' | 'endsAt' | 'authnContext'>

/** SA-6; Core §2.7.2. */
function checkAuthentication(statement: XmlElement, rules: AssertionRules): AuthenticationFacts {
  const sessionIndex = attributeOf(statement, 'SessionIndex')
  if (sessionIndex === '' || (sessionIndex ?? '').length > MAX_SESSION_INDEX) fail('session-index')
  const end = attributeOf(statement, 'SessionNotOnOrAfter')
  const endsAt = readInstant(end)
  if (end !== undefined && (endsAt === undefined || endsAt <= rules.now)) fail('session-over', end)
  return { authenticatedAt: checkAuthnInstant(statement, rules), sessionIndex, endsAt, authnContext: checkAuthnContext(statement, rules) }
}

function checkAuthnInstant(statement: XmlElement, { now, toleranceMs, authenticatedSince = -Infinity }: AssertionRules): number {
  const instant = attributeOf(statement, 'AuthnInstant')
  const authenticatedAt = readInstant(instant)
  if (authenticatedAt === undefined || authenticatedAt > now + toleranceMs) return fail('authn-statement', instant)
  return authenticatedAt + toleranceMs < authenticatedSince ? fail('authn-age', instant) : authenticatedAt
}

function checkAuthnContext(statement: XmlElement, { authnContexts }: AssertionRules): string | undefined {
  const [context] = childrenNamed(statement, ASSERTION, 'AuthnContext')
  const [reference] = context === undefined ? [] : childrenNamed(context, ASSERTION, 'AuthnContextClassRef')
  const authnContext = uriOf(reference)
  return authnContexts.length === 0 || authnContexts.includes(authnContext ?? '') ? authnContext : fail('authn-context', authnContext)
}
