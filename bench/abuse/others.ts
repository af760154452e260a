import type { TrafficEvent } from '../../src/insight/abuse/traffic.ts'
import type { Random } from '../simulation/random.ts'
import { acting, hashOf, HOUR_MS, originAt, pick, PLACES, randomOf, START, type Actor, type Label, type Origin } from './scenario.ts'

/**
 * Traffic of other manners than that which the detector was made with: shorter, with fewer consumers, with less told of each request,
 * and with attacks that begin early. A check against having tuned it to one author's taste.
 */
export const STYLES = ['short', 'bare', 'fleet'] as const
export type Style = (typeof STYLES)[number]

interface Manner {
  readonly hours: number
  readonly consumers: number
  /** Requests a second of one consumer. */
  readonly rate: number
  /** What is told of where a request comes from. */
  readonly told: (origin: Origin) => Origin
  /** Addresses that one consumer comes from. */
  readonly addresses: number
  readonly objectId: (random: Random) => string
  /** Times are told no finer than this. */
  readonly grainMs: number
  /** Attacks begin no earlier. */
  readonly quietMs: number
}

const uuid = (random: Random): string => `${hashOf(random)}-${hashOf(random)}`
const MANNERS: Readonly<Record<Style, Manner>> = {
  short: {
    hours: 3,
    consumers: 60,
    rate: 0.25,
    told: (origin) => origin,
    addresses: 1,
    objectId: (random) => String(Math.floor(random.next() * 5000)),
    grainMs: 1,
    quietMs: 0.75 * HOUR_MS,
  },
  bare: {
    hours: 12,
    consumers: 25,
    rate: 0.1,
    told: ({ address, userAgent }) => ({ address, ...(userAgent === undefined ? {} : { userAgent }) }),
    addresses: 2,
    objectId: uuid,
    grainMs: 5000,
    quietMs: 2 * HOUR_MS,
  },
  fleet: {
    hours: 24,
    consumers: 100,
    rate: 0.03,
    told: ({ address, country, userAgent }) => ({
      address,
      ...(country === undefined ? {} : { country }),
      ...(userAgent === undefined ? {} : { userAgent }),
    }),
    addresses: 25,
    objectId: uuid,
    grainMs: 1000,
    quietMs: 7 * HOUR_MS,
  },
}
const PATHS = ['listItems', 'getItem', 'createItem', 'getAccount', 'search']
const HIDDEN = ['adminUsers', 'exportAll', 'getSecrets', 'debug', 'getInvoices', 'impersonate', 'config']
const REPEATS = 3

interface Victim {
  readonly credential: string
  readonly origins: readonly Origin[]
}
type Made = Omit<TrafficEvent, 'at'>

export function otherTraffic(style: Style, seed: number): { readonly labels: readonly Label[]; readonly actors: readonly Actor[] } {
  const manner = MANNERS[style]
  const end = START + manner.hours * HOUR_MS
  const rounded = (actor: Actor): Actor => {
    return () => {
      const event = actor()
      return event === undefined ? undefined : { ...event, at: Math.floor(event.at / manner.grainMs) * manner.grainMs }
    }
  }
  const actors: Actor[] = []
  const victims: Victim[] = []
  for (let index = 0; index < manner.consumers; index += 1) {
    const random = randomOf(seed, `${style} ${index}`)
    const place = pick(random, PLACES)
    const client = pick(random, ['Dart/3.9', 'PostmanRuntime/7.45', 'undici', 'Java-http-client/25', 'GuzzleHttp/7'])
    const origins = Array.from({ length: manner.addresses }, () => manner.told(originAt(random, place, client)))
    const victim = { credential: `app_${index}`, origins }
    victims.push(victim)
    const rate = manner.rate * (0.3 + 2 * random.next() ** 2)
    actors.push(acting(START, end, bursts(random, rate), () => ordinary(random, victim, manner)))
    if (index % 9 === 4) actors.push(mistake(random, victim, START + random.next() * (end - START)))
  }
  const labels: Label[] = []
  for (const [index, { attack, make, repeat }] of planned(style).entries()) {
    const random = randomOf(seed, `${style} ${attack} ${repeat}`)
    const victim = victims[(index * 7 + 1) % victims.length]
    if (victim === undefined) continue
    const from = START + manner.quietMs + random.next() * (end - START - manner.quietMs - HOUR_MS / 3)
    const perSecond = [0.7, 3, 10][repeat % 3] ?? 1
    const made = make({ random, victim, manner, perSecond, from, to: from + HOUR_MS / 4 })
    labels.push({
      attack,
      intensity: String(perSecond),
      subjects: made.subjects,
      from: Math.floor(from) - manner.grainMs,
      to: from + HOUR_MS / 4,
    })
    actors.push(...made.actors)
  }
  return { labels, actors: actors.map(rounded) }
}

function planned(style: Style) {
  return Object.entries(ATTACKS)
    .filter(([attack]) => style !== 'bare' || attack !== 'sequential ids')
    .flatMap(([attack, make]) => Array.from({ length: REPEATS }, (_, repeat) => ({ attack, make, repeat })))
}

/** A few at once, then a pause: pages that load several things. */
function bursts(random: Random, rate: number): () => number {
  return () => (random.next() < 0.7 ? 20 + 200 * random.next() : random.exponential((1000 / rate) * 3.3))
}

function ordinary(random: Random, { credential, origins }: Victim, { objectId }: Manner): Made {
  const route = PATHS[Math.floor(PATHS.length * random.next() ** 2)] ?? 'search'
  const status = random.next() < 0.03 ? pick(random, [404, 400, 404, 500]) : 200
  return { ...pick(random, origins), credential, route, ...(route === 'getItem' ? { objectId: objectId(random) } : {}), status }
}

/** An old key in some configuration, tried now and then. */
function mistake(random: Random, { origins }: Victim, from: number): Actor {
  const presented = hashOf(random)
  const origin = pick(random, origins)
  return acting(
    from,
    from + HOUR_MS / 2,
    () => 2000 + 6000 * random.next(),
    () => ({ ...origin, presented, route: 'listItems', status: 401 }),
  )
}

interface Planned {
  readonly random: Random
  readonly victim: Victim
  readonly manner: Manner
  readonly perSecond: number
  readonly from: number
  readonly to: number
}
type Attack = (planned: Planned) => { readonly subjects: readonly string[]; readonly actors: readonly Actor[] }

const many = ({ random, manner }: Planned, count: number, client: string): Origin[] =>
  Array.from({ length: count }, () => manner.told(originAt(random, pick(random, PLACES), client)))
const sent = ({ random, perSecond, from, to }: Planned, make: () => Made): Actor =>
  acting(from, to, () => random.exponential(1000 / perSecond), make)
const addresses = (origins: readonly Origin[]): string[] => origins.map(({ address }) => `address:${address}`)
const clients = (origins: readonly Origin[]): string[] => [
  ...new Set(origins.map(({ tls, userAgent }) => `fingerprint:${tls ?? ''} ${userAgent ?? ''}`)),
]

const ATTACKS: Readonly<Record<string, Attack>> = {
  stuffing(planned_) {
    const origins = many(planned_, 1, 'python-requests/2.31')
    const { random } = planned_
    const make = () => ({ ...pick(random, origins), presented: hashOf(random), route: 'getAccount', status: 401 })
    return { subjects: addresses(origins), actors: [sent(planned_, make)] }
  },
  'brute force of one account'(planned_) {
    const origins = many(planned_, 1, 'hydra')
    const { random } = planned_
    const presented = hashOf(random)
    return {
      subjects: addresses(origins),
      actors: [
        sent({ ...planned_, perSecond: Math.max(2, planned_.perSecond) }, () => ({
          ...pick(random, origins),
          presented,
          route: 'getAccount',
          status: 401,
        })),
      ],
    }
  },
  'slow stuffing, each address a few times'(planned_) {
    const { random } = planned_
    const client = `Mozilla/5.0 (${hashOf(random)})`
    const origins = many(planned_, 120, client)
    const make = () => ({ ...pick(random, origins), presented: hashOf(random), route: 'getAccount', status: 401 })
    return { subjects: [...addresses(origins), ...clients(origins)], actors: [sent(planned_, make)] }
  },
  'unknown paths'(planned_) {
    const origins = many(planned_, 1, 'gobuster/3.6')
    return { subjects: addresses(origins), actors: [sent(planned_, () => ({ ...pick(planned_.random, origins), status: 404 }))] }
  },
  'stolen token'(planned_) {
    const { random, victim, manner } = planned_
    const origins = many(planned_, 1, `curl/${hashOf(random)}`)
    return {
      subjects: [`credential:${victim.credential}`],
      actors: [sent(planned_, () => ({ ...ordinary(random, victim, manner), ...pick(random, origins) }))],
    }
  },
  'token passed around'(planned_) {
    const { random, victim, manner } = planned_
    const origins = ['a', 'b', 'c', 'd'].flatMap((name) => many(planned_, 15, `${name}/1`))
    return {
      subjects: [`credential:${victim.credential}`],
      actors: [sent(planned_, () => ({ ...ordinary(random, victim, manner), ...pick(random, origins) }))],
    }
  },
  'sequential ids'(planned_) {
    const { random, victim } = planned_
    let id = 100_000
    const make = () => ({
      ...pick(random, victim.origins),
      credential: victim.credential,
      route: 'getItem',
      objectId: String((id += 1)),
      status: random.next() < 0.3 ? 404 : 200,
    })
    return { subjects: [`credential:${victim.credential}`], actors: [sent(planned_, make)] }
  },
  scraping(planned_) {
    const { random, victim, manner } = planned_
    const often = Math.max(3, planned_.perSecond)
    const make = () => ({
      ...pick(random, victim.origins),
      credential: victim.credential,
      route: 'getItem',
      objectId: manner.objectId(random),
      status: 200,
    })
    return { subjects: [`credential:${victim.credential}`], actors: [sent({ ...planned_, perSecond: often }, make)] }
  },
  'objects of others'(planned_) {
    const { random, victim, manner } = planned_
    const make = () => ({
      ...pick(random, victim.origins),
      credential: victim.credential,
      route: 'getItem',
      objectId: manner.objectId(random),
      status: 403,
    })
    return { subjects: [`credential:${victim.credential}`], actors: [sent(planned_, make)] }
  },
  'routes of others'(planned_) {
    const { random, victim } = planned_
    const make = () => ({ ...pick(random, victim.origins), credential: victim.credential, route: pick(random, HIDDEN), status: 403 })
    return { subjects: [`credential:${victim.credential}`], actors: [sent(planned_, make)] }
  },
}
