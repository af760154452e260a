import type { TrafficEvent } from '../../src/insight/abuse/traffic.ts'
import { createRandom, type Random } from '../simulation/random.ts'

/** What the detector never sees. */
export interface Label {
  readonly attack: string
  readonly intensity: string
  /** `address:…`, `credential:…` or `fingerprint:…`: whoever of them is found, the attack is found. */
  readonly subjects: readonly string[]
  readonly from: number
  readonly to: number
}

/** Somebody who makes requests one after another. `undefined`: has ended. */
export type Actor = () => TrafficEvent | undefined

export const HOUR_MS = 3_600_000
export const START = Date.UTC(2026, 10, 2)
export const END = START + 48 * HOUR_MS
/** Attacks and odd but honest things happen on the second day. */
export const SECOND_DAY = START + 24 * HOUR_MS

export interface Place {
  readonly country: string
  readonly latitude: number
  readonly longitude: number
  readonly networks: readonly string[]
}
export const PLACES: readonly Place[] = [
  ['DE', 52.5, 13.4, 3320],
  ['US', 40.7, -74, 7018],
  ['US', 37.4, -122.1, 16509],
  ['GB', 51.5, -0.1, 2856],
  ['FR', 48.9, 2.4, 3215],
  ['IN', 19.1, 72.9, 24560],
  ['BR', -23.5, -46.6, 28573],
  ['JP', 35.7, 139.7, 4713],
  ['AU', -33.9, 151.2, 1221],
  ['PL', 52.2, 21, 5617],
  ['SG', 1.3, 103.8, 9506],
  ['ZA', -26.2, 28, 3741],
].map(([country, latitude, longitude, network]) => ({
  country: String(country),
  latitude: Number(latitude),
  longitude: Number(longitude),
  networks: Array.from({ length: 6 }, (_, index) => String(Number(network) + index)),
}))

export const ROUTES = [
  'GET /orders/{id}',
  'GET /orders',
  'POST /orders',
  'GET /customers/{id}',
  'GET /products/{id}',
  'GET /products',
  'PUT /orders/{id}',
]
export const MORE_ROUTES = [
  'GET /invoices/{id}',
  'GET /reports',
  'POST /refunds',
  'GET /payouts/{id}',
  'GET /webhooks',
  'DELETE /orders/{id}',
  'GET /team',
  'POST /exports',
  'GET /audit',
]
export const CLIENTS = [
  'node/24',
  'python-requests/2.34',
  'okhttp/5.1',
  'Go-http-client/2.0',
  'java/21',
  'curl/8.16',
  'axios/1.12',
  'reqwest/0.13',
]

export function pick<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[Math.floor(random.next() * values.length)]
  if (value === undefined) throw new Error('nothing to pick from')
  return value
}

export function addressOf(random: Random): string {
  return `${20 + Math.floor(random.next() * 180)}.${Math.floor(random.next() * 256)}.${Math.floor(random.next() * 256)}.${1 + Math.floor(random.next() * 254)}`
}

/** A token that is not one: what a keyed hash of a refused credential looks like. */
export const hashOf = (random: Random): string => Math.floor(random.next() * 2 ** 48).toString(36)

/** Where, and with what, somebody sits. */
export type Origin = Pick<TrafficEvent, 'address' | 'network' | 'country' | 'latitude' | 'longitude' | 'userAgent' | 'tls'>

export function originAt(random: Random, place: Place, client = pick(random, CLIENTS)): Origin {
  return {
    address: addressOf(random),
    network: pick(random, place.networks),
    country: place.country,
    latitude: place.latitude,
    longitude: place.longitude,
    userAgent: client,
    tls: `t13d${client.length}${client.charCodeAt(0)}`,
  }
}

/** All actors' events by time. */
export function* mergeActors(actors: readonly Actor[]): Generator<TrafficEvent> {
  const heap: { event: TrafficEvent; readonly actor: Actor }[] = []
  const sink = (start: number): void => {
    let index = start
    for (;;) {
      let least = index
      for (const child of [2 * index + 1, 2 * index + 2]) {
        const [one, other] = [heap[child], heap[least]]
        if (one !== undefined && other !== undefined && one.event.at < other.event.at) least = child
      }
      const [here, there] = [heap[index], heap[least]]
      if (least === index || here === undefined || there === undefined) return
      ;[heap[index], heap[least]] = [there, here]
      index = least
    }
  }
  for (const actor of actors) {
    const event = actor()
    if (event !== undefined) heap.push({ event, actor })
  }
  for (let index = heap.length >> 1; index >= 0; index -= 1) sink(index)
  for (let first = heap[0]; first !== undefined; first = heap[0]) {
    yield first.event
    const next = first.actor()
    if (next === undefined) {
      const last = heap.pop()
      if (last !== undefined && heap.length > 0) heap[0] = last
    } else first.event = next
    sink(0)
  }
}

/** Requests at moments that `gapMs` spaces, from one time to another. */
export function acting(from: number, to: number, gapMs: (at: number) => number, request: (at: number) => Omit<TrafficEvent, 'at'>): Actor {
  let at = from
  return () => {
    at += gapMs(at)
    return at >= to ? undefined : { at: Math.round(at), ...request(at) }
  }
}

export function randomOf(seed: number, name: string): Random {
  let hash = (seed * 2_654_435_761) >>> 0
  for (let index = 0; index < name.length; index += 1) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193) >>> 0
  return createRandom(hash)
}
