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
const gap = (random: Random, perSecond: number) => (): number => random.exponential(1000 / perSecond)
const someId = (random: Random): string => String(Math.floor(random.next() * 1e6))

const ATTACKS: Readonly<Record<string, Attacker>> = {
  'credential stuffing'(random, _victim, perSecond, from, to) {
    const origin = stranger(random)
    return {
      subjects: [at(origin.address)],
      actors: [
        acting(from, to, gap(random, perSecond), () => ({
          ...origin,
          presented: hashOf(random),
          route: pick(random, ROUTES),
          status: 401,
        })),
      ],
    }
  },
  'key enumeration'(random, _victim, perSecond, from, to) {
    const origin = stranger(random)
    let next = 0
    return {
      subjects: [at(origin.address)],
      actors: [
        acting(from, to, gap(random, perSecond), () => ({
          ...origin,
          presented: `guess-${from}-${next++}`,
          route: 'GET /orders',
          status: 401,
        })),
      ],
    }
  },
  'stuffing from many addresses'(random, _victim, perSecond, from, to) {
    const client = `bot-${someId(random)}`
    const origins = Array.from({ length: 200 }, () => stranger(random, client))
    const tls = origins[0]?.tls ?? ''
    return {
      subjects: [`fingerprint:${tls} ${client}`, ...origins.map(({ address }) => at(address))],
      actors: [
        acting(from, to, gap(random, Math.max(1, perSecond)), () => ({
          ...pick(random, origins),
          presented: hashOf(random),
          route: pick(random, ROUTES),
          status: 401,
        })),
      ],
    }
  },
  'stuffing behind an office'(random, victim, perSecond, from, to) {
    // The address has honest users too.
    return {
      subjects: [at(victim.home.address)],
      actors: [
        acting(from, to, gap(random, perSecond), () => ({ ...victim.home, presented: hashOf(random), route: 'GET /orders', status: 401 })),
      ],
    }
  },
  'route scanning'(random, _victim, perSecond, from, to) {
    const origin = stranger(random)
    return { subjects: [at(origin.address)], actors: [acting(from, to, gap(random, perSecond), () => ({ ...origin, status: 404 }))] }
  },
  'stolen key'(random, victim, perSecond, from, to) {
    const away = elsewhere(random, victim)
    const own: Actor = acting(from, to, gap(random, 0.1), () => read(random, victim.credential, victim.home))
    return {
      subjects: [of(victim.credential)],
      actors: [own, acting(from, to, gap(random, perSecond), () => read(random, victim.credential, away))],
    }
  },
  'shared key'(random, victim, perSecond, from, to) {
    const origins = Array.from({ length: 60 }, () => stranger(random))
    return {
      subjects: [of(victim.credential)],
      actors: [acting(from, to, gap(random, perSecond), () => read(random, victim.credential, pick(random, origins)))],
    }
  },
  'object enumeration'(random, victim, perSecond, from, to) {
    let id = 40_000
    return {
      subjects: [of(victim.credential)],
      actors: [
        acting(from, to, gap(random, perSecond), () => ({
          ...victim.home,
          credential: victim.credential,
          route: 'GET /orders/{id}',
          objectId: String(id++),
          status: random.next() < 0.4 ? 404 : 200,
        })),
      ],
    }
  },
  'enumeration without a refusal'(random, victim, perSecond, from, to) {
    let id = 70_000
    return {
      subjects: [of(victim.credential)],
      actors: [
        acting(from, to, gap(random, perSecond), () => ({
          ...victim.home,
          credential: victim.credential,
          route: 'GET /customers/{id}',
          objectId: String(id++),
          status: 200,
        })),
      ],
    }
  },
  'probing for objects'(random, victim, perSecond, from, to) {
    return {
      subjects: [of(victim.credential)],
      actors: [
        acting(from, to, gap(random, perSecond), () => ({
          ...victim.home,
          credential: victim.credential,
          route: 'GET /orders/{id}',
          objectId: someId(random),
          status: random.next() < 0.9 ? 403 : 200,
        })),
      ],
    }
  },
  'trying new routes'(random, victim, perSecond, from, to) {
    return {
      subjects: [of(victim.credential)],
      actors: [
        acting(from, to, gap(random, perSecond), () => ({
          ...victim.home,
          credential: victim.credential,
          route: pick(random, MORE_ROUTES),
          status: random.next() < 0.6 ? 403 : 200,
        })),
      ],
    }
  },
  'rate surge'(random, victim, perSecond, from, to) {
    return {
      subjects: [of(victim.credential)],
      actors: [
        acting(from, to, gap(random, Math.max(4, 20 * victim.rate) * (1 + perSecond / 4)), () =>
          read(random, victim.credential, victim.home),
        ),
      ],
    }
  },
}

function read(random: Random, credential: string, origin: Origin): Omit<TrafficEvent, 'at'> {
  return { ...origin, credential, route: 'GET /orders/{id}', objectId: someId(random), status: 200 }
}
