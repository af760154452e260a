import type { TrafficEvent } from '../../src/insight/abuse/traffic.ts'
import type { Random } from '../simulation/random.ts'
import type { Consumer } from './honest.ts'
import {
  acting,
  hashOf,
  HOUR_MS,
  MORE_ROUTES,
  originAt,
  pick,
  PLACES,
  randomOf,
  ROUTES,
  SECOND_DAY,
  type Actor,
  type Label,
  type Origin,
} from './scenario.ts'

interface Attack {
  readonly actors: readonly Actor[]
  readonly subjects: readonly string[]
}
/** `perSecond`: requests; `to`: when it ends. */
type Attacker = (random: Random, victim: Consumer, perSecond: number, from: number, to: number) => Attack

const INTENSITIES = [
  ['low', 0.5],
  ['middle', 2],
  ['high', 20],
] as const
const LASTS_MS = 600_000
/** Each attack, at each intensity, so many times. */
const REPEATS = 4

export function attackTraffic(
  seed: number,
  consumers: readonly Consumer[],
): { readonly labels: readonly Label[]; readonly actors: readonly Actor[] } {
  const labels: Label[] = []
  const actors: Actor[] = []
  const planned = Object.entries(ATTACKS).flatMap(([attack, make]) =>
    INTENSITIES.flatMap(([intensity, perSecond]) =>
      Array.from({ length: REPEATS }, (_, repeat) => ({ attack, make, intensity, perSecond, repeat })),
    ),
  )
  for (const [index, { attack, make, intensity, perSecond, repeat }] of planned.entries()) {
    const random = randomOf(seed, `${attack} ${intensity} ${repeat}`)
    // Servers, to whom nothing else odd happens.
    const victim = pickAt(consumers, index * 8 + 2)
    const from = SECOND_DAY + HOUR_MS + 21 * HOUR_MS * random.next()
    const made = make(random, victim, perSecond, from, from + LASTS_MS)
    labels.push({ attack, intensity, subjects: made.subjects, from: Math.round(from), to: Math.round(from + LASTS_MS) })
    actors.push(...made.actors)
  }
  return { labels, actors }
}

function pickAt(consumers: readonly Consumer[], index: number): Consumer {
  const consumer = consumers[index % consumers.length]
  if (consumer === undefined) throw new Error('there are no consumers to attack')
  return consumer
}

const at = (address: string): string => `address:${address}`
const of = (credential: string): string => `credential:${credential}`
const stranger = (random: Random, client?: string): Origin => originAt(random, pick(random, PLACES), client)
const elsewhere = (random: Random, { place }: Consumer): Origin =>
  originAt(
    random,
    pick(
      random,
      PLACES.filter(({ country }) => country !== place.country),
    ),
    'Mozilla/5.0 (X11)',
  )
const someId = (random: Random): string => String(Math.floor(random.next() * 1e6))

/** Requests at random moments, `perSecond` on average, each made anew. */
function asking(random: Random, perSecond: number, from: number, to: number, make: () => Omit<TrafficEvent, 'at'>): Actor {
  return acting(from, to, () => random.exponential(1000 / perSecond), make)
}
/** Refused, each time with another credential. */
const guessing = (random: Random, origin: () => Origin, route: () => string): (() => Omit<TrafficEvent, 'at'>) => {
  return () => ({ ...origin(), presented: hashOf(random), route: route(), status: 401 })
}
/** By the victim, from where it always is. */
function victimAsks(
  { credential, home }: Consumer,
  make: () => Pick<TrafficEvent, 'route' | 'objectId' | 'status'>,
): () => Omit<TrafficEvent, 'at'> {
  return () => ({ ...home, credential, ...make() })
}
/** One object after another, some of which are not there. */
function counting(
  random: Random,
  route: string,
  first: number,
  missing: number,
): () => Pick<TrafficEvent, 'route' | 'objectId' | 'status'> {
  let id = first
  return () => ({ route, objectId: String(id++), status: random.next() < missing ? 404 : 200 })
}

const ATTACKS: Readonly<Record<string, Attacker>> = {
  'credential stuffing'(random, _victim, perSecond, from, to) {
    const origin = stranger(random)
    const make = guessing(
      random,
      () => origin,
      () => pick(random, ROUTES),
    )
    return { subjects: [at(origin.address)], actors: [asking(random, perSecond, from, to, make)] }
  },
  'key enumeration'(random, _victim, perSecond, from, to) {
    const origin = stranger(random)
    let next = 0
    const make = () => ({ ...origin, presented: `guess-${from}-${next++}`, route: 'GET /orders', status: 401 })
    return { subjects: [at(origin.address)], actors: [asking(random, perSecond, from, to, make)] }
  },
  'stuffing from many addresses'(random, _victim, perSecond, from, to) {
    const client = `bot-${someId(random)}`
    const origins = Array.from({ length: 200 }, () => stranger(random, client))
    const subjects = [`fingerprint:${origins[0]?.tls ?? ''} ${client}`, ...origins.map(({ address }) => at(address))]
    const make = guessing(
      random,
      () => pick(random, origins),
      () => pick(random, ROUTES),
    )
    return { subjects, actors: [asking(random, Math.max(1, perSecond), from, to, make)] }
  },
  'stuffing behind an office'(random, { home }, perSecond, from, to) {
    // The address has honest users too.
    const make = guessing(
      random,
      () => home,
      () => 'GET /orders',
    )
    return { subjects: [at(home.address)], actors: [asking(random, perSecond, from, to, make)] }
  },
  'route scanning'(random, _victim, perSecond, from, to) {
    const origin = stranger(random)
    return { subjects: [at(origin.address)], actors: [asking(random, perSecond, from, to, () => ({ ...origin, status: 404 }))] }
  },
  'stolen key'(random, victim, perSecond, from, to) {
    const away = elsewhere(random, victim)
    const own = asking(random, 0.1, from, to, () => read(random, victim.credential, victim.home))
    const theirs = asking(random, perSecond, from, to, () => read(random, victim.credential, away))
    return { subjects: [of(victim.credential)], actors: [own, theirs] }
  },
  'shared key'(random, { credential }, perSecond, from, to) {
    const origins = Array.from({ length: 60 }, () => stranger(random))
    const make = () => read(random, credential, pick(random, origins))
    return { subjects: [of(credential)], actors: [asking(random, perSecond, from, to, make)] }
  },
  'object enumeration'(random, victim, perSecond, from, to) {
    const make = victimAsks(victim, counting(random, 'GET /orders/{id}', 40_000, 0.4))
    return { subjects: [of(victim.credential)], actors: [asking(random, perSecond, from, to, make)] }
  },
  'enumeration without a refusal'(random, victim, perSecond, from, to) {
    const make = victimAsks(victim, counting(random, 'GET /customers/{id}', 70_000, 0))
    return { subjects: [of(victim.credential)], actors: [asking(random, perSecond, from, to, make)] }
  },
  'probing for objects'(random, victim, perSecond, from, to) {
    const make = victimAsks(victim, () => ({
      route: 'GET /orders/{id}',
      objectId: someId(random),
      status: random.next() < 0.9 ? 403 : 200,
    }))
    return { subjects: [of(victim.credential)], actors: [asking(random, perSecond, from, to, make)] }
  },
  'trying new routes'(random, victim, perSecond, from, to) {
    const make = victimAsks(victim, () => ({ route: pick(random, MORE_ROUTES), status: random.next() < 0.6 ? 403 : 200 }))
    return { subjects: [of(victim.credential)], actors: [asking(random, perSecond, from, to, make)] }
  },
  'rate surge'(random, { credential, home, rate }, perSecond, from, to) {
    const often = Math.max(4, 20 * rate) * (1 + perSecond / 4)
    return { subjects: [of(credential)], actors: [asking(random, often, from, to, () => read(random, credential, home))] }
  },
}

function read(random: Random, credential: string, origin: Origin): Omit<TrafficEvent, 'at'> {
  return { ...origin, credential, route: 'GET /orders/{id}', objectId: someId(random), status: 200 }
}
