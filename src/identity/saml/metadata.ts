import { encodeBase64 } from '../../http/base64url.ts'
import { readPem } from '../../http/pem.ts'
import { node, writeXml, type XmlNode } from '../../http/xml-writer.ts'
import type { SamlProviderConfig } from '../../policy/identity-providers.ts'
import type { KeyMaterial } from './material.ts'
import { BINDINGS, NAME_ID_FORMATS, newId, PROTOCOL } from './protocol.ts'
import { ENCRYPTION, ENCRYPTION_11, SIGNATURE } from './xml/algorithms.ts'
import { signEnveloped } from './xml/sign.ts'

export const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata'

/** Where we are on one host. */
export interface ServiceAddresses {
  readonly entityId: string
  readonly acs: string
  readonly slo: string
}

export function addressesOf({ name, serviceProviderEntityId }: SamlProviderConfig, origin: string): ServiceAddresses {
  const base = `${origin}/.portcullis/saml/${name}`
  return { entityId: serviceProviderEntityId ?? `${base}/metadata`, acs: `${base}/acs`, slo: `${base}/slo` }
}

/** What we can decrypt (XW-5), best first. */
const ENCRYPTION_METHODS = [`${ENCRYPTION_11}aes256-gcm`, `${ENCRYPTION_11}aes128-gcm`, `${ENCRYPTION}rsa-oaep-mgf1p`]

/** Our own metadata (Metadata §2.4.4), signed where there is a key. It holds nothing secret. */
export async function writeMetadata(
  config: Pick<SamlProviderConfig, 'certificate' | 'signRequests' | 'wantSigned' | 'nameIdFormat' | 'singleLogout'>,
  { entityId, acs, slo }: ServiceAddresses,
  { signing, decryption }: Pick<KeyMaterial, 'signing' | 'decryption'>,
): Promise<string> {
  const certificate = config.certificate === undefined ? undefined : readPem(config.certificate)
  const encoded = certificate && encodeBase64(certificate)
  const keys =
    encoded === undefined
      ? []
      : [keyDescriptor('signing', encoded), ...(decryption.length === 0 ? [] : [keyDescriptor('encryption', encoded)])]
  const logout = config.singleLogout === undefined ? [] : (['redirect', 'post'] as const)
  const xml = writeXml(
    node(
      'md:EntityDescriptor',
      { 'xmlns:md': METADATA, ID: newId(), entityID: entityId, cacheDuration: 'P1D' },
      node(
        'md:SPSSODescriptor',
        {
          protocolSupportEnumeration: PROTOCOL,
          AuthnRequestsSigned: String(config.signRequests && signing !== undefined),
          WantAssertionsSigned: String(config.wantSigned === 'assertion' || config.wantSigned === 'both'),
        },
        ...keys,
        ...logout.map((binding) => node('md:SingleLogoutService', { Binding: BINDINGS[binding], Location: slo })),
        node('md:NameIDFormat', {}, NAME_ID_FORMATS[config.nameIdFormat]),
        node('md:AssertionConsumerService', { Binding: BINDINGS.post, Location: acs, index: '0', isDefault: 'true' }),
      ),
    ),
  )
  return signing === undefined ? xml : signEnveloped(xml, signing)
}

function keyDescriptor(use: 'signing' | 'encryption', certificate: string): XmlNode {
  const methods = use === 'signing' ? [] : ENCRYPTION_METHODS.map((algorithm) => node('md:EncryptionMethod', { Algorithm: algorithm }))
  return node(
    'md:KeyDescriptor',
    { use },
    node('ds:KeyInfo', { 'xmlns:ds': SIGNATURE }, node('ds:X509Data', {}, node('ds:X509Certificate', {}, certificate))),
    ...methods,
  )
}
