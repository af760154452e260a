import { describe, expect, test } from 'vitest'
import { bar, sparkline } from '../../../cli/output/picture.ts'
import { printFields, printTable, type Column } from '../../../cli/output/table.ts'
import { cutTo, displayWidth, jsonLine, padTo, timeText, visible, visibleLines } from '../../../cli/output/text.ts'
import { isSafeOnTerminal } from './admin-server.ts'

/** What has been used against terminals. */
const ATTACKS: readonly (readonly [string, string])[] = [
  ['colour', '\u001b[31mred'],
  ['a title of the window', '\u001b]0;owned\u0007'],
  ['a link that says another place', '\u001b]8;;https://evil.example\u001b\\https://good.example\u001b]8;;\u001b\\'],
  ['the clipboard', '\u001b]52;c;cm0gLXJmIH4=\u0007'],
  ['a CSI of one byte', '\u009b2J'],
  ['an OSC of one byte', '\u009d0;owned\u009c'],
  ['clear the screen', '\u001bc'],
  ['back over what was written', 'ok\b\b\bNO'],
  ['a carriage return', 'harmless\rHARMFUL'],
  ['a line of its own', 'name\nSTATE active'],
  ['a tab', 'a\tb'],
  ['delete', 'a\u007fb'],
  ['text from right to left', 'abc\u202efdp.exe'],
  ['an isolate', '\u2066x\u2069'],
  ['what has no width', 'ac\u200bme'],
  ['a byte order mark', '\ufeffacme'],
  ['a soft hyphen', 'ac\u00adme'],
  ['a tag', 'a\u{e0061}b'],
  ['a line separator', 'a\u2028b'],
  ['half a surrogate', 'a\ud800b'],
  ['a filler', 'a\u3164b'],
]

describe('text of others on a terminal', () => {
  test.each(ATTACKS)('%s shows, and does nothing', (_, attack) => {
    expect(isSafeOnTerminal(visible(attack))).toBe(true)
    expect(visible(attack)).toContain('\\u{')
    expect(visible(attack).isWellFormed()).toBe(true)
  })

  test.each(ATTACKS)('%s in JSON is the same value, and does nothing', (_, attack) => {
    const line = jsonLine({ name: attack })
    expect(JSON.parse(line)).toEqual({ name: attack })
    expect(isSafeOnTerminal(line)).toBe(true)
    expect(line).not.toContain('\n')
  })

  test.each(['Ada', 'Zoë', '株式会社', 'می\u200cخواهم', '👩\u200d💻', 'e\u0301', 'a b'])('%s stays as it is', (name) => {
    expect(visible(name)).toBe(name)
    expect(JSON.parse(jsonLine(name))).toBe(name)
  })

  test('lines and tabs of a text stay, and nothing else', () => {
    expect(visibleLines('a\tb\r\nc\u001b[2J')).toBe('a\tb\nc\\u{1b}[2J')
  })
})

describe('columns of a terminal', () => {
  test.each([
    ['abc', 3],
    ['', 0],
    ['日本', 4],
    ['ｱ', 1],
    ['Ａ', 2],
    ['한국어', 6],
    ['e\u0301', 1],
    ['é', 1],
    ['👍', 2],
    ['👩\u200d💻', 2],
    ['🇩🇪', 2],
    ['❤\ufe0f', 2],
    ['a日b', 4],
  ])('%s takes %i', (text, width) => {
    expect(displayWidth(text)).toBe(width)
  })

  test('cutting keeps within the columns, and never splits what belongs together', () => {
    expect(cutTo('abcdef', 6)).toBe('abcdef')
    expect(cutTo('abcdef', 5)).toBe('abcd…')
    expect(cutTo('日本語', 5)).toBe('日本…')
    expect(cutTo('日本語', 4)).toBe('日…')
    expect(cutTo('👩\u200d💻👩\u200d💻', 3)).toBe('👩\u200d💻…')
    expect(padTo('日', 4)).toBe('日  ')
    expect(padTo('5', 3, 'right')).toBe('  5')
  })
})

interface Row {
  readonly name: string
  readonly count: number
}
const columns: readonly Column<Row>[] = [
  { title: 'NAME', of: ({ name }) => name, isFlexible: true },
  { title: 'N', of: ({ count }) => count, align: 'right', color: ({ count }) => (count > 1 ? 'red' : undefined) },
  { title: 'BAR', of: ({ count }) => bar(count, 10, 10), onScreen: true },
]
function printed(rows: readonly Row[], screen?: { columns: number; hasColor: boolean }): string[] {
  const lines: string[] = []
  const terminal = { out: (line: string) => lines.push(line), err: () => undefined, hasColor: true }
  printTable(columns, rows, screen === undefined ? terminal : { ...terminal, screen })
  return lines
}

describe('tables', () => {
  const rows = [
    { name: '日本', count: 1 },
    { name: 'a', count: 10 },
  ]

  test('in a pipe: aligned, without colour, pictures or cuts, even where standard error has colour', () => {
    expect(printed(rows)).toEqual(['NAME   N', '日本   1', 'a     10'])
    expect(printed([{ name: 'x'.repeat(500), count: 1 }])[1]).toBe(`${'x'.repeat(500)}  1`)
  })

  test('on a screen: no wider than it, pictures give way first', () => {
    const screen = { columns: 40, hasColor: false }
    expect(printed(rows, screen)[2]).toBe('a     10  ██████████')
    const lines = printed([{ name: 'x'.repeat(500), count: 10 }, ...rows], screen)
    expect(Math.max(...lines.map(displayWidth))).toBe(40)
    expect(lines[1]).toMatch(/^x+… {2}10$/u)
    expect(printed(rows, { columns: 20, hasColor: false })[2]).toBe('a     10  ██████████')
    expect(printed(rows, { columns: 19, hasColor: false })[2]).toBe('a     10')
  })

  test('colour where the screen wants it, and around the text alone', () => {
    const lines = printed([{ name: '\u001b[31mred', count: 2 }], { columns: 80, hasColor: true })
    expect(lines[1]).toContain('\\u{1b}[31mred')
    expect(lines[1]).toContain('\u001b[31m2\u001b[0m')
    expect(printed(rows, { columns: 80, hasColor: false }).join('')).not.toContain('\u001b')
  })

  test.each(ATTACKS)('%s in a cell leaves the table whole', (_, attack) => {
    const lines = printed([{ name: attack, count: 1 }, ...rows], { columns: 60, hasColor: false })
    expect(lines).toHaveLength(4)
    expect(isSafeOnTerminal(lines.join('\n'))).toBe(true)
  })

  test('fields: what is absent is left out, and what is none shows so', () => {
    const lines: string[] = []
    const terminal = { out: (line: string) => lines.push(line), err: () => undefined, hasColor: false }
    printFields(
      [
        ['id', 'a\nb'],
        ['scopes', []],
        ['plan', undefined],
        ['keys', [{ id: 'a' }, '\u001b']],
        ['end', null],
        ['data', { a: '\u001b' }],
        ['is', false],
      ],
      terminal,
    )
    expect(lines).toEqual([
      'id      a\\u{a}b',
      'scopes  (none)',
      'keys    {"id":"a"} \\u{1b}',
      'end     -',
      'data    {"a":"\\u001b"}',
      'is      false',
    ])
  })
})

describe('pictures', () => {
  test('a sparkline: nothing is blank, the most is full, neighbours are added up', () => {
    expect(sparkline([0, 1, 4, 8], 10)).toBe(' ▁▄█')
    expect(sparkline([1, 1, 2, 2], 2)).toBe('▄█')
    expect(sparkline([0, 0], 5)).toBe('  ')
    expect(sparkline([], 5)).toBe('')
    expect(
      sparkline(
        Array.from({ length: 1000 }, () => 1),
        24,
      ).length,
    ).toBeLessThanOrEqual(24)
  })

  test('a bar: what is not nothing is seen', () => {
    expect([bar(0, 10, 10), bar(0.001, 10, 10), bar(5, 10, 10), bar(10, 10, 10), bar(1, 0, 10)]).toEqual([
      '',
      '█',
      '█'.repeat(5),
      '█'.repeat(10),
      '',
    ])
  })

  test.each([
    [0, '1970-01-01T00:00:00Z'],
    [Number.NaN, '-'],
    [undefined, '-'],
    [1e300, '-'],
    ['2026\u001b', '2026\\u{1b}'],
  ])('the time %s', (at, text) => {
    expect(timeText(at)).toBe(text)
  })
})
