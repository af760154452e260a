import { auth } from 'samlp'
import { describe, expect, test } from 'vitest'
import { ACS, codeOf, createBench, type Begun } from '../../support/saml-provider.ts'
import { identityOf } from './rsa-identity.ts'

/** Auth0's samlp as the identity provider: it reads our request, checks its signature, and writes the whole response. */
const ISSUER = 'urn:samlp:idp'
const theirs = await identityOf('samlp')
const strangers = await identityOf('strangers')
const ours = await identityOf('sp')
const USER = {
  id: 'samlp|42',
  displayName: 'Ann Example',
  emails: [{ type: 'work', value: 'ann@example.com' }],
  name: { givenName: 'Ann', familyName: 'Ö & <b>' },
}
const MAIL = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress'
const ID = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier'

const createPair = () =>
  createBench({
    entityId: ISSUER,
    certificates: [theirs.certificate],
    privateKey: ours.privateKey,
    certificate: ours.certificate,
    mapping: { claims: { email: MAIL }, groups: 'groups', scopes: [], groupScopes: {} },
  })

/** What samlp answers to the redirect that our sign-in begins with, as the browser would bring it back. */
async function answerTo(
  begun: Begun,
  more: Readonly<Record<string, unknown>> = {},
  query: Readonly<Record<string, string>> = {},
): Promise<string> {
  const asked = Object.fromEntries(new URL(begun.response.headers.get('location') ?? '').searchParams)
  return new Promise((resolve, reject) => {
    const middleware = auth({
      issuer: ISSUER,
      cert: theirs.certificate,
      key: theirs.privateKey,
      signingCert: ours.certificate,
      recipient: ACS,
      destination: ACS,
      nameIdentifierProbes: [ID],
      nameIdentifierFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
      getUserFromRequest: () => USER,
      getPostURL: (_audience: string, _request: unknown, _asked: unknown, done: (error: null, url: string) => void) => done(null, ACS),
      ...more,
    })
    const send = (content: string | number): void => {
      const encoded = /name="SAMLResponse"[^>]*value="([^"]*)"/u.exec(String(content))?.[1]
      if (encoded === undefined) reject(new Error(`samlp answered ${content}`))
      else resolve(Buffer.from(encoded, 'base64').toString())
    }
    middleware({ method: 'GET', query: { ...asked, ...query } }, { set: () => undefined, send }, (error) =>
      reject(error ?? new Error('samlp passed it on')),
    )
  })
}

describe('samlp', () => {
  test.each([
    ['a signed assertion', {}],
    ['a signed response around it', { signResponse: true }],
    [
      'an encrypted assertion',
      {
        encryptionCert: ours.certificate,
        encryptionPublicKey: ours.publicKey,
        encryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
        signResponse: true,
      },
    ],
  ])('%s, to a request whose signature it checked', async (_name, options) => {
    const bench = createPair()
    const begun = await bench.begin({}, Date.now())
    const outcome = await bench.post(await answerTo(begun, options), begun, Date.now())
    expect(outcome).toMatchObject({ status: 'signed_in', signIn: { subject: 'samlp|42', claims: { email: 'ann@example.com' } } })
  })

  test('does not take a request of ours that was changed on the way', async () => {
    const begun = await createPair().begin({}, Date.now())
    await expect(answerTo(begun, {}, { RelayState: 'another' })).rejects.toThrow(/signature/iu)
  })

  test.each([
    ['another signer', { cert: strangers.certificate, key: strangers.privateKey }, 'signature-invalid'],
    ['another audience', { audience: 'urn:other' }, 'audience'],
    ['another recipient', { recipient: 'https://other.example/acs' }, 'recipient'],
    ['another destination', { destination: 'https://other.example/acs' }, 'destination'],
    ['an answer to another request', { inResponseTo: '_other' }, 'in-response-to'],
    ['another issuer', { issuer: 'urn:other' }, 'issuer'],
    ['no signature', { signAssertion: false }, 'assertion-unsigned'],
    ['SHA-1', { signatureAlgorithm: 'rsa-sha1', digestAlgorithm: 'sha1' }, 'sha-1'],
  ])('%s is refused', async (_name, options, code) => {
    const bench = createPair()
    const begun = await bench.begin({}, Date.now())
    expect(codeOf(await bench.post(await answerTo(begun, options), begun, Date.now()))).toBe(code)
  })

  test('the same response again is refused', async () => {
    const bench = createPair()
    const begun = await bench.begin({}, Date.now())
    const xml = await answerTo(begun)
    expect(codeOf(await bench.post(xml, begun, Date.now()))).toBe('signed_in')
    expect(codeOf(await bench.post(xml, begun, Date.now()))).not.toBe('signed_in')
  })
})
