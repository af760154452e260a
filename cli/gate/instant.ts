import { UsageError } from '../command.ts'
import { lifeOf } from '../duration.ts'

/** Milliseconds of `now`, of `24h` (ago), or of a date or instant of ISO 8601 (UTC where it does not say). */
export function instantOf(text: string, option: string, now: number): number {
  if (text === 'now') return now
  if (/^\d+[smhdy]$/u.test(text)) return now - lifeOf(text, option) * 1000
  const isDate = /^\d{4}-\d{2}-\d{2}$/u.test(text)
  const isInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?$/u.test(text)
  const hasZone = /(?:Z|[+-]\d{2}:\d{2})$/u.test(text)
  const at = isDate || isInstant ? Date.parse(isDate || hasZone ? text : `${text}Z`) : Number.NaN
  if (Number.isNaN(at)) throw new UsageError(`${option} takes 24h (ago), 2026-11-25 or 2026-11-25T12:00Z, not ${JSON.stringify(text)}`)
  return at
}
