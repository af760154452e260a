/** Wall-clock time of a time zone, as if it were UTC: milliseconds that `Date.UTC` of its fields would give. */
export type WallTime = number

const DAY_MS = 86_400_000
/** Made once: a formatter costs far more than a format. As many as there are zones, at most. */
const formatters = new Map<string, Intl.DateTimeFormat>()

/** True for a name of the IANA Time Zone Database that this runtime knows; an offset such as "+01:00" is none. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/u.test(name)) return false
  try {
    formatterOf(name)
    return true
  } catch {
    return false
  }
}

/** What clocks in the zone show at `now`, in whole seconds. */
export function wallTimeAt(timeZone: string, now: number): WallTime {
  const fields = new Map(
    formatterOf(timeZone)
      .formatToParts(now)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const field = (type: Intl.DateTimeFormatPartTypes): number => fields.get(type) ?? 0
  return Date.UTC(field('year'), field('month') - 1, field('day'), field('hour'), field('minute'), field('second'))
}

/** The first moment at which clocks in the zone show `wall`, or, where they leap over it, the moment of the leap. */
export function momentOf(timeZone: string, wall: WallTime): number {
  const offsets = [wall - DAY_MS, wall + DAY_MS].map((around) => wallTimeAt(timeZone, around) - around)
  const earliest = wall - Math.max(...offsets)
  const latest = wall - Math.min(...offsets)
  if (wallTimeAt(timeZone, earliest) === wall) return earliest
  if (wallTimeAt(timeZone, latest) === wall) return latest
  let [before, from] = [earliest, latest]
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2)
    if (wallTimeAt(timeZone, middle) >= wall) from = middle
    else before = middle
  }
  return from
}

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone)
  if (known !== undefined) return known
  const numeric = 'numeric'
  const fields = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric } as const
  const made = new Intl.DateTimeFormat('en-US', { timeZone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23', ...fields })
  formatters.set(timeZone, made)
  return made
}
