import { beforeEach, describe, expect, test } from 'vitest'
import { FORM_MS } from '../../../src/control/pages/forms.ts'
import type { MemberRole } from '../../../src/directory/accounts.ts'
import { createTestPortal, HOST, START, visitorNamed } from '../../support/portal.ts'

type Portal = ReturnType<typeof createTestPortal>
type Browser = ReturnType<Portal['as']>
let portal: Portal
let ada: Browser
let organisation: string
let app: string
let key: string

const KEY = { name: 'Production', scopes: 'read', life: '2592000' }
const idIn = (path: string): string => path.split('/').at(-1) ?? ''

beforeEach(async () => {
  portal = createTestPortal()
  ada = portal.as('ada')
  organisation = await ada.made('/organisations/new', { name: 'Acme' })
  app = await ada.made(`${organisation}/apps/new`, { name: 'Export', plan: 'free' })
  await ada.post(`${app}/keys/new`, KEY)
  key = `/keys/${[...portal.accounts.keysById.keys()][0] ?? ''}`
  portal.accounts.writes.length = 0
})

/** Members of every role, by invitation. */
async function invite(role: MemberRole, name: string): Promise<Browser> {
  const page = await ada.post(`${organisation}/invite`, { role, note: name })
  const link = /value="(https:[^"]*)"/u.exec(await page.text())?.[1] ?? ''
  const browser = portal.as(name)
  await browser.made(new URL(link).pathname.slice('/.portcullis/portal'.length), {})
  return browser
}

describe('who may', () => {
  const bob = (): Promise<Browser> => invite('developer', 'bob')
  /** Every page of the portal that names something, with the right that it needs and a form that holds. */
  const actions = (): readonly (readonly [path: string, right: 'look' | 'build' | 'own', form?: Record<string, string>])[] => [
    [organisation, 'look'],
    [`${organisation}/activity`, 'look'],
    [`${organisation}/settings`, 'own', { name: 'Other' }],
    [`${organisation}/invite`, 'own', { note: '', role: 'viewer' }],
    [`${organisation}/members/person-ada`, 'own', { role: 'owner' }],
    [`${organisation}/members/person-ada/remove`, 'own', {}],
    [`${organisation}/apps/new`, 'build', { name: 'Two', plan: 'gold' }],
    [app, 'look'],
    [`${app}/settings`, 'build', { name: 'Two', plan: 'gold' }],
    [`${app}/keys/new`, 'build', KEY],
    [`${app}/keys/public`, 'build', { name: 'Signer', publicKey: JWK }],
    [key, 'look'],
    [`${key}/settings`, 'build', { name: 'Two', scopes: 'read' }],
    [`${key}/rotate`, 'build', { overlapSeconds: '0' }],
    [`${key}/state`, 'build', { state: 'disabled' }],
    [`${key}/revoke`, 'build', {}],
    [`${app}/delete`, 'build', {}],
    [`${organisation}/delete`, 'own', {}],
  ]
  const JWK = JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs' })

  test.each([
    ['owner', ['look', 'build', 'own']],
    ['developer', ['look', 'build']],
    ['viewer', ['look']],
  ] as const)('%s: %j', async (role, rights: readonly string[]) => {
    const browser = role === 'owner' ? ada : await invite(role, 'bob')
    for (const [path, right, form] of actions()) {
      const isAllowed = rights.includes(right)
      expect([path, (await browser.get(path)).status]).toEqual([path, isAllowed ? 200 : 403])
      if (form === undefined || isAllowed) continue
      portal.accounts.writes.length = 0
      expect([path, (await browser.post(path, form)).status]).toEqual([path, 403])
      expect(portal.accounts.writes).toEqual([])
    }
  })
  test('a member of another organisation finds nothing of this one, and changes nothing', async () => {
    const eve = portal.as('eve')
    await eve.made('/organisations/new', { name: 'Evil' })
    portal.accounts.writes.length = 0
    for (const [path, , form] of actions()) {
      const missing = await eve.get(path.replace(/\d{3}(?=\/|$)/u, '999'))
      const theirs = await eve.get(path)
      expect([path, theirs.status]).toEqual([path, 404])
      // No word tells one that exists from one that does not.
      expect(await theirs.text()).toBe((await missing.text()).replaceAll('999', '002'))
      const changed = form === undefined ? theirs : await eve.post(path, form)
      expect([path, changed.status]).toEqual([path, 404])
    }
    expect(portal.accounts.writes).toEqual([])
  })
  test('who is removed sees nothing any more', async () => {
    const browser = await bob()
    expect((await browser.get(app)).status).toBe(200)
    await ada.made(`${organisation}/members/person-bob/remove`, {})
    expect([(await browser.get(app)).status, (await browser.get(organisation)).status]).toEqual([404, 404])
  })
  test('the last owner stays', async () => {
    const response = await ada.post(`${organisation}/members/person-ada/remove`, {})
    expect([response.status, (await response.text()).includes('keeps at least one owner')]).toEqual([422, true])
  })
  test('nobody becomes a member by a name in a path', async () => {
    expect((await ada.post(`${organisation}/members/person-eve`, { role: 'owner' })).status).toBe(404)
    expect(portal.accounts.writes).toEqual([])
  })
  test('linked identities are one person', async () => {
    const linked = createTestPortal({
      accounts: portal.accounts,
      identify: async () => ({ ...visitorNamed('ada-at-work'), names: ['person-ada-at-work', 'person-ada'] }),
    })
    expect((await linked.as('x').get(organisation)).status).toBe(200)
  })
})

describe('who is not signed in', () => {
  test('is led to the sign-in and back', async () => {
    const response = await portal.as().get(`${app}?usage=30d`)
    expect(response.status).toBe(303)
    const login = new URL(response.headers.get('location') ?? '', HOST)
    expect([login.pathname, login.searchParams.get('return_to')]).toEqual([
      '/.portcullis/login/acme',
      `/.portcullis/portal${app}?usage=30d`,
    ])
  })
  test('changes nothing with a form, and is told so by a page', async () => {
    const response = await portal.as().post(`${key}/revoke`, {})
    expect([response.status, portal.accounts.writes]).toEqual([401, []])
    expect(await response.text()).toContain('Sign in')
  })
  test('is led to no address but our own', async () => {
    const evil = createTestPortal({
      identify: async () => ({ response: Response.json({ login: 'https://evil.example/' }, { status: 401 }) }),
    })
    expect((await evil.as().get('')).status).toBe(401)
  })
})

describe('forms', () => {
  test.each([
    ['of another site', { origin: 'https://evil.example' }],
    ['of a sibling', { origin: HOST, 'sec-fetch-site': 'same-site' }],
    ['without an origin', {}],
  ])('BF-4: %s changes nothing', async (_name, headers: Record<string, string>) => {
    const response = await ada.post(`${key}/revoke`, {}, headers)
    expect([response.status, portal.accounts.writes]).toEqual([403, []])
  })
  test('BF-4: the token of somebody else changes nothing', async () => {
    const response = await ada.post(`${key}/revoke`, { token: await portal.as('eve').token() })
    expect([response.status, portal.accounts.writes]).toEqual([403, []])
  })
  test('two clicks create one', async () => {
    const token = await ada.token()
    const both = await Promise.all([1, 2].map(async () => ada.post('/organisations/new', { name: 'Twice', token })))
    expect(both.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([303, 409])
    expect([...portal.accounts.organisationsById.values()].filter(({ name }) => name === 'Twice')).toHaveLength(1)
  })
  test('the back button and a second try create nothing more', async () => {
    const token = await ada.token()
    const first = await ada.post(`${app}/keys/new`, { ...KEY, name: 'Once', token })
    const again = await ada.post(`${app}/keys/new`, { ...KEY, name: 'Once', token })
    expect([first.status, again.status]).toEqual([200, 409])
    const text = await again.text()
    expect(text).toContain('The secret was in the first answer alone')
    expect(text).not.toContain('pck_')
  })
  test('a form that was wrong may be sent again', async () => {
    const token = await ada.token()
    expect((await ada.post('/organisations/new', { name: '', token })).status).toBe(422)
    expect((await ada.post('/organisations/new', { name: 'Right', token })).status).toBe(303)
  })
  test('a page that was open too long keeps what was typed', async () => {
    const token = await ada.token()
    portal.at(START + FORM_MS)
    const response = await ada.post('/organisations/new', { name: 'Late & long', token })
    const text = await response.text()
    expect([response.status, portal.accounts.writes]).toEqual([422, []])
    expect(text).toContain('value="Late &amp; long"')
  })
  test('what somebody else changed meanwhile is not overwritten', async () => {
    await ada.made(`${app}/settings`, { name: 'First', plan: 'free', version: '1' })
    const response = await ada.post(`${app}/settings`, { name: 'Second', plan: 'free', version: '1' })
    expect([response.status, (await response.text()).includes('Somebody else changed this')]).toEqual([422, true])
    expect(portal.accounts.appsById.get(idIn(app))?.name).toBe('First')
  })
  test('what cannot be taken back is asked for on a page of its own, with POST alone', async () => {
    for (const path of [`${key}/revoke`, `${app}/delete`, `${organisation}/delete`, `${organisation}/members/person-ada/remove`]) {
      const text = await (await ada.get(path)).text()
      expect([path, /<form action="[^"]+" method="post"/u.test(text)]).toEqual([path, true])
    }
    expect(portal.accounts.writes).toEqual([])
  })
})

describe('what people write', () => {
  const HOSTILE = ['"><script>alert(1)</script>', 'javascript:alert(1)', `'><img src=x onerror=alert(1)>`, '</title><script>', '{{7*7}}']
  test.each(HOSTILE)('%s stays text on every page', async (words) => {
    const [org = ''] = [...portal.accounts.organisationsById.keys()]
    const [appId, keyId] = [idIn(app), idIn(key)]
    await portal.accounts.changeOrganisation(org, { name: words }, undefined, ACTOR)
    await portal.accounts.changeApp(appId, { name: words, description: words, plan: words }, undefined, ACTOR)
    await portal.accounts.changeKey(keyId, { name: words, scopes: [words], addresses: [words], origins: [words] }, undefined, ACTOR)
    const invitation = await portal.accounts.invite(org, { note: words, role: 'viewer' }, ACTOR)
    const inv = invitation.status === 'written' ? invitation.value.id : ''
    await portal.accounts.acceptInvitation(
      invitation.status === 'written' ? invitation.value.token : '',
      { person: 'p', display: words },
      ACTOR,
    )
    const paths = ['', '/account', '/reference', organisation, `${organisation}/activity`, `${organisation}/settings`, `${organisation}/invite`,
      `${organisation}/delete`, `${organisation}/members/p`, `${organisation}/members/p/remove`, `${organisation}/invitations/${inv}`, app,
      `${app}/settings`, `${app}/delete`, `${app}/keys/new`, key, `${key}/settings`, `${key}/rotate`, `${key}/revoke`, `${key}/state`] // prettier-ignore
    for (const path of paths) {
      const text = await (await ada.get(path)).text()
      expect([path, text.match(/<script/gu)?.length, text.includes('<img'), /(?:href|src|action)="javascript:/u.test(text)]).toEqual([
        path,
        1,
        false,
        false,
      ])
    }
  })
  test.each([
    ['turns the direction', 'abc\u202Egnp'],
    ['is invisible', 'a\u200Bcme'],
    ['isolates', 'a\u2066cme'],
    ['is a control character', 'a\u0007cme'],
    ['is too long', 'x'.repeat(101)],
    ['is empty', '   '],
  ])('a name that %s is not taken', async (_what, name) => {
    const pages = [
      await ada.post('/organisations/new', { name }),
      await ada.post(`${organisation}/settings`, { name }),
      await ada.post(`${organisation}/apps/new`, { name, plan: 'free' }),
      await ada.post(`${app}/keys/new`, { ...KEY, name }),
      await ada.post(`${key}/settings`, { name, scopes: 'read' }),
    ]
    expect(pages.map(({ status }) => status)).toEqual([422, 422, 422, 422, 422])
    expect(portal.accounts.writes).toEqual([])
  })
  test('names of any script are taken, of 100 characters too', async () => {
    expect((await ada.post('/organisations/new', { name: 'Åcme 株式会社 \u{1F680} شركة' })).status).toBe(303)
    expect((await ada.post(`${organisation}/settings`, { name: 'x'.repeat(100) })).status).toBe(303)
  })
  test('no page but the one answer holds a secret', async () => {
    const paths = [
      '',
      '/account',
      '/reference',
      '/reference?operation=GET%20%2Forders%2F%7Bid%7D',
      organisation,
      app,
      key,
      `${key}/settings`,
      `${key}/rotate`,
    ]
    for (const path of paths) expect([path, (await (await ada.get(path)).text()).includes('pck_')]).toEqual([path, false])
  })
})
const ACTOR = { kind: 'system', id: 'test', display: 'test', requestId: '' } as const

describe('every page', () => {
  test('is framed by nobody, kept nowhere and says so in its fields', async () => {
    const answers = [
      await ada.get(''),
      await ada.get('/nowhere'),
      await ada.post('/organisations/new', {}),
      await ada.post(`${key}/revoke`, {}, {}),
    ]
    for (const { headers } of answers) {
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('cache-control')).toBe('no-store')
    }
  })
  test.each([
    '/nowhere',
    '/apps/app_none',
    '/keys/none',
    '/organisations',
    '/organisations/',
    '//',
    '/%zz',
    `/apps/${'x'.repeat(300)}`,
    '/invitation/',
  ])('%s is a finished 404', async (path) => {
    const response = await ada.get(path)
    expect([response.status, (await response.text()).includes('There is no such page')]).toEqual([404, true])
  })
  test('a directory that does not answer is a finished 503, and logged', async () => {
    portal.accounts.fail(true)
    const response = await ada.get('')
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await response.text()).toContain('Try again')
    expect(portal.log.join('')).toContain('outage')
  })
  test('without insight the app page works on, and says what is missing', async () => {
    portal.rates.isFailing = true
    const response = await ada.get(app)
    expect([response.status, (await response.text()).includes('Usage cannot be shown')]).toEqual([200, true])
  })
  test('takes no other method', async () => {
    const request = new Request(`${HOST}/.portcullis/portal${app}`, { method: 'DELETE', headers: { cookie: 'person=ada' } })
    expect((await portal.fetch(request)).status).toBe(405)
  })
})
