import { describe, expect, test } from 'vitest'
import { node, writeXml } from '../../../../src/http/xml-writer.ts'
import { attributeOf, isElement, textOf } from '../../../../src/http/xml.ts'
import { importSigningKey, importVerificationKey, type SigningKey, type VerificationKey } from '../../../../src/identity/saml/xml/keys.ts'
import { signEnveloped } from '../../../../src/identity/saml/xml/sign.ts'
import { verifyEnveloped } from '../../../../src/identity/saml/xml/signature.ts'
import { find, readDocument } from '../../../support/saml.ts'

const RSA = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }

async function newPair(algorithm: typeof RSA | { name: 'ECDSA'; namedCurve: string }): Promise<[SigningKey, VerificationKey]> {
  const pair = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair
  const signing = await importSigningKey(new Uint8Array((await crypto.subtle.exportKey('pkcs8', pair.privateKey)) as ArrayBuffer))
  const verification = await importVerificationKey(new Uint8Array((await crypto.subtle.exportKey('spki', pair.publicKey)) as ArrayBuffer))
  if (signing === undefined || verification === undefined) throw new Error('no key')
  return [signing, verification]
}

const REQUEST = writeXml(
  node(
    'samlp:AuthnRequest',
    {
      'xmlns:samlp': 'urn:oasis:names:tc:SAML:2.0:protocol',
      'xmlns:saml': 'urn:oasis:names:tc:SAML:2.0:assertion',
      ID: '_1',
      ForceAuthn: undefined,
      ProviderName: `A "&" <B>\t'é'`,
    },
    node('saml:Issuer', {}, 'https://api.example.com/?a=1&b=<2>'),
    node('samlp:NameIDPolicy', { AllowCreate: 'true' }),
  ),
)

describe('writeXml()', () => {
  test('what it writes is read as it was meant', () => {
    const root = readDocument(REQUEST)
    expect(attributeOf(root, 'ProviderName')).toBe(`A "&" <B>\t'é'`)
    expect(attributeOf(root, 'ForceAuthn')).toBeUndefined()
    expect(textOf(find(root, 'Issuer'))).toBe('https://api.example.com/?a=1&b=<2>')
    expect(REQUEST).toContain('<samlp:NameIDPolicy AllowCreate="true"/>')
  })
})

describe('signEnveloped()', () => {
  test.each([RSA, ...['P-256', 'P-384', 'P-521'].map((namedCurve) => ({ name: 'ECDSA' as const, namedCurve }))])(
    'SA-1: what it signed with %j verifies, and says what was given',
    async (algorithm) => {
      const [key, verification] = await newPair(algorithm)
      const root = readDocument(await signEnveloped(REQUEST, key))
      expect(root.children.filter(isElement).map(({ localName }) => localName)).toEqual(['Issuer', 'Signature', 'NameIDPolicy'])
      const result = await verifyEnveloped(root, root, [verification])
      if (result.status === 'refused') throw new Error(result.code)
      expect(attributeOf(result.signed, 'ProviderName')).toBe(`A "&" <B>\t'é'`)
    },
  )

  test('metadata has no issuer: the signature comes first', async () => {
    const [key, verification] = await newPair(RSA)
    const root = readDocument(
      await signEnveloped('<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="_m"><x/></EntityDescriptor>', key),
    )
    expect(root.children.filter(isElement).map(({ localName }) => localName)).toEqual(['Signature', 'x'])
    expect(await verifyEnveloped(root, root, [verification])).toMatchObject({ status: 'verified' })
  })

  test('throws at what nobody could read', async () => {
    const [key] = await newPair(RSA)
    await expect(signEnveloped('<a/>', key)).rejects.toThrow('needs an ID')
    await expect(signEnveloped(writeXml(node('a', { ID: '_1' }, '\u0000')), key)).rejects.toThrow('not XML: character')
    await expect(signEnveloped(`<a ID="_1">${'>'.repeat(100_000)}</a>`, key)).rejects.toThrow('too long')
  })
})
