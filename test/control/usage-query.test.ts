import { assert, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { askedOf, csvCell, usageCsv, usageShown, wantsCsv } from '../../src/control/usage-query.ts'
import type { Usage } from '../../src/insight/insight.ts'

const usage: Usage = {
  from: Date.UTC(2026, 0, 1),
  to: Date.UTC(2026, 0, 3),
  step: 'day',
  groups: [
    { key: { consumer: '=HYPERLINK("http://evil.example")' }, requests: 3, errors: 0, series: [0, 3], latency: [] },
    { key: { consumer: 'a, "b"' }, requests: 1, errors: 1, series: [1, 0], latency: [] },
  ],
  total: { requests: 4, errors: 1, series: [1, 3], latency: [10, 85, 0, 4, 0, 0, 0, 0, 0, 0, 1] },
}

/** RFC 4180 §2, as any reader has it. */
function parseCell(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text
}

describe('usageCsv()', () => {
  test('has a line for each step with requests, quoted, and nothing that a spreadsheet would compute', () => {
    expect(usageCsv(usage, ['consumer'])).toBe(
      [
        'start,consumer,requests',
        `2026-01-02T00:00:00.000Z,"'=HYPERLINK(""http://evil.example"")",3`,
        '2026-01-01T00:00:00.000Z,"a, ""b""",1',
        '',
      ].join('\r\n'),
    )
  })

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1'])('%j is text', (formula) => {
    expect(parseCell(csvCell(formula))).toBe(`'${formula}`)
  })

  test('any text is one cell', () => {
    assert(
      property(string({ unit: 'binary' }), (text) => {
        const cell = csvCell(text)
        const read = parseCell(cell)
        expect([text, `'${text}`]).toContain(read)
        expect(read).not.toMatch(/^[=+\-@\t\r\n]/u)
        expect(cell.startsWith('"') || !/[",\r\n]/u.test(cell)).toBe(true)
      }),
    )
  })
})

describe('usageShown()', () => {
  test('names the bucket of the median and of the slow ones', () => {
    expect(usageShown(usage)).toMatchObject({ from: '2026-01-01T00:00:00.000Z', total: { p50: 25, p95: 25, p99: 100 } })
    expect(usageShown({ ...usage, total: { ...usage.total, latency: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2] } })).toMatchObject({
      total: { p50: null },
    })
  })
})

describe('askedOf()', () => {
  const NOW = Date.UTC(2026, 5, 1, 12, 30)
  test('asks for the last hour, day or month where it is not said', () => {
    expect(askedOf({ step: 'minute' }, NOW)).toEqual({ step: 'minute', from: NOW - 3_600_000, to: NOW })
    expect(askedOf({ step: 'hour' }, NOW)).toEqual({ step: 'hour', from: NOW - 86_400_000, to: NOW })
    expect(askedOf({ step: 'day' }, NOW)).toEqual({ step: 'day', from: NOW - 30 * 86_400_000, to: NOW })
  })
  test('takes as many steps as are told, and none more', () => {
    const from = Date.UTC(2026, 5, 1)
    const consumer = ['acme']
    expect(askedOf({ step: 'minute', consumer, from, to: from + 1440 * 60_000 }, NOW)).not.toHaveProperty('fault')
    expect(askedOf({ step: 'minute', consumer, from, to: from + 1440 * 60_000 + 1 }, NOW)).toHaveProperty('fault.pointer', '/step')
    expect(askedOf({ step: 'minute', from, to: from + 400 * 60_000 }, NOW)).not.toHaveProperty('fault')
    expect(askedOf({ step: 'minute', from, to: from + 400 * 60_000 + 1 }, NOW)).toHaveProperty('fault.pointer', '/step')
    expect(askedOf({ step: 'hour', from, to: from }, NOW)).toHaveProperty('fault.pointer', '/from')
  })
})

test.each([
  ['text/csv', true],
  ['application/json, text/csv;q=0.5', true],
  ['text/csv-schema', false],
  ['*/*', false],
])('Accept: %s', (accept, isCsv) => {
  expect(wantsCsv(new Request('https://x.example', { headers: { accept } }))).toBe(isCsv)
})
