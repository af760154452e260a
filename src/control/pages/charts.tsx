import type { PropsWithChildren } from 'hono/jsx'
import { numberText, Table, Time, timeText } from './parts.tsx'

export interface Series {
  readonly title: string
  /** One value per instant. */
  readonly values: readonly number[]
}

/** Drawn without units: the style stretches it to the room there is, and what is to be read stands around it as text. */
const [WIDTH, HEIGHT] = [600, 160]
/** As many as the style has colours for. */
const MAX_SERIES = 3

/** How something went over time; the same numbers as a table below it. `instants`: milliseconds since the epoch, evenly apart. */
export function LineChart({
  id,
  title,
  description,
  instants,
  series,
  byDay = false,
}: {
  /** Unique on the page. */
  readonly id: string
  readonly title: string
  /** What is to be seen, in a sentence. */
  readonly description: string
  readonly instants: readonly number[]
  readonly series: readonly Series[]
  readonly byDay?: boolean
}) {
  const shown = series.slice(0, MAX_SERIES)
  const top = ceilingOf(shown.flatMap(({ values }) => values))
  return (
    <figure class="chart">
      <figcaption>
        {title}
        {shown.length < 2 ? null : (
          <ul class="legend">
            {shown.map((one, index) => (
              <li class={`series-${index + 1}`}>{one.title}</li>
            ))}
          </ul>
        )}
      </figcaption>
      <div class="plot">
        <div class="scale" aria-hidden="true">
          <span>{numberText(top)}</span>
          <span>{numberText(top / 2)}</span>
          <span>0</span>
        </div>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-labelledby={`${id}-title ${id}-about`}>
          <title id={`${id}-title`}>{title}</title>
          <desc id={`${id}-about`}>{description}</desc>
          {[1, HEIGHT / 2, HEIGHT - 1].map((y) => (
            <line class="grid" x1="0" x2={WIDTH} y1={y} y2={y} />
          ))}
          {shown.map(({ values }, index) => (
            <>
              {shown.length > 1 ? null : <path class="area series-1" d={`${lineOf(values, top)}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />}
              <path class={`line series-${index + 1}`} d={lineOf(values, top)} />
            </>
          ))}
        </svg>
        <Instants instants={instants} byDay={byDay} />
      </div>
      <AsTable>
        <Table
          caption={title}
          hideCaption
          columns={[{ title: 'Time' }, ...shown.map((one) => ({ title: one.title, isNumber: true }))]}
          rows={instants.map((at, index) => [<Time at={at} day={byDay} />, ...shown.map(({ values }) => numberText(values[index] ?? 0))])}
        />
      </AsTable>
    </figure>
  )
}

/** The first, the middle and the last instant, under the drawing. */
function Instants({ instants, byDay }: { readonly instants: readonly number[]; readonly byDay: boolean }) {
  const [first = 0, middle = 0, last = 0] = [instants[0], instants[Math.floor(instants.length / 2)], instants.at(-1)]
  return (
    <div class="instants" aria-hidden="true">
      {[first, middle, last].map((at) => (
        <span>{byDay ? timeText(at, true).replace(/ \d+$/u, '') : timeText(at).replace(/ \d{4},/u, ',')}</span>
      ))}
    </div>
  )
}

export interface Bar {
  readonly label: string
  readonly value: number
}
/** How much of each: a table in itself, with a bar beside every number. */
export function BarChart({
  title,
  label,
  unit,
  bars,
}: {
  readonly title: string
  /** Heads the names. */
  readonly label: string
  /** Heads the numbers. */
  readonly unit: string
  readonly bars: readonly Bar[]
}) {
  const top = Math.max(1, ...bars.map(({ value }) => value))
  return (
    <table class="bars">
      <caption>{title}</caption>
      <thead class="unseen">
        <tr>
          <th scope="col">{label}</th>
          <th scope="col">{unit}</th>
        </tr>
      </thead>
      <tbody>
        {bars.map((bar) => (
          <tr>
            <th scope="row">{bar.label}</th>
            <td>
              <svg viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
                <rect class="series-1" x="0" y="0" height="10" width={Math.max(2, (bar.value / top) * WIDTH)} />
              </svg>
              <span class="number">{numberText(bar.value)}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** How much of a quota is used. */
export function Meter({
  label,
  used,
  total,
  note,
}: {
  readonly label: string
  readonly used: number
  readonly total: number
  readonly note?: string
}) {
  const share = total <= 0 ? 1 : Math.min(1, Math.max(0, used / total))
  const level = share >= 1 ? 'bad' : share >= 0.8 ? 'warning' : 'good'
  const said = `${numberText(used)} of ${numberText(total)}, ${Math.floor(share * 100)}%`
  return (
    <div class="meter">
      <p>
        <strong>{label}</strong> <span>{said}</span>
      </p>
      <svg class={level} viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" role="img" aria-label={`${label}: ${said}`}>
        <rect class="track" x="0" y="0" height="10" width={WIDTH} />
        <rect class="fill" x="0" y="0" height="10" width={share * WIDTH} />
      </svg>
      {note === undefined ? null : <p class="hint">{note}</p>}
    </div>
  )
}

function AsTable({ children }: PropsWithChildren) {
  return (
    <details>
      <summary>As a table</summary>
      {children}
    </details>
  )
}

function lineOf(values: readonly number[], top: number): string {
  const step = values.length < 2 ? 0 : WIDTH / (values.length - 1)
  // Half a line's width from the edges, so that a flat line is to be seen.
  const yOf = (value: number): number => HEIGHT - 2 - (Math.min(value, top) / top) * (HEIGHT - 4)
  const points = values.length === 1 ? [values[0] ?? 0, values[0] ?? 0] : values
  const width = points.length === values.length ? step : WIDTH
  return points.map((value, index) => `${index === 0 ? 'M' : 'L'}${rounded(index * width)} ${rounded(yOf(value))}`).join('')
}
const rounded = (value: number): number => Math.round(value * 10) / 10

/** The next even 1, 2, 4, 6, 8 or 10 times a power of ten: half of it is whole. At least 2. */
export function ceilingOf(values: readonly number[]): number {
  const most = values.reduce((max, value) => Math.max(max, value), 0)
  if (most <= 2) return 2
  const power = 10 ** Math.floor(Math.log10(most))
  const factor = [1, 2, 4, 6, 8].find((one) => one * power >= most && (one * power) % 2 === 0) ?? 10
  return factor * power
}
