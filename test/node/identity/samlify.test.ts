import { IdentityProvider, SamlLib, ServiceProvider, setSchemaValidator } from 'samlify'
import { beforeAll, describe, expect, test } from 'vitest'
import { begunOf, codeOf, createBench, ORIGIN, type Bench, type Begun } from '../../support/saml-provider.ts'
import { identityOf } from './rsa-identity.ts'

/** samlify as the identity provider: no code of ours is on its side. */
setSchemaValidator({ validate: async () => 'not checked here' })
const ENTITY_ID = 'https://idp.example.org/metadata'
const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'
const BINDING = 'urn:oasis:names:tc:SAML:2.0:bindings:'
const theirs = await identityOf('idp')
const ours = await identityOf('sp')

type Party = ReturnType<typeof ServiceProvider>
interface Options {
  readonly cipher?: string
  readonly signsMessage?: boolean
}

function identityProvider({ cipher }: Options) {
  return IdentityProvider({
    entityID: ENTITY_ID,
    privateKey: theirs.privateKey,
    signingCert: theirs.certificate,
    requestSignatureAlgorithm: RSA_SHA256,
    wantAuthnRequestsSigned: true,
    wantLogoutRequestSigned: true,
    wantLogoutResponseSigned: true,
    isAssertionEncrypted: cipher !== undefined,
    ...(cipher === undefined ? {} : { dataEncryptionAlgorithm: cipher }),
    messageSigningOrder: 'encrypt-then-sign',
    singleSignOnService: [{ Binding: `${BINDING}HTTP-Redirect`, Location: 'https://idp.example.org/sso' }],
    singleLogoutService: [{ Binding: `${BINDING}HTTP-Redirect`, Location: 'https://idp.example.org/slo' }],
    loginResponseTemplate: { context: RESPONSE, attributes: [] },
  })
}

describe.each([
  ['a signed assertion', {}, {}],
  ['a signed response around it', { signsMessage: true }, { wantSigned: 'both' }],
  ['AES-256-GCM', { cipher: 'http://www.w3.org/2009/xmlenc11#aes256-gcm' }, { wantEncrypted: true }],
  [
    'AES-256-CBC in a signed response',
    { cipher: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc', signsMessage: true },
    { wantEncrypted: true, allowCbc: true },
  ],
] as const)('samlify: %s', (_name, options: Options, changes) => {
  const bench = createBench({
    entityId: ENTITY_ID,
    certificates: [theirs.certificate],
    privateKey: ours.privateKey,
    certificate: ours.certificate,
    ...changes,
  })
  const idp = identityProvider(options)
  let sp: Party
  beforeAll(async () => {
    const outcome = await bench.send('metadata')
    if (outcome.status !== 'answer') throw new Error(codeOf(outcome))
    sp = ServiceProvider({
      metadata: await outcome.response.text(),
      wantMessageSigned: options.signsMessage === true,
      wantLogoutRequestSigned: true,
      wantLogoutResponseSigned: true,
    })
  })

  async function answer(begun: Begun): Promise<string> {
    const location = new URL(begun.response.headers.get('location') ?? '')
    const request = {
      query: Object.fromEntries(location.searchParams),
      octetString: location.search.slice(1).replace(/&Signature=.*/u, ''),
    }
    const { extract } = await idp.parseLoginRequest(sp, 'redirect', request)
    const { context } = await idp.createLoginResponse(
      sp,
      { extract },
      'post',
      {},
      { customTagReplacement: fill((extract as { request: { id: string } }).request.id), encryptThenSign: options.signsMessage === true },
    )
    return Buffer.from(context, 'base64').toString()
  }
  const signIn = async (by: Bench) => {
    const begun = await by.begin({}, Date.now())
    return by.post(await answer(begun), begun, Date.now())
  }

  test('it verifies our request, and we sign the person in', async () => {
    expect(await signIn(bench)).toMatchObject({
      status: 'signed_in',
      returnTo: '/orders?page=2',
      signIn: { subject: 'ann', claims: { email: 'ann@example.com' }, groups: ['staff'], providerSession: 's-1' },
    })
  })

  test('an answer changed by a byte signs nobody in', async () => {
    const begun = await bench.begin({}, Date.now())
    const xml = await answer(begun)
    const at = xml.indexOf('</saml:EncryptedAssertion>') > 0 ? xml.lastIndexOf('</xenc:CipherValue>') - 40 : xml.indexOf('>ann<') + 2
    const changed = xml.slice(0, at) + (xml[at] === 'A' ? 'B' : 'A') + xml.slice(at + 1)
    expect((await bench.post(changed, begun, Date.now())).status).toBe('refused')
    expect((await bench.post(xml, begun, Date.now())).status).toBe('signed_in')
  })

  test('it hears our logout, and its answer brings the browser back', async () => {
    const outcome = await signIn(bench)
    if (outcome.status !== 'signed_in') throw new Error(codeOf(outcome))
    const context = { request: new Request(`${ORIGIN}/.portcullis/logout`), origin: ORIGIN, now: Date.now(), defer: () => undefined }
    const response = await bench.provider.signOut({ signIn: outcome.signIn, returnTo: '/bye' }, context)
    const begun = await begunOf(response ?? new Response())
    const location = new URL(response?.headers.get('location') ?? '')
    const request = {
      query: Object.fromEntries(location.searchParams),
      octetString: location.search.slice(1).replace(/&Signature=.*/u, ''),
    }
    const { extract } = await idp.parseLogoutRequest(sp, 'redirect', request)
    expect(extract).toMatchObject({ nameID: 'ann', sessionIndex: 's-1' })
    const { context: back } = idp.createLogoutResponse(sp, { extract }, 'redirect', begun.relayState) as { context: string }
    const done = await bench.send('slo', { query: new URL(back).search, headers: { cookie: begun.cookie } }, Date.now())
    expect(done.status === 'answer' && done.response.headers.get('location')).toBe('/bye')
  })

  test('its logout ends the session, and it verifies our answer', async () => {
    const { context: location } = idp.createLogoutRequest(sp, 'redirect', { logoutNameID: 'ann', sessionIndex: 's-1' }, 'their state') as {
      context: string
    }
    const outcome = await bench.send('slo', { query: new URL(location).search }, Date.now())
    if (outcome.status !== 'signed_out') throw new Error(codeOf(outcome))
    expect(outcome.named).toMatchObject({ issuer: ENTITY_ID, subject: 'ann' })
    const back = new URL(outcome.response.headers.get('location') ?? '')
    expect(back.searchParams.get('RelayState')).toBe('their state')
    const request = { query: Object.fromEntries(back.searchParams), octetString: back.search.slice(1).replace(/&Signature=.*/u, '') }
    expect((await idp.parseLogoutResponse(sp, 'redirect', request)).extract).toMatchObject({
      issuer: `${ORIGIN}/.portcullis/saml/acme/metadata`,
    })
  })
})

const ACS = `${ORIGIN}/.portcullis/saml/acme/acs`
const RESPONSE = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{ID}" Version="2.0" IssueInstant="{Now}" Destination="${ACS}" InResponseTo="{Request}"><saml:Issuer>${ENTITY_ID}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion ID="{AssertionID}" Version="2.0" IssueInstant="{Now}"><saml:Issuer>${ENTITY_ID}</saml:Issuer><saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">ann</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData Recipient="${ACS}" NotOnOrAfter="{Later}" InResponseTo="{Request}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{Now}" NotOnOrAfter="{Later}"><saml:AudienceRestriction><saml:Audience>${ORIGIN}/.portcullis/saml/acme/metadata</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{Now}" SessionIndex="s-1"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="mail"><saml:AttributeValue>ann@example.com</saml:AttributeValue></saml:Attribute><saml:Attribute Name="groups"><saml:AttributeValue>staff</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>`

const fill =
  (requestId: string) =>
  (template: string): { id: string; context: string } => {
    const id = `_${crypto.randomUUID()}`
    const values = {
      ID: id,
      AssertionID: `_${crypto.randomUUID()}`,
      Request: requestId,
      Now: new Date().toISOString(),
      Later: new Date(Date.now() + 300_000).toISOString(),
    }
    return { id, context: SamlLib.replaceTagsByValue(template, values) }
  }
