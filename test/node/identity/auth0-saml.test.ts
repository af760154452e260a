import { Saml20 } from 'saml'
import { describe, expect, test } from 'vitest'
import { AUDIENCE, ACS, codeOf, createBench, NAMESPACES, statusXml } from '../../support/saml-provider.ts'
import { identityOf } from './rsa-identity.ts'

/** Assertions of Auth0's library, with another signer (xml-crypto 2) and another encrypter than samlify's. */
const ISSUER = 'urn:auth0:tenant'
const theirs = await identityOf('auth0')
const ours = await identityOf('gate')

async function assertionFor(requestId: string, more: Readonly<Record<string, unknown>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      key: theirs.privateKey,
      cert: theirs.certificate,
      issuer: ISSUER,
      audiences: AUDIENCE,
      recipient: ACS,
      inResponseTo: requestId,
      lifetimeInSeconds: 300,
      nameIdentifier: 'auth0|5f7c8ec7c33c6c004bbafe82',
      nameIdentifierFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
      attributes: { mail: 'ann@example.com', groups: ['staff', 'ä & <b>'], 'urn:active': true },
      sessionIndex: '_s-1',
      signatureAlgorithm: 'rsa-sha256',
      digestAlgorithm: 'sha256',
      ...more,
    }
    Saml20.create(options, (error, assertion) => (error === null || error === undefined ? resolve(assertion) : reject(error)))
  })
}

const around = (requestId: string, assertion: string): string =>
  `<samlp:Response ${NAMESPACES} ID="_r" Version="2.0" IssueInstant="${new Date().toISOString()}" Destination="${ACS}" InResponseTo="${requestId}"><saml:Issuer>${ISSUER}</saml:Issuer>${statusXml()}${assertion.replace(/^<\?xml[^>]*\?>/u, '')}</samlp:Response>`

async function outcomeOf(more: Readonly<Record<string, unknown>> = {}, change = (xml: string): string => xml) {
  const bench = createBench({ entityId: ISSUER, certificates: [theirs.certificate], privateKey: ours.privateKey })
  const begun = await bench.begin({}, Date.now())
  const assertion = await assertionFor(begun.requestId, more)
  const isEncrypted = assertion.includes('EncryptedData')
  const element =
    isEncrypted && !assertion.includes('EncryptedAssertion') ? `<saml:EncryptedAssertion>${assertion}</saml:EncryptedAssertion>` : assertion
  return bench.post(change(around(begun.requestId, element)), begun, Date.now())
}
const encryption = (encryptionAlgorithm: string, keyEncryptionAlgorithm = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p') => ({
  encryptionCert: ours.certificate,
  encryptionPublicKey: ours.publicKey,
  encryptionAlgorithm,
  keyEncryptionAlgorithm,
  disallowEncryptionWithInsecureAlgorithm: false,
  warnOnInsecureEncryptionAlgorithm: false,
})

describe("Auth0's saml", () => {
  const signIn = {
    subject: 'auth0|5f7c8ec7c33c6c004bbafe82',
    claims: { email: 'ann@example.com' },
    groups: ['staff', 'ä & <b>'],
    providerSession: '_s-1',
  }

  test('a signed assertion', async () => {
    expect(await outcomeOf()).toMatchObject({ status: 'signed_in', signIn })
  })

  test.each(['http://www.w3.org/2009/xmlenc11#aes128-gcm', 'http://www.w3.org/2009/xmlenc11#aes256-gcm'])(
    'encrypted with %s',
    async (cipher) => {
      expect(await outcomeOf(encryption(cipher))).toMatchObject({ status: 'signed_in', signIn })
    },
  )

  test.each([
    ['SHA-1', { signatureAlgorithm: 'rsa-sha1', digestAlgorithm: 'sha1' }, 'sha-1'],
    ['AES-CBC', encryption('http://www.w3.org/2001/04/xmlenc#aes256-cbc'), 'cbc'],
    ['Triple DES', encryption('http://www.w3.org/2001/04/xmlenc#tripledes-cbc'), '3des'],
    ['RSA 1.5', encryption('http://www.w3.org/2009/xmlenc11#aes256-gcm', 'http://www.w3.org/2001/04/xmlenc#rsa-1_5'), 'rsa-1_5'],
    ['another audience', { audiences: 'urn:other' }, 'audience'],
    ['a lifetime that is over', { lifetimeInSeconds: -3600 }, 'confirmation-expired'],
  ])('%s is refused', async (_name, more, code) => {
    expect(codeOf(await outcomeOf(more))).toBe(code)
  })

  test('a changed one is refused', async () => {
    expect(codeOf(await outcomeOf({}, (xml) => xml.replace('>staff<', '>admins<')))).toBe('digest-mismatch')
  })
})
