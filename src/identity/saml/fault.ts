import type { XmlRefusal } from '../../http/xml-reader.ts'
import type { IdentityRefusal } from '../provider.ts'
import type { IdentityRefusalCode } from '../refusal.ts'
import type { Refusal } from './xml/refusal.ts'

/** What each code means to who signs in, and what the administrator of the identity provider changes (docs/saml.md, "Common errors"). */
const FAULTS = {
  form: ['request-malformed', 'Send SAMLResponse or SAMLRequest once, as a form by POST of at most 512 KiB (HTTP-POST binding).'],
  base64: ['request-malformed', 'The message is not Base64 (RFC 4648 §4), with line breaks at most.'],
  xml: [
    'provider-answer-invalid',
    'The message is not the plain XML that SAML uses: UTF-8, no document type, no processing instruction, no entity of its own.',
  ],
  message: [
    'provider-answer-invalid',
    'Another message was expected at this address: Responses belong to /acs, LogoutRequests and LogoutResponses to /slo.',
  ],
  version: ['provider-answer-invalid', 'Version must be "2.0": turn off SAML 1.1.'],
  issuer: [
    'provider-answer-invalid',
    "Issuer must be the entityID in our policy: import the identity provider's metadata again, or correct `entityId`.",
  ],
  destination: [
    'provider-answer-invalid',
    'Destination must be exactly the address that our metadata names: correct the ACS or single logout URL at the identity provider.',
  ],
  transaction: [
    'sign-in-unknown',
    'Nobody began this here: the sign-in is older than 15 minutes, of another browser, or RelayState was not sent back unchanged. Sign-ins that begin at the identity provider need `allowIdpInitiated`.',
  ],
  'in-response-to': ['provider-answer-invalid', 'InResponseTo of the Response must be the ID of the AuthnRequest it answers.'],
  unsolicited: ['provider-answer-invalid', 'A sign-in that begins at the identity provider must have no InResponseTo.'],
  'relay-state': [
    'return-to-invalid',
    'The RelayState of a sign-in that begins at the identity provider must be one of `relayStates`: correct the default RelayState.',
  ],
  replayed: ['sign-in-replayed', 'The same response came twice: the identity provider, a proxy or the browser sent it again.'],
  'status-passive': ['interaction-required', 'The identity provider would have to ask the person (NoPassive).'],
  'status-context': [
    'authentication-insufficient',
    'The identity provider cannot authenticate as asked (NoAuthnContext): allow that context for this service, or change `authnContexts`.',
  ],
  'status-denied': [
    'sign-in-denied',
    'The identity provider did not let the person in: look into its log, and assign the person to this application.',
  ],
  'status-name-id': [
    'provider-refused',
    'The identity provider has no NameID of the format asked for (InvalidNameIDPolicy): enable it for this service, or change `nameIdFormat`.',
  ],
  'status-requester': [
    'provider-refused',
    'The identity provider finds fault with our AuthnRequest: compare entityID, ACS URL and signing certificate with our metadata.',
  ],
  'status-responder': ['provider-unavailable', 'The identity provider failed by itself: look into its log.'],
  'response-unsigned': ['provider-answer-invalid', 'Turn on "sign the response", or set `wantSigned` to what the identity provider signs.'],
  'assertion-unsigned': [
    'provider-answer-invalid',
    'Turn on "sign the assertion", or set `wantSigned` to what the identity provider signs.',
  ],
  'assertion-count': [
    'provider-answer-invalid',
    'The Response must hold exactly one Assertion or EncryptedAssertion, directly within it, and none elsewhere.',
  ],
  'not-encrypted': [
    'provider-answer-invalid',
    'The policy wants encrypted assertions (`wantEncrypted`): turn on encryption with the certificate in our metadata.',
  ],
  'no-decryption-key': [
    'provider-answer-invalid',
    'The assertion is encrypted, but there is no RSA `privateKey` in the policy: set one, or turn off encryption.',
  ],
  'assertion-id': ['provider-answer-invalid', 'The Assertion needs an ID of 1 to 256 bytes.'],
  'issue-instant': [
    'provider-answer-invalid',
    'IssueInstant must be a time in UTC such as 2027-01-15T08:00:00Z, not in the future and not older than an hour: set the clock of the identity provider by NTP.',
  ],
  subject: ['provider-answer-invalid', 'The Assertion needs exactly one Subject.'],
  confirmation: ['provider-answer-invalid', 'The Subject needs a SubjectConfirmation of method bearer with SubjectConfirmationData.'],
  recipient: ['provider-answer-invalid', 'Recipient must be exactly the ACS URL in our metadata: correct it at the identity provider.'],
  'confirmation-expired': [
    'provider-answer-invalid',
    'NotOnOrAfter of SubjectConfirmationData is missing or over: set the clock by NTP, or let assertions live longer (five minutes).',
  ],
  'confirmation-not-before': ['provider-answer-invalid', 'SubjectConfirmationData of a bearer assertion must have no NotBefore.'],
  'confirmation-request': ['provider-answer-invalid', 'InResponseTo of SubjectConfirmationData must be that of the Response.'],
  conditions: ['provider-answer-invalid', 'The Assertion needs exactly one Conditions with an AudienceRestriction.'],
  'not-yet-valid': [
    'provider-answer-invalid',
    'NotBefore of Conditions is in the future: set the clock of the identity provider by NTP, or raise `clockToleranceSeconds`.',
  ],
  expired: [
    'provider-answer-invalid',
    'NotOnOrAfter of Conditions is over: set the clock of the identity provider by NTP, or let assertions live longer (five minutes).',
  ],
  audience: [
    'provider-answer-invalid',
    'Audience must be our entityID: correct the "audience", "entity ID" or "identifier" of this service at the identity provider.',
  ],
  'condition-unknown': [
    'provider-answer-invalid',
    'A condition other than AudienceRestriction, OneTimeUse and ProxyRestriction cannot be kept, so the assertion does not hold.',
  ],
  'authn-statement': [
    'provider-answer-invalid',
    'The Assertion needs exactly one AuthnStatement with an AuthnInstant in UTC, not in the future.',
  ],
  'session-over': [
    'provider-answer-invalid',
    'SessionNotOnOrAfter is over already: the session at the identity provider ended, or its clock is wrong.',
  ],
  'session-index': ['provider-answer-invalid', 'SessionIndex must have 1 to 256 characters.'],
  'authn-context': [
    'authentication-insufficient',
    'AuthnContextClassRef is none of those that were asked for: allow that context for this service, or change `authnContexts`.',
  ],
  'authn-age': ['authentication-insufficient', 'AuthnInstant is older than asked for: the identity provider must heed ForceAuthn.'],
  'name-id': ['provider-answer-invalid', 'The Subject needs one NameID or EncryptedID of 1 to 256 characters.'],
  'name-id-format': [
    'provider-answer-invalid',
    'The NameID has another format than asked for: set it for this service at the identity provider, or change `nameIdFormat` or set `subjectAttribute`.',
  ],
  'name-id-qualifier': [
    'provider-answer-invalid',
    'NameQualifier must be the entityID of the identity provider and SPNameQualifier ours, where they are given: the same NameID means another person elsewhere.',
  ],
  'subject-attribute': [
    'provider-answer-invalid',
    'The attribute that `subjectAttribute` names must be sent, with one value of 1 to 256 characters.',
  ],
  attributes: ['provider-answer-invalid', 'Send fewer attributes or groups: only those that this service needs.'],
  'logout-unsigned': ['request-malformed', 'A LogoutRequest must be signed: turn on "sign logout requests" at the identity provider.'],
  'logout-expired': [
    'request-malformed',
    'The LogoutRequest is over: NotOnOrAfter, or 15 minutes after IssueInstant. Set the clock of the identity provider by NTP.',
  ],
  'logout-id': ['request-malformed', 'The LogoutRequest needs an ID of 1 to 256 bytes.'],
  'logout-answer': ['provider-answer-invalid', 'InResponseTo of the LogoutResponse must be the ID of our LogoutRequest.'],
} as const satisfies Record<string, readonly [IdentityRefusalCode, string]>

export type SamlFaultCode = keyof typeof FAULTS

/** Of what the other side chose, in the log. */
const MAX_SEEN = 160

/** Why a message is not believed. Its message is `code: advice`, for the log: it names rules and addresses, never a person or an attribute. */
export class SamlFault extends Error {
  override readonly name = 'SamlFault'
  readonly meaning: IdentityRefusalCode
  constructor(code: string, meaning: IdentityRefusalCode, advice: string, seen?: string) {
    super(`${code}: ${advice}${seen === undefined ? '' : ` Seen: ${JSON.stringify(seen.slice(0, MAX_SEEN))}`}`)
    this.meaning = meaning
  }
}

/** `seen`: what stood there instead, where it is no secret. */
export function fail(code: SamlFaultCode, seen?: string): never {
  const [meaning, advice] = FAULTS[code]
  throw new SamlFault(code, meaning, advice, seen)
}

/** What the signature, the decryption or the XML reader finds fault with. */
export function failBy(refusal: Refusal | XmlRefusal): never {
  if ('byte' in refusal) return fail('xml', `${refusal.code}, line ${refusal.line}`)
  throw new SamlFault(refusal.code, 'provider-answer-invalid', refusal.message, refusal.algorithm)
}

/** Turns a thrown fault into the refusal it is; anything else is thrown on. */
export function refusalOf(error: unknown): IdentityRefusal {
  if (!(error instanceof SamlFault)) throw error
  return { status: 'refused', code: error.meaning, detail: error.message }
}
