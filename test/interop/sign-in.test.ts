import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { accessibilityFaults } from './axe.ts'
import { startDemo, type RunningDemo } from './running-demo.ts'

/**
 * The whole sign-in in a real browser, as `npm start` offers it. The gate is at `localhost`, the providers at `127.0.0.1`: two sites, so
 * that SameSite bites.
 */
let demo: RunningDemo
let browser: Browser
let context: BrowserContext
let page: Page

beforeAll(async () => {
  demo = await startDemo()
  browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
})
afterAll(async () => {
  await browser.close()
  demo.stop()
})
beforeEach(async () => {
  context = await browser.newContext()
  page = await context.newPage()
  page.setDefaultTimeout(15_000)
})
afterEach(async () => context.close())

type Kind = 'oidc' | 'saml'
const KINDS: readonly Kind[] = ['oidc', 'saml']

function exampleOf(kind: Kind): RunningDemo['signIn'][number] {
  const found = demo.signIn.find((one) => one.kind === kind)
  if (found === undefined) throw new Error(`the demo has no sign-in by ${kind}`)
  return found
}
const gate = (): string => new URL(exampleOf('oidc').url).origin

/** From the provider's form to the end of the redirects. */
async function fillIn(kind: Kind, on: Page = page): Promise<void> {
  const { username, password } = exampleOf(kind)
  await on.fill('[name=login]', username)
  await on.fill('[name=password]', password)
  await on.click('button[type=submit], form button')
  // The OpenID provider asks once more, for consent.
  if (kind === 'oidc') await on.click('button[type=submit]')
}

async function signIn(kind: Kind, on: Page = page): Promise<void> {
  await on.goto(exampleOf(kind).url)
  await fillIn(kind, on)
  await on.waitForURL(`${gate()}/v1/orders/42`)
}

/** As a script of a page of the gate's own site would ask. */
async function ask(path: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  return page.evaluate(async (at: string) => {
    const response = await fetch(at)
    const text = await response.text()
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> }
  }, path)
}
const shown = async (on: Page = page): Promise<string> => on.locator('body').innerText()

describe.each(KINDS)('sign in with %s', (kind) => {
  test('leads back to what was asked for, and the origin sees no cookie', async () => {
    await signIn(kind)
    const answer = await shown()
    expect(answer).toContain('/v1/orders/42')
    expect(answer).not.toContain('__Host-')
    const cookies = (await context.cookies(gate())).filter(({ name }) => name.startsWith('__Host-'))
    expect(cookies.map(({ name }) => name)).toEqual(['__Host-portcullis'])
    expect(cookies[0]).toMatchObject({ secure: true, httpOnly: true, path: '/', sameSite: 'Lax' })
    expect(`${cookies[0]?.name}=${cookies[0]?.value}`.length).toBeLessThanOrEqual(200)
  })

  test('the session serves calls of pages, and says who is there', async () => {
    await signIn(kind)
    expect((await ask('/v1/orders/42')).status).toBe(200)
    const { status, body } = await ask('/.portcullis/session')
    expect(status).toBe(200)
    expect(body).toMatchObject({ provider: kind === 'oidc' ? 'staff' : 'partners' })
    expect(JSON.stringify(body)).not.toMatch(/access_?token|refresh/iu)
  })

  test('a page that needs a session leads through the sign-in and back to it', async () => {
    await page.goto(`${gate()}/v1/orders/7`)
    await page.click(kind === 'oidc' ? 'text=Staff' : 'text=Partners')
    await fillIn(kind)
    await page.waitForURL(`${gate()}/v1/orders/7`)
    expect(await shown()).toContain('/v1/orders/7')
  })

  test('a route that wants a fresh sign-in asks again after a while, and lets in at once afterwards', async () => {
    await signIn(kind)
    expect((await ask('/v1/account')).status).toBe(200)
    await page.waitForTimeout(16_000)
    const refused = await ask('/v1/account')
    expect(refused).toMatchObject({ status: 401, body: { code: 'step-up-required' } })
    expect(String(refused.body['login'])).toContain('max_age=15')
    // What needs no fresh sign-in goes on: with OpenID Connect by a token that was refreshed meanwhile.
    expect((await ask('/v1/orders/42')).status).toBe(200)
    const before = (await ask('/.portcullis/session')).body['id']
    await page.goto(`${gate()}/v1/account`)
    await page.locator('text=Staff').or(page.locator('[name=password]')).first().waitFor()
    if (page.url().startsWith(gate())) await page.click(kind === 'oidc' ? 'text=Staff' : 'text=Partners')
    await page.fill('[name=password]', 'demo')
    if ((await page.locator('[name=login]').count()) > 0) await page.fill('[name=login]', 'demo')
    await page.click('button[type=submit], form button')
    await page.waitForLoadState('networkidle')
    if (page.url().startsWith(demo.issuer)) await page.click('button[type=submit]')
    await page.waitForURL(`${gate()}/v1/account`)
    expect((await ask('/.portcullis/session')).body['id']).not.toBe(before)
  })

  test('two tabs at once: both end signed in', async () => {
    const other = await context.newPage()
    await page.goto(exampleOf(kind).url)
    await other.goto(exampleOf(kind).url)
    await fillIn(kind, other)
    await other.waitForURL(`${gate()}/v1/orders/42`)
    await page.fill('[name=login]', 'demo')
    await page.fill('[name=password]', 'demo')
    await page.click('button[type=submit], form button')
    await page.waitForLoadState('networkidle')
    // The provider may have its own mind about an interaction that another tab has finished; the gate serves either way.
    await page.goto(`${gate()}/v1/orders/42`)
    expect((await ask('/v1/orders/42')).status).toBe(200)
  })

  test('signing out here ends it here and at the provider', async () => {
    await signIn(kind)
    await page.goto(`${gate()}/.portcullis/logout`)
    await page.click('button')
    if (kind === 'oidc') await page.click('button[value=yes], [name=logout]')
    await page.waitForSelector('text=You are signed out')
    expect(new URL(page.url()).origin).toBe(gate())
    // Pages of the gate let no script of theirs ask for anything.
    await page.goto(`${gate()}/v1/status`)
    expect(await ask('/v1/orders/42')).toMatchObject({ status: 401 })
    // The provider asks again: its own session has ended.
    await page.goto(exampleOf(kind).url)
    await page.waitForSelector('[name=password]')
  })

  test('after signing out, going back and a tab left open get nothing any more', async () => {
    await signIn(kind)
    const other = await context.newPage()
    await other.goto(`${gate()}/v1/orders/42`)
    await page.goto(`${gate()}/.portcullis/logout`)
    await page.click('button')
    await page.waitForLoadState()
    const status = await other.evaluate(async () => (await fetch('/v1/orders/42')).status)
    expect(status).toBe(401)
  })
})

test('signing out at the SAML provider ends the session here', async () => {
  await signIn('saml')
  await page.goto(demo.saml)
  await page.click('text=Sign out everywhere')
  await page.waitForSelector('text=Signed out')
  await page.goto(`${gate()}/v1/status`)
  expect(await ask('/v1/orders/42')).toMatchObject({ status: 401 })
})

test('signing out at the OpenID provider ends the session here, without the browser', async () => {
  await signIn('oidc')
  await page.goto(`${demo.issuer}/session/end`)
  await page.click('button[value=yes], [name=logout]')
  await page.waitForURL((url) => url.pathname !== '/session/end')
  await page.goto(`${gate()}/v1/status`)
  await expect.poll(async () => (await ask('/v1/orders/42')).status, { timeout: 8000 }).toBe(401)
})

test('an administrator ends a session within the bound', async () => {
  await signIn('saml')
  const { body } = await ask('/.portcullis/session')
  const response = await fetch(`${demo.admin.url}/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${demo.admin.key}` },
    body: JSON.stringify({ type: 'session', id: body['id'], reason: 'test' }),
  })
  expect(response.status).toBe(201)
  await expect.poll(async () => (await ask('/v1/orders/42')).status, { timeout: 8000 }).toBe(401)
})

test('BF-4: a form of another site changes nothing with the session', async () => {
  await signIn('oidc')
  const status = await page.evaluate(async () => {
    const response = await fetch('/v1/orders/42', { method: 'PUT', body: '{}' })
    return response.status
  })
  // Of our own site it gets as far as the policy: the route wants other credentials.
  expect([401, 403]).toContain(status)
  await page.goto(`${demo.saml}/`)
  await page.setContent(`<form method="post" action="${gate()}/.portcullis/logout"><button>go</button></form>`)
  await page.click('button')
  await page.waitForLoadState()
  await page.goto(`${gate()}/v1/orders/42`)
  expect((await ask('/v1/orders/42')).status).toBe(200)
})

test('a wrong password stays at the provider; giving up comes back with a page that says so', async () => {
  await page.goto(exampleOf('saml').url)
  await page.fill('[name=login]', 'demo')
  await page.fill('[name=password]', 'wrong')
  await page.click('button')
  await page.waitForSelector('[role=alert]')
  await page.goto(exampleOf('oidc').url)
  await page.click('text=Cancel')
  await page.waitForURL((url) => url.origin === gate())
  expect(await page.locator('h1').innerText()).not.toBe('')
  expect(await shown()).toMatch(/sign/iu)
})

test('a person adds another way to sign in by signing in there too, and removes it again', async () => {
  await signIn('oidc')
  await page.goto(`${gate()}/.portcullis/account`)
  expect(await accessibilityFaults(page)).toEqual([])
  await page.click('button:has-text("Add Partners")')
  await page.fill('[name=login]', 'demo')
  await page.fill('[name=password]', 'demo')
  await page.click('button[type=submit], form button')
  // Nothing is linked before this page's form is sent.
  await page.waitForURL((url) => url.origin === gate())
  expect(await shown()).toContain('Partners')
  expect(await accessibilityFaults(page)).toEqual([])
  await page.click('form button')
  await page.waitForURL(/\/\.portcullis\/account/u)
  await page.click('a:has-text("Remove Partners")')
  expect(await accessibilityFaults(page)).toEqual([])
  await page.click('form button')
  await page.waitForURL(/\/\.portcullis\/account/u)
  expect(await page.locator('a:has-text("Remove Partners")').count()).toBe(0)
  expect((await page.goto(`${gate()}/v1/orders/42`))?.status()).toBe(200)
})
