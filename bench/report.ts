import { styleText } from 'node:util'

/** One variant in one round. */
export interface Measure {
  readonly cpuMsPer1000: number
  readonly requestsPerSecond: number
}
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}
export interface Row {
  readonly id: string
  readonly name: string
  /** Median of the ratios within each round, not ratio of the medians: a busy machine weighs on a whole round. */
  readonly timesBare: Spread
  readonly timesCarried: Spread
  readonly cpuMsPer1000: Spread
  readonly requestsPerSecond: Spread
}

interface Measured {
  readonly id: string
  readonly name: string
  /** In order of the rounds. */
  readonly measures: readonly Measure[]
}

export function rowsOf(all: readonly Measured[]): Row[] {
  const cpuOf = (id: string): number[] => (all.find((one) => one.id === id)?.measures ?? []).map(({ cpuMsPer1000 }) => cpuMsPer1000)
  const [bare, carried] = [cpuOf('bare'), cpuOf('carried')]
  return all.map(({ id, name, measures }) => {
    const times = (base: readonly number[]): Spread =>
      spreadOf(measures.map(({ cpuMsPer1000 }, round) => cpuMsPer1000 / (base[round] ?? Number.NaN)))
    return {
      id,
      name,
      timesBare: times(bare),
      timesCarried: times(carried),
      cpuMsPer1000: spreadOf(measures.map(({ cpuMsPer1000 }) => cpuMsPer1000)),
      requestsPerSecond: spreadOf(measures.map(({ requestsPerSecond }) => requestsPerSecond)),
    }
  })
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

const HEAD = ['variant', 'x bare', 'x carried', 'CPU ms/1k', 'min-max', 'req/s']

/** A table in columns; in colour on a terminal alone. */
export function tableOf(rows: readonly Row[]): string[] {
  const cells = rows.map(({ name, timesBare, timesCarried, cpuMsPer1000, requestsPerSecond }) => [
    name,
    timesBare.median.toFixed(2),
    timesCarried.median.toFixed(2),
    cpuMsPer1000.median.toFixed(1),
    `${cpuMsPer1000.min.toFixed(1)}-${cpuMsPer1000.max.toFixed(1)}`,
    requestsPerSecond.median.toFixed(0),
  ])
  const widths = HEAD.map((head, column) => Math.max(head.length, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')
  const hasColor = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
  return [hasColor ? styleText('bold', line(HEAD), { validateStream: false }) : line(HEAD), ...cells.map(line)]
}
