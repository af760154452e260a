import { describe, expect, test } from 'vitest'
import { attributeOf, childrenNamed, elementsWithin, textOf, type XmlElement } from '../../../../src/http/xml.ts'
import { ASSERTION } from '../../../../src/identity/saml/xml/algorithms.ts'
import type { RefusalCode } from '../../../../src/identity/saml/xml/refusal.ts'
import { verifyEnveloped } from '../../../../src/identity/saml/xml/signature.ts'
import { XML_LIMITS } from '../../../../src/http/xml.ts'
import vectors from '../../../vectors/saml/xmlsec.json' with { type: 'json' }
import {
  find,
  NAMESPACES,
  obligingKey,
  readDocument,
  signAnything,
  vectorKey,
  type DecryptionRefusalCode,
  type DocumentName,
} from '../../../support/saml.ts'

const documents = Object.entries(vectors.documents)
const genuine = documents.flatMap(([name, { signs }]) =>
  signs.filter((what) => what !== 'encrypted').map((what) => [name as DocumentName, what] as const),
)
const rsa = await vectorKey('rsa')
const obliging = await obligingKey()

async function outcomeOf(root: XmlElement, element: XmlElement, keys = [rsa]): Promise<string> {
  const result = await verifyEnveloped(root, element, keys)
  return result.status === 'refused' ? result.code : `signed ${textOf(find(result.signed, 'NameID'))}`
}

describe('documents that xmlsec1 signed', () => {
  test.each(genuine)('SA-8: %s: the %s verifies', async (name, what) => {
    const { xml, key, nameId } = vectors.documents[name]
    const root = readDocument(xml)
    const result = await verifyEnveloped(root, find(root, what), [await vectorKey(key)])
    expect(result).toMatchObject({ status: 'verified', signed: { localName: what } })
    if (result.status === 'refused' || name.startsWith('encrypted')) return
    expect(textOf(find(result.signed, 'NameID'))).toBe(nameId)
    expect(childrenNamed(result.signed, 'http://www.w3.org/2000/09/xmldsig#', 'Signature')).toEqual([])
  })

  test.each([
    ['refused-sha-1', 'sha-1', 'SHA-256'],
    ['refused-sha-1-digest', 'sha-1', 'SHA-256'],
    ['refused-inclusive-c14n', 'inclusive-c14n', 'xml-exc-c14n'],
    ['refused-hmac', 'hmac', 'RSA-SHA256'],
  ] as const)('SA-8: %s says what to change', async (name, code, advice) => {
    const root = readDocument(vectors.documents[name].xml)
    const result = await verifyEnveloped(root, find(root, 'Assertion'), [rsa])
    expect(result).toMatchObject({ status: 'refused', code, message: expect.stringContaining(advice) })
  })

  test('all text of an odd one is whole', async () => {
    const root = readDocument(vectors.documents['assertion-odd-text'].xml)
    const result = await verifyEnveloped(root, find(root, 'Assertion'), [rsa])
    if (result.status === 'refused') throw new Error(result.code)
    const odd = [...elementsWithin(result.signed)].find((element) => attributeOf(element, 'Name') === 'odd')
    expect(odd && textOf(find(odd, 'AttributeValue'))).toBe('a\rb <&> 😀  é ">')
  })
})

describe('SA-9: keys', () => {
  const root = readDocument(vectors.documents.assertion.xml)
  const assertion = find(root, 'Assertion')

  test('any configured one will do: old and new during a rollover', async () => {
    const others = [await vectorKey('rsa3072'), await vectorKey('p256'), obliging]
    expect(await outcomeOf(root, assertion, [...others, rsa])).toBe('signed ann@example.com')
    expect(await outcomeOf(root, assertion, [rsa, ...others])).toBe('signed ann@example.com')
    expect(await outcomeOf(root, assertion, others)).toBe('signature-invalid')
  })

  test('a key of the other kind does not fit, and none is none', async () => {
    expect(await outcomeOf(root, assertion, [await vectorKey('p256')])).toBe('no-key')
    expect(await outcomeOf(root, assertion, [])).toBe('no-key')
    const curve = readDocument(vectors.documents['assertion-ecdsa-sha256'].xml)
    expect(await outcomeOf(curve, find(curve, 'Assertion'), [rsa])).toBe('no-key')
    expect(await outcomeOf(curve, find(curve, 'Assertion'), [await vectorKey('p384')])).toBe('signature-invalid')
  })

  test('the key that a message brings along counts for nothing', async () => {
    const keyInfo = `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>${vectors.certificate.replaceAll(/-----[^-]+-----|\s/gu, '')}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`
    const xml = await signAnything(simple(), 'Assertion', { afterValue: keyInfo })
    const forged = readDocument(xml)
    expect(await outcomeOf(forged, forged, [rsa])).toBe('signature-invalid')
    expect(await outcomeOf(forged, forged, [obliging])).toBe('signed ann')
  })
})

/** An assertion of our own making. */
const simple =
  (before = '', after = '') =>
  (signature: string): string =>
    `<saml:Assertion ${NAMESPACES} ID="_1"><saml:Issuer>i</saml:Issuer>${before}${signature}<saml:Subject><saml:NameID>ann</saml:NameID></saml:Subject>${after}</saml:Assertion>`

const transform = (algorithm: string): string => `<ds:Transform Algorithm="${algorithm}"/>`
const ENVELOPED = transform('http://www.w3.org/2000/09/xmldsig#enveloped-signature')
const EXCLUSIVE = transform('http://www.w3.org/2001/10/xml-exc-c14n#')
const REFERENCE = '<ds:Reference URI="#_1"/>'
const list = (count: number): string => Array.from({ length: count }, (_, index) => `p${index}`).join(' ')

/** Truly signed by a trusted key, each of them, and refused for its form. */
const REFUSED: Record<Exclude<RefusalCode, DecryptionRefusalCode | 'query-form'>, readonly (() => Promise<string>)[]> = {
  unsigned: [async () => simple()('')],
  'several-signatures': [async () => signAnything((signature) => simple()(signature + signature), 'Assertion')],
  'signature-place': [
    async () => signAnything(simple('<saml:Advice/>'), 'Assertion'),
    async () => signAnything(simple('<saml:Issuer>j</saml:Issuer>'), 'Assertion'),
    async () => signAnything((signature) => simple()('').replace('</saml:Assertion>', `${signature}</saml:Assertion>`), 'Assertion'),
  ],
  'signature-form': [
    async () => signAnything(simple(), 'Assertion', { inSignedInfo: REFERENCE }),
    async () => signAnything(simple(), 'Assertion', { beforeValue: '<ds:SignedInfo/>' }),
    async () => signAnything(simple(), 'Assertion', { inReference: '<ds:DigestValue>AA==</ds:DigestValue>' }),
    async () => signAnything(simple(), 'Assertion', { inReference: 'text' }),
    async () => signAnything(simple(), 'Assertion', { afterValue: '<ds:KeyInfo/><ds:KeyInfo/>' }),
    async () => signAnything(simple(), 'Assertion', { afterValue: '<ds:SignatureValue>AA==</ds:SignatureValue>' }),
    async () => signAnything(simple(), 'Assertion', { methodContent: '<ds:HMACOutputLength>8</ds:HMACOutputLength>' }),
    async () => signAnything(simple(), 'Assertion', { transforms: ENVELOPED + EXCLUSIVE.replace('/>', '><ds:XPath/></ds:Transform>') }),
    async () => (await signAnything(simple(), 'Assertion')).replace(/<ds:SignatureValue>.*<\/ds:SignatureValue>/u, '<ds:SignatureValue/>'),
    async () => (await signAnything(simple(), 'Assertion')).replace(/(<ds:SignatureValue>)/u, '$1!'),
    async () => (await signAnything(simple(), 'Assertion')).replace(/<ds:Reference.*<\/ds:Reference>/u, ''),
  ],
  'signature-object': [async () => signAnything(simple(), 'Assertion', { afterValue: '<ds:Object/>' })],
  reference: [
    async () => signAnything(simple(), 'Assertion', { uri: '' }),
    async () => signAnything(simple(), 'Assertion', { uri: '#_2' }),
    async () => signAnything(simple(), 'Assertion', { uri: "#xpointer(id('_1'))" }),
    async () => signAnything(simple(), 'Assertion', { uri: 'http://evil.test/#_1' }),
    async () => signAnything((signature) => simple()(signature).replace(' ID="_1"', ''), 'Assertion', { uri: '#' }),
    async () => signAnything((signature) => simple()(signature).replace(' ID=', ' Id='), 'Assertion', { uri: '#_1' }),
  ],
  'duplicate-id': ['ID', 'Id', 'id', 'xml:id', 'saml:iD'].map(
    (name) => async () => signAnything(simple('', `<saml:Advice ${name}="_1"/>`), 'Assertion'),
  ),
  transforms: [
    '',
    ENVELOPED,
    EXCLUSIVE,
    EXCLUSIVE + ENVELOPED,
    ENVELOPED + EXCLUSIVE + EXCLUSIVE,
    ENVELOPED + ENVELOPED,
    EXCLUSIVE + EXCLUSIVE,
  ].map((transforms) => async () => signAnything(simple(), 'Assertion', { transforms })),
  'prefix-list': [async () => signAnything(simple(), 'Assertion', { prefixes: list(33) })],
  'too-long': [async () => signAnything(simple('', `<saml:A>${'>'.repeat(XML_LIMITS.bytes / 4)}</saml:A>`), 'Assertion')],
  'no-key': [async () => signAnything(simple(), 'Assertion', { method: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256' })],
  'signature-invalid': [
    async () => signAnything(simple(), 'Assertion', { method: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512' }),
    async () => (await signAnything(simple(), 'Assertion')).replace(/<ds:DigestValue>./u, '<ds:DigestValue>+'),
    async () => (await signAnything(simple(), 'Assertion')).replace(/<ds:SignatureValue>..../u, '<ds:SignatureValue>AAAA'),
    async () => (await signAnything(simple(), 'Assertion')).replace(/<ds:SignatureValue>..../u, '<ds:SignatureValue>'),
  ],
  'digest-mismatch': [
    async () => (await signAnything(simple(), 'Assertion')).replace('>ann<', '>admin<'),
    async () => (await signAnything(simple(), 'Assertion')).replace('>ann<', '>ann <'),
    async () => (await signAnything(simple(), 'Assertion')).replace('<saml:Subject>', '<saml:Subject a="">'),
    async () => (await signAnything(simple(), 'Assertion')).replace('</saml:Assertion>', ' </saml:Assertion>'),
    async () => signAnything(simple(), 'Assertion', { digestMethod: 'http://www.w3.org/2001/04/xmlenc#sha512' }),
  ],
  // 64 attributes whose prefixes must all be declared there: more than the reader takes of one element.
  'signed-form': [
    async () => {
      const prefixes = Array.from({ length: 60 }, (_, index) => `p${index}`)
      const declared = prefixes.map((prefix) => ` xmlns:${prefix}="urn:${prefix}"`).join('')
      const used = prefixes.map((prefix) => ` ${prefix}:a=""`).join('')
      const wrapped = (signature: string): string =>
        `<samlp:Response ${NAMESPACES} ${declared}>${simple('', `<saml:A${used}/>`)(signature)}</samlp:Response>`
      return signAnything(wrapped, 'Assertion')
    },
  ],
  'sha-1': [
    async () => signAnything(simple(), 'Assertion', { method: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' }),
    async () => signAnything(simple(), 'Assertion', { method: 'http://www.w3.org/2000/09/xmldsig#dsa-sha1' }),
    async () => signAnything(simple(), 'Assertion', { method: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1' }),
    async () => signAnything(simple(), 'Assertion', { digestMethod: 'http://www.w3.org/2000/09/xmldsig#sha1' }),
  ],
  hmac: ['http://www.w3.org/2000/09/xmldsig#hmac-sha1', 'http://www.w3.org/2001/04/xmldsig-more#hmac-sha256'].map(
    (method) => async () => signAnything(simple(), 'Assertion', { method, methodContent: '<ds:HMACOutputLength>8</ds:HMACOutputLength>' }),
  ),
  'inclusive-c14n': [
    'http://www.w3.org/TR/2001/REC-xml-c14n-20010315',
    'http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments',
    'http://www.w3.org/2006/12/xml-c14n11',
  ].flatMap((algorithm) => [
    async () => signAnything(simple(), 'Assertion', { canonicalization: algorithm }),
    async () => signAnything(simple(), 'Assertion', { transforms: ENVELOPED + transform(algorithm) }),
  ]),
  xslt: [
    async () => signAnything(simple(), 'Assertion', { transforms: ENVELOPED + transform('http://www.w3.org/TR/1999/REC-xslt-19991116') }),
  ],
  xpath: ['http://www.w3.org/TR/1999/REC-xpath-19991116', 'http://www.w3.org/2002/06/xmldsig-filter2'].map(
    (algorithm) => async () => signAnything(simple(), 'Assertion', { transforms: transform(algorithm) + ENVELOPED + EXCLUSIVE }),
  ),
  'unknown-algorithm': [
    async () => signAnything(simple(), 'Assertion', { method: 'http://www.w3.org/2001/04/xmldsig-more#rsa-md5' }),
    async () => signAnything(simple(), 'Assertion', { method: '' }),
    async () => signAnything(simple(), 'Assertion', { digestMethod: `urn:${'x'.repeat(500)}` }),
    async () => signAnything(simple(), 'Assertion', { canonicalization: 'http://www.w3.org/2001/10/xml-exc-c14n' }),
    async () => signAnything(simple(), 'Assertion', { transforms: ENVELOPED + transform('http://www.w3.org/2000/09/xmldsig#base64') }),
  ],
}

describe('verifyEnveloped() refuses what a trusted key truly signed', () => {
  test('as a matter of form, it takes the same without the flaw', async () => {
    for (const shape of [{}, { prefixes: 'xs #default' }, { prefixes: list(32) }, { afterValue: '<ds:KeyInfo/>' }]) {
      const root = readDocument(await signAnything(simple(), 'Assertion', shape))
      expect(await outcomeOf(root, root, [obliging])).toBe('signed ann')
    }
  })

  test.each(Object.entries(REFUSED).flatMap(([code, cases]) => cases.map((make, index) => [code, index, make] as const)))(
    'XW-1, SA-8: %s (%i)',
    async (code, _index, make) => {
      const root = readDocument(await make())
      const result = await verifyEnveloped(root, find(root, 'Assertion'), [obliging])
      expect(result).toMatchObject({ status: 'refused', code })
      expect(JSON.stringify(result).length).toBeLessThan(500)
    },
  )

  test('an element of another document has no place in this one', async () => {
    const xml = await signAnything(simple(), 'Assertion')
    expect(await outcomeOf(readDocument(xml), readDocument(xml), [obliging])).toBe('reference')
  })

  test('with comments is as good as without, as long as there are none', async () => {
    const withComments = 'http://www.w3.org/2001/10/xml-exc-c14n#WithComments'
    const root = readDocument(
      await signAnything(simple(), 'Assertion', { canonicalization: withComments, transforms: ENVELOPED + transform(withComments) }),
    )
    expect(await outcomeOf(root, root, [obliging])).toBe('signed ann')
  })
})

const { xml: signedAssertion } = vectors.documents.assertion
const { xml: signedResponse } = vectors.documents.response
const cut = (xml: string, name: string): string => {
  const start = xml.indexOf(`<${name}`)
  return xml.slice(start, xml.indexOf(`</${name}>`, start) + name.length + 3)
}
const toAdmin = (xml: string): string => xml.replace('>ann@example.com<', '>admin@example.com<').replace('>reader<', '>admin<')

const original = cut(signedAssertion, 'saml:Assertion')
const seal = cut(original, 'ds:Signature')
const bare = original.replace(seal, '')
const evil = toAdmin(bare).replace('ID="_a1"', 'ID="_evil"')
const sealedEvil = toAdmin(original).replace('ID="_a1"', 'ID="_evil"')
const twin = toAdmin(original)
const around = (content: string): string => signedAssertion.replace(original, () => content)
const inside = (assertion: string, content: string): string => assertion.replace('</saml:Assertion>', `${content}</saml:Assertion>`)
const extensions = (content: string): string => `<samlp:Extensions>${content}</samlp:Extensions>`

const response = cut(signedResponse, 'samlp:Response')
const responseSeal = cut(response, 'ds:Signature')
const evilResponse = toAdmin(response).replace('ID="_r1"', 'ID="_evil"').replace(responseSeal, '')
const responseInSeal = responseSeal.replace(
  '</ds:Signature>',
  `<ds:Object>${response.replace(responseSeal, '')}</ds:Object></ds:Signature>`,
)

/** What the protocol would read as the signed element, and what becomes of it. */
const WRAPPED: readonly (readonly [name: string, document: string, read: 'Response' | 'Assertion', outcome: string])[] = [
  [
    'XSW1: original response in an Object of the signature',
    evilResponse.replace('<samlp:Status>', `${responseInSeal}<samlp:Status>`),
    'Response',
    'signature-object',
  ],
  [
    'XSW2: original response beside a detached signature',
    evilResponse.replace('<samlp:Status>', `${responseSeal}${response.replace(responseSeal, '')}<samlp:Status>`),
    'Response',
    'reference',
  ],
  ['XSW3: evil assertion before the original', around(evil + original), 'Assertion', 'unsigned'],
  ['XSW4: original inside the evil assertion', around(inside(evil, original)), 'Assertion', 'unsigned'],
  ['XSW5: signature in the evil assertion, original at the end', around(sealedEvil + bare), 'Assertion', 'reference'],
  [
    'XSW6: original in the signature of the evil assertion',
    around(sealedEvil.replace('</ds:Signature>', `${bare}</ds:Signature>`)),
    'Assertion',
    'signature-form',
  ],
  ['XSW7: evil assertion in Extensions before the original', around(extensions(evil) + original), 'Assertion', 'signed ann@example.com'],
  [
    'XSW8: original in an Object of the evil assertion',
    around(sealedEvil.replace('</ds:Signature>', `<ds:Object>${bare}</ds:Object></ds:Signature>`)),
    'Assertion',
    'signature-object',
  ],
  ['original hidden in Extensions', around(extensions(bare) + sealedEvil), 'Assertion', 'reference'],
  ['original hidden in Extensions, the same ID', around(extensions(bare) + twin), 'Assertion', 'duplicate-id'],
  ['original hidden in Extensions with its signature, the same ID', around(extensions(original) + twin), 'Assertion', 'duplicate-id'],
  ['a twin with the same ID after the original', around(original + twin), 'Assertion', 'duplicate-id'],
  ['a twin in the advice of the evil assertion', around(inside(twin, `<saml:Advice>${bare}</saml:Advice>`)), 'Assertion', 'duplicate-id'],
  [
    'original in the KeyInfo of the evil assertion',
    around(twin.replace('</ds:Signature>', `<ds:KeyInfo>${bare}</ds:KeyInfo></ds:Signature>`)),
    'Assertion',
    'duplicate-id',
  ],
  ['two signatures, the first of another element', around(sealedEvil.replace(seal, seal + seal)), 'Assertion', 'several-signatures'],
  [
    'two SignedInfo',
    around(twin.replace('<ds:SignedInfo>', `${cut(seal, 'ds:SignedInfo')}<ds:SignedInfo>`)),
    'Assertion',
    'signature-form',
  ],
  ['the signature taken off', around(evil), 'Assertion', 'unsigned'],
  ['the content exchanged', around(twin), 'Assertion', 'digest-mismatch'],
  ['the signature of the response around an evil assertion', toAdmin(signedResponse), 'Response', 'digest-mismatch'],
]

describe('XW-2, XW-3: wrapping', () => {
  test.each(WRAPPED)('%s', async (_name, document, read, outcome) => {
    const root = readDocument(document)
    const direct = read === 'Response' ? root : childrenNamed(root, ASSERTION, 'Assertion')[0]
    expect(direct && (await outcomeOf(root, direct))).toBe(outcome)
  })

  test.each(WRAPPED)('%s: whatever element is asked about, the admin is never signed', async (_name, document) => {
    const root = readDocument(document)
    for (const element of elementsWithin(root)) expect(await outcomeOf(root, element)).not.toContain('admin')
  })
})

describe('XW-4: a name in pieces', () => {
  test.each([
    ['a comment', 'ann@example.com<!-- -->'],
    ['a comment within', 'ann<!-- x -->@example.com'],
    ['CDATA', 'ann@<![CDATA[example]]>.com'],
    ['a reference', 'ann&#64;example.com'],
  ])('%s added after signing leaves the signed name whole', async (_name, written) => {
    const root = readDocument(signedAssertion.replace('ann@example.com', written))
    expect(await outcomeOf(root, find(root, 'Assertion'))).toBe('signed ann@example.com')
  })
})
