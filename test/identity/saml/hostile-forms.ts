import { encodeBase64 } from '../../../src/http/base64url.ts'
import { signEnveloped } from '../../../src/identity/saml/xml/sign.ts'
import { answerOf, assertionXml, confirmationXml, encrypt, nameIdXml, responseXml, signAnything } from '../../support/saml-provider.ts'
import {
  cut,
  toAdmin,
  inside,
  wrapped,
  wrappedResponse,
  stated,
  signedWith,
  edited,
  encrypted,
  stranger,
  either,
  type Hostile,
} from './hostile-documents.ts'

const MORE = 'http://www.w3.org/2001/04/xmldsig-more#'
const DSIG = 'http://www.w3.org/2000/09/xmldsig#'
/** Wrapped, split, downgraded, unsigned, wrongly encrypted (XW-1 to XW-5, SA-8, SA-9). */
export const HOSTILE_FORMS: Readonly<Record<string, Hostile>> = {
  'XW-2: XSW1: the signed response in an Object of its signature': wrappedResponse('signature-object', (response, seal, evil) =>
    evil.replace('<samlp:Status>', `${inside(seal, 'ds:Signature', `<ds:Object>${response.replace(seal, '')}</ds:Object>`)}<samlp:Status>`),
  ),
  'XW-2: XSW2: the signed response beside its detached signature': wrappedResponse('reference', (response, seal, evil) =>
    evil.replace('<samlp:Status>', `${seal}${response.replace(seal, '')}<samlp:Status>`),
  ),
  'XW-2: XSW3: evil assertion before the original': wrapped('assertion-count', ({ around, evil, original }) => around(evil + original)),
  'XW-2: XSW3, mirrored: evil assertion after the original': wrapped('assertion-count', ({ around, evil, original }) =>
    around(original + evil),
  ),
  'XW-2: XSW4: original inside the evil assertion': wrapped('assertion-count', ({ around, evil, original }) =>
    around(inside(evil, 'saml:Assertion', original)),
  ),
  'XW-2: XSW5: signature in the evil assertion, original at the end': wrapped('assertion-count', ({ around, sealedEvil, bare }) =>
    around(sealedEvil + bare),
  ),
  'XW-2: XSW6: original in the signature of the evil assertion': wrapped('assertion-count', ({ around, sealedEvil, bare }) =>
    around(inside(sealedEvil, 'ds:Signature', bare)),
  ),
  'XW-2: XSW7: original in Extensions, evil assertion in its place': wrapped('assertion-count', ({ around, evil, original }) =>
    around(`<samlp:Extensions>${original}</samlp:Extensions>${evil}`),
  ),
  'XW-2: XSW8: original in an Object of the evil assertion': wrapped('assertion-count', ({ around, sealedEvil, bare }) =>
    around(inside(sealedEvil, 'ds:Signature', `<ds:Object>${bare}</ds:Object>`)),
  ),
  'XW-2: evil assertion in Extensions, original in its place': wrapped('assertion-count', ({ around, evil, original }) =>
    around(`<samlp:Extensions>${evil}</samlp:Extensions>${original}`),
  ),
  'XW-2: original deep in the Advice of its twin': wrapped('assertion-count', ({ around, twin, bare }) =>
    around(inside(twin, 'saml:Assertion', `<saml:Advice>${bare}</saml:Advice>`)),
  ),
  'XW-2: original in StatusDetail': wrapped('assertion-count', ({ xml, original, sealedEvil }) =>
    inside(xml.replace(original, ''), 'samlp:Status', `<samlp:StatusDetail>${original}</samlp:StatusDetail>`).replace(
      '</samlp:Response>',
      `${sealedEvil}</samlp:Response>`,
    ),
  ),
  'XW-2: original in StatusDetail alone': wrapped('assertion-count', ({ xml, original }) =>
    inside(xml.replace(original, ''), 'samlp:Status', `<samlp:StatusDetail>${original}</samlp:StatusDetail>`),
  ),
  'XW-2: an assertion and an encrypted one': encrypted('assertion-count', async ({ original, evil }) => original + (await encrypt(evil))),
  'XW-2: a response within the response': wrapped('assertion-count', ({ xml, original }) =>
    inside(xml.replace(original, ''), 'samlp:Response', xml),
  ),
  'XW-2: a response within an evil response, whose signature it is': wrappedResponse('assertion-count', (response, _seal, evil) =>
    inside(evil, 'samlp:Response', `<samlp:Extensions>${response}</samlp:Extensions>`),
  ),
  'XW-2: no assertion': edited('assertion-count', (xml) => xml.replace(cut(xml, 'saml:Assertion'), '')),
  'XW-2: the assertion of another namespace beside ours unsigned': wrapped('assertion-unsigned', ({ around, original, evil }) =>
    around(original.replaceAll('urn:oasis:names:tc:SAML:2.0:assertion', 'urn:oasis:names:tc:SAML:1.0:assertion') + evil),
  ),
  'XW-3: the signature of another assertion moved in': wrapped('reference', ({ around, sealedEvil }) => around(sealedEvil)),
  'XW-3: two signatures': wrapped('several-signatures', ({ around, twin, seal }) => around(twin.replace(seal, seal + seal))),
  'XW-3: the signature at the end of the assertion': wrapped('signature-place', ({ around, bare, seal }) =>
    around(inside(bare, 'saml:Assertion', seal)),
  ),
  'XW-1: an ID twice, the second in another spelling': wrapped('duplicate-id', ({ xml }) =>
    xml.replace('<samlp:Status>', '<samlp:Extensions Id="_a1"/><samlp:Status>'),
  ),
  'XW-1: an ID twice, the second as xml:id': wrapped('duplicate-id', ({ xml }) =>
    xml.replace('<samlp:Status>', '<samlp:Extensions xml:id="_a1"/><samlp:Status>'),
  ),
  'XW-1: the response has the ID of the assertion': stated('duplicate-id', { responseId: '_a1' }),
  'XW-1: two SignedInfo': wrapped('signature-form', ({ around, twin, seal }) =>
    around(twin.replace('<ds:SignedInfo', `${cut(seal, 'ds:SignedInfo')}<ds:SignedInfo`)),
  ),
  'XW-1: two digests': signedWith('signature-form', { inReference: '<ds:DigestValue>AA==</ds:DigestValue>' }),
  'XW-1: two references': signedWith('signature-form', { inSignedInfo: '<ds:Reference URI="#_a1"/>' }),
  'XW-1: an entity bomb': edited(
    'xml',
    (xml) => `<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>${xml.replace('>ann<', '>&b;<')}`,
  ),
  'XW-1: an external document type': edited('xml', (xml) => `<!DOCTYPE r SYSTEM "http://evil.test/x.dtd">${xml}`),
  'XW-1: an entity nobody declared': edited('xml', (xml) => xml.replace('>ann<', '>&admin;<')),
  'XW-4: a processing instruction splits the name': edited('xml', (xml) => xml.replace('>ann<', '>admin<?x?>ann<')),
  'XW-4: a comment hides part of the name': edited('digest-mismatch', (xml) => xml.replace('>ann<', '>admin<!--.ann--><')),
  'XW-4: CDATA adds to the name': edited('digest-mismatch', (xml) => xml.replace('>ann<', '>ann<![CDATA[.evil]]><')),
  'XW-4: an element splits the name': stated('name-id', (requestId) => ({
    subject: `<saml:Subject>${nameIdXml('admin<saml:x/>.evil')}${confirmationXml({ InResponseTo: requestId })}</saml:Subject>`,
  })),
  'XW-1: an attribute twice': edited('xml', (xml) => xml.replace('<saml:Subject>', '<saml:Subject a="1" a="2">')),
  'XW-1: a second root': edited('xml', (xml) => xml + xml),
  'XW-1: NUL': edited('xml', (xml) => xml.replace('>ann<', '>ann\u0000<')),
  'XW-1: 20,000 deep': edited('xml', (xml) =>
    xml.replace('<samlp:Status>', `${'<x>'.repeat(20_000)}${'</x>'.repeat(20_000)}<samlp:Status>`),
  ),
  'XW-1: an undeclared prefix': edited('xml', (xml) => xml.replace('<samlp:Status>', '<samlp:Status><evil:x/>')),
  'XW-1: longer than any answer': edited('xml', (xml) => xml + ' '.repeat(262_144)),
  'XW-1: UTF-16': edited('xml', (xml) => `<?xml version="1.0" encoding="UTF-16"?>${xml}`),
  'SA-8: unsigned': { code: 'assertion-unsigned', make: async (requestId) => answerOf({ requestId }, 'nothing') },
  'SA-8: unsigned, and an unsigned response is fine': {
    code: 'assertion-unsigned',
    policy: either,
    make: async (requestId) => answerOf({ requestId }, 'nothing'),
  },
  'SA-8: changed after signing': edited('digest-mismatch', toAdmin),
  'SA-8: a group added after signing': edited('digest-mismatch', (xml) =>
    inside(xml, 'saml:Attribute', '<saml:AttributeValue>admins</saml:AttributeValue>'),
  ),
  'SA-8: a signed response, its assertion exchanged': {
    code: 'digest-mismatch',
    policy: either,
    make: async (requestId) => toAdmin(await answerOf({ requestId }, 'response')),
  },
  'SA-8: a broken signature on the response, a good one on the assertion': {
    code: 'digest-mismatch',
    make: async (requestId) => (await answerOf({ requestId }, 'both')).replace('<samlp:Status>', '<samlp:Extensions/><samlp:Status>'),
  },
  'SA-8: a good response around a broken assertion': {
    code: 'signature-invalid',
    policy: either,
    make: async (requestId) => {
      const assertion = await signEnveloped(assertionXml({ requestId })(''), stranger.key)
      return signAnything(responseXml({ requestId }, assertion), 'Response')
    },
  },
  'SA-9: signed by somebody else': {
    code: 'signature-invalid',
    make: async (requestId) => responseXml({ requestId }, await signEnveloped(assertionXml({ requestId })(''), stranger.key))(''),
  },
  'SA-9: signed by somebody else, whose certificate comes along': {
    code: 'signature-invalid',
    make: async (requestId) => {
      const assertion = await signEnveloped(assertionXml({ requestId })(''), stranger.key)
      const certificate = stranger.certificate.replaceAll(/-----[^-]+-----|\s/gu, '')
      const info = `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`
      return responseXml({ requestId }, inside(assertion, 'ds:Signature', info))('')
    },
  },
  'SA-8: SHA-1': signedWith('sha-1', { method: `${DSIG}rsa-sha1` }),
  'SA-8: a SHA-1 digest': signedWith('sha-1', { digestMethod: `${DSIG}sha1` }),
  'SA-8: HMAC with the public key': signedWith('hmac', { method: `${MORE}hmac-sha256` }),
  'SA-8: another kind of key': signedWith('no-key', { method: `${MORE}ecdsa-sha256` }),
  'SA-8: inclusive canonicalization': signedWith('inclusive-c14n', { canonicalization: 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315' }),
  'SA-8: an XPath transform': signedWith('xpath', {
    transforms: '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"/>',
  }),
  'SA-8: an XSLT transform': signedWith('xslt', { transforms: '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>' }),
  'SA-8: a reference to everything': signedWith('reference', { uri: '' }),
  'SA-8: a reference to elsewhere': signedWith('reference', { uri: 'https://evil.test/a' }),
  'SA-8: an Object': signedWith('signature-object', { afterValue: '<ds:Object/>' }),
  'XW-5: encrypted, its signature taken off': encrypted('assertion-unsigned', async ({ bare }) => encrypt(bare)),
  'XW-5: an evil assertion encrypted by anybody': encrypted('assertion-unsigned', async ({ evil }) => encrypt(evil)),
  'XW-5: encrypted after a change': encrypted('digest-mismatch', async ({ twin }) => encrypt(twin)),
  'XW-5: two assertions in one ciphertext': encrypted('undecipherable', async ({ original, evil }) => encrypt(original + evil)),
  'XW-5: an assertion within the encrypted one': encrypted('assertion-count', async ({ original, evil }) =>
    encrypt(inside(evil, 'saml:Assertion', original)),
  ),
  'XW-5: a whole response in the ciphertext': encrypted('assertion-count', async ({ xml }) => encrypt(xml)),
  'XW-5: a document type in the ciphertext': encrypted('undecipherable', async ({ original }) => encrypt(`<!DOCTYPE x>${original}`)),
  'XW-5: a bit of the ciphertext flipped': encrypted('undecipherable', async ({ original }) => {
    const xml = await encrypt(original)
    const value = /.*<xenc:CipherValue>([^<]+)/u.exec(xml)?.[1] ?? ''
    const bytes = Uint8Array.from(atob(value), (each) => each.charCodeAt(0))
    bytes[40] = (bytes[40] ?? 0) ^ 1
    return xml.replace(value, encodeBase64(bytes))
  }),
  'XW-5: CBC': encrypted('cbc', async ({ original }) => encrypt(original, 'EncryptedAssertion', 'AES-CBC')),
  'XW-5: CBC in an unsigned response, where CBC is allowed': encrypted(
    'cbc',
    async ({ original }) => encrypt(original, 'EncryptedAssertion', 'AES-CBC'),
    { allowCbc: true },
  ),
  'XW-5: Triple DES': encrypted('3des', async ({ original }) =>
    (await encrypt(original)).replace('http://www.w3.org/2009/xmlenc11#aes256-gcm', 'http://www.w3.org/2001/04/xmlenc#tripledes-cbc'),
  ),
  'XW-5: RSA 1.5 key transport': encrypted('rsa-1_5', async ({ original }) =>
    (await encrypt(original)).replace('http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p', 'http://www.w3.org/2001/04/xmlenc#rsa-1_5'),
  ),
  'XW-5: a key to be fetched': encrypted('encryption-form', async ({ original }) =>
    (await encrypt(original)).replace(/<xenc:EncryptedKey>.*<\/xenc:EncryptedKey>/u, '<ds:RetrievalMethod URI="https://evil.test/key"/>'),
  ),
  'XW-5: nine keys': encrypted('encryption-form', async ({ original }) => {
    const xml = await encrypt(original)
    return xml.replace('</ds:KeyInfo>', `${cut(xml, 'xenc:EncryptedKey').repeat(8)}</ds:KeyInfo>`)
  }),
  'XW-5: encrypted, and we have no key': encrypted('no-decryption-key', async ({ original }) => encrypt(original), {
    privateKey: undefined as never,
  }),
  'wantEncrypted: in the clear': {
    code: 'not-encrypted',
    policy: { wantEncrypted: true },
    make: async (requestId) => answerOf({ requestId }),
  },
}
