import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../../src/bindings.ts'
import { FEED_NAME } from '../../../src/revocation/feed.ts'
import { personName } from '../../../src/sessions/person-name.ts'
import { ACCOUNT, createAccountBench, offerIn, OWN } from '../../support/account.ts'
import { PEOPLE } from '../../support/sessions.ts'

const { REVOCATIONS } = env as unknown as Bindings
type Bench = Awaited<ReturnType<typeof createAccountBench>>
const linkedOf = async (issuer: string, subject: string): Promise<number | undefined> =>
  (await PEOPLE.getByName(await personName(issuer, subject)).describe())?.linked.length

/** Ada is signed in at acme; another sign-in at other is hers, or an attacker's. */
async function adaSignedIn(): Promise<Bench & { readonly browser: ReturnType<Bench['newBrowser']> }> {
  const bench = await createAccountBench()
  const browser = bench.newBrowser()
  await bench.signIn(browser, bench.acme, 'ada')
  return { ...bench, browser }
}
const codeIn = async (response: Response): Promise<string> => {
  const [, code = ''] = /Code: <code>([^<]+)</u.exec(await response.clone().text()) ?? []
  return `${response.status} ${code}`
}

describe('attacks on the linking of identities', () => {
  test.each([
    ['/link', { provider: 'other' }],
    ['/confirm', { offer: 'g1.x' }],
    ['/remove', { identity: 'a'.repeat(64) }],
  ])('BF-4: a form of another site changes nothing: POST %s', async (path, form) => {
    const { browser, other } = await adaSignedIn()
    for (const headers of [
      {},
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: 'https://sibling.example.com' },
    ] as readonly Readonly<Record<string, string>>[]) {
      expect(await codeIn(await browser.post(ACCOUNT + path, form, headers))).toBe('403 account-cross-site')
    }
    expect(other.calls).toEqual([])
    expect(browser.cookies.has('__Host-portcullis-login')).toBe(false)
  })

  test('GET begins nothing', async () => {
    const { browser } = await adaSignedIn()
    for (const path of ['/link?provider=other', '/confirm']) expect((await browser.get(ACCOUNT + path)).status).toBe(405)
  })

  test("OC-1: login CSRF: the callback of an attacker's link in the browser of a victim gives neither the other's identity", async () => {
    const { browser, newBrowser, acme, other, signIn, as, answerAt, whoAmI } = await adaSignedIn()
    const mallory = newBrowser()
    await signIn(mallory, acme, 'mallory')
    const begun = await mallory.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN)
    as(other, 'mallory-too')
    const callback = await answerAt(other, begun)
    const before = await whoAmI(browser)
    expect(await codeIn(await browser.get(callback))).toBe('400 sign-in-unknown')
    expect(await whoAmI(browser)).toEqual(before)
    for (const [issuer, subject] of [[acme.issuer, 'ada'], [acme.issuer, 'mallory']] as const) expect(await linkedOf(issuer, subject)).toBe(0) // prettier-ignore
    expect(await linkedOf(other.issuer, 'mallory-too')).toBeUndefined()
  })

  test("OC-1: the other way round: an attacker's page that asks, posted by a victim, and a victim's answer brought by the attacker", async () => {
    const { browser, newBrowser, acme, other, signIn, prove, confirm, as, answerAt } = await adaSignedIn()
    const mallory = newBrowser()
    await signIn(mallory, acme, 'mallory')
    const page = await prove(mallory, other, 'mallory-too')
    // The form of the attacker in the session of the victim.
    expect(await codeIn(await confirm(browser, page))).toBe('400 link-unknown')
    // The answer about the victim in the browser of the attacker.
    const begun = await browser.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN)
    as(other, 'ada-too')
    expect(await codeIn(await mallory.get(await answerAt(other, begun)))).toBe('400 sign-in-unknown')
    for (const subject of ['ada', 'mallory']) expect(await linkedOf(acme.issuer, subject)).toBe(0)
  })

  test('OC-1: a callback counts once, and so does the page that asks', async () => {
    const { browser, acme, other, as, answerAt, confirm } = await adaSignedIn()
    const begun = await browser.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN)
    const cookie = browser.cookies.get('__Host-portcullis-login') ?? ''
    as(other, 'ada-too')
    const callback = await answerAt(other, begun)
    const page = await browser.get(callback)
    browser.cookies.set('__Host-portcullis-login', cookie)
    expect(await codeIn(await browser.get(callback))).toBe('400 sign-in-replayed')
    expect((await confirm(browser, page)).status).toBe(303)
    const name = await personName(other.issuer, 'ada-too')
    expect((await browser.post(`${ACCOUNT}/remove`, { identity: name }, OWN)).status).toBe(303)
    expect(await codeIn(await confirm(browser, page))).toBe('400 sign-in-replayed')
    expect(await linkedOf(acme.issuer, 'ada')).toBe(0)
  })

  test.each(['ended', 'of another person', 'of the same person, signed in anew', 'revoked'])(
    'a session that is %s meanwhile links nothing',
    async (how) => {
      const { browser, acme, other, prove, confirm, signIn, whoAmI, advance, now } = await adaSignedIn()
      const page = await prove(browser, other, 'ada-too')
      if (how === 'ended') await browser.post(ACCOUNT.replace('account', 'logout'), {}, OWN)
      if (how === 'of another person') await signIn(browser, acme, 'eve')
      if (how === 'of the same person, signed in anew') await signIn(browser, acme, 'ada')
      // The feed says so, though its object still answers.
      if (how === 'revoked') {
        const target = { type: 'session', id: (await whoAmI(browser)).id } as const
        await REVOCATIONS.getByName(FEED_NAME).append([{ target, expiresAt: now() + 3_600_000, reason: 'test' }])
        advance(60)
      }
      const refused = await codeIn(await confirm(browser, page))
      expect(refused).toBe(how === 'ended' || how === 'revoked' ? '401 session-over' : '400 link-unknown')
      expect(await linkedOf(acme.issuer, 'ada')).toBe(0)
      expect(await linkedOf(other.issuer, 'ada-too')).toBeUndefined()
    },
  )

  test('SU-2: who was authenticated more than 5 minutes ago, or nobody knows when, signs in again first', async () => {
    for (const [age, isAsked] of [
      [300, false],
      [301, true],
      [undefined, true],
    ] as const) {
      // prettier-ignore
      const { browser, acme, signIn, newBrowser, now } = await adaSignedIn()
      const stale = newBrowser()
      await signIn(stale, acme, 'ada', { auth_time: age === undefined ? undefined : now() / 1000 - age })
      const begun = await stale.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN)
      expect([age, begun.headers.get('location')?.startsWith(acme.issuer)]).toEqual([age, isAsked])
      expect(browser.cookies.size).toBe(1)
    }
  })

  test('SU-2: 15 minutes after the first authentication it is too late', async () => {
    for (const [looks, isLinked] of [
      [240, true],
      [241, false],
    ] as const) {
      // prettier-ignore
      const { browser, acme, other, advance, as, answerAt, confirm } = await adaSignedIn()
      const begun = await browser.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN)
      advance(660)
      as(other, 'ada-too')
      const page = await browser.get(await answerAt(other, begun))
      advance(looks)
      const { headers } = await confirm(browser, page)
      expect([looks, headers.get('location')?.startsWith(isLinked ? ACCOUNT.slice(23) : acme.issuer)]).toEqual([looks, true])
      expect(await linkedOf(acme.issuer, 'ada')).toBe(isLinked ? 1 : 0)
    }
  })

  test('SU-2: a browser that was left open at the second provider proves nothing: it must be signed in to after the link began', async () => {
    for (const [ago, status] of [
      [30, 200],
      [31, 403],
      [undefined, 403],
    ] as const) {
      // prettier-ignore
      const { browser, other, as, answerAt, now } = await adaSignedIn()
      const begun = await browser.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN)
      as(other, 'ada-too', 0, { auth_time: ago === undefined ? undefined : now() / 1000 - ago })
      const answer = await answerAt(other, begun)
      expect(other.asked.get('prompt')).toBe('login')
      expect([ago, (await browser.get(answer)).status]).toEqual([ago, status])
    }
  })

  test('the same identity again is none to add; who never confirmed has none', async () => {
    const { browser, acme, prove, confirm } = await adaSignedIn()
    const page = await prove(browser, acme, 'ada')
    expect(await codeIn(await confirm(browser, page))).toBe('409 link-same')
    expect(await linkedOf(acme.issuer, 'ada')).toBe(0)
  })

  test('OC-7: an identity with links of its own is not taken out of them', async () => {
    const { browser, newBrowser, acme, other, signIn, prove, confirm } = await adaSignedIn()
    const grace = newBrowser()
    await signIn(grace, acme, 'grace')
    expect((await confirm(grace, await prove(grace, other, 'shared'))).status).toBe(303)
    expect(await codeIn(await confirm(browser, await prove(browser, other, 'shared')))).toBe('409 link-taken')
    expect(await linkedOf(acme.issuer, 'ada')).toBe(0)
    expect(await linkedOf(other.issuer, 'shared')).toBe(1)
  })

  test('BF-3: an offer that was changed, made by hand, or is over', async () => {
    const { browser, other, prove, confirm, advance } = await adaSignedIn()
    const page = await prove(browser, other, 'ada-too')
    const offer = offerIn(await page.clone().text())
    for (const forged of ['', 'g1.AAAA', `${offer}A`, `${offer.slice(0, 40)}${offer[40] === 'A' ? 'B' : 'A'}${offer.slice(41)}`])
      expect(await codeIn(await browser.post(`${ACCOUNT}/confirm`, { offer: forged }, OWN))).toBe('400 link-unknown')
    advance(300)
    expect(await codeIn(await confirm(browser, page))).toBe('400 link-unknown')
  })

  test('OB-4: a link leads to the account alone, whatever the form asks for', async () => {
    const { browser, other, as, answerAt } = await adaSignedIn()
    const begun = await browser.post(
      `${ACCOUNT}/link?return_to=//evil.example`,
      { provider: 'other', return_to: 'https://evil.example' },
      OWN,
    )
    as(other, 'ada-too')
    const page = await browser.get(await answerAt(other, begun))
    const done = await browser.post(`${ACCOUNT}/confirm`, { offer: offerIn(await page.text()), return_to: '//evil.example' }, OWN)
    expect(done.headers.get('location')).toBe('/.portcullis/account?done=linked')
  })

  test("one's own identities alone are removed, never the one that is signed in by", async () => {
    const { browser, newBrowser, acme, other, signIn, prove, confirm } = await adaSignedIn()
    const grace = newBrowser()
    await signIn(grace, acme, 'grace')
    await confirm(grace, await prove(grace, other, 'grace-too'))
    for (const [issuer, subject] of [
      [other.issuer, 'grace-too'],
      [acme.issuer, 'grace'],
      [acme.issuer, 'ada'],
    ] as const) {
      // prettier-ignore
      const identity = await personName(issuer, subject)
      expect(await codeIn(await browser.get(`${ACCOUNT}/remove?identity=${identity}`))).toBe('404 link-not-found')
      expect(await codeIn(await browser.post(`${ACCOUNT}/remove`, { identity }, OWN))).toBe('404 link-not-found')
    }
    expect(await linkedOf(acme.issuer, 'grace')).toBe(1)
  })

  test('who is not signed in sees nothing, and is led to the sign-in and back', async () => {
    const { newBrowser } = await adaSignedIn()
    const nobody = newBrowser()
    const page = await nobody.get(ACCOUNT)
    expect([page.status, page.headers.get('location')]).toEqual([303, '/.portcullis/login?return_to=%2F.portcullis%2Faccount'])
    expect(await codeIn(await nobody.post(`${ACCOUNT}/link`, { provider: 'other' }, OWN))).toBe('401 session-over')
  })

  test('GW-3: while the objects of people cannot answer it is 503, and nothing is linked', async () => {
    const { browser, acme, other, prove, confirm, fail } = await adaSignedIn()
    const page = await prove(browser, other, 'ada-too')
    fail(() => {
      throw new Error('gone')
    })
    for (const response of [await browser.get(ACCOUNT), await confirm(browser, page)])
      expect([response.status, await codeIn(response)]).toEqual([503, '503 dependency-unavailable'])
    fail(undefined)
    expect(await linkedOf(acme.issuer, 'ada')).toBe(0)
    expect((await confirm(browser, page)).status).toBe(303)
  })
})
