import { describe, expect, test } from 'vitest'
import { signEnveloped } from '../../../src/identity/saml/xml/sign.ts'
import { createMemoryReplay } from '../../../src/replay/replay-store.ts'
import {
  ACS,
  answerOf,
  assertionXml,
  at,
  attributeXml,
  AUDIENCE,
  audienceXml,
  conditionsXml,
  confirmationXml,
  encrypt,
  nameIdXml,
  otherKey,
  responseXml,
  signAnything,
  statementXml,
  statusXml,
  codeOf,
  createBench,
  IDP,
  NOW,
  PASSWORD,
  CERTIFICATE,
  type Answer,
  type Signs,
} from '../../support/saml-provider.ts'

async function signInWith(answer: Omit<Answer, 'requestId'>, changes: Parameters<typeof createBench>[0] = {}, signs: Signs = 'assertion') {
  const bench = createBench(changes)
  const begun = await bench.begin()
  return bench.post(await answerOf({ requestId: begun.requestId, ...answer }, signs), begun)
}

describe('a sign-in', () => {
  test('SA-2 to SA-6: becomes one form for all providers, with what a logout needs', async () => {
    const outcome = await signInWith({
      statement: statementXml(` AuthnInstant="${at(-10)}" SessionIndex="s-1" SessionNotOnOrAfter="${at(3600)}"`),
    })
    expect(outcome).toEqual({
      status: 'signed_in',
      returnTo: '/orders?page=2',
      setCookies: [expect.stringContaining('Max-Age=0')],
      signIn: {
        provider: 'acme',
        issuer: IDP,
        subject: 'ann',
        claims: { email: 'ann@example.com', auth_time: (NOW - 10_000) / 1000, acr: PASSWORD },
        groups: ['staff', 'admins'],
        scopes: ['orders:read', 'orders:write'],
        authenticatedAt: NOW - 10_000,
        nameId: JSON.stringify(['ann', 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent', null, null]),
        providerSession: 's-1',
        endsAt: NOW + 3_600_000,
      },
    })
  })

  test.each([
    ['assertion', 'assertion', 'signed_in'],
    ['assertion', 'both', 'signed_in'],
    ['assertion', 'response', 'assertion-unsigned'],
    ['response', 'response', 'signed_in'],
    ['response', 'assertion', 'response-unsigned'],
    ['response', 'both', 'signed_in'],
    ['both', 'both', 'signed_in'],
    ['both', 'assertion', 'response-unsigned'],
    ['both', 'response', 'assertion-unsigned'],
    ['either', 'assertion', 'signed_in'],
    ['either', 'response', 'signed_in'],
    ['either', 'nothing', 'assertion-unsigned'],
    ['assertion', 'nothing', 'assertion-unsigned'],
  ] as const)('SA-8: wantSigned %s, signed %s: %s', async (wantSigned, signs, expected) => {
    expect(codeOf(await signInWith({}, { wantSigned }, signs))).toBe(expected)
    // The same encrypted: within a signed response the ciphertext is covered too.
    const bench = createBench({ wantSigned, wantEncrypted: true })
    const begun = await bench.begin()
    const answer = { requestId: begun.requestId }
    const isSigned = signs === 'assertion' || signs === 'both'
    const encrypted = await encrypt(isSigned ? await signAnything(assertionXml(answer), 'Assertion') : assertionXml(answer)(''))
    const response = responseXml(answer, encrypted)
    const xml = signs === 'response' || signs === 'both' ? await signAnything(response, 'Response') : response('')
    expect(codeOf(await bench.post(xml, begun))).toBe(expected)
  })

  test.each(['RSA', 'P-256', 'P-384'] as const)('SA-9: an old and a new certificate side by side, the new one %s', async (algorithm) => {
    const { key, certificate } = await otherKey(algorithm)
    const bench = createBench({ certificates: [CERTIFICATE, certificate] })
    const strict = createBench()
    for (const [each, expected] of [
      [bench, 'signed_in'],
      [strict, algorithm === 'RSA' ? 'signature-invalid' : 'no-key'],
    ] as const) {
      const begun = await each.begin()
      const answer = { requestId: begun.requestId }
      const xml = responseXml(answer, await signEnveloped(assertionXml(answer)(''), key))('')
      expect(codeOf(await each.post(xml, begun))).toBe(expected)
    }
    const begun = await bench.begin()
    expect(codeOf(await bench.post(await answerOf({ requestId: begun.requestId, id: '_a2' }), begun))).toBe('signed_in')
  })

  test('XW-5: CBC only where the policy allows it, and only within a signed response', async () => {
    const outcomes = []
    for (const [allowCbc, signs] of [
      [false, true],
      [true, false],
      [true, true],
    ] as const) {
      const bench = createBench({ wantSigned: 'either', allowCbc })
      const begun = await bench.begin()
      const answer = { requestId: begun.requestId }
      const assertion = await encrypt(await signAnything(assertionXml(answer), 'Assertion'), 'EncryptedAssertion', 'AES-CBC')
      const response = responseXml(answer, assertion)
      outcomes.push(codeOf(await bench.post(signs ? await signAnything(response, 'Response') : response(''), begun)))
    }
    expect(outcomes).toEqual(['cbc', 'cbc', 'signed_in'])
  })

  test('an encrypted NameID and encrypted attributes are read', async () => {
    const bench = createBench()
    const { requestId, ...begun } = await bench.begin()
    const subject = `<saml:Subject>${(await encrypt(nameIdXml('bob').replace('<saml:NameID', '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'), 'EncryptedID')) + confirmationXml({ InResponseTo: requestId })}</saml:Subject>`
    const attribute = attributeXml('email', ['bob@example.com']).replace(
      '<saml:Attribute',
      '<saml:Attribute xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"',
    )
    const attributes = await encrypt(attribute, 'EncryptedAttribute')
    const outcome = await bench.post(await answerOf({ requestId, subject, attributes }), begun)
    expect(outcome).toMatchObject({ status: 'signed_in', signIn: { subject: 'bob', claims: { email: 'bob@example.com' } } })
  })
})

describe('SA-2, SA-5: once', () => {
  test('of five identical posts one signs in', async () => {
    const bench = createBench()
    const begun = await bench.begin()
    const xml = await answerOf({ requestId: begun.requestId })
    const codes = await Promise.all(Array.from({ length: 5 }, async () => codeOf(await bench.post(xml, begun))))
    expect(codes.toSorted()).toEqual(['replayed', 'replayed', 'replayed', 'replayed', 'signed_in'])
  })

  test('what is refused burns nothing', async () => {
    const bench = createBench()
    const begun = await bench.begin()
    const xml = await answerOf({ requestId: begun.requestId })
    expect(codeOf(await bench.post(xml.replace('>ann<', '>admin<'), begun))).toBe('digest-mismatch')
    expect(codeOf(await bench.post(xml, begun))).toBe('signed_in')
  })

  test('an assertion is remembered for as long as it would be taken, a lifetime of years included', async () => {
    const asked: { id: string; expiresAt: number }[] = []
    const memory = createMemoryReplay()
    const bench = createBench(
      { allowIdpInitiated: true, relayStates: ['/orders'] },
      { use: async (entry, now) => (asked.push(entry), memory.use(entry, now)) },
    )
    const forYears = { confirmation: confirmationXml({ NotOnOrAfter: at(1e8) }), conditions: conditionsXml(audienceXml(AUDIENCE), '') }
    const xml = await answerOf(forYears)
    expect(codeOf(await bench.post(xml))).toBe('signed_in')
    expect(asked).toEqual([{ scope: `saml-assertion:${IDP}`, id: '_a1', expiresAt: NOW + 3_660_000 }])
    expect(codeOf(await bench.post(xml, undefined, NOW + 3_659_999))).toBe('replayed')
    expect(codeOf(await bench.post(xml, undefined, NOW + 3_660_000))).toBe('issue-instant')
  })

  test('GW-3: nobody signs in while the memory cannot answer', async () => {
    const bench = createBench({ allowIdpInitiated: true, relayStates: ['/'] }, { use: async () => Promise.reject(new Error('down')) })
    await expect(bench.post(await answerOf({}))).rejects.toThrow('replay: down')
  })
})

describe('SA-7: a sign-in that begins at the identity provider', () => {
  const allowed = { allowIdpInitiated: true, relayStates: ['/orders', '/reports?all'] }
  const state = (relayState: string) => ({ cookie: '', relayState })

  test('is refused by default, and leads to a listed path where it is allowed', async () => {
    expect(codeOf(await createBench().post(await answerOf({})))).toBe('transaction')
    for (const [relayState, returnTo] of [
      ['/reports?all', '/reports?all'],
      ['', '/orders'],
    ] as const)
      expect(await createBench(allowed).post(await answerOf({}), state(relayState))).toMatchObject({
        status: 'signed_in',
        returnTo,
        setCookies: [],
      })
    expect(await createBench({ allowIdpInitiated: true }).post(await answerOf({}))).toMatchObject({ status: 'signed_in', returnTo: '/' })
  })

  test.each(['/other', 'https://evil.test/', '//evil.test', '/orders/', 'A'.repeat(22)])('does not lead to %s', async (relayState) => {
    expect(codeOf(await createBench(allowed).post(await answerOf({}), state(relayState)))).toBe('relay-state')
  })

  test('never takes an answer to a request: one that was stolen on its way to another browser', async () => {
    const bench = createBench(allowed)
    const { requestId } = await bench.begin()
    expect(codeOf(await bench.post(await answerOf({ requestId })))).toBe('unsolicited')
    const confirmation = confirmationXml({ InResponseTo: requestId })
    expect(codeOf(await bench.post(await answerOf({ confirmation })))).toBe('unsolicited')
  })
})

describe('times: just under and just over', () => {
  test.each([
    [
      'SA-3: NotOnOrAfter of the confirmation',
      { confirmation: (seconds: number) => ({ NotOnOrAfter: at(seconds) }) },
      -59.999,
      -60,
      'confirmation-expired',
    ],
    ['SA-4: NotBefore', { conditions: (seconds: number) => ` NotBefore="${at(seconds)}"` }, 60, 60.001, 'not-yet-valid'],
    ['SA-4: NotOnOrAfter', { conditions: (seconds: number) => ` NotOnOrAfter="${at(seconds)}"` }, -59.999, -60, 'expired'],
    ['IssueInstant in the future', { issueInstant: at }, 60, 60.001, 'issue-instant'],
    ['IssueInstant in the past', { issueInstant: at }, -3659.999, -3660, 'issue-instant'],
    ['AuthnInstant in the future', { statement: (seconds: number) => ` AuthnInstant="${at(seconds)}"` }, 60, 60.001, 'authn-statement'],
    [
      'SA-6: SessionNotOnOrAfter',
      { statement: (seconds: number) => ` AuthnInstant="${at(0)}" SessionNotOnOrAfter="${at(seconds)}"` },
      0.001,
      0,
      'session-over',
    ],
  ] as const)('%s', async (_name, part, good, bad, code) => {
    for (const [seconds, expected] of [
      [good, 'signed_in'],
      [bad, code],
    ] as const) {
      const bench = createBench()
      const begun = await bench.begin()
      const { requestId } = begun
      const answer: Answer = {
        requestId,
        ...('confirmation' in part ? { confirmation: confirmationXml({ InResponseTo: requestId, ...part.confirmation(seconds) }) } : {}),
        ...('conditions' in part ? { conditions: conditionsXml(audienceXml(AUDIENCE), part.conditions(seconds)) } : {}),
        ...('issueInstant' in part ? { issueInstant: part.issueInstant(seconds) } : {}),
        ...('statement' in part ? { statement: statementXml(part.statement(seconds)) } : {}),
      }
      expect(codeOf(await bench.post(await answerOf(answer), begun))).toBe(expected)
    }
  })

  test('a transaction is over after 15 minutes', async () => {
    const bench = createBench()
    const begun = await bench.begin({}, NOW - 899_999)
    expect(codeOf(await bench.post(await answerOf({ requestId: begun.requestId }), begun))).toBe('signed_in')
    const older = await bench.begin({}, NOW - 900_000)
    expect(codeOf(await bench.post(await answerOf({ requestId: older.requestId }), older))).toBe('transaction')
  })
})

describe("the identity provider's own refusal", () => {
  test.each([
    ['Responder', 'NoPassive', 'status-passive', 'interaction-required'],
    ['Requester', 'NoAuthnContext', 'status-context', 'authentication-insufficient'],
    ['Responder', 'AuthnFailed', 'status-denied', 'sign-in-denied'],
    ['Requester', 'RequestDenied', 'status-denied', 'sign-in-denied'],
    ['Requester', 'InvalidNameIDPolicy', 'status-name-id', 'provider-refused'],
    ['Requester', '', 'status-requester', 'provider-refused'],
    ['Responder', '', 'status-responder', 'provider-unavailable'],
    ['VersionMismatch', '', 'status-requester', 'provider-refused'],
    ['Success', 'AuthnFailed', 'status-denied', 'sign-in-denied'],
  ])('%s/%s', async (code, inner, expected, meaning) => {
    const bench = createBench()
    const begun = await bench.begin()
    const status = statusXml(code, inner, '<samlp:StatusMessage>the words of the provider</samlp:StatusMessage>')
    const outcome = await bench.post(responseXml({ requestId: begun.requestId, status }, '')(''), begun)
    expect(codeOf(outcome)).toBe(expected)
    expect(outcome).toMatchObject({
      code: meaning,
      detail: expect.stringContaining('the words of the provider'),
      returnTo: '/orders?page=2',
    })
  })

  test('counts only at the right address', async () => {
    const bench = createBench()
    const begun = await bench.begin()
    const answer = { requestId: begun.requestId, status: statusXml('Responder', 'AuthnFailed'), destination: `${ACS}/x` }
    expect(codeOf(await bench.post(responseXml(answer, '')(''), begun))).toBe('destination')
  })
})
