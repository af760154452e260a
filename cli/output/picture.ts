const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** How numbers went, in at most so many characters: neighbours are added up where there are more. */
export function sparkline(series: readonly number[], width: number): string {
  const size = Math.max(1, Math.ceil(series.length / width))
  const sums: number[] = []
  for (let at = 0; at < series.length; at += size) sums.push(series.slice(at, at + size).reduce((sum, value) => sum + value, 0))
  const most = Math.max(0, ...sums)
  return sums
    .map((value) => {
      if (!(value > 0)) return ' '
      return BARS[Math.min(BARS.length - 1, Math.floor((value / most) * (BARS.length - 1)))]
    })
    .join('')
}

/** A share as a bar of so many characters; what is not nothing is seen. */
export function bar(value: number, most: number, width: number): string {
  if (!(value > 0) || !(most > 0)) return ''
  return '█'.repeat(Math.max(1, Math.round((value / most) * width)))
}

/** The upper bound of the bucket that the quantile lies in. `undefined`: nothing was counted; `Infinity`: above the last bound. */
export function quantile(counts: readonly number[], bounds: readonly number[], share: number): number | undefined {
  const all = counts.reduce((sum, value) => sum + value, 0)
  if (!(all > 0)) return undefined
  let seen = 0
  for (const [at, value] of counts.entries()) {
    seen += value
    if (seen >= all * share) return bounds[at] ?? Infinity
  }
  return Infinity
}
