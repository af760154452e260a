import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { accessibilityFaults } from './axe.ts'
import { startDemo, type RunningDemo } from './running-demo.ts'

/** The operators' console in a real browser, on what `npm start` seeds. With `CONSOLE_PICTURES`, pictures of every page go there. */
const PICTURES = process.env['CONSOLE_PICTURES']
const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 800 } } as const
let demo: RunningDemo
let browser: Browser
let context: BrowserContext
let page: Page
let base: string

beforeAll(async () => {
  demo = await startDemo()
  base = `${new URL(demo.signIn[0]?.url ?? '').origin}/.portcullis/console`
  browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
  context = await browser.newContext({ viewport: SIZES.wide, reducedMotion: 'reduce', javaScriptEnabled: true })
  page = await context.newPage()
  page.setDefaultTimeout(15_000)
})
afterAll(async () => {
  await browser.close()
  demo.stop()
})

async function signIn(on: Page, username: string): Promise<void> {
  await on.goto(base)
  await on.click('text=Staff')
  await on.fill('[name=login]', username)
  await on.fill('[name=password]', username)
  await on.click('button[type=submit], form button')
  await on.click('button[type=submit]')
  await on.waitForURL(base)
}
const shown = async (on: Page = page): Promise<string> => on.locator('main').innerText()

/** Holds a page to accessibility rules, wide and narrow, light and dark; and to its width. */
async function inspect(name: string): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      expect([name, size, colorScheme, await accessibilityFaults(page)]).toEqual([name, size, colorScheme, []])
      if (PICTURES !== undefined) {
        mkdirSync(PICTURES, { recursive: true })
        await page.screenshot({ path: join(PICTURES, `${name}-${size}-${colorScheme}.png`), fullPage: true })
      }
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    expect([name, size, overflow]).toEqual([name, size, 0])
  }
  await page.setViewportSize(SIZES.wide)
  await page.emulateMedia({ colorScheme: 'light' })
}

/** As the consumer globex would call, until the answer is this one: what operators set is in force within seconds. */
async function untilAnswered(status: number): Promise<number> {
  const [name = '', value = ''] = readFileSync(join(demo.folder, 'demo', 'globex-key'), 'utf8')
    .trim()
    .split(': ')
  const end = Date.now() + 12_000
  for (;;) {
    const answer = await fetch(`${demo.gateway}/v1/orders/7`, { headers: { [name]: value } })
    if (answer.status === status || Date.now() > end) return answer.status
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

describe('an operator', () => {
  const complaints: string[] = []

  test('signs in, and sees a day of traffic', async () => {
    context.on('console', (message) => {
      // The providers' pages are theirs.
      if (message.type() === 'error' && page.url().startsWith(base)) complaints.push(message.text())
    })
    await signIn(page, 'demo')
    const text = await shown()
    expect(text).toContain('Requests and refusals')
    expect(text).toContain('Fleet dashboard')
    await inspect('overview')
  })

  test.each([
    ['consumers', '/consumers', 'Fleet dashboard'],
    ['decisions', '/decisions', 'Follow'],
    ['anomalies', '/anomalies', 'credential-stuffing'],
    ['blocks', '/blocks', 'Kill switches'],
    ['new-block', '/blocks/new', 'For how long'],
    ['switches', '/switches', 'Everything'],
    ['close', '/switches/everything/close', 'Close it'],
    ['people', '/people', 'Issuer'],
    ['policy', '/policy', 'What is asked for'],
    ['health', '/health', 'Revocation feed'],
    ['audit', '/audit?check=yes', 'none is missing'],
    ['operators', '/operators', 'May'],
    ['welcome', '/welcome', 'Become an owner'],
    ['nowhere', '/nowhere', 'Overview'],
  ])(
    '%s',
    async (name, path, words) => {
      const open = async (): Promise<string> => {
        await page.goto(base + path)
        return shown()
      }
      // Isolates tell of requests every ten seconds: what was found of them may be yet to come.
      await expect.poll(open, { timeout: 20_000, interval: 500 }).toContain(words)
      await inspect(name)
    },
    60_000,
  )

  test('looks at one consumer', async () => {
    await page.goto(`${base}/consumers`)
    await page.click('main table a:has-text("Fleet dashboard")')
    expect(await shown()).toContain('Credentials')
    await inspect('consumer')
  })

  test('judges an anomaly by its evidence, answers it, and says that it was fine', async () => {
    await page.goto(`${base}/anomalies`)
    await page.click('main table a')
    const text = await shown()
    expect(text).toContain('Requests that led to it')
    expect(text).toContain('credential-stuffing')
    await inspect('anomaly')
    await page.click('button:has-text("Refuse with 429")')
    await page.waitForURL(/done=answered/u)
    expect(await shown()).toContain('Limited')
    await page.click('button:has-text("This was fine")')
    await page.waitForURL(/done=accepted/u)
    expect(await shown()).toContain('Was fine')
  })

  test('blocks a consumer, which is refused, and lifts it, and it passes: without any script', async () => {
    expect(await untilAnswered(200)).toBe(200)
    const plain = await browser.newContext({ viewport: SIZES.phone, javaScriptEnabled: false })
    const phone = await plain.newPage()
    phone.setDefaultTimeout(15_000)
    await signIn(phone, 'demo')
    await phone.goto(`${base}/blocks/new?kind=consumer&id=globex`)
    await phone.fill('[name=reason]', 'tried in a browser')
    await phone.click('button:has-text("Restrict")')
    await phone.waitForURL(`${base}/blocks?done=blocked`)
    expect(await shown(phone)).toContain('tried in a browser')
    expect(await untilAnswered(403)).toBe(403)
    await phone.click('main tr:has-text("globex") a:has-text("Lift")')
    await phone.click('button:has-text("Lift it")')
    await phone.waitForURL(`${base}/blocks?done=lifted`)
    expect(await untilAnswered(200)).toBe(200)
    await plain.close()
  }, 60_000)

  test('follows the decisions: the page asks again by itself, and stops when it is told to', async () => {
    await page.goto(`${base}/decisions`)
    await page.click('main a:has-text("Follow")')
    await page.waitForURL(/follow=yes/u)
    const first = await page.evaluate(() => performance.timeOrigin)
    await page.waitForFunction((at) => performance.timeOrigin > at, first, { timeout: 12_000 })
    await page.click('main a:has-text("Pause")')
    expect(page.url()).toBe(`${base}/decisions`)
  }, 30_000)

  test('is somebody with a role: a developer is told so, on a finished page', async () => {
    const other = await browser.newContext()
    const developer = await other.newPage()
    await signIn(developer, 'dev')
    expect(await shown(developer)).toContain('This is not allowed')
    await other.close()
  })

  test('no page was refused anything by its own policy', () => {
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
  })
})
