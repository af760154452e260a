import type { TrafficEvent } from '../../src/insight/abuse/traffic.ts'
import type { Random } from '../simulation/random.ts'
import {
  acting,
  addressOf,
  CLIENTS,
  END,
  hashOf,
  HOUR_MS,
  MORE_ROUTES,
  originAt,
  pick,
  PLACES,
  randomOf,
  ROUTES,
  SECOND_DAY,
  START,
  type Actor,
  type Origin,
  type Place,
} from './scenario.ts'

export interface Consumer {
  readonly credential: string
  readonly place: Place
  readonly home: Origin
  /** Requests a second, on average over the day. */
  readonly rate: number
}

const KINDS = ['server', 'server', 'server', 'server', 'developer', 'mobile', 'batch', 'exporter'] as const

/** Consumers of several kinds with daily patterns, and what happens to honest ones now and then. */
export function honestTraffic(seed: number, count: number): { readonly consumers: readonly Consumer[]; readonly actors: readonly Actor[] } {
  const consumers: Consumer[] = []
  const actors: Actor[] = []
  for (let index = 0; index < count; index += 1) {
    const random = randomOf(seed, `consumer ${index}`)
    const place = pick(random, PLACES)
    const consumer: Consumer = {
      credential: `key-${index}`,
      place,
      home: originAt(random, place),
      rate: 0.003 + 0.012 * random.exponential(1) + (index % 97 === 0 ? 0.4 : 0),
    }
    consumers.push(consumer)
    actors.push(...actorsOf(random, consumer, KINDS[index % KINDS.length] ?? 'server', index))
  }
  for (let index = 0; index < 60; index += 1) actors.push(strayScanner(randomOf(seed, `scanner ${index}`)))
  return { consumers, actors }
}

function actorsOf(random: Random, consumer: Consumer, kind: (typeof KINDS)[number], index: number): Actor[] {
  const { rate, home } = consumer
  // Some are new on the second day.
  const from = index % 50 === 7 ? SECOND_DAY + 4 * HOUR_MS * random.next() : START
  const origins =
    kind === 'mobile' ? Array.from({ length: 40 }, () => originAt(random, consumer.place, 'okhttp/5.1')) : originsOf(random, consumer, kind)
  const errors = 0.005 + 0.03 * random.next()
  const own = ROUTES.slice(0, 3 + Math.floor(random.next() * 5))
  const steady = acting(
    from,
    END,
    (at) => random.exponential(1000 / (rate * dayShape(at, consumer.place.longitude))),
    () => usual(random, consumer.credential, pick(random, origins), pick(random, own), errors),
  )
  const others: Actor[] = [steady]
  if (kind === 'batch') for (const day of [0, 1]) others.push(nightlyBatch(random, consumer, START + (day * 24 + 2) * HOUR_MS))
  if (kind === 'exporter') others.push(exporter(random, consumer, from))
  const oddity = ODDITIES[index % 40]
  if (oddity !== undefined && from === START) others.push(oddity(random, consumer, SECOND_DAY + 2 * HOUR_MS + 18 * HOUR_MS * random.next()))
  if (kind === 'developer') others.push(mistypedKey(random, home))
  return others
}

function originsOf(random: Random, { place, home }: Consumer, kind: string): Origin[] {
  if (kind !== 'developer') return [home, { ...home, address: addressOf(random) }]
  return [home, { ...originAt(random, place), userAgent: home.userAgent ?? '', tls: home.tls ?? '' }]
}

/** More by day than by night, where the consumer is. */
function dayShape(at: number, longitude: number): number {
  const local = (((at / HOUR_MS + longitude / 15) % 24) + 24) % 24
  return 0.25 + 1.5 * Math.max(0, Math.sin(((local - 6) / 16) * Math.PI))
}

function usual(random: Random, credential: string, origin: Origin, route: string, errors: number): Omit<TrafficEvent, 'at'> {
  const hasFailed = random.next() < errors
  return {
    ...origin,
    credential,
    route,
    ...(route.includes('{id}') ? { objectId: String(10_000 + Math.floor(random.next() * 90_000)) } : {}),
    status: hasFailed ? pick(random, [400, 404, 404, 403, 500]) : 200,
  }
}

function nightlyBatch(random: Random, { credential, home }: Consumer, from: number): Actor {
  const jitter = random.next() * 600_000
  let id = 20_000
  return acting(
    from + jitter,
    from + jitter + 900_000,
    () => random.exponential(700),
    () => ({ ...home, credential, route: 'GET /orders/{id}', objectId: String(id++), status: 200 }),
  )
}

/** Reads everything in a row, always: unusual for others, not for it. */
function exporter(random: Random, { credential, home, rate }: Consumer, from: number): Actor {
  let id = 5000
  return acting(
    from,
    END,
    () => random.exponential(1500 / rate),
    () => ({ ...home, credential, route: 'GET /products/{id}', objectId: String(id++), status: random.next() < 0.02 ? 404 : 200 }),
  )
}

function mistypedKey(random: Random, home: Origin): Actor {
  const at = SECOND_DAY + 20 * HOUR_MS * random.next()
  const presented = hashOf(random)
  return acting(
    at,
    at + 120_000,
    () => 8000 + random.next() * 20_000,
    () => ({ ...home, presented, route: 'GET /orders', status: 401 }),
  )
}

/** The internet's background: a few unknown paths from addresses that nobody knows. */
function strayScanner(random: Random): Actor {
  const origin = originAt(random, pick(random, PLACES), 'Mozilla/5.0')
  const at = START + 40 * HOUR_MS * random.next()
  return acting(
    at,
    at + 20_000,
    () => 4000,
    () => ({ ...origin, status: 404 }),
  )
}

type Oddity = (random: Random, consumer: Consumer, at: number) => Actor
/** Honest things that look odd, each to one consumer in so many. */
const ODDITIES: Readonly<Record<number, Oddity>> = {
  // A key that ran out, tried again and again.
  1: (random, { home }, at) => {
    const presented = hashOf(random)
    return acting(
      at,
      at + HOUR_MS,
      () => 5000,
      () => ({ ...home, presented, route: 'GET /orders', status: 401 }),
    )
  },
  // A bug: content that is never right.
  4: (random, { home, credential }, at) =>
    acting(
      at,
      at + HOUR_MS,
      () => random.exponential(4000),
      () => ({ ...home, credential, route: 'POST /orders', status: 400 }),
    ),
  // A new release: three routes more.
  9: (random, { home, credential }, at) =>
    acting(
      at,
      at + 4 * HOUR_MS,
      () => random.exponential(30_000),
      () => usual(random, credential, home, pick(random, MORE_ROUTES.slice(0, 3)), 0.02),
    ),
  // A campaign: three times as much for half an hour.
  12: (random, { home, credential, rate }, at) =>
    acting(
      at,
      at + HOUR_MS / 2,
      () => random.exponential(1000 / (3 * rate)),
      () => usual(random, credential, home, 'GET /products', 0.02),
    ),
  // A journey, with the same laptop.
  17: (random, { home, credential, place, rate }, at) => {
    const away = {
      ...originAt(
        random,
        pick(
          random,
          PLACES.filter(({ country }) => country !== place.country),
        ),
      ),
      userAgent: home.userAgent ?? '',
      tls: home.tls ?? '',
    }
    return acting(
      at,
      at + 6 * HOUR_MS,
      () => random.exponential(2000 / rate),
      () => usual(random, credential, away, 'GET /orders', 0.02),
    )
  },
  // Another data centre of the same provider, with the same program.
  22: (random, { home, credential, rate }, at) =>
    acting(
      at,
      END,
      () => random.exponential(2000 / rate),
      () => usual(random, credential, { ...home, address: addressOf(random), network: '64999' }, 'GET /orders', 0.02),
    ),
  // Another program.
  28: (random, { home, credential, rate }, at) =>
    acting(
      at,
      END,
      () => random.exponential(2000 / rate),
      () => usual(random, credential, { ...home, userAgent: pick(random, CLIENTS), tls: 't13new' }, 'GET /orders', 0.02),
    ),
  // Objects that are gone, known from an old list.
  33: (random, { home, credential }, at) =>
    acting(
      at,
      at + HOUR_MS,
      () => random.exponential(30_000),
      () => ({ ...home, credential, route: 'GET /orders/{id}', objectId: String(Math.floor(random.next() * 90_000)), status: 404 }),
    ),
}
