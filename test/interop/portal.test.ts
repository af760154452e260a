import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { accessibilityFaults } from './axe.ts'
import { startDemo, type RunningDemo } from './running-demo.ts'

/** The developer portal in a real browser, as `npm start` offers it. With `PORTAL_PICTURES`, pictures of every page go there. */
const PICTURES = process.env['PORTAL_PICTURES']
const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } } as const
let demo: RunningDemo
let browser: Browser
let context: BrowserContext
let page: Page
let gate: string

beforeAll(async () => {
  demo = await startDemo()
  gate = new URL(demo.signIn[0]?.url ?? '').origin
  browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
  // Colours that fade from one scheme to the other would be measured half-way.
  context = await browser.newContext({ viewport: SIZES.wide, reducedMotion: 'reduce' })
  page = await openPage()
})
afterAll(async () => {
  await browser.close()
  demo.stop()
})

async function openPage(): Promise<Page> {
  const opened = await context.newPage()
  opened.setDefaultTimeout(15_000)
  return opened
}

/** Holds the open page to accessibility rules, wide and narrow, light and dark; and to its width. */
async function inspect(name: string): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      expect([name, size, colorScheme, await accessibilityFaults(page)]).toEqual([name, size, colorScheme, []])
      if (PICTURES !== undefined) {
        mkdirSync(PICTURES, { recursive: true })
        await page.screenshot({ path: join(PICTURES, `portal-${name}-${size}-${colorScheme}.png`), fullPage: true })
      }
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    expect([name, size, overflow]).toEqual([name, size, 0])
  }
  await page.setViewportSize(SIZES.wide)
  await page.emulateMedia({ colorScheme: 'light' })
}
const shown = async (): Promise<string> => page.locator('main').innerText()

describe('a developer', () => {
  const refused: string[] = []
  let secret = ''

  test('signs in and comes back to the portal', async () => {
    context.on('console', (message) => {
      if (message.type() === 'error') refused.push(message.text())
    })
    await page.goto(`${gate}/.portcullis/portal`)
    await page.click('text=Partners')
    await page.fill('[name=login]', 'demo')
    await page.fill('[name=password]', 'demo')
    await page.click('form button')
    await page.waitForURL(`${gate}/.portcullis/portal`)
    expect(await shown()).toContain('Welcome')
    await inspect('welcome')
  })

  test('founds an organisation, by keyboard alone', async () => {
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL(/organisations\/new$/u)
    await inspect('new-organisation')
    await page.click('button')
    await page.waitForSelector('[role=alert]')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('alert')
    await inspect('errors')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('field-name')
    await page.keyboard.type('Analytical Engines')
    await page.keyboard.press('Enter')
    await page.waitForURL(/organisations\/org_/u)
    await inspect('organisation-empty')
  })

  test('makes an app and a key, whose secret is shown once', async () => {
    await page.click('text=New app')
    await page.fill('[name=name]', 'Nightly export')
    await page.fill('[name=description]', 'Fetches the orders of the day.')
    await inspect('new-app')
    await page.click('text=Create app')
    await page.waitForURL(/apps\/app_/u)
    await inspect('app-empty')
    await page.click('text=New key')
    await page.fill('[name=name]', 'Production')
    await inspect('new-key')
    await page.dblclick('text=Create key')
    await page.waitForSelector('#copy-secret')
    secret = await page.inputValue('#copy-secret')
    expect(secret).toMatch(/^pck_/u)
    expect(page.url()).not.toContain('pck_')
    expect(await page.locator('button:has-text("Copy")').count()).toBe(2)
    await inspect('secret')
  })

  test('copies it with one click, and the command works as it stands', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.click('button:has-text("Copy") >> nth=0')
    await page.waitForSelector('text=Copied')
    const path = new URL(/https?:\/\/[^\s']+/u.exec(await page.locator('pre').innerText())?.[0] ?? '').pathname
    const response = await fetch(demo.gateway + path, { headers: { 'x-api-key': secret } })
    expect(response.status).toBe(200)
  })

  test('does not see it again: by reload, by going back, by another form', async () => {
    await page.reload()
    expect(await shown()).toContain('This form was sent before')
    await inspect('sent-before')
    await page.click('text=See what came of it')
    await page.waitForURL(/apps\/app_/u)
    // The answer to the form was not kept, so that a browser has nothing to go back to but by sending it again.
    await expect(page.goBack()).rejects.toThrow('ERR_CACHE_MISS')
    await page.close()
    page = await openPage()
    await page.goto(`${gate}/.portcullis/portal`)
    await page.click('text=Analytical Engines')
    await page.click('text=Nightly export')
    expect(await page.locator('[role=table] tbody tr').count()).toBe(1)
  })

  test('sees usage, quotas and errors', async () => {
    for (let request = 0; request < 12; request++) await fetch(`${demo.gateway}/v1/orders/42`, { headers: { 'x-api-key': secret } })
    for (let request = 0; request < 5; request++) await fetch(`${demo.gateway}/v1/metered`, { headers: { 'x-api-key': secret } })
    const app = page.url()
    await expect
      .poll(
        async () => {
          await page.goto(app)
          return (await page.locator('.chart').count()) + (await page.locator('.bars').count())
        },
        { timeout: 45_000, interval: 2000 },
      )
      .toBe(2)
    expect(await shown()).toContain('429')
    await page.click('summary')
    expect(await page.locator('.chart table').isVisible()).toBe(true)
    await page.click('summary')
    await inspect('app')
    await page.click('text=30 days')
    await inspect('app-month')
  }, 120_000)

  test('rotates, disables and revokes', async () => {
    await page.click('text=Production')
    await inspect('key')
    await page.click('text=Rotate')
    await inspect('rotate')
    await page.click('button:has-text("Rotate")')
    await page.waitForSelector('#copy-secret')
    const newer = await page.inputValue('#copy-secret')
    await inspect('rotated')
    const both = await Promise.all(
      [secret, newer].map(async (key) => fetch(`${demo.gateway}/v1/orders/42`, { headers: { 'x-api-key': key } })),
    )
    expect(both.map(({ status }) => status)).toEqual([200, 200])
    await page.click('text=I have copied it')
    await page.click('[role=table] tbody tr:has-text("Active") a')
    await page.click('text=Disable')
    await inspect('disable')
    await page.click('button:has-text("Disable")')
    await page.waitForSelector('text=The key is disabled')
    const refusedNow = async (): Promise<number> =>
      (await fetch(`${demo.gateway}/v1/orders/42`, { headers: { 'x-api-key': newer } })).status
    await expect.poll(refusedNow, { timeout: 8000 }).toBe(401)
    await page.click('a:has-text("Revoke")')
    await inspect('revoke')
    await page.click('button:has-text("Revoke the key")')
    await page.waitForSelector('text=The key is revoked')
    await inspect('key-revoked')
  })

  test('reads how to call the API with keys of their own', async () => {
    await page.click('nav >> text=API')
    await inspect('reference')
    await page.click('a:has-text("/v1/partner/orders")')
    expect(await shown()).toContain('SECRET_OF_KEY_')
    await inspect('operation')
    await page.goto(`${gate}/.portcullis/portal/reference/signing`)
    await inspect('signing')
  })

  test('adds a public key, invites somebody, and sees who did what', async () => {
    await page.click('text=Add the public key')
    await inspect('public-key')
    await page.fill('[name=name]', 'Signer')
    await page.fill('[name=publicKey]', '{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}')
    await page.click('button:has-text("Add public key")')
    await page.waitForSelector('text=The public key is known')
    await page.click('.trail >> text=Analytical Engines')
    await inspect('organisation')
    await page.click('text=Invite somebody')
    await page.fill('[name=note]', 'Charles')
    await inspect('invite')
    await page.click('button:has-text("Make an invitation")')
    await page.waitForSelector('#copy-link')
    const link = await page.inputValue('#copy-link')
    await inspect('invited')
    await page.goto(link)
    expect(await shown()).toContain('You are invited')
    await inspect('accept')
    await page.goto(`${gate}/.portcullis/portal`)
    await inspect('home')
    await page.click('text=Analytical Engines')
    await page.click('text=Activity')
    await inspect('activity')
    await page.goto(`${gate}/.portcullis/portal/account`)
    await inspect('account')
    await page.goto(`${gate}/.portcullis/portal/nowhere`)
    await inspect('not-found')
  })

  test('works without any script', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false, storageState: await context.storageState(), viewport: SIZES.wide })
    const tab = await plain.newPage()
    await tab.goto(`${gate}/.portcullis/portal/organisations/new`)
    await tab.fill('[name=name]', 'Without a script')
    await tab.click('button')
    expect(tab.url()).toMatch(/organisations\/org_/u)
    await plain.close()
  })

  test('is kept from nothing by the browser: no page broke its own policy', () => {
    expect(refused.filter((text) => /Content Security Policy|Refused/u.test(text))).toEqual([])
  })
})
