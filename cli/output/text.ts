/**
 * What a terminal would act on instead of showing: control characters (escape sequences begin with one), characters that turn the
 * direction of text or have no width, line separators and halves of surrogates. The two joiners stay: scripts need them.
 */
const UNSHOWN = /[^\P{Cc}]|[^\P{Cf}\u200c\u200d]|[\p{Cs}\u2028\u2029\u115f\u1160\u3164\uffa0]/gu

/** Text of others, safe on a terminal and on one line: what would not be seen stands as `\u{1b}`. */
export function visible(text: string): string {
  return text.replaceAll(UNSHOWN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The same for a text of several lines. */
export const visibleLines = (text: string): string =>
  text
    .split(/\r?\n/u)
    .map((line) => line.split('\t').map(visible).join('\t'))
    .join('\n')

/** One line of JSON that is safe on a terminal too: the same value, with escapes for what would act. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(UNSHOWN, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** Takes two columns (UAX #11: wide and fullwidth; and what is drawn as a picture). */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}|\ufe0f/u
const MARKS_ALONE = /^[\p{Mn}\p{Me}\u200c\u200d]+$/u
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })

const widthOf = (grapheme: string): number => (MARKS_ALONE.test(grapheme) ? 0 : WIDE.test(grapheme) ? 2 : 1)

/** Columns of a terminal that a text of one line takes. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/u.test(text)) return text.length
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += widthOf(segment)
  return width
}

/** At most so many columns; what was cut off shows as `…`. */
export function cutTo(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let kept = ''
  let width = 0
  for (const { segment } of segmenter.segment(text)) {
    width += widthOf(segment)
    if (width > columns - 1) break
    kept += segment
  }
  return `${kept}…`
}

export const padTo = (text: string, columns: number, side: 'left' | 'right' = 'left'): string => {
  const space = ' '.repeat(Math.max(0, columns - displayWidth(text)))
  return side === 'left' ? text + space : space + text
}

/** ISO 8601 in UTC, to the second; `-`: there is none. */
export function timeText(milliseconds: unknown): string {
  if (typeof milliseconds === 'string') return visible(milliseconds).replace(/\.\d{3}Z$/u, 'Z')
  if (typeof milliseconds !== 'number' || !Number.isFinite(milliseconds) || Math.abs(milliseconds) > 8.64e15) return '-'
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/u, 'Z')
}

const COLORS = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const
export type Color = keyof typeof COLORS
export const paint = (text: string, color: Color, hasColor: boolean): string =>
  hasColor ? `\u001b[${COLORS[color]}m${text}\u001b[0m` : text
