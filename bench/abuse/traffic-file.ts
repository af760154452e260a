import { createReadStream, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { addressKey } from '../../src/http/address.ts'
import type { TrafficEvent } from '../../src/insight/abuse/traffic.ts'
import type { Label } from './scenario.ts'

/** Smaller numbers are seconds: as milliseconds they would lie before 1974. */
const FIRST_MS = 1e11
const TEXTS = ['network', 'country', 'userAgent', 'tls', 'credential', 'presented', 'route', 'objectId'] as const
const DEGREES = ['latitude', 'longitude'] as const
const SUBJECT = /^(?:address|credential|fingerprint):./su

type Row = Readonly<Record<string, unknown>>

/** Checks every line first. By time: what is in order already is never held in memory as a whole. */
export async function readTraffic(path: string): Promise<AsyncIterable<TrafficEvent> | Iterable<TrafficEvent>> {
  let latest = Number.NEGATIVE_INFINITY
  let isOrdered = true
  for await (const { at } of eventsOf(path)) {
    isOrdered &&= at >= latest
    latest = at
  }
  if (isOrdered) return eventsOf(path)
  const events: TrafficEvent[] = []
  for await (const event of eventsOf(path)) events.push(event)
  return events.toSorted((one, other) => one.at - other.at)
}

export function readLabels(path: string): readonly Label[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line, index) => (isBlank(line) ? [] : [parsed(path, index + 1, line, labelOf)]))
}

async function* eventsOf(path: string): AsyncGenerator<TrafficEvent> {
  let number = 0
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1
    if (!isBlank(line)) yield parsed(path, number, line, eventOf)
  }
}

const isBlank = (line: string): boolean => line.trim() === ''

/** Throws with the file's name and the line's number. */
function parsed<Value>(path: string, number: number, line: string, read: (row: Row) => Value): Value {
  try {
    const row: unknown = JSON.parse(line.replace(/^\uFEFF/u, ''))
    if (typeof row !== 'object' || row === null || Array.isArray(row)) throw new Error('is not a JSON object')
    return read(row as Row)
  } catch (error) {
    throw new Error(`${path}:${number}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function eventOf(row: Row): TrafficEvent {
  const address = textOf(row, 'address')
  if (address === undefined) throw new Error('address is missing')
  const status = numberOf(row, 'status')
  if (status === undefined || !Number.isInteger(status) || status < 100 || status > 599)
    throw new Error('status must be a whole number from 100 to 599')
  const texts = TEXTS.map((name) => [name, textOf(row, name)] as const)
  const degrees = DEGREES.map((name) => [name, numberOf(row, name)] as const)
  const told = Object.fromEntries([...texts, ...degrees].filter(([, value]) => value !== undefined))
  return { at: timeOf(row, 'at'), address, status, ...told }
}

function labelOf(row: Row): Label {
  const { subjects } = row
  if (!Array.isArray(subjects) || subjects.length === 0) throw new Error('subjects must be a list of at least one')
  const [from, to] = [timeOf(row, 'from'), timeOf(row, 'to')]
  if (to < from) throw new Error('to lies before from')
  const names = subjects.map(subjectOf)
  return { attack: textOf(row, 'attack') ?? 'attack', intensity: textOf(row, 'intensity') ?? '', subjects: names, from, to }
}

/** An IPv6 address counts as its /64. */
function subjectOf(subject: unknown): string {
  if (typeof subject !== 'string' || !SUBJECT.test(subject))
    throw new Error(`a subject is address:…, credential:… or fingerprint:…, not ${JSON.stringify(subject)}`)
  if (!subject.startsWith('address:')) return subject
  const address = subject.slice('address:'.length)
  return `address:${addressKey(address) ?? address}`
}

/** Milliseconds since the epoch. */
function timeOf(row: Row, name: string): number {
  const value = row[name]
  const time = typeof value === 'string' && value.includes('-') ? Date.parse(value) : (numberOf(row, name) ?? Number.NaN)
  if (!Number.isFinite(time) || time < 0)
    throw new Error(`${name} must be milliseconds or seconds since 1970, or a time such as 2026-11-02T08:00:00Z`)
  return time < FIRST_MS ? time * 1000 : time
}

function textOf(row: Row, name: string): string | undefined {
  const value = row[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string' && typeof value !== 'number') throw new Error(`${name} must be text`)
  return String(value)
}

function numberOf(row: Row, name: string): number | undefined {
  const value = row[name]
  if (value === undefined || value === null || value === '') return undefined
  const number = typeof value === 'string' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Error(`${name} must be a number`)
  return number
}
