import { afterAll, describe, expect, test } from 'vitest'
import { node, writeXml } from '../../../src/http/xml-writer.ts'
import { importSigningKey, importVerificationKey } from '../../../src/identity/saml/xml/keys.ts'
import { signRedirect } from '../../../src/identity/saml/xml/redirect.ts'
import { signEnveloped } from '../../../src/identity/saml/xml/sign.ts'
import { verifyEnveloped } from '../../../src/identity/saml/xml/signature.ts'
import { randomFrom } from '../../support/random.ts'
import { randomElement } from './random-xml.ts'
import { readDocument, xmlsec } from './xmlsec.ts'

const tool = xmlsec()
afterAll(() => tool.remove())

const PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol'
const KEYS = [
  ['rsa', 'rsa', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  ['p256', 'ecdsa', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  ['p384', 'ecdsa', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  ['p521', 'ecdsa', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
] as const

async function makeKeys(name: string, ...options: readonly string[]) {
  const { pkcs8, spki } = tool.makeKey(name, ...options)
  const [signing, verification] = [await importSigningKey(pkcs8), await importVerificationKey(spki)]
  if (signing === undefined || verification === undefined) throw new Error(`${name} was not imported`)
  return { signing, verification }
}

describe.each(KEYS)('xmlsec1 with %s', (name, family, ...options) => {
  test('SA-1: verifies what we sign, and not what was changed', async () => {
    const { signing } = await makeKeys(name, ...options)
    const request = writeXml(
      node(
        'samlp:AuthnRequest',
        { 'xmlns:samlp': PROTOCOL, ID: '_1', ProviderName: `é "&" <\t>` },
        node('saml:Issuer', { 'xmlns:saml': 'urn:oasis:names:tc:SAML:2.0:assertion' }, 'x > y\r'),
      ),
    )
    const signed = await signEnveloped(request, signing)
    tool.verify(signed, name, `${PROTOCOL}:AuthnRequest`)
    expect(() => tool.verify(signed.replace('x &gt; y', 'x &gt; z'), name, `${PROTOCOL}:AuthnRequest`)).toThrow('Command failed')
  })

  test('SA-8: what it signs, whatever the document and the prefix list, verifies here', async () => {
    const { verification } = await makeKeys(name, ...options)
    const random = randomFrom(KEYS.findIndex(([each]) => each === name) + 1)
    const seen = new Set<string>()
    for (let count = 0; count < 20; count++) {
      const prefixes = ['a', 'b', 'c', '#default', 'samlp', 'unknown'].filter(() => random.chance(40)).join(' ')
      const list =
        prefixes === '' ? '' : `<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="${prefixes}"/>`
      const bits = random.pick(['256', '384', '512'])
      const digest = bits === '384' ? 'http://www.w3.org/2001/04/xmldsig-more#sha384' : `http://www.w3.org/2001/04/xmlenc#sha${bits}`
      const seal = `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">${list}</CanonicalizationMethod><SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#${family}-sha${bits}"/><Reference URI="#_1"><Transforms><Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">${list}</Transform></Transforms><DigestMethod Algorithm="${digest}"/><DigestValue/></Reference></SignedInfo><SignatureValue/></Signature>`
      const content = randomElement(random, new Set(['a', 'samlp']), 3)
      const template = `<samlp:Response xmlns:samlp="${PROTOCOL}" xmlns="urn:d" xmlns:a="urn:a" ID="_1">${seal}${content}</samlp:Response>`
      seen.add(template)
      const root = readDocument(tool.sign(template, name, `${PROTOCOL}:Response`))
      const result = await verifyEnveloped(root, root, [verification])
      expect(result.status === 'refused' ? `${result.code}: ${template}` : result.status).toBe('verified')
    }
    console.log(`${name}: ${seen.size} distinct documents of xmlsec1`)
    expect(seen.size).toBeGreaterThan(18)
  })
})

test('SA-1: openssl verifies a query of ours', async () => {
  const { signing } = await makeKeys('query', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048')
  const query = await signRedirect({ parameter: 'SAMLRequest', xml: '<a ID="_1"/>', relayState: 'x y' }, signing)
  const [octets = '', value = ''] = query.split('&Signature=')
  tool.write('octets', octets)
  tool.write('value.txt', `${decodeURIComponent(value)}\n`)
  tool.run('openssl', 'base64', '-d', '-A', '-in', 'value.txt', '-out', 'value')
  expect(tool.run('openssl', 'dgst', '-sha256', '-verify', 'query.pub', '-signature', 'value', 'octets')).toContain('Verified OK')
})
