import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../../src/http/base64url.ts'
import { attributeOf, textOf } from '../../../src/http/xml.ts'
import { readPem } from '../../../src/http/pem.ts'
import { importVerificationKey, type SigningKey } from '../../../src/identity/saml/xml/keys.ts'
import { signRedirect, verifyRedirect } from '../../../src/identity/saml/xml/redirect.ts'
import { signEnveloped } from '../../../src/identity/saml/xml/sign.ts'
import { verifyEnveloped } from '../../../src/identity/saml/xml/signature.ts'
import type { SignIn } from '../../../src/sessions/session.ts'
import {
  at,
  begunOf,
  codeOf,
  createBench,
  encrypt,
  find,
  IDP,
  nameIdXml,
  NAMESPACES,
  NOW,
  ORIGIN,
  otherKey,
  PUBLIC_KEY,
  readDocument,
  SLO,
  statusXml,
  type Bench,
} from '../../support/saml-provider.ts'

const idp = await otherKey('P-256')
const stranger = await otherKey('P-256')
const policy = { certificates: [idp.certificate] }

interface Asked {
  readonly id?: string
  readonly issuer?: string
  readonly destination?: string
  readonly issueInstant?: string
  readonly attributes?: string
  readonly content?: string
}
const logoutRequest = ({
  id = '_l1',
  issuer = IDP,
  destination = SLO,
  issueInstant = at(0),
  attributes = '',
  content,
}: Asked = {}): string =>
  `<samlp:LogoutRequest ${NAMESPACES} ID="${id}" Version="2.0" IssueInstant="${issueInstant}" Destination="${destination}"${attributes}><saml:Issuer>${issuer}</saml:Issuer>${content ?? `${nameIdXml()}<samlp:SessionIndex>s-1</samlp:SessionIndex>`}</samlp:LogoutRequest>`
const logoutResponse = (requestId: string, { issuer = IDP, destination = SLO }: Asked = {}): string =>
  `<samlp:LogoutResponse ${NAMESPACES} ID="_m1" Version="2.0" IssueInstant="${at(0)}" Destination="${destination}" InResponseTo="${requestId}"><saml:Issuer>${issuer}</saml:Issuer>${statusXml()}</samlp:LogoutResponse>`

type Sender = (
  bench: Bench,
  xml: string,
  options?: { key?: SigningKey | undefined; relayState?: string; cookie?: string; now?: number },
) => ReturnType<Bench['send']>
const senderOf =
  (binding: 'redirect' | 'post', parameter: 'SAMLRequest' | 'SAMLResponse'): Sender =>
  async (bench, xml, options = {}) => {
    const { relayState, cookie, now } = options
    const key = 'key' in options ? options.key : idp.key
    const headers = cookie === undefined ? {} : { cookie }
    const state = relayState === undefined ? {} : { relayState }
    if (binding === 'redirect')
      return bench.send('slo', { query: `?${await signRedirect({ parameter, xml, ...state }, key)}`, headers }, now)
    const message = key === undefined ? xml : await signEnveloped(xml, key)
    const body = new URLSearchParams({
      [parameter]: encodeBase64(new TextEncoder().encode(message)),
      ...(relayState === undefined ? {} : { RelayState: relayState }),
    })
    return bench.send('slo', { method: 'POST', body, headers }, now)
  }

describe.each(['redirect', 'post'] as const)('a LogoutRequest of the identity provider by %s', (binding) => {
  const send = senderOf(binding, 'SAMLRequest')

  test('names whose sessions end, and is answered in signed form', async () => {
    const outcome = await send(
      createBench({
        ...policy,
        singleLogout: { url: 'https://idp.example.org/slo', responseUrl: 'https://idp.example.org/slo/done?a=1', binding },
      }),
      logoutRequest(),
      { relayState: 'of theirs' },
    )
    if (outcome.status !== 'signed_out') throw new Error(codeOf(outcome))
    expect(outcome.named).toEqual({ issuer: IDP, subject: 'ann', providerSession: 's-1' })
    expect(outcome.once).toEqual({ scope: `saml-logout:${IDP}`, id: '_l1', expiresAt: NOW + 960_000 })
    const answer = await begunOf(outcome.response)
    expect(answer.relayState).toBe('of theirs')
    const root = readDocument(answer.xml)
    expect(root).toMatchObject({ localName: 'LogoutResponse' })
    expect([attributeOf(root, 'InResponseTo'), attributeOf(root, 'Destination')]).toEqual(['_l1', 'https://idp.example.org/slo/done?a=1'])
    expect(attributeOf(find(root, 'StatusCode'), 'Value')).toMatch(/:Success$/u)
    const ours = await importVerificationKey(readPem(PUBLIC_KEY) ?? new Uint8Array())
    const location = outcome.response.headers.get('location')
    const verified =
      location === null
        ? await verifyEnveloped(root, root, [ours!])
        : await verifyRedirect(location.slice(location.indexOf('&') + 1), [ours!])
    expect(verified.status).toBe('verified')
  })

  test.each([
    ['no index: all sessions of the person', nameIdXml(), undefined],
    [
      'two: all of them, rather than one',
      `${nameIdXml()}<samlp:SessionIndex>s-1</samlp:SessionIndex><samlp:SessionIndex>s-2</samlp:SessionIndex>`,
      undefined,
    ],
  ])('%s', async (_name, content, providerSession) => {
    const outcome = await send(createBench(policy), logoutRequest({ content }))
    if (outcome.status !== 'signed_out') throw new Error(codeOf(outcome))
    expect(outcome.named.providerSession).toBe(providerSession)
    expect(outcome.named.subject).toBe('ann')
  })

  test('an attribute that names the person is not in it: the NameID is', async () => {
    const outcome = await send(createBench({ ...policy, subjectAttribute: 'employee' }), logoutRequest())
    expect(outcome).toMatchObject({ status: 'signed_out', named: { nameId: expect.stringContaining('"ann"') } })
    expect('subject' in (outcome.status === 'signed_out' ? outcome.named : {})).toBe(false)
  })

  test('an EncryptedID is read', async () => {
    const content = await encrypt(
      nameIdXml('bob').replace('<saml:NameID', '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'),
      'EncryptedID',
    )
    expect(await send(createBench(policy), logoutRequest({ content }))).toMatchObject({ named: { subject: 'bob' } })
  })

  test('counts without an address to answer to', async () => {
    const outcome = await send(createBench({ ...policy, singleLogout: undefined as never }), logoutRequest())
    expect(outcome).toMatchObject({ status: 'signed_out', response: { status: 200 } })
  })

  test.each([
    ['unsigned', {}, undefined, 'logout-unsigned'],
    ['signed by somebody else', {}, stranger.key, 'signature-invalid'],
    ['of another issuer', { issuer: 'https://evil.test' }, idp.key, 'issuer'],
    ['for another address', { destination: `${ORIGIN}/.portcullis/saml/acme/acs` }, idp.key, 'destination'],
    ['of an hour ago', { issueInstant: at(-3600) }, idp.key, 'logout-expired'],
    ['from the future', { issueInstant: at(61) }, idp.key, 'logout-expired'],
    ['of no time', { issueInstant: 'now' }, idp.key, 'logout-expired'],
    ['over', { attributes: ` NotOnOrAfter="${at(-60)}"` }, idp.key, 'logout-expired'],
    ['over at no time', { attributes: ' NotOnOrAfter="later"' }, idp.key, 'logout-expired'],
    ['with a long id', { id: `_${'a'.repeat(256)}` }, idp.key, 'logout-id'],
    ['naming nobody', { content: '' }, idp.key, 'name-id'],
    ['naming two', { content: nameIdXml() + nameIdXml('bob') }, idp.key, 'name-id'],
    ['with 33 indexes', { content: nameIdXml() + '<samlp:SessionIndex>s</samlp:SessionIndex>'.repeat(33) }, idp.key, 'session-index'],
  ] as const)('%s', async (_name, asked, key, code) => {
    expect(codeOf(await send(createBench(policy), logoutRequest(asked), { key }))).toBe(code)
  })

  test.each([
    [{ attributes: ` NotOnOrAfter="${at(-59)}"` }, 'signed_out'],
    [{ issueInstant: at(-959) }, 'signed_out'],
    [{ issueInstant: at(-960) }, 'logout-expired'],
    [{ issueInstant: at(60) }, 'signed_out'],
  ])('%o: %s', async (asked, code) => {
    expect(codeOf(await send(createBench(policy), logoutRequest(asked)))).toBe(code)
  })

  test('another message in its place', async () => {
    expect(codeOf(await send(createBench(policy), logoutResponse('_x')))).toBe('message')
    expect(codeOf(await send(createBench(policy), logoutRequest().replaceAll('LogoutRequest', 'AuthnRequest')))).toBe('message')
  })
})

describe('the query of a LogoutRequest', () => {
  const query = async () => signRedirect({ parameter: 'SAMLRequest', xml: logoutRequest(), relayState: 'r' }, idp.key)
  test.each([
    ['as it is', (text: string) => text, 'signed_out'],
    ['another RelayState', (text: string) => text.replace('RelayState=r', 'RelayState=evil'), 'signature-invalid'],
    ['a second RelayState', (text: string) => `${text}&RelayState=evil`, 'form'],
    ['a RelayState with an escaped name', (text: string) => `${text}&Relay%53tate=evil`, 'form'],
    ['a second message', (text: string) => `${text}&SAMLRequest=AAAA`, 'query-form'],
    ['the other message too', (text: string) => `${text}&SAMLResponse=AAAA`, 'query-form'],
    ['no signature', (text: string) => text.replace(/&Signature=.*/u, ''), 'logout-unsigned'],
    [
      'SHA-1',
      (text: string) => text.replace(/SigAlg=[^&]*/u, `SigAlg=${encodeURIComponent('http://www.w3.org/2000/09/xmldsig#rsa-sha1')}`),
      'sha-1',
    ],
    ['nothing', () => '', 'transaction'],
  ])('%s: %s', async (_name, change, code) => {
    const outcome = await createBench(policy).send('slo', { query: `?${change(await query())}` })
    expect(outcome.status === 'answer' ? 'transaction' : codeOf(outcome)).toBe(code)
  })

  test('a bomb is inflated no further than a document may be long', async () => {
    const xml = logoutRequest({ content: `${nameIdXml()}${' '.repeat(5_000_000)}` })
    const bomb = await signRedirect({ parameter: 'SAMLRequest', xml }, idp.key)
    expect(bomb.length).toBeLessThan(20_000)
    expect(codeOf(await createBench(policy).send('slo', { query: `?${bomb}` }))).toBe('signed-form')
  })
})

const SIGN_IN: SignIn = {
  provider: 'acme',
  issuer: IDP,
  subject: 'ann',
  claims: {},
  groups: [],
  scopes: [],
  authenticatedAt: NOW,
  providerSession: 's-1',
  nameId: JSON.stringify(['ann', 'urn:f', IDP, 'urn:sp']),
}

describe.each(['redirect', 'post'] as const)('our own LogoutRequest by %s', (binding) => {
  const changes = { ...policy, singleLogout: { url: 'https://idp.example.org/slo', binding } }
  async function leave(bench: Bench) {
    const context = { request: new Request(`${ORIGIN}/.portcullis/logout`), origin: ORIGIN, now: NOW, defer: () => undefined }
    const response = await bench.provider.signOut({ signIn: SIGN_IN, returnTo: '/bye' }, context)
    if (response === undefined) throw new Error('no logout')
    return begunOf(response)
  }
  const answer = senderOf(binding, 'SAMLResponse')

  test('repeats the NameID letter for letter, with the session', async () => {
    const { xml, response } = await leave(createBench(changes))
    const root = readDocument(xml)
    expect(attributeOf(root, 'Destination')).toBe('https://idp.example.org/slo')
    expect(attributeOf(root, 'NotOnOrAfter')).toBe('2027-01-15T08:05:00Z')
    const nameId = find(root, 'NameID')
    expect([
      textOf(nameId),
      attributeOf(nameId, 'Format'),
      attributeOf(nameId, 'NameQualifier'),
      attributeOf(nameId, 'SPNameQualifier'),
    ]).toEqual(['ann', 'urn:f', IDP, 'urn:sp'])
    expect(textOf(find(root, 'SessionIndex'))).toBe('s-1')
    expect(response.status).toBe(binding === 'redirect' ? 303 : 200)
    expect(binding === 'redirect' ? response.headers.get('location') : xml).toContain(
      binding === 'redirect' ? '&Signature=' : '<ds:SignatureValue>',
    )
  })

  test.each([
    ['signed', {}, idp.key, undefined],
    ['unsigned: it decides nothing', {}, undefined, undefined],
    ['signed by somebody else', {}, stranger.key, 'signature-invalid'],
    ['of another issuer', { issuer: 'https://evil.test' }, idp.key, 'issuer'],
    ['for another address', { destination: ORIGIN }, idp.key, 'destination'],
  ] as const)('the answer: %s', async (_name, asked, key, code) => {
    const bench = createBench(changes)
    const { requestId, relayState, cookie } = await leave(bench)
    const outcome = await answer(bench, logoutResponse(requestId, asked), { key, relayState, cookie })
    expect(codeOf(outcome)).toBe(code ?? 'answer')
    const headers = outcome.status === 'answer' ? outcome.response.headers : undefined
    expect(headers?.get('location')).toBe(code === undefined ? '/bye' : undefined)
    expect(headers?.get('set-cookie')?.includes('Max-Age=0')).toBe(code === undefined ? true : undefined)
  })

  test('the answer to another request, to none of this browser, to a sign-in', async () => {
    const bench = createBench(changes)
    const { requestId, relayState, cookie } = await leave(bench)
    expect(codeOf(await answer(bench, logoutResponse('_other'), { relayState, cookie }))).toBe('logout-answer')
    const begun = await bench.begin()
    for (const state of [{ relayState }, { cookie }, { relayState: begun.relayState, cookie: begun.cookie }]) {
      const outcome = await answer(bench, logoutResponse(requestId), state)
      if (outcome.status !== 'answer') throw new Error(codeOf(outcome))
      expect(outcome.response.headers.get('location')).toBe('/.portcullis/logout')
    }
    const transaction = { relayState, cookie }
    expect(codeOf(await bench.post('<x/>', transaction))).toBe('transaction')
  })

  test('there is none without an address or a NameID', async () => {
    const context = { request: new Request(ORIGIN), origin: ORIGIN, now: NOW, defer: () => undefined }
    expect(
      await createBench({ singleLogout: undefined as never }).provider.signOut({ signIn: SIGN_IN, returnTo: '/' }, context),
    ).toBeUndefined()
    const { nameId: _nameId, ...signIn } = SIGN_IN
    expect(await createBench(changes).provider.signOut({ signIn, returnTo: '/' }, context)).toBeUndefined()
  })
})
