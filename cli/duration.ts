import { UsageError } from './command.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, y: 365 * 86_400 }

/** Seconds of a text such as `90d`. */
export function lifeOf(text: string, option: string): number {
  const match = /^(\d{1,9})([smhdy])$/u.exec(text)
  if (match === null) throw new UsageError(`${option} takes a number and s, m, h, d or y, such as 90d; not ${JSON.stringify(text)}`)
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0)
}

/** The members of a list between spaces or commas. */
export const listOf = (text: string): string[] => text.split(/[\s,]+/u).filter((one) => one !== '')
