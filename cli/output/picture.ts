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
