import type { Terminal } from '../command.ts'
import { type Color, cutTo, displayWidth, padTo, paint, visible } from './text.ts'

export interface Column<Row> {
  readonly title: string
  /** Text of others is welcome here: it is made safe. `undefined`: there is none, shown as `-`. */
  readonly of: (row: Row) => unknown
  readonly align?: 'right'
  /** It gives way where the screen is too narrow. */
  readonly isFlexible?: true
  readonly color?: (row: Row) => Color | undefined
  /** For a screen alone. */
  readonly onScreen?: true
}

const GAP = '  '
const NARROWEST = 8

/** Rows below their titles. In a pipe nothing is cut off. */
export function printTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], terminal: Terminal): void {
  const { screen } = terminal
  const shown = columns.filter((column) => screen !== undefined || column.onScreen === undefined)
  const widthsOf = (): number[] =>
    shown.map(({ title, of }) => Math.max(displayWidth(title), ...rows.map((row) => displayWidth(cellOf(of(row))))))
  // Pictures give way first: what is cut cannot be copied.
  const most = screen?.columns ?? Infinity
  while (totalOf(widthsOf()) > most) {
    const picture = shown.findIndex(({ onScreen }) => onScreen === true)
    if (picture === -1) break
    shown.splice(picture, 1)
  }
  const cells = rows.map((row) => shown.map((column) => cellOf(column.of(row))))
  const natural = widthsOf()
  const widths = narrowed(shown, natural, most)
  const line = (texts: readonly string[], color: (at: number) => Color | undefined): string =>
    texts
      .map((text, at) => {
        const width = widths[at] ?? 0
        const cut = cutTo(text, width)
        const isLast = at === texts.length - 1
        const padded = isLast && shown[at]?.align === undefined ? cut : padTo(cut, width, shown[at]?.align ?? 'left')
        const wanted = color(at)
        return wanted === undefined ? padded : paint(padded, wanted, screen?.hasColor === true)
      })
      .join(GAP)
      .trimEnd()
  terminal.out(
    line(
      shown.map(({ title }) => title),
      () => 'bold',
    ),
  )
  for (const [index, row] of rows.entries()) terminal.out(line(cells[index] ?? [], (at) => shown[at]?.color?.(row)))
}

export function cellOf(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-'
  if (typeof value === 'string') return visible(value)
  if (Array.isArray(value)) return value.length === 0 ? '(none)' : value.map(cellOf).join(' ')
  if (typeof value === 'object') return visible(JSON.stringify(value))
  // oxlint-disable-next-line typescript/no-base-to-string -- a number, a truth value or a symbol
  return String(value)
}

const totalOf = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1)

function narrowed<Row>(columns: readonly Column<Row>[], natural: readonly number[], screen: number): readonly number[] {
  const widths = [...natural]
  let excess = totalOf(widths) - screen
  while (excess > 0) {
    const [widest] = columns
      .flatMap((column, at) => (column.isFlexible === true && (widths[at] ?? 0) > NARROWEST ? [at] : []))
      .toSorted((one, other) => (widths[other] ?? 0) - (widths[one] ?? 0))
    if (widest === undefined) break
    widths[widest] = (widths[widest] ?? 0) - 1
    excess -= 1
  }
  return widths
}

/** One thing, a line for each of its members. */
export function printFields(fields: readonly (readonly [name: string, value: unknown])[], terminal: Terminal): void {
  const told = fields.filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...told.map(([name]) => name.length))
  for (const [name, value] of told)
    terminal.out(`${paint(name.padEnd(width), 'dim', terminal.screen?.hasColor === true)}  ${cellOf(value)}`)
}
