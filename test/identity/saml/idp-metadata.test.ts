import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../../src/http/base64url.ts'
import { importMetadata, type MetadataTrust } from '../../../src/identity/saml/idp-metadata.ts'
import { signEnveloped } from '../../../src/identity/saml/xml/sign.ts'
import { createAuthority } from '../../support/certificates.ts'
import { importSigningKey } from '../../../src/identity/saml/xml/keys.ts'
import { at, NOW, signAnything, otherKey } from '../../support/saml-provider.ts'

const authority = await createAuthority('idp')
const der = new Uint8Array(authority.certificate.rawData)
const certificate = encodeBase64(der)
const fingerprint = Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', der)), (byte) => byte.toString(16).padStart(2, '0'))
  .join(':')
  .toUpperCase()
const key = (await importSigningKey(new Uint8Array((await crypto.subtle.exportKey('pkcs8', authority.keys.privateKey)) as ArrayBuffer)))!
const stranger = await otherKey('P-256')

const NAMESPACES = 'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
const BINDING = 'urn:oasis:names:tc:SAML:2.0:bindings:'
const service = (name: string, binding: string, more = '') =>
  `<md:${name} Binding="${BINDING}${binding}" Location="https://idp.example.org/${name}/${binding}"${more}/>`
const keyDescriptor = (content = certificate, use = ' use="signing"') =>
  `<md:KeyDescriptor${use}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>\n${content}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
const SSO = service('SingleSignOnService', 'HTTP-Redirect')
const role = (content = keyDescriptor() + SSO, more = '') =>
  `<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"${more}>${content}</md:IDPSSODescriptor>`
const entity = (content = role(), more = '', id = 'https://idp.example.org') =>
  `<md:EntityDescriptor ${NAMESPACES} ID="_e" entityID="${id}"${more}>${content}</md:EntityDescriptor>`
const entities = (...all: readonly string[]) =>
  `<md:EntitiesDescriptor ${NAMESPACES} ID="_all">${all.join('').replaceAll(' ID="_e"', '')}</md:EntitiesDescriptor>`

const nothing = { by: 'nothing' } as MetadataTrust
const pinned: MetadataTrust = { by: 'certificate', certificate }
const read = async (xml: string, trust = nothing, entityId?: string) => importMetadata(new TextEncoder().encode(xml), trust, NOW, entityId)
const failure = async (xml: string, trust = nothing, entityId?: string): Promise<string> =>
  read(xml, trust, entityId).then(
    () => 'imported',
    (error: Error) => error.message,
  )
/** With the certificate in its KeyInfo, as identity providers sign. */
const sealed = async (xml: string) =>
  (await signEnveloped(xml, key)).replace(
    '</ds:Signature>',
    `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>`,
  )

describe('SA-9: why metadata is believed', () => {
  test('its signature holds with the certificate given, or with the one of the fingerprint given', async () => {
    const xml = await sealed(entity())
    for (const trust of [
      pinned,
      { by: 'fingerprint', fingerprint },
      { by: 'fingerprint', fingerprint: fingerprint.replaceAll(':', '').toLowerCase() },
    ] as const)
      expect((await read(xml, trust)).entityId).toBe('https://idp.example.org')
  })

  test.each([
    ['unsigned', async () => entity(), pinned, 'not signed'],
    ['unsigned, by fingerprint', async () => entity(), { by: 'fingerprint', fingerprint }, 'no certificate in the signature'],
    [
      'changed',
      async () => (await sealed(entity())).replace('https://idp.example.org/Single', 'https://evil.test/Single'),
      pinned,
      'digest-mismatch',
    ],
    ['by somebody else', async () => signEnveloped(entity(), stranger.key), pinned, 'signature-invalid'],
    [
      'by somebody else, with the right certificate beside it',
      async () => (await sealed(entity())).replace(/<ds:SignatureValue>[^<]*/u, `<ds:SignatureValue>${'A'.repeat(86)}==`),
      { by: 'fingerprint', fingerprint },
      'signature-invalid',
    ],
    [
      'another fingerprint',
      async () => sealed(entity()),
      { by: 'fingerprint', fingerprint: 'a'.repeat(64) },
      fingerprint.replaceAll(':', '').toLowerCase(),
    ],
    ['a fingerprint of SHA-1', async () => sealed(entity()), { by: 'fingerprint', fingerprint: 'a'.repeat(40) }, '64 hexadecimal digits'],
    ['a certificate that is none', async () => sealed(entity()), { by: 'certificate', certificate: 'AAAA' }, 'no certificate'],
    [
      'SHA-1',
      async () =>
        signAnything((signature) => entity(signature + role()), 'EntityDescriptor', {
          method: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1',
        }),
      pinned,
      'sha-1',
    ],
  ] as const)('%s', async (_name, make, trust, words) => {
    expect(await failure(await make(), trust)).toContain(words)
  })

  test('a signed entity in an unsigned wrapper is not what was signed', async () => {
    const xml = entities(entity(role(), '', 'https://evil.test')).replace(
      '</md:EntitiesDescriptor>',
      `${await sealed(entity())}</md:EntitiesDescriptor>`,
    )
    expect(await failure(xml, pinned)).toContain('not signed')
    expect(await failure(xml, { by: 'fingerprint', fingerprint })).toContain('no certificate in the signature')
  })
})

describe('what is read', () => {
  test('addresses, certificates, format, wishes', async () => {
    const services = [
      service('SingleLogoutService', 'HTTP-POST', ' ResponseLocation="https://idp.example.org/done"'),
      service('SingleSignOnService', 'HTTP-POST'),
      SSO,
      service('SingleSignOnService', 'SOAP'),
    ]
    const format = '<md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>'
    const content =
      keyDescriptor() + keyDescriptor(certificate, '') + keyDescriptor('AAAA', ' use="encryption"') + format + services.join('')
    expect(await read(entity(role(content, ' WantAuthnRequestsSigned="true"')))).toEqual({
      entityId: 'https://idp.example.org',
      singleSignOn: { url: 'https://idp.example.org/SingleSignOnService/HTTP-Redirect', binding: 'redirect' },
      singleLogout: {
        url: 'https://idp.example.org/SingleLogoutService/HTTP-POST',
        responseUrl: 'https://idp.example.org/done',
        binding: 'post',
      },
      certificates: [certificate],
      nameIdFormat: 'emailAddress',
      wantsSignedRequests: true,
      warnings: [],
    })
  })

  test('one of several is chosen by name', async () => {
    const xml = entities(entity(role(), '', 'urn:a'), entity(role(), '', 'urn:b'), entity('', '', 'urn:sp'))
    expect(await failure(xml)).toContain('there are 2 identity providers')
    expect((await read(xml, nothing, 'urn:b')).entityId).toBe('urn:b')
    expect(await failure(xml, nothing, 'urn:sp')).toContain('no SAML 2.0 identity provider')
  })

  test.each([
    ['over', entity(role(), ` validUntil="${at(0)}"`), 'was valid until'],
    ['valid for a second more', entity(role(), ` validUntil="${at(1)}"`), 'imported'],
    ['valid until no time', entity(role(), ' validUntil="forever"'), 'was valid until'],
    ['a wrapper that is over', entities(entity()).replace(' ID="_all"', ` ID="_all" validUntil="${at(-1)}"`), 'was valid until'],
    ['SAML 1.1', entity(role().replace('SAML:2.0:protocol', 'SAML:1.1:protocol')), 'no SAML 2.0 identity provider'],
    ['no certificate', entity(role(SSO)), 'no certificate that can be used'],
    ['a certificate without a usable key', entity(role(keyDescriptor('AAAA') + SSO)), 'no certificate that can be used'],
    ['no address', entity(role(keyDescriptor() + service('SingleSignOnService', 'SOAP'))), 'no single sign-on'],
    ['a placeholder of a policy', entity(role(), '', 'https://x/${PORTCULLIS_ROOT_KEY}'), 'which a policy would fill'],
    ['a document type', `<!DOCTYPE x>${entity()}`, 'doctype'],
    ['a federation of megabytes', entity() + ' '.repeat(262_144), 'too-long'],
  ])('%s', async (_name, xml, words) => {
    expect(await failure(xml)).toContain(words)
  })
})
