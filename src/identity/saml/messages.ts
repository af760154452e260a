import { node, writeXml, type XmlNode } from '../../http/xml-writer.ts'
import { writeNameId, type NameId } from './name-id.ts'
import { BINDINGS, PROTOCOL, writeInstant } from './protocol.ts'
import { ASSERTION } from './xml/algorithms.ts'

/** What all messages of ours begin with. */
export interface Envelope {
  readonly id: string
  readonly now: number
  readonly destination: string
  /** Our entityID. */
  readonly issuer: string
}

export interface SignInWishes {
  readonly acs: string
  /** The person signs in again, whatever session there is. */
  readonly forceAuthn: boolean
  /** The person is not asked anything. */
  readonly isPassive: boolean
  /** `undefined`: whatever the identity provider has for us. */
  readonly nameIdFormat: string | undefined
  readonly allowCreate: boolean
  readonly authnContexts: readonly string[]
}

/** SA-1; Core §3.4.1. */
export function writeAuthnRequest(envelope: Envelope, wishes: SignInWishes): string {
  const contexts = wishes.authnContexts.map((context) => node('saml:AuthnContextClassRef', {}, context))
  return message(
    'AuthnRequest',
    envelope,
    {
      ForceAuthn: wishes.forceAuthn ? 'true' : undefined,
      IsPassive: wishes.isPassive ? 'true' : undefined,
      ProtocolBinding: BINDINGS.post,
      AssertionConsumerServiceURL: wishes.acs,
    },
    node('samlp:NameIDPolicy', { Format: wishes.nameIdFormat, AllowCreate: wishes.allowCreate ? 'true' : undefined }),
    ...(contexts.length === 0 ? [] : [node('samlp:RequestedAuthnContext', { Comparison: 'exact' }, ...contexts)]),
  )
}

/** Core §3.7.1. */
export function writeLogoutRequest(
  envelope: Envelope,
  {
    nameId,
    sessionIndex,
    notOnOrAfter,
  }: { readonly nameId: NameId; readonly sessionIndex: string | undefined; readonly notOnOrAfter: number },
): string {
  const index = sessionIndex === undefined ? [] : [node('samlp:SessionIndex', {}, sessionIndex)]
  return message(
    'LogoutRequest',
    envelope,
    { NotOnOrAfter: writeInstant(notOnOrAfter), Reason: 'urn:oasis:names:tc:SAML:2.0:logout:user' },
    writeNameId(nameId),
    ...index,
  )
}

/** Core §3.7.2. */
export function writeLogoutResponse(envelope: Envelope, inResponseTo: string): string {
  const status = node('samlp:StatusCode', { Value: 'urn:oasis:names:tc:SAML:2.0:status:Success' })
  return message('LogoutResponse', envelope, { InResponseTo: inResponseTo }, node('samlp:Status', {}, status))
}

function message(
  name: string,
  { id, now, destination, issuer }: Envelope,
  attributes: XmlNode['attributes'],
  ...children: readonly XmlNode[]
): string {
  return writeXml(
    node(
      `samlp:${name}`,
      {
        'xmlns:samlp': PROTOCOL,
        'xmlns:saml': ASSERTION,
        ID: id,
        Version: '2.0',
        IssueInstant: writeInstant(now),
        Destination: destination,
        ...attributes,
      },
      node('saml:Issuer', {}, issuer),
      ...children,
    ),
  )
}
