import type { FieldError } from '../pages/fields.tsx'

/** What people wrote stands by itself: a mark that turns the direction of writing does not reach beyond it. */
export const Words = ({ text }: { readonly text: string }) => <bdi>{text}</bdi>

/** Control characters, marks that turn the direction, and characters that nobody sees: names that look alike would not be alike. */
const UNSEEN = /[\p{Cc}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/u

/** One line of text as somebody typed it, without the white space around it. */
export function readLine(form: URLSearchParams, name: string): string {
  return (form.get(name) ?? '').trim().normalize('NFC')
}

/** `what`: such as "a name". */
export function lineErrors(name: string, text: string, what: string, { max = 100, isRequired = true } = {}): readonly FieldError[] {
  if (text === '') return isRequired ? [{ name, text: `Give it ${what}.` }] : []
  if (text.length > max) return [{ name, text: `At most ${max} characters.` }]
  if (UNSEEN.test(text)) return [{ name, text: 'It holds a character that cannot be seen. Type it anew.' }]
  return []
}

/** One entry a line, or with commas between them. */
export function readList(form: URLSearchParams, name: string): readonly string[] {
  return (form.get(name) ?? '').split(/[\s,]+/u).filter((entry) => entry !== '')
}

/** What the page showed that was changed. A form without it changes what is there now. */
export function versionOf(form: URLSearchParams): number | undefined {
  const version = Number(form.get('version') ?? 'none')
  return Number.isSafeInteger(version) ? version : undefined
}
