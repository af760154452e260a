import { describe, expect, test } from 'vitest'
import {
  answerOf,
  at,
  attributeXml,
  AUDIENCE,
  confirmationXml,
  nameIdXml,
  codeOf,
  createBench,
  PASSWORD,
  statementXml,
  IDP,
  type Answer,
} from '../../support/saml-provider.ts'

const EMAIL = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'
const TRANSIENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient'

async function signInWith(answer: Omit<Answer, 'requestId'>, changes: Parameters<typeof createBench>[0] = {}) {
  const bench = createBench(changes)
  const begun = await bench.begin()
  return bench.post(await answerOf({ requestId: begun.requestId, ...answer }), begun)
}

describe('SU-2: how strong and how recent', () => {
  const SECOND_FACTOR = 'https://refeds.org/profile/mfa'
  test.each([
    ['no wish, an old session', {}, -86_400, PASSWORD, 'signed_in'],
    ['max_age 600', { maxAgeSeconds: 600 }, -660, PASSWORD, 'signed_in'],
    ['max_age 600', { maxAgeSeconds: 600 }, -660.001, PASSWORD, 'authn-age'],
    ['prompt=login', { prompt: 'login' }, -60, PASSWORD, 'signed_in'],
    ['prompt=login', { prompt: 'login' }, -60.001, PASSWORD, 'authn-age'],
    ['acr', { acrValues: [SECOND_FACTOR, 'urn:x'] }, 0, SECOND_FACTOR, 'signed_in'],
    ['acr', { acrValues: [SECOND_FACTOR, 'urn:x'] }, 0, PASSWORD, 'authn-context'],
  ] as const)('%s %o, authenticated %d s ago with %s: %s', async (_name, asked, seconds, context, expected) => {
    const bench = createBench()
    const begun = await bench.begin(asked)
    const answer = { requestId: begun.requestId, statement: statementXml(` AuthnInstant="${at(seconds)}"`, context) }
    expect(codeOf(await bench.post(await answerOf(answer), begun))).toBe(expected)
  })

  test('the contexts of the policy are asked for and held to', async () => {
    const changes = { authnContexts: [SECOND_FACTOR] }
    expect(codeOf(await signInWith({}, changes))).toBe('authn-context')
    expect(codeOf(await signInWith({ statement: statementXml(undefined, SECOND_FACTOR) }, changes))).toBe('signed_in')
  })
})

describe('who somebody is', () => {
  const subjectOf = (nameId: string, requestId: string) =>
    `<saml:Subject>${nameId}${confirmationXml({ InResponseTo: requestId })}</saml:Subject>`
  async function withNameId(nameId: string, changes: Parameters<typeof createBench>[0] = {}, attributes?: string) {
    const bench = createBench(changes)
    const begun = await bench.begin()
    const subject = subjectOf(nameId, begun.requestId)
    return bench.post(await answerOf({ requestId: begun.requestId, subject, ...(attributes === undefined ? {} : { attributes }) }), begun)
  }

  test.each([
    ['persistent', EMAIL, 'name-id-format'],
    ['emailAddress', EMAIL, 'signed_in'],
    ['unspecified', EMAIL, 'signed_in'],
    ['unspecified', TRANSIENT, 'name-id-format'],
    ['persistent', TRANSIENT, 'name-id-format'],
    ['transient', TRANSIENT, 'signed_in'],
  ] as const)('asked for %s, given %s: %s', async (nameIdFormat, format, expected) => {
    expect(codeOf(await withNameId(nameIdXml('ann', format), { nameIdFormat }))).toBe(expected)
  })

  test('a foreign qualifier makes another person', async () => {
    const qualified = (name: string, value: string) => nameIdXml().replace('<saml:NameID', `<saml:NameID ${name}="${value}"`)
    expect(codeOf(await withNameId(qualified('NameQualifier', IDP)))).toBe('signed_in')
    expect(codeOf(await withNameId(qualified('SPNameQualifier', AUDIENCE)))).toBe('signed_in')
    expect(codeOf(await withNameId(qualified('NameQualifier', 'urn:other')))).toBe('name-id-qualifier')
    expect(codeOf(await withNameId(qualified('SPNameQualifier', 'urn:other')))).toBe('name-id-qualifier')
  })

  test.each([
    ['256 characters', nameIdXml('a'.repeat(256)), 'signed_in'],
    ['257 characters', nameIdXml('a'.repeat(257)), 'name-id'],
    ['nothing', nameIdXml(''), 'name-id'],
    ['none at all', '', 'name-id'],
    ['two', nameIdXml() + nameIdXml('bob'), 'name-id'],
    ['elements in it', nameIdXml('ann<saml:b/>'), 'name-id'],
  ])('a NameID of %s', async (_name, nameId, expected) => {
    expect(codeOf(await withNameId(nameId))).toBe(expected)
  })

  test('an attribute may name the person: exactly one value, whatever the NameID', async () => {
    const changes = { subjectAttribute: 'employee' }
    const attribute = (...values: string[]) => attributeXml('urn:e', values, ' FriendlyName="employee"')
    expect(await withNameId(nameIdXml('x', TRANSIENT), changes, attribute('e-7'))).toMatchObject({
      signIn: { subject: 'e-7', nameId: JSON.stringify(['x', TRANSIENT, null, null]) },
    })
    expect(codeOf(await withNameId(nameIdXml(), changes, attribute('e-7', 'e-8')))).toBe('subject-attribute')
    expect(codeOf(await withNameId(nameIdXml(), changes, attribute('')))).toBe('subject-attribute')
    expect(codeOf(await withNameId(nameIdXml(), changes))).toBe('subject-attribute')
  })
})

describe('attributes', () => {
  async function claimsOf(attributes: string, claims: Readonly<Record<string, string>> = { email: 'email', name: 'name' }) {
    const outcome = await signInWith({ attributes }, { mapping: { claims, groups: 'urn:groups', scopes: [], groupScopes: {} } })
    if (outcome.status !== 'signed_in') throw new Error(codeOf(outcome))
    const { auth_time: _time, acr: _acr, ...mapped } = outcome.signIn.claims
    return { ...mapped, groups: outcome.signIn.groups }
  }

  test('only what the mapping names is kept; a Name counts before a FriendlyName', async () => {
    const attributes =
      attributeXml('urn:1', ['friendly'], ' FriendlyName="title"') +
      attributeXml('title', ['by name']) +
      attributeXml('secret', ['no']) +
      attributeXml('urn:2', ['x'], ' FriendlyName="city"')
    expect(await claimsOf(attributes, { title: 'title', place: 'city' })).toEqual({ title: 'by name', place: 'x', groups: [] })
  })

  test('email and name are found under their usual names', async () => {
    const attributes = attributeXml('urn:oid:0.9.2342.19200300.100.1.3', ['ann@example.com']) + attributeXml('displayName', ['Ann'])
    expect(await claimsOf(attributes)).toEqual({ email: 'ann@example.com', name: 'Ann', groups: [] })
  })

  test('values are whole, several become a list, repeated attributes add up', async () => {
    const attributes =
      attributeXml('urn:groups', ['a', '', 'b&amp;<![CDATA[c]]>']) + attributeXml('urn:groups', ['d']) + attributeXml('role', ['x', 'y'])
    expect(await claimsOf(attributes, { role: 'role' })).toEqual({ role: ['x', 'y'], groups: ['a', 'b&c', 'd'] })
  })

  test.each([
    [256, 'signed_in'],
    [257, 'attributes'],
  ])('%d attributes: %s', async (count, expected) => {
    const attributes = Array.from({ length: count }, (_, index) => attributeXml(`a${index}`, ['x'])).join('')
    expect(codeOf(await signInWith({ attributes }))).toBe(expected)
  })

  test('more groups than a session keeps are refused, not cut', async () => {
    const attributes = attributeXml(
      'groups',
      Array.from({ length: 501 }, (_, index) => `g${index}`),
    )
    expect(codeOf(await signInWith({ attributes }))).toBe('attributes')
  })
})
