import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../../src/http/base64url.ts'
import { attributeOf, childrenNamed, elementsWithin, textOf } from '../../../src/http/xml.ts'
import { DependencyOutage } from '../../../src/identity/outage.ts'
import { readPem } from '../../../src/http/pem.ts'
import { importVerificationKey } from '../../../src/identity/saml/xml/keys.ts'
import { verifyRedirect } from '../../../src/identity/saml/xml/redirect.ts'
import { verifyEnveloped } from '../../../src/identity/saml/xml/signature.ts'
import { ACS, AUDIENCE, createBench, find, PUBLIC_KEY, readDocument, SLO } from '../../support/saml-provider.ts'

const ours = await importVerificationKey(readPem(PUBLIC_KEY) ?? new Uint8Array())
const unsigned = { privateKey: undefined as never, signRequests: false }
const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata'

describe('SA-1: the AuthnRequest', () => {
  test('names itself, us, both addresses and the binding of the answer', async () => {
    const { xml, cookie, response } = await createBench().begin()
    const root = readDocument(xml)
    expect(Object.fromEntries(root.attributes.map(({ localName, value }) => [localName, value]))).toEqual({
      ID: expect.stringMatching(/^_[0-9a-f]{40}$/u),
      Version: '2.0',
      IssueInstant: '2027-01-15T08:00:00Z',
      Destination: 'https://idp.example.org/sso',
      ProtocolBinding: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
      AssertionConsumerServiceURL: ACS,
    })
    expect(textOf(find(root, 'Issuer'))).toBe(AUDIENCE)
    expect(attributeOf(find(root, 'NameIDPolicy'), 'Format')).toMatch(/:persistent$/u)
    expect(cookie).toMatch(/^__Host-/u)
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  test('IDs are not guessable, nor is RelayState', async () => {
    const bench = createBench()
    const all = await Promise.all(Array.from({ length: 20 }, async () => bench.begin()))
    expect(new Set(all.flatMap(({ requestId, relayState }) => [requestId, relayState])).size).toBe(40)
  })

  test('redirect: signed over the query as it is sent', async () => {
    const { response, relayState } = await createBench({
      singleSignOn: { url: 'https://idp.example.org/sso?tenant=1', binding: 'redirect' },
    }).begin()
    expect(response.status).toBe(303)
    const location = response.headers.get('location') ?? ''
    expect(location).toMatch(/^https:\/\/idp\.example\.org\/sso\?tenant=1&SAMLRequest=/u)
    expect(await verifyRedirect(location.slice(location.indexOf('&') + 1), [ours!])).toMatchObject({ status: 'verified', relayState })
  })

  test('redirect: not signed without a key, or where the policy says so', async () => {
    for (const changes of [unsigned, { signRequests: false }]) {
      const { response } = await createBench(changes).begin()
      expect(response.headers.get('location')).not.toMatch(/Sig/u)
    }
  })

  test('POST: a page that works without its one script, and runs no other', async () => {
    const { response, xml, relayState } = await createBench({
      singleSignOn: { url: 'https://idp.example.org/sso?a=1&b="2"', binding: 'post' },
    }).begin()
    const root = readDocument(xml)
    expect((await verifyEnveloped(root, root, [ours!])).status).toBe('verified')
    const html = await response.text()
    expect(html).toContain('action="https://idp.example.org/sso?a=1&amp;b=&quot;2&quot;"')
    expect(html).toContain(`name="RelayState" value="${relayState}"`)
    expect(html).toContain('<button type="submit">')
    const script = /<script>(.*?)<\/script>/u.exec(html)?.[1] ?? ''
    const hash = encodeBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(script))))
    expect(response.headers.get('content-security-policy')).toBe(
      `default-src 'none'; script-src 'sha256-${hash}'; form-action https:; frame-ancestors https://idp.example.org; base-uri 'none'`,
    )
    expect(response.headers.get('set-cookie')).toMatch(/^__Host-.*SameSite=None/u)
  })

  test.each([
    [{}, {}],
    [{ prompt: 'login' }, { ForceAuthn: 'true' }],
    [{ maxAgeSeconds: 60 }, { ForceAuthn: 'true' }],
    [{ prompt: 'none' }, { IsPassive: 'true' }],
  ] as const)('%o becomes %o', async (asked, attributes) => {
    const root = readDocument((await createBench().begin(asked)).xml)
    expect({ ForceAuthn: attributeOf(root, 'ForceAuthn'), IsPassive: attributeOf(root, 'IsPassive') }).toEqual({
      ForceAuthn: undefined,
      IsPassive: undefined,
      ...attributes,
    })
  })

  test('contexts: those of the route, else those of the policy', async () => {
    const bench = createBench({ authnContexts: ['urn:policy'] })
    const contextsOf = (xml: string) =>
      [...elementsWithin(readDocument(xml))].filter(({ localName }) => localName === 'AuthnContextClassRef').map((each) => textOf(each))
    expect(contextsOf((await bench.begin()).xml)).toEqual(['urn:policy'])
    expect(contextsOf((await bench.begin({ acrValues: ['urn:a', 'urn:b&<'] })).xml)).toEqual(['urn:a', 'urn:b&<'])
    expect(contextsOf((await createBench().begin()).xml)).toEqual([])
  })

  test('NameIDPolicy: transient creates nobody, unspecified asks for no format', async () => {
    const policyOf = async (nameIdFormat: 'transient' | 'unspecified') => {
      const element = find(readDocument((await createBench({ nameIdFormat }).begin()).xml), 'NameIDPolicy')
      return [attributeOf(element, 'Format')?.split(':').at(-1), attributeOf(element, 'AllowCreate')]
    }
    expect(await policyOf('transient')).toEqual(['transient', undefined])
    expect(await policyOf('unspecified')).toEqual([undefined, 'true'])
  })
})

describe('our metadata', () => {
  async function metadataOf(changes: Parameters<typeof createBench>[0] = {}) {
    const outcome = await createBench(changes).send('metadata')
    if (outcome.status !== 'answer') throw new Error(outcome.status)
    return { response: outcome.response, root: readDocument(await outcome.response.text()) }
  }

  test('names every address, the certificate for both uses, and what we decrypt; signed', async () => {
    const { response, root } = await metadataOf({ certificate: PUBLIC_KEY })
    expect(response.headers.get('content-type')).toBe('application/samlmetadata+xml')
    expect(attributeOf(root, 'entityID')).toBe(AUDIENCE)
    expect((await verifyEnveloped(root, root, [ours!])).status).toBe('verified')
    const role = find(root, 'SPSSODescriptor')
    expect([attributeOf(role, 'AuthnRequestsSigned'), attributeOf(role, 'WantAssertionsSigned')]).toEqual(['true', 'true'])
    const keys = childrenNamed(role, METADATA, 'KeyDescriptor')
    expect(keys.map((key) => attributeOf(key, 'use'))).toEqual(['signing', 'encryption'])
    expect(textOf(find(role, 'X509Certificate'))).toBe(PUBLIC_KEY.replaceAll(/-----[^-]+-----|\s/gu, ''))
    expect(childrenNamed(role, METADATA, 'SingleLogoutService').map((each) => attributeOf(each, 'Location'))).toEqual([SLO, SLO])
    expect(attributeOf(find(role, 'AssertionConsumerService'), 'Location')).toBe(ACS)
    expect(JSON.stringify(root, (key, value: unknown) => (key === 'scope' ? undefined : value))).not.toMatch(/PRIVATE|cbc|tripledes/u)
  })

  test('without a key it is unsigned and has none; without single logout it names no address for it', async () => {
    const { root } = await metadataOf({
      ...unsigned,
      singleLogout: undefined as never,
      serviceProviderEntityId: 'urn:ours',
      wantSigned: 'response',
    })
    const names = [...elementsWithin(root)].map(({ localName }) => localName)
    expect(names).toEqual(['EntityDescriptor', 'SPSSODescriptor', 'NameIDFormat', 'AssertionConsumerService'])
    expect(attributeOf(root, 'entityID')).toBe('urn:ours')
    expect(attributeOf(find(root, 'SPSSODescriptor'), 'WantAssertionsSigned')).toBe('false')
  })

  test('a key of no kind we have is an outage on every request: never unsigned instead', async () => {
    await expect(createBench({ privateKey: 'AAAA' }).begin()).rejects.toBeInstanceOf(DependencyOutage)
    await expect(createBench({ privateKey: 'AAAA' }).begin()).rejects.toThrow('acme.privateKey is no PKCS#8 key')
    await expect(createBench({ certificates: ['AAAA'] }).send('metadata')).rejects.toThrow('acme.certificates[0]')
  })
})
