import type { Usage, UsageAsked, UsageGroup } from './insight.ts'
import { OTHER } from './usage-count.ts'
import { latencyOf, STEP_MS, SUMS, type Step } from './usage-tables.ts'

/** Most steps of one question over all consumers, whose rows are all read. */
const MAX_STEPS_OF_ALL = 400
/** The same of named consumers, whose rows alone are. */
const MAX_STEPS: Readonly<Record<Step, number>> = { minute: 1440, hour: 840, day: 400 }
/** Most consumers of one question. */
export const MAX_CONSUMERS = 20
export const MAX_GROUPS = 200

export function mostSteps({ step, consumers }: Pick<UsageAsked, 'step' | 'consumers'>): number {
  return consumers === undefined ? Math.min(MAX_STEPS_OF_ALL, MAX_STEPS[step]) : MAX_STEPS[step]
}

type Row = Record<string, string | number | null>
interface Query {
  readonly text: string
  readonly values: readonly SqlStorageValue[]
}

/** `summed`: up to when hours and days are in their own tables; what comes after is added up here. */
export function readUsage(sql: SqlStorage, asked: UsageAsked, summed: { readonly hour: number; readonly day: number }): Usage {
  const { step, by = [] } = asked
  const stepMs = STEP_MS[step]
  const [from, to] = [Math.floor(asked.from / stepMs) * stepMs, Math.ceil(asked.to / stepMs) * stepMs]
  const steps = (to - from) / stepMs
  if (!(steps > 0 && steps <= mostSteps(asked))) throw new RangeError('so many steps are not told')
  if ((asked.consumers?.length ?? 0) > MAX_CONSUMERS) throw new RangeError('so many consumers are not told')
  const source = sourceOf(asked, piecesOf(step, from, to, summed))
  const columns = by.map((name) => `${name}, `).join('')
  const nameOf = (row: Row): string => JSON.stringify(by.map((name) => String(row[name])))
  const groups = groupsOf(sql, source, by)
  const shown = new Map(groups.slice(0, MAX_GROUPS).map((group) => [group.name, { ...group, series: zeros(steps) }]))
  const rest = { ...restOf(groups.slice(MAX_GROUPS), by), series: zeros(steps) }
  const rows = sql.exec<Row>(
    `select ${columns} start / ${stepMs} * ${stepMs} as at, sum(requests) as requests from (${source.text}) group by ${columns} at`,
    ...source.values,
  )
  for (const row of rows) {
    const { series } = shown.get(nameOf(row)) ?? rest
    const index = (Number(row['at']) - from) / stepMs
    series[index] = (series[index] ?? 0) + Number(row['requests'])
  }
  const told = [...shown.values(), ...(groups.length > MAX_GROUPS ? [rest] : [])]
  const { key: _key, ...total } = sumOfGroups(told, steps)
  return {
    from,
    to,
    step,
    groups: told.map(({ key, requests, errors, series, latency }) => ({ key, requests, errors, series, latency })),
    total,
  }
}

interface Named extends Omit<UsageGroup, 'series'> {
  readonly name: string
}

/** Largest first. */
function groupsOf(sql: SqlStorage, { text, values }: Query, by: NonNullable<UsageAsked['by']>): readonly Named[] {
  const grouping = by.length === 0 ? '' : `group by ${by.join(', ')}`
  const errors = 'sum(case when status >= 400 then requests else 0 end) as errors'
  const rows = sql.exec<Row>(`select ${by.map((name) => `${name}, `).join('')} ${errors}, ${SUMS} from (${text}) ${grouping}`, ...values)
  const groups = rows.toArray().flatMap((row): Named[] => {
    // Of nothing at all there is one row, without a sum.
    if (row['requests'] === null) return []
    const key = Object.fromEntries(by.map((name) => [name, String(row[name])]))
    const name = JSON.stringify(Object.values(key))
    return [{ name, key, requests: Number(row['requests']), errors: Number(row['errors']), latency: latencyOf(row) }]
  })
  return groups.toSorted((one, other) => other.requests - one.requests || (one.name < other.name ? -1 : 1))
}

interface Piece {
  readonly table: Step
  readonly from: number
  readonly to: number
}
/** Which tables hold which part of the time asked about. */
function piecesOf(step: Step, from: number, to: number, { hour, day }: { readonly hour: number; readonly day: number }): readonly Piece[] {
  const dayEnds = step === 'day' ? clamp(day, from, to) : from
  const hourEnds = step === 'minute' ? from : clamp(hour, dayEnds, to)
  const pieces: readonly Piece[] = [
    { table: 'day', from, to: dayEnds },
    { table: 'hour', from: dayEnds, to: hourEnds },
    { table: 'minute', from: hourEnds, to },
  ]
  return pieces.filter((piece) => piece.from < piece.to)
}

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))

/** Rows of each step are found one after the other by their key, so one consumer's cost nothing of the others'. */
function sourceOf({ consumers, credential, route }: UsageAsked, pieces: readonly Piece[]): Query {
  const filters: string[] = []
  const filterValues: SqlStorageValue[] = []
  if (consumers !== undefined) {
    filters.push(`and consumer in (${consumers.map(() => '?').join(', ')})`)
    filterValues.push(...consumers)
  }
  for (const [name, value] of Object.entries({ credential, route })) {
    if (value === undefined) continue
    filters.push(`and ${name} = ?`)
    filterValues.push(value)
  }
  const texts = pieces.map(
    ({ table }) => `select t.* from (
      with recursive steps(at) as (select ? union all select at + ${STEP_MS[table]} from steps where at + ${STEP_MS[table]} < ?) select at from steps
    ) s cross join ${table} t where t.start = s.at ${filters.join(' ')}`,
  )
  return {
    text: texts.join(' union all '),
    values: pieces.flatMap(({ from, to }) => [from, to, ...filterValues]),
  }
}

const zeros = (length: number): number[] => Array.from({ length }, () => 0)

function restOf(groups: readonly Named[], by: NonNullable<UsageAsked['by']>): Named {
  const { requests, errors, latency } = sumOfGroups(
    groups.map((group) => ({ ...group, series: [] })),
    0,
  )
  return { name: OTHER, key: Object.fromEntries(by.map((name) => [name, OTHER])), requests, errors, latency }
}

function sumOfGroups(groups: readonly UsageGroup[], steps: number): UsageGroup {
  const sum = { key: {}, requests: 0, errors: 0, series: zeros(steps), latency: latencyOf({}) }
  for (const { requests, errors, series, latency } of groups) {
    sum.requests += requests
    sum.errors += errors
    for (const [index, count] of series.entries()) sum.series[index] = (sum.series[index] ?? 0) + count
    for (const [index, count] of latency.entries()) sum.latency[index] = (sum.latency[index] ?? 0) + count
  }
  return sum
}
