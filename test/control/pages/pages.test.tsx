import { describe, expect, test } from 'vitest'
import { assetResponse, assetUrl } from '../../../src/control/pages/assets.ts'
import { BarChart, ceilingOf, LineChart, Meter } from '../../../src/control/pages/charts.tsx'
import { Choices, ConfirmForm, ErrorSummary, Field, Form, Select, TextArea } from '../../../src/control/pages/fields.tsx'
import { flashOf, page, type PageFrame, seeOther } from '../../../src/control/pages/layout.tsx'
import { Code, CopyField, counted, Definitions, numberText, Pagination, Table, Time } from '../../../src/control/pages/parts.tsx'

const FRAME: PageFrame = {
  service: 'Orders',
  area: 'Developer portal',
  home: '/.portcullis/portal',
  navigation: [
    { href: '/.portcullis/portal', title: 'Home' },
    { href: '/.portcullis/portal/reference', title: 'API' },
  ],
  path: '/.portcullis/portal/reference',
}
/** What people type to break a page, or to look like something else. */
const HOSTILE = [
  '"><script>alert(1)</script>',
  `' onfocus=alert(1) autofocus x='`,
  '</textarea><img src=x onerror=alert(1)>',
  'javascript:alert(1)',
  '\u202Egnp.exe',
  'a\u200Bb',
  '${7*7}{{7*7}}',
]
const html = (node: unknown): string => (node as { toString(): string }).toString()

describe('page()', () => {
  test('may be framed by nobody, runs nothing but our script, and is stored nowhere', async () => {
    const response = page(FRAME, { title: 'Reference', body: 'x' })
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    expect(response.headers.get('x-frame-options')).toBe('DENY')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('referrer-policy')).toBe('same-origin')
    const text = await response.text()
    expect(text).toMatch(/^<!doctype html><html lang="en">/u)
    expect(text).not.toMatch(/ style=| on[a-z]+=|<style/u)
    expect(text.match(/<script/gu)).toHaveLength(1)
  })
  test('says which item of the navigation it belongs to, and only that', async () => {
    const text = await page(FRAME, { title: 'Reference', body: 'x' }).text()
    expect(text.match(/aria-current="page"/gu)).toHaveLength(1)
    expect(text).toContain('<a href="/.portcullis/portal/reference" aria-current="page">API</a>')
  })
  test.each(HOSTILE)('escapes %s wherever people’s words stand', async (words) => {
    const body = (
      <>
        <Field name="name" label={words} hint={words} value={words} errors={[{ name: 'name', text: words }]} />
        <TextArea name="note" label="Note" value={words} />
        <Select name="plan" label="Plan" value={words} options={[{ value: words, title: words }]} />
        <Choices kind="checkbox" name="scopes" label="Scopes" values={[words]} options={[{ value: words, title: words, hint: words }]} />
        <ErrorSummary errors={[{ text: words }]} />
        <Table caption={words} columns={[{ title: words }, { title: words }]} rows={[[words, words]]} />
        <Definitions items={[[words, words]]} />
        <CopyField label={words} text={words} />
        <Code name={words} text={words} />
        <BarChart title={words} label={words} unit={words} bars={[{ label: words, value: 1 }]} />
        <LineChart id="a" title={words} description={words} instants={[0, 1]} series={[{ title: words, values: [1, 2] }]} />
        <Meter label={words} used={1} total={2} note={words} />
        <ConfirmForm action="/x" token="t" button={words} cancel="/y">
          {words}
        </ConfirmForm>
      </>
    )
    const text = await page(
      { ...FRAME, service: words, person: words },
      { title: words, trail: [{ href: '/', title: words }], body },
    ).text()
    expect(text).not.toContain('<img')
    expect(text.match(/<script/gu)).toHaveLength(1)
    expect(text).not.toMatch(/<[^>]* (?:href|src|action)="javascript:/u)
    expect(text).not.toMatch(/<[a-z]+(?: [a-z-]+(?:="[^"]*")?)* onfocus/u)
    expect(text.match(/<\/textarea>/gu)).toHaveLength(1)
  })
})

describe('messages', () => {
  const MESSAGES = { saved: 'Saved.' }
  test.each([
    ['saved', 'Saved.'],
    ['unknown', undefined],
    ['toString', undefined],
    ['__proto__', undefined],
    ['<b>Call 555-1234</b>', undefined],
  ])('?done=%s', (code, expected) => {
    expect(flashOf(new Request(`https://a.example/?done=${encodeURIComponent(code)}`), MESSAGES)).toBe(expected)
  })
  test('a form leads back with 303', () => {
    const response = seeOther('/.portcullis/portal', 'saved')
    expect([response.status, response.headers.get('location')]).toEqual([303, '/.portcullis/portal?done=saved'])
  })
})

describe('fields', () => {
  test('name their hint and their error, and say that they are wrong', () => {
    const text = html(<Field name="name" label="Name" hint="Short." errors={[{ name: 'name', text: 'Too long.' }]} isRequired />)
    expect(text).toContain('<label for="field-name">')
    expect(text).toContain('aria-describedby="field-name-hint field-name-error"')
    expect(text).toContain('aria-invalid="true"')
    expect(text).not.toContain('(optional)')
  })
  test('say nothing of another field’s error', () => {
    const text = html(<Field name="name" label="Name" errors={[{ name: 'plan', text: 'No such plan.' }]} />)
    expect(text).not.toContain('aria-invalid')
    expect(text).not.toContain('No such plan')
  })
  test('the summary leads to each of them', () => {
    expect(html(<ErrorSummary errors={[{ name: 'name', text: 'Too long.' }]} />)).toContain('<a href="#field-name">Too long.</a>')
    expect(html(<Choices kind="radio" name="name" label="x" values={[]} options={[{ value: 'a', title: 'A' }]} />)).toContain(
      'id="field-name"',
    )
  })
  test('keep what was typed, a first line break too', () => {
    expect(html(<TextArea name="note" label="Note" value={'\nx'} />)).toMatch(/<textarea[^>]*>\n\nx<\/textarea>/u)
    expect(
      html(<Choices kind="checkbox" name="s" label="S" values={['b']} options={['a', 'b'].map((value) => ({ value, title: value }))} />),
    ).toMatch(/value="a"\/>.*value="b" checked/su)
  })
  test('forms are sent with POST and carry their token', () => {
    const text = html(
      <Form action="/a" token="abc">
        x
      </Form>,
    )
    expect(text).toContain('method="post"')
    expect(text).toContain('<input type="hidden" name="token" value="abc"/>')
  })
})

describe('charts', () => {
  test.each([
    [[], 2],
    [[0, 1], 2],
    [[3], 4],
    [[9], 10],
    [[11], 20],
    [[101, 5], 200],
    [[800], 800],
    [[801], 1000],
  ])('the scale of %j ends at %d', (values, expected) => {
    expect(ceilingOf(values)).toBe(expected)
  })
  test('have a title, a description and the same numbers as a table', () => {
    const text = html(
      <LineChart
        id="u"
        title="Requests"
        description="1,200 in all"
        instants={[0, 60_000]}
        series={[{ title: 'Requests', values: [1200, 0] }]}
      />,
    )
    expect(text).toContain('aria-labelledby="u-title u-about"')
    expect(text).toContain('<desc id="u-about">1,200 in all</desc>')
    expect(text).toContain('data-label="Requests">1,200</td>')
  })
  test.each([[[]], [[5]], [[0, 0]], [[Number.MAX_SAFE_INTEGER, 1]]])('%j draws no NaN', (values) => {
    expect(
      html(<LineChart id="u" title="t" description="d" instants={values.map((_, index) => index)} series={[{ title: 's', values }]} />),
    ).not.toMatch(/NaN|Infinity/u)
  })
  test.each([
    [79, 'good', '79%'],
    [80, 'warning', '80%'],
    [99.9, 'warning', '99%'],
    [100, 'bad', '100%'],
    [130, 'bad', '100%'],
  ])('a meter at %d of 100 is %s', (used, level, share) => {
    const text = html(<Meter label="Month" used={used} total={100} />)
    expect(text).toContain(`<svg class="${level}"`)
    expect(text).toContain(share)
  })
  test('a quota of nothing is used up', () => {
    expect(html(<Meter label="Month" used={0} total={0} />)).toContain('<svg class="bad"')
  })
})

describe('parts', () => {
  test('numbers, counts and instants read alike everywhere', () => {
    expect([numberText(0), numberText(999), numberText(1000), numberText(1_234_567)]).toEqual(['0', '999', '1,000', '1,234,567'])
    expect([counted(1, 'key'), counted(0, 'key'), counted(2, 'key')]).toEqual(['1 key', '0 keys', '2 keys'])
    expect(html(<Time at={Date.UTC(2026, 10, 5, 9, 7)} />)).toBe('<time datetime="2026-11-05T09:07:00.000Z">5 Nov 2026, 09:07</time>')
  })
  test('lists go on from where they stopped, and keep what they were asked for', () => {
    expect(html(<Pagination path="/a?kind=x&after=1" isFirst next={undefined} />)).toBe('')
    const text = html(<Pagination path="/a?kind=x&after=1" isFirst={false} next="a&b" />)
    expect(text).toContain('href="/a?kind=x"')
    expect(text).toContain('href="/a?kind=x&amp;after=a%26b"')
  })
})

describe('assets', () => {
  const ask = (path: string, method = 'GET') => assetResponse(new Request(`https://a.example${path}`, { method }))
  test.each(['style.css', 'enhance.js'] as const)('%s is kept for good under its own address alone', async (name) => {
    const response = ask(assetUrl(name))
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable'])
    expect((await response.text()).length).toBeGreaterThan(100)
    const other = ask(assetUrl(name).replace(/v=.*/u, 'v=older'))
    expect([other.status, other.headers.get('cache-control')]).toEqual([200, 'no-store'])
  })
  test.each(['', 'toString', '../session', 'style.css/x', '__proto__'])('there is no %j', (name) => {
    expect(ask(`/.portcullis/assets/${name}`).status).toBe(404)
  })
  test('they are only read', async () => {
    expect(ask(assetUrl('style.css'), 'POST').status).toBe(405)
    expect(await ask(assetUrl('style.css'), 'HEAD').text()).toBe('')
  })
  test('the style needs nothing from elsewhere', async () => {
    expect(await ask(assetUrl('style.css')).text()).not.toMatch(/url\(|@import/u)
  })
})
