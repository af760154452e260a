import {
  assertionXml,
  at,
  attributeXml,
  AUDIENCE,
  audienceXml,
  conditionsXml,
  confirmationXml,
  responseXml,
  signAnything,
  statementXml,
  statusXml,
} from '../../support/saml-provider.ts'
import { wrapped, stated, edited, type Hostile } from './hostile-documents.ts'

const confirmed = (code: string, changes: Readonly<Record<string, string | undefined>>, method?: string): Hostile =>
  stated(code, (requestId) => ({ confirmation: confirmationXml({ InResponseTo: requestId, ...changes }, method) }))
/** Truly signed by the trusted identity provider, and wrong (SA-2 to SA-6). */
export const HOSTILE_STATEMENTS: Readonly<Record<string, Hostile>> = {
  'SA-2: for another address': stated('destination', { destination: 'https://other.example.com/acs' }),
  'SA-2: for an address with a slash more': stated('destination', { destination: 'https://api.example.com/.portcullis/saml/acme/acs/' }),
  'SA-2: for no address': stated('destination', { destination: undefined }),
  'SA-2: of another identity provider': stated('issuer', { issuer: 'https://evil.test/metadata' }),
  'SA-2: an assertion of another identity provider': {
    code: 'issuer',
    make: async (requestId) =>
      responseXml({ requestId }, await signAnything(assertionXml({ requestId, issuer: 'https://other.test' }), 'Assertion'))(''),
  },
  'SA-2: two issuers': edited('issuer', (xml) => xml.replace('<saml:Issuer>', '<saml:Issuer>x</saml:Issuer><saml:Issuer>')),
  'SA-2: the answer to another request': stated('in-response-to', { requestId: `_${'0'.repeat(40)}` }),
  'SA-2: the answer to no request': stated('in-response-to', { requestId: undefined }),
  'SA-2: no Status': stated('message', { status: '' }),
  'SA-2: two Status, the second Success': stated('message', { status: statusXml('Responder') + statusXml() }),
  'SA-2: Success with an assertion, within a failure': stated('status-requester', { status: statusXml('Requester', 'Success') }),
  'SA-2: SAML 1.1': stated('version', { version: '1.1' }),
  'SA-2: a LogoutResponse': edited('message', (xml) => xml.replaceAll('samlp:Response', 'samlp:LogoutResponse')),
  'SA-2: a Response of no namespace': edited('message', (xml) => xml.replaceAll('samlp:Response', 'Response')),
  'SA-2: an assertion alone': wrapped('message', ({ original }) => original),
  'SA-3: for another recipient': confirmed('recipient', { Recipient: 'https://other.example.com/acs' }),
  'SA-3: for no recipient': confirmed('recipient', { Recipient: undefined }),
  'SA-3: over': confirmed('confirmation-expired', { NotOnOrAfter: at(-3600) }),
  'SA-3: without an end': confirmed('confirmation-expired', { NotOnOrAfter: undefined }),
  'SA-3: an end that is no time': confirmed('confirmation-expired', { NotOnOrAfter: '2027-02-30T00:00:00Z' }),
  'SA-3: an end in local time': confirmed('confirmation-expired', { NotOnOrAfter: '2027-01-15T23:00:00' }),
  'SA-3: a beginning': confirmed('confirmation-not-before', { NotBefore: at(-60) }),
  'SA-3: answers another request than the Response': confirmed('confirmation-request', { InResponseTo: '_other' }),
  'SA-3: answers no request': confirmed('confirmation-request', { InResponseTo: undefined }),
  'SA-3: holder of key': confirmed('confirmation', {}, 'urn:oasis:names:tc:SAML:2.0:cm:holder-of-key'),
  'SA-3: no confirmation': stated('confirmation', { confirmation: '' }),
  'SA-3: two bearer confirmations, one for us': stated('confirmation', (requestId) => ({
    confirmation: confirmationXml({ InResponseTo: requestId }) + confirmationXml({ Recipient: 'https://other.example.com' }),
  })),
  'SA-3: no Subject': stated('subject', { subject: '' }),
  'SA-4: for another audience': stated('audience', { conditions: conditionsXml(audienceXml('https://other.example.com')) }),
  'SA-4: for an audience that begins like ours': stated('audience', { conditions: conditionsXml(audienceXml(`${AUDIENCE}.evil.test`)) }),
  'SA-4: two restrictions, one of them without us': stated('audience', {
    conditions: conditionsXml(audienceXml(AUDIENCE) + audienceXml('urn:other')),
  }),
  'SA-4: for everybody': stated('conditions', { conditions: conditionsXml('') }),
  'SA-4: no Conditions': stated('conditions', { conditions: '' }),
  'SA-4: two Conditions': stated('conditions', { conditions: conditionsXml(audienceXml(AUDIENCE)).repeat(2) }),
  'SA-4: a condition nobody knows': stated('condition-unknown', { conditions: conditionsXml(`${audienceXml(AUDIENCE)}<saml:Condition/>`) }),
  'SA-4: over': stated('expired', { conditions: conditionsXml(audienceXml(AUDIENCE), ` NotOnOrAfter="${at(-3600)}"`) }),
  'SA-4: an end that is no time': stated('expired', { conditions: conditionsXml(audienceXml(AUDIENCE), ' NotOnOrAfter="never"') }),
  'SA-4: not yet': stated('not-yet-valid', { conditions: conditionsXml(audienceXml(AUDIENCE), ` NotBefore="${at(3600)}"`) }),
  'SA-4: a beginning that is no time': stated('not-yet-valid', { conditions: conditionsXml(audienceXml(AUDIENCE), ' NotBefore=""') }),
  'SA-5: an id too long to remember': stated('assertion-id', { id: `_${'a'.repeat(256)}` }),
  'SA-6: no AuthnStatement': stated('authn-statement', { statement: '' }),
  'SA-6: no AuthnInstant': stated('authn-statement', { statement: statementXml('') }),
  'SA-6: a session that is over': stated('session-over', {
    statement: statementXml(` AuthnInstant="${at(0)}" SessionNotOnOrAfter="${at(-1)}"`),
  }),
  'SA-6: a SessionIndex of nothing': stated('session-index', { statement: statementXml(` AuthnInstant="${at(0)}" SessionIndex=""`) }),
  'no IssueInstant that is a time': stated('issue-instant', { issueInstant: 'yesterday' }),
  'attributes without end': stated('attributes', {
    attributes: Array.from({ length: 300 }, (_, index) => attributeXml(`a${index}`, ['x'])).join(''),
  }),
}
