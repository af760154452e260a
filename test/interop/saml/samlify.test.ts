import { IdentityProvider, ServiceProvider, setSchemaValidator } from 'samlify'
import { afterAll, describe, expect, test } from 'vitest'
import { node, writeXml } from '../../../src/http/xml-writer.ts'
import { attributeOf, elementsWithin, isElement, textOf, type XmlElement } from '../../../src/http/xml.ts'
import { readPem } from '../../../src/http/pem.ts'
import { decryptElement } from '../../../src/identity/saml/xml/decrypt.ts'
import { importDecryptionKey, importSigningKey, importVerificationKey } from '../../../src/identity/saml/xml/keys.ts'
import { signRedirect } from '../../../src/identity/saml/xml/redirect.ts'
import { signEnveloped } from '../../../src/identity/saml/xml/sign.ts'
import { verifyEnveloped, type SignedElement } from '../../../src/identity/saml/xml/signature.ts'
import { readDocument, xmlsec } from './xmlsec.ts'

/** An identity provider that no code of ours is in: it signs and encrypts for us, and verifies what we sent. */
const tool = xmlsec()
afterAll(() => tool.remove())
setSchemaValidator({ validate: async () => 'not checked here' })

const RSA = ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048']
const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'
const PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol'
const BINDING = 'urn:oasis:names:tc:SAML:2.0:bindings'
const GCM = 'http://www.w3.org/2009/xmlenc11#aes128-gcm'
const CBC = 'http://www.w3.org/2001/04/xmlenc#aes256-cbc'

function identity(name: string): { key: string; certificate: string; pkcs8: Uint8Array<ArrayBuffer> } {
  const { pkcs8 } = tool.makeKey(name, ...RSA)
  tool.run('openssl', 'req', '-x509', '-new', '-key', `${name}.pem`, '-out', `${name}.crt`, '-days', '2', '-subj', `/CN=${name}`)
  return { key: tool.read(`${name}.pem`), certificate: tool.read(`${name}.crt`), pkcs8 }
}
const theirs = identity('idp')
const ours = identity('sp')

function parties(options: { wantMessageSigned?: boolean; cipher?: string } = {}) {
  const idp = IdentityProvider({
    entityID: 'https://idp.example.com',
    privateKey: theirs.key,
    signingCert: theirs.certificate,
    requestSignatureAlgorithm: RSA_SHA256,
    wantAuthnRequestsSigned: true,
    isAssertionEncrypted: options.cipher !== undefined,
    ...(options.cipher === undefined ? {} : { dataEncryptionAlgorithm: options.cipher }),
    messageSigningOrder: 'encrypt-then-sign',
    singleLogoutService: [{ Binding: `${BINDING}:HTTP-POST`, Location: 'https://idp.example.com/slo' }],
    singleSignOnService: ['HTTP-Redirect', 'HTTP-POST'].map((name) => ({
      Binding: `${BINDING}:${name}`,
      Location: 'https://idp.example.com/sso',
    })),
  })
  const sp = ServiceProvider({
    entityID: 'https://api.example.com/saml',
    signingCert: ours.certificate,
    encryptCert: ours.certificate,
    authnRequestsSigned: true,
    wantAssertionsSigned: true,
    wantMessageSigned: options.wantMessageSigned ?? false,
    requestSignatureAlgorithm: RSA_SHA256,
    assertionConsumerService: [{ Binding: `${BINDING}:HTTP-POST`, Location: 'https://api.example.com/acs' }],
  })
  return { idp, sp }
}

async function responseOf(options: Parameters<typeof parties>[0]): Promise<XmlElement> {
  const { idp, sp } = parties(options)
  const info = { extract: { request: { id: '_q1' } } }
  const { context } = await idp.createLoginResponse(
    sp,
    info,
    'post',
    { email: 'ann@example.com' },
    { encryptThenSign: options?.wantMessageSigned === true },
  )
  return readDocument(Buffer.from(context, 'base64').toString())
}

async function must<Value>(value: Promise<Value | undefined>): Promise<Value> {
  const found = await value
  if (found === undefined) throw new Error('not a key')
  return found
}
const verification = await must(importVerificationKey(readPem(theirs.certificate) ?? new Uint8Array()))
const decryption = await must(importDecryptionKey(ours.pkcs8))
const signing = await must(importSigningKey(ours.pkcs8))

async function signedOf(root: XmlElement, element: XmlElement): Promise<SignedElement> {
  const result = await verifyEnveloped(root, element, [verification])
  if (result.status === 'refused') throw new Error(`${result.code}: ${result.message} ${result.algorithm}`)
  return result.signed
}
const find = (root: XmlElement, name: string): XmlElement => {
  const found = [...elementsWithin(root)].find(({ localName }) => localName === name)
  if (found === undefined) throw new Error(`no ${name}`)
  return found
}

describe('responses of samlify', () => {
  test('SA-8: a signed assertion', async () => {
    const root = await responseOf({})
    const [assertion, ...others] = root.children.filter(isElement).filter(({ localName }) => localName === 'Assertion')
    expect(others).toEqual([])
    const signed = assertion && (await signedOf(root, assertion))
    expect(signed && textOf(find(signed, 'NameID'))).toBe('ann@example.com')
  })

  test('SA-8: a signed response around a signed assertion', async () => {
    const root = await responseOf({ wantMessageSigned: true })
    const signed = await signedOf(root, root)
    expect(textOf(find(signed, 'NameID'))).toBe('ann@example.com')
    expect(attributeOf(await signedOf(signed, find(signed, 'Assertion')), 'ID')).toBe(attributeOf(find(signed, 'Assertion'), 'ID'))
  })

  test('XW-5: an assertion encrypted with AES-GCM', async () => {
    const root = await responseOf({ cipher: GCM })
    const result = await decryptElement(find(root, 'EncryptedAssertion'), [decryption])
    if (result.status === 'refused') throw new Error(`${result.code}: ${result.message} ${result.algorithm}`)
    expect(result.signed).toBeUndefined()
    expect(textOf(find(await signedOf(result.element, result.element), 'NameID'))).toBe('ann@example.com')
  })

  test('XW-5: an assertion encrypted with AES-CBC, within a signed response', async () => {
    const within = await signedOf(...((root) => [root, root] as const)(await responseOf({ cipher: CBC, wantMessageSigned: true })))
    const result = await decryptElement(find(within, 'EncryptedAssertion'), [decryption], { within, allowCbc: true })
    if (result.status === 'refused') throw new Error(`${result.code}: ${result.message} ${result.algorithm}`)
    expect(result.signed && textOf(find(result.signed, 'NameID'))).toBe('ann@example.com')
    expect(await decryptElement(find(within, 'EncryptedAssertion'), [decryption], { within })).toMatchObject({ code: 'cbc' })
  })
})

describe('samlify reads', () => {
  const request = writeXml(
    node(
      'samlp:AuthnRequest',
      {
        'xmlns:samlp': PROTOCOL,
        ID: '_q1',
        Version: '2.0',
        IssueInstant: new Date().toISOString(),
        Destination: 'https://idp.example.com/sso',
        AssertionConsumerServiceURL: 'https://api.example.com/acs',
      },
      node('saml:Issuer', { 'xmlns:saml': 'urn:oasis:names:tc:SAML:2.0:assertion' }, 'https://api.example.com/saml'),
    ),
  )

  test('SA-1: a request we signed for POST', async () => {
    const { idp, sp } = parties()
    const body = { SAMLRequest: Buffer.from(await signEnveloped(request, signing)).toString('base64') }
    const { extract } = await idp.parseLoginRequest(sp, 'post', { body })
    expect(extract.request).toMatchObject({ id: '_q1' })
    const forged = Buffer.from((await signEnveloped(request, signing)).replace('/acs"', '/evil"')).toString('base64')
    await expect(idp.parseLoginRequest(sp, 'post', { body: { SAMLRequest: forged } })).rejects.toBeDefined()
  })

  test('SA-1: a request we signed for the redirect binding', async () => {
    const { idp, sp } = parties()
    const signed = await signRedirect({ parameter: 'SAMLRequest', xml: request, relayState: 'a b&c' }, signing)
    const octetString = signed.slice(0, signed.indexOf('&Signature='))
    const query = Object.fromEntries(new URLSearchParams(signed))
    const { extract } = await idp.parseLoginRequest(sp, 'redirect', { query, octetString })
    expect(extract.request).toMatchObject({ id: '_q1' })
    await expect(idp.parseLoginRequest(sp, 'redirect', { query, octetString: octetString.replace('a%20b', 'a%20c') })).rejects.toBeDefined()
  })
})
