import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../src/http/base64url.ts'
import { signEnveloped } from '../../src/identity/saml/xml/sign.ts'
import {
  answerOf,
  assertionXml,
  audienceXml,
  AUDIENCE,
  begunOf,
  CERTIFICATE,
  conditionsXml,
  confirmationXml,
  IDP,
  nameIdXml,
  NAMESPACES,
  NOW,
  at,
  otherKey,
  responseXml,
  SLO,
  statementXml,
  type Answer,
  type Begun,
} from '../support/saml-provider.ts'
import { createIsolate, HOST, sessionPolicy } from '../support/session-gate.ts'

const second = await otherKey('P-256')
const policy = sessionPolicy((document) => {
  document['x-portcullis'].identityProviders = {
    acme: {
      kind: 'saml',
      entityId: IDP,
      singleSignOn: { url: 'https://idp.example.org/sso', binding: 'redirect' },
      singleLogout: { url: 'https://idp.example.org/slo', binding: 'post' },
      certificates: [CERTIFICATE, second.certificate],
      mapping: { groupScopes: { admins: ['read'] } },
    },
  }
})
let serial = 0
/** Everybody has objects of their own: these are shared by all tests of a file. */
function createPerson() {
  let now = NOW
  const name = `ann-${(serial += 1)}`
  const gate = createIsolate({ now: () => now, policy })
  const answerTo = async (requestId: string, changes: Answer = {}): Promise<string> =>
    answerOf({
      requestId,
      id: `_${name}`,
      subject: `<saml:Subject>${nameIdXml(name)}${confirmationXml({ InResponseTo: requestId })}</saml:Subject>`,
      statement: statementXml(` AuthnInstant="${at(0)}" SessionIndex="${name}"`),
      ...changes,
    })
  return {
    name,
    gate,
    answerTo,
    advance: (seconds: number) => void (now += seconds * 1000),
    begin: async (): Promise<Begun> => begunOf(await gate.fetch('/.portcullis/login?return_to=/v1/orders')),
    post: async (xml: string, begun: Begun): Promise<Response> =>
      gate.fetch('/.portcullis/saml/acme/acs', {
        method: 'POST',
        headers: { cookie: begun.cookie },
        body: new URLSearchParams({ SAMLResponse: encodeBase64(new TextEncoder().encode(xml)), RelayState: begun.relayState }),
      }),
  }
}
const sessionOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((field) => field.split(';')[0] ?? '')
    .find((pair) => /^__Host-portcullis=./u.test(pair)) ?? ''

describe('SAML through the whole gate', () => {
  test('a sign-in opens a route, and the transaction cookie is gone', async () => {
    const { gate, begin, answerTo, post, name } = createPerson()
    const begun = await begin()
    const signedIn = await post(await answerTo(begun.requestId), begun)
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, '/v1/orders'])
    expect(signedIn.headers.getSetCookie().some((field) => /^__Host-portcullis-login=;.*Max-Age=0/u.test(field))).toBe(true)
    const opened = await gate.fetch('/v1/orders', { headers: { cookie: sessionOf(signedIn) } })
    expect(opened.status).toBe(200)
    const [, claims = ''] = (gate.forwarded[0]?.headers.get('portcullis-assertion') ?? '').split('.')
    expect(JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')))).toMatchObject({
      principals: [{ kind: 'session', iss: IDP, sub: name, scope: 'read' }],
    })
    expect(JSON.stringify(gate.log)).not.toMatch(/SAMLResponse|ann@example/u)
  })

  test('SA-5: of five identical posts in parallel one signs in, over real objects', async () => {
    const { begin, answerTo, post } = createPerson()
    const begun = await begin()
    const xml = await answerTo(begun.requestId)
    const answers = await Promise.all(Array.from({ length: 5 }, async () => post(xml, begun)))
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['303', '400', '400', '400', '400'])
    expect(answers.map(sessionOf).toSorted().slice(0, 4)).toEqual(['', '', '', ''])
  })

  test('SA-5: an assertion is good for one request only, even one that another browser began', async () => {
    const { begin, answerTo, post } = createPerson()
    const [first, other] = [await begin(), await begin()]
    const xml = await answerTo(first.requestId)
    expect((await post(xml, other)).status).toBe(502)
    expect((await post(xml, { ...first, cookie: '' })).status).toBe(400)
    expect((await post(xml, first)).status).toBe(303)
  })

  test('SA-9: the second certificate of a rollover is as good', async () => {
    const { begin, post, name } = createPerson()
    const begun = await begin()
    const { requestId } = begun
    const answer = { requestId, id: `_${name}`, conditions: conditionsXml(audienceXml(AUDIENCE)) }
    const xml = responseXml(answer, await signEnveloped(assertionXml(answer)(''), second.key))('')
    expect((await post(xml, begun)).status).toBe(303)
  })

  test('a refusal tells the person little and the log what to change', async () => {
    const { gate, begin, answerTo, post } = createPerson()
    const begun = await begin()
    const refused = await post(
      await answerTo(begun.requestId, { conditions: conditionsXml(audienceXml('https://old.example.com')) }),
      begun,
    )
    expect(refused.status).toBe(502)
    expect(await refused.text()).not.toContain('old.example.com')
    expect(gate.log.at(-1)).toMatchObject({
      code: 'provider-answer-invalid',
      provider: 'acme',
      detail: expect.stringMatching(/^audience: Audience must be our entityID.*old\.example\.com/u),
    })
    expect(sessionOf(refused)).toBe('')
  })

  test('the LogoutRequest of the identity provider ends the session in every isolate within the bound', async () => {
    const { gate, begin, answerTo, post, name, advance } = createPerson()
    const begun = await begin()
    const cookie = sessionOf(await post(await answerTo(begun.requestId), begun))
    const elsewhere = createIsolate({ now: () => NOW + 10_000, policy })
    expect((await gate.fetch('/v1/orders', { headers: { cookie } })).status).toBe(200)
    const request = `<samlp:LogoutRequest ${NAMESPACES} ID="_out-${name}" Version="2.0" IssueInstant="${at(0)}" Destination="${SLO}"><saml:Issuer>${IDP}</saml:Issuer>${nameIdXml(name)}<samlp:SessionIndex>${name}</samlp:SessionIndex></samlp:LogoutRequest>`
    const send = async (xml: string) =>
      gate.fetch('/.portcullis/saml/acme/slo', {
        method: 'POST',
        body: new URLSearchParams({ SAMLRequest: encodeBase64(new TextEncoder().encode(xml)) }),
      })
    expect((await send(request)).status).toBe(400)
    expect((await gate.fetch('/v1/orders', { headers: { cookie } })).status).toBe(200)
    const signed = await signEnveloped(request, second.key)
    const left = await send(signed)
    expect([left.status, await left.text()]).toEqual([200, expect.stringContaining('name="SAMLResponse"')])
    advance(10)
    expect((await gate.fetch('/v1/orders', { headers: { cookie } })).status).toBe(401)
    expect((await elsewhere.fetch('/v1/orders', { headers: { cookie } })).status).toBe(401)
    expect((await send(signed)).status).toBe(400)
  })

  test('another host of nobody, another kind, another endpoint', async () => {
    const { gate } = createPerson()
    expect((await gate.fetch('/.portcullis/saml/acme/metadata')).headers.get('content-type')).toBe('application/samlmetadata+xml')
    for (const path of ['/.portcullis/oidc/acme/metadata', '/.portcullis/saml/acme/other', '/.portcullis/saml/nobody/metadata'])
      expect((await gate.fetch(path)).status).toBe(404)
    expect((await gate.fetch('/.portcullis/saml/acme/acs')).status).toBe(405)
    expect(HOST).toBe('https://api.example.com')
  })
})
