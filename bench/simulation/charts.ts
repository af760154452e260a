/** Charts as SVG text, readable on light and dark pages. */
export type Point = readonly [x: number, y: number]
interface Axis {
  readonly name: string
  /** The first and the last are the ends of the axis. */
  readonly ticks: readonly number[]
  readonly isLogarithmic?: boolean
}
interface LineChart {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly { readonly name: string; readonly points: readonly Point[] }[]
}
interface BarChart {
  readonly title: string
  readonly unit: string
  readonly bars: readonly (readonly [name: string, value: number])[]
}

const [WIDTH, HEIGHT] = [720, 360]
const [LEFT, RIGHT, TOP, BOTTOM] = [70, 20, 70, 56]
const STYLE = `
  .page { fill: #ffffff }
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .grid { stroke: #8c959f; stroke-opacity: .35 }
  .s0 { stroke: #0969da } .s1 { stroke: #bc4c00 } .f0 { fill: #0969da } .f1 { fill: #bc4c00 }
  .line { fill: none; stroke-width: 2.5 } .line.s1 { stroke-dasharray: 7 4 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 }
    text { fill: #e6edf3 }
    .s0 { stroke: #58a6ff } .s1 { stroke: #f0883e } .f0 { fill: #58a6ff } .f1 { fill: #f0883e }
  }`

export function lineChart({ title, x, y, lines }: LineChart): string {
  const across = scaleOf(x, LEFT, WIDTH - RIGHT)
  const up = scaleOf(y, HEIGHT - BOTTOM, TOP)
  const at = (value: number): string => value.toFixed(1)
  const grid = [
    ...y.ticks.map(
      (tick) =>
        `<path class="grid" d="M${LEFT} ${at(up(tick))}H${WIDTH - RIGHT}"/><text x="${LEFT - 8}" y="${at(up(tick) + 4)}" text-anchor="end">${tick}</text>`,
    ),
    ...x.ticks.map((tick) => `<text x="${at(across(tick))}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${tick}</text>`),
  ]
  const drawn = lines.map(({ name, points }, index) => {
    const path = points.map(([left, top], step) => `${step === 0 ? 'M' : 'L'}${at(across(left))} ${at(up(top))}`).join('')
    const label = LEFT + 190 * index
    return (
      `<path class="line s${index}" d="${path}"><title>${escapeText(name)}</title></path>` +
      `<path class="line s${index}" d="M${label} 50h28"/><text x="${label + 36}" y="54">${escapeText(name)}</text>`
    )
  })
  const names =
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escapeText(x.name)}</text>` +
    `<text transform="translate(18 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escapeText(y.name)}</text>`
  const told = lines.map(({ name, points }) => `${name}: ${points.map(([left, top]) => `${left}: ${rounded(top)}`).join(', ')}`).join('; ')
  return frame(title, `${x.name}; ${y.name}. ${told}`, [...grid, ...drawn, names])
}

export function barChart({ title, unit, bars }: BarChart): string {
  const most = Math.max(...bars.map(([, value]) => value))
  const [labels, step] = [230, (HEIGHT - TOP - 20) / bars.length]
  const drawn = bars.map(([name, value], index) => {
    const [top, width] = [TOP + step * index, ((WIDTH - labels - 90) * value) / most]
    return (
      `<text x="${labels - 10}" y="${top + step / 2 + 1}" text-anchor="end">${escapeText(name)}</text>` +
      `<rect class="f${index % 2}" x="${labels}" y="${top + 8}" width="${Math.max(1, width).toFixed(1)}" height="${step - 24}"/>` +
      `<text x="${(labels + width + 8).toFixed(1)}" y="${top + step / 2 + 1}">${unit}${value.toFixed(3)}</text>`
    )
  })
  return frame(title, bars.map(([name, value]) => `${name}: ${unit}${value.toFixed(3)}`).join('; '), drawn)
}

function frame(title: string, description: string, parts: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title description">`
  const named = `<title id="title">${escapeText(title)}</title><desc id="description">${escapeText(description)}</desc><style>${STYLE}\n</style>`
  return [
    head,
    named,
    `<rect class="page" width="100%" height="100%" />`,
    `<text class="title" x="20" y="26">${escapeText(title)}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function scaleOf({ ticks, isLogarithmic = false }: Axis, from: number, to: number): (value: number) => number {
  const place = (value: number): number => (isLogarithmic ? Math.log(value) : value)
  const [first, last] = [place(ticks[0] ?? 0), place(ticks.at(-1) ?? 1)]
  return (value) => from + ((place(value) - first) / (last - first)) * (to - from)
}

const rounded = (value: number): number => Number(value.toPrecision(3))
const escapeText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
