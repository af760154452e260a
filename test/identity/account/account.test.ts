import { describe, expect, test } from 'vitest'
import { MAX_LINKED } from '../../../src/sessions/person.ts'
import { personName } from '../../../src/sessions/person-name.ts'
import { ACCOUNT, createAccountBench, OWN } from '../../support/account.ts'
import { HOST } from '../../support/session-gate.ts'
import { PEOPLE } from '../../support/sessions.ts'

const personAt = async (issuer: string, subject: string) => PEOPLE.getByName(await personName(issuer, subject)).describe()
const codeIn = async (response: Response): Promise<string> =>
  `${response.status} ${/Code: <code>([^<]+)</u.exec(await response.text())?.[1] ?? ''}`

async function adaSignedIn(changes: Parameters<typeof createAccountBench>[0] = {}) {
  const bench = await createAccountBench(changes)
  const browser = bench.newBrowser()
  await bench.signIn(browser, bench.acme, 'ada')
  return { ...bench, browser }
}

describe('the account page', () => {
  test('says by what one signs in and since when, offers the rest, and runs nothing', async () => {
    const { browser } = await adaSignedIn()
    const page = await browser.get(ACCOUNT)
    const text = await page.text()
    expect(page.status).toBe(200)
    expect(text).toContain('as <bdi>Acme: ada (ada)</bdi>')
    expect(text).toContain('<time datetime="2027-01-15">15 January 2027</time>')
    expect(text).toContain('Add Other &lt;i&gt;')
    expect(text).toContain('Add Corp')
    // It names nobody for good.
    expect(text).not.toContain('Guests')
    expect(text).not.toMatch(/<script|javascript:|style="|\son\w+=|Remove/iu)
    expect([page.headers.get('cache-control'), page.headers.get('content-security-policy')]).toEqual([
      'no-store',
      expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'$/u) as string,
    ])
  })

  test("two OpenID identities become one person: the session stays, the first one's id stays, the log names nobody", async () => {
    const { browser, acme, other, prove, confirm, whoAmI, gate } = await adaSignedIn()
    const before = await whoAmI(browser)
    const page = await prove(browser, other, 'lovelace')
    const text = await page.clone().text()
    expect(text).toContain('<bdi>Acme: ada (ada)</bdi>')
    expect(text).toContain('<bdi>Other &lt;i&gt;: lovelace (lovelace)</bdi>')
    expect(text).not.toContain('of its own here')
    const done = await confirm(browser, page)
    expect([done.status, done.headers.get('location')]).toEqual([303, '/.portcullis/account?done=linked'])
    expect(done.headers.getSetCookie()).toEqual([])
    expect(await whoAmI(browser)).toEqual(before)
    const [one, two] = [await personAt(acme.issuer, 'ada'), await personAt(other.issuer, 'lovelace')]
    expect([one?.id, two?.id]).toEqual([before.person, before.person])
    expect([one?.linked, two?.linked]).toEqual([[await personName(other.issuer, 'lovelace')], [await personName(acme.issuer, 'ada')]])
    const line = gate.log.find(({ code }) => code === 'identity-linked')
    expect(line).toMatchObject({
      event: 'account',
      status: 303,
      provider: 'acme',
      linked: 'other',
      person: before.person,
      session: before.id,
    })
    expect(JSON.stringify(gate.log)).not.toContain('lovelace')
    const shown = await (await browser.get(`${ACCOUNT}?done=linked`)).text()
    expect(shown).toContain('role="status"')
    expect(shown).toContain(`/remove?identity=${await personName(other.issuer, 'lovelace')}`)
  })

  test('who signs in by the other afterwards is the same person', async () => {
    const { browser, newBrowser, other, prove, confirm, signIn, whoAmI } = await adaSignedIn()
    await confirm(browser, await prove(browser, other, 'lovelace'))
    const again = newBrowser()
    await signIn(again, other, 'lovelace')
    expect((await whoAmI(again)).person).toBe((await whoAmI(browser)).person)
  })

  test('an identity that was a person by itself joins, and the page says what that means', async () => {
    const { browser, newBrowser, acme, other, prove, confirm, signIn } = await adaSignedIn()
    await signIn(newBrowser(), other, 'lovelace')
    const page = await prove(browser, other, 'lovelace')
    expect(await page.clone().text()).toContain('of its own here')
    expect((await confirm(browser, page)).status).toBe(303)
    expect((await personAt(other.issuer, 'lovelace'))?.id).toBe((await personAt(acme.issuer, 'ada'))?.id)
  })

  test('to add what is there already changes nothing', async () => {
    const { browser, acme, other, prove, confirm } = await adaSignedIn()
    await confirm(browser, await prove(browser, other, 'lovelace'))
    expect((await confirm(browser, await prove(browser, other, 'lovelace'))).status).toBe(303)
    expect((await personAt(acme.issuer, 'ada'))?.linked).toHaveLength(1)
  })

  test('SA-5: SAML as the second, whose answer arrives without the cookie of the session', async () => {
    const { browser, gate, acme, corp, confirm, id } = await adaSignedIn()
    const begun = await browser.post(`${ACCOUNT}/link`, { provider: 'corp' }, OWN)
    const form = await corp(begun, `ann-${id}`)
    const cookie = `__Host-portcullis-login=${browser.cookies.get('__Host-portcullis-login')}`
    const page = await gate.fetch('/.portcullis/saml/corp/acs', { method: 'POST', headers: { cookie, accept: 'text/html' }, body: form })
    expect(page.status).toBe(200)
    expect((await personAt(acme.issuer, 'ada'))?.linked).toEqual([])
    expect((await confirm(browser, page)).status).toBe(303)
    expect((await personAt(acme.issuer, 'ada'))?.linked).toHaveLength(1)
  })

  test('SA-5: SAML as the first; its own second answer must be fresh (ForceAuthn)', async () => {
    const { newBrowser, other, corp, prove, confirm, id } = await createAccountBench()
    const browser = newBrowser()
    const begun = await browser.get(`${HOST}/.portcullis/login/corp`)
    const signedIn = await browser.post(`${HOST}/.portcullis/saml/corp/acs`, Object.fromEntries(await corp(begun, `ann-${id}`)))
    expect(signedIn.status).toBe(303)
    expect((await confirm(browser, await prove(browser, other, 'lovelace'))).status).toBe(303)
    expect((await personAt(other.issuer, 'lovelace'))?.linked).toHaveLength(1)
  })

  test('SA-6: an old authentication at the second is none', async () => {
    for (const [instant, status] of [
      ['2027-01-15T07:59:00Z', 200],
      ['2027-01-15T07:58:59Z', 403],
    ] as const) {
      // prettier-ignore
      const { browser, corp, id } = await adaSignedIn()
      const begun = await browser.post(`${ACCOUNT}/link`, { provider: 'corp' }, OWN)
      const statement = `<saml:AuthnStatement AuthnInstant="${instant}"/>`
      const form = await corp(begun, `ann-${id}`, { statement })
      expect((await browser.post(`${HOST}/.portcullis/saml/corp/acs`, Object.fromEntries(form))).status).toBe(status)
    }
  })

  test('SA-7: an answer that nobody asked for finishes no link: with its RelayState it is refused, without it is a sign-in of its own', async () => {
    const { browser, acme, corp, whoAmI, id } = await adaSignedIn({ allowIdpInitiated: true })
    const begun = await browser.post(`${ACCOUNT}/link`, { provider: 'corp' }, OWN)
    const recipient = `${HOST}/.portcullis/saml/corp/acs`
    const subject = `<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">ann-${id}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData Recipient="${recipient}" NotOnOrAfter="2027-01-15T08:05:00Z"/></saml:SubjectConfirmation></saml:Subject>`
    const form = Object.fromEntries(await corp(begun, '', { requestId: undefined, subject }))
    const refused = await browser.post(recipient, form)
    expect(await codeIn(refused)).toBe('502 provider-answer-invalid')
    const { RelayState: _left, ...unsolicited } = form
    expect((await browser.post(recipient, unsolicited)).headers.get('location')).toBe('/')
    expect((await whoAmI(browser)).subject).toBe(`ann-${id}`)
    expect((await personAt(acme.issuer, 'ada'))?.linked).toEqual([])
  })

  test('a strict cookie comes along with the form, since the page that asks is our own', async () => {
    const { browser, other, prove, confirm } = await adaSignedIn({ sameSite: 'strict' })
    expect((await confirm(browser, await prove(browser, other, 'lovelace'))).status).toBe(303)
  })

  test('no link begins at, or in a session of, a provider that names somebody else each time', async () => {
    const { browser, newBrowser, gate } = await adaSignedIn()
    expect(await codeIn(await browser.post(`${ACCOUNT}/link`, { provider: 'guests' }, OWN))).toBe('409 link-not-possible')
    expect(await codeIn(await browser.post(`${ACCOUNT}/link`, { provider: 'nobody' }, OWN))).toBe('404 provider-unknown')
    const guest = newBrowser()
    const cookie = await gate.signIn({ provider: 'guests', issuer: 'https://guests.example.org', subject: '_once' })
    guest.cookies.set('__Host-portcullis', cookie.slice(cookie.indexOf('=') + 1))
    expect(await (await guest.get(ACCOUNT)).text()).toContain('names you anew each time')
    expect(await codeIn(await guest.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN))).toBe('409 link-not-possible')
  })

  test('a sign-in at the second that fails leads back to the account, not into another session', async () => {
    const { browser, other, answerAt } = await adaSignedIn()
    const begun = await browser.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN)
    other.ways.callback = (answer) => answer.set('error', 'access_denied')
    const text = await (await browser.get(await answerAt(other, begun))).text()
    expect(text).toContain('href="/.portcullis/account"')
    expect(text).not.toContain('/.portcullis/login')
  })

  test('after the step-up one is back on the page', async () => {
    const { browser, acme, advance, as, answerAt } = await adaSignedIn()
    advance(301)
    expect(await (await browser.get(ACCOUNT)).text()).toContain('you are asked to sign in again first')
    const begun = await browser.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN)
    as(acme, 'ada')
    const back = await browser.get(await answerAt(acme, begun))
    expect([acme.asked.get('prompt'), acme.asked.get('max_age'), back.headers.get('location')]).toEqual([
      'login',
      '300',
      '/.portcullis/account',
    ])
    expect(await (await browser.get(ACCOUNT)).text()).not.toContain('sign in again first')
  })

  test('an identity is removed: it is another person, its sessions end, the own one stays', async () => {
    const { browser, newBrowser, acme, other, prove, confirm, signIn, whoAmI, gate } = await adaSignedIn()
    await confirm(browser, await prove(browser, other, 'lovelace'))
    const there = newBrowser()
    await signIn(there, other, 'lovelace')
    const { person } = await whoAmI(there)
    const identity = await personName(other.issuer, 'lovelace')
    const asked = await browser.get(`${ACCOUNT}/remove?identity=${identity}`)
    expect(await asked.text()).toContain('Remove Other &lt;i&gt;?')
    expect((await browser.post(`${ACCOUNT}/remove`, { identity }, OWN)).headers.get('location')).toBe('/.portcullis/account?done=removed')
    expect((await there.get(`${HOST}/.portcullis/session`)).status).toBe(401)
    expect((await whoAmI(browser)).person).toBe(person)
    const [one, two] = [await personAt(acme.issuer, 'ada'), await personAt(other.issuer, 'lovelace')]
    expect([one?.linked, two?.linked, one?.id === person, two?.id === person]).toEqual([[], [], true, false])
    expect(gate.log.some(({ code }) => code === 'identity-removed')).toBe(true)
  })

  test('to remove one takes a recent sign-in', async () => {
    const { browser, acme, other, prove, confirm, advance } = await adaSignedIn()
    await confirm(browser, await prove(browser, other, 'lovelace'))
    advance(301)
    const begun = await browser.post(`${ACCOUNT}/remove`, { identity: await personName(other.issuer, 'lovelace') }, OWN)
    expect(begun.headers.get('location')).toContain(acme.issuer)
    expect((await personAt(acme.issuer, 'ada'))?.linked).toHaveLength(1)
  })

  test('16 identities are a person, 17 are not', async () => {
    const { browser, acme, other, prove, confirm } = await adaSignedIn()
    for (let number = 2; number <= MAX_LINKED; number += 1)
      expect((await confirm(browser, await prove(browser, other, `ada-${number}`))).status).toBe(303)
    expect(await codeIn(await confirm(browser, await prove(browser, other, 'ada-17')))).toBe('409 link-full')
    expect(await personAt(other.issuer, 'ada-17')).toBeUndefined()
    expect((await personAt(acme.issuer, 'ada'))?.linked).toHaveLength(15)
  }, 30_000)
})
