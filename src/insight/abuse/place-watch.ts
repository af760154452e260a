import { createRecentSet, type EncodedRecent } from './recent.ts'
import type { Reason, Stage, TrafficEvent } from './traffic.ts'

/** Nobody travels faster, in kilometres an hour. */
const FASTEST = 1000
const EARTH_KM = 6371
/** Places and clients remembered of one credential. */
const MAX_KNOWN = 32
/** Requests by which something new counts as known, if nothing was wrong with it. */
const SETTLED = 200
const SETTLED_MS = 3_600_000
const TEN_MINUTES_MS = 600_000
/** Points of what is new; where places are not told the rest has to say it. */
const WITH_PLACES = { country: 0.25, network: 0.15, client: 0.3 } as const
const WITHOUT_PLACES = { country: 0, network: 0.4, client: 0.6 } as const
/** Countries within ten minutes, beyond the usual ones, that no traveller sees. */
const MANY_COUNTRIES = 5
/** New ones seen at least this often are not a stray. */
const AT_LEAST = 3

interface Known {
  readonly firstAt: number
  count: number
  lastAt: number
}
interface Spot {
  readonly at: number
  readonly country: string
  readonly latitude: number
  readonly longitude: number
}

/** From where, and with what client, one credential is used. */
interface PlaceWatch {
  judge(event: TrafficEvent, address: string, stage: Stage): readonly Reason[]
  encode(): EncodedPlace
}
type EncodedKnown = readonly (readonly [name: string, firstAt: number, count: number, lastAt: number])[]
export interface EncodedPlace {
  readonly countries: EncodedKnown
  readonly networks: EncodedKnown
  readonly clients: EncodedKnown
  readonly recentNetworks: EncodedRecent
  readonly recentCountries: EncodedRecent
  readonly usualNetworks: number
  readonly home?: Spot
  readonly away?: Spot
  readonly returns: number
  readonly returnsAt: number
}

export function createPlaceWatch(known?: EncodedPlace): PlaceWatch {
  const [countries, networks, clients] = [decode(known?.countries), decode(known?.networks), decode(known?.clients)]
  const recentNetworks = createRecentSet(TEN_MINUTES_MS, 128, known?.recentNetworks)
  const recentCountries = createRecentSet(TEN_MINUTES_MS, 32, known?.recentCountries)
  let usualNetworks = known?.usualNetworks ?? 1
  let home = known?.home
  let away = known?.away
  let returns = known?.returns ?? 0
  let returnsAt = known?.returnsAt ?? 0

  const judgeTravel = (event: TrafficEvent, country: string): Reason[] => {
    const spot = spotOf(event, country)
    if (spot === undefined) return []
    const isAway = isNew(countries.get(country), event.at)
    if (!isAway) {
      // Home goes on while somebody is away: one of them is not the owner.
      if (away !== undefined && event.at - away.at < TEN_MINUTES_MS) {
        if (event.at - returnsAt > TEN_MINUTES_MS) returns = 0
        returns += 1
        returnsAt = event.at
      }
      home = spot
      return []
    }
    away = spot
    const reasons: Reason[] = []
    if (home !== undefined) {
      const kilometres = distance(home, spot)
      const hours = Math.max((spot.at - home.at) / 3_600_000, 1 / 60)
      if (kilometres > 300 && kilometres / hours > FASTEST)
        reasons.push({
          code: 'impossible-travel',
          points: 0.3,
          evidence: { from: home.country, to: country, kilometres: Math.round(kilometres), minutes: Math.round(hours * 60) },
        })
    }
    if (returns >= 2 && event.at - returnsAt < TEN_MINUTES_MS)
      reasons.push({ code: 'two-places-at-once', points: 0.2, evidence: { returns } })
    return reasons
  }

  const judgeNew = (country: string, network: string, client: string, at: number): readonly Reason[] => {
    const points = country === '' ? WITHOUT_PLACES : WITH_PLACES
    const reasons: Reason[] = []
    if (isOddly(countries, country, at)) reasons.push({ code: 'new-country', points: points.country, evidence: { country } })
    if (isOddly(networks, network, at)) reasons.push({ code: 'new-network', points: points.network, evidence: { network } })
    if (isOddly(clients, client, at)) reasons.push({ code: 'new-client', points: points.client, evidence: { client: client.slice(0, 80) } })
    return reasons
  }
  /** Nobody is in so many countries within ten minutes; who uses it from where it always was is not one of many. */
  const judgeCountries = (country: string, at: number, isLearning: boolean): readonly Reason[] => {
    const distinct = recentCountries.sizeAt(at)
    if (distinct < 4 || (!isLearning && !isNew(countries.get(country), at))) return []
    const usual = isLearning ? 1 : settledSize(countries, at)
    const others = distinct - usual
    if (others < 3) return []
    return [{ code: 'many-countries', points: others / MANY_COUNTRIES, evidence: { countries: distinct, minutes: 10, usual } }]
  }

  return {
    encode: () => ({
      countries: encode(countries),
      networks: encode(networks),
      clients: encode(clients),
      recentNetworks: recentNetworks.encode(),
      recentCountries: recentCountries.encode(),
      usualNetworks,
      ...(home === undefined ? {} : { home }),
      ...(away === undefined ? {} : { away }),
      returns,
      returnsAt,
    }),
    judge(event, address, stage) {
      const { at } = event
      const isLearning = stage === 'new'
      const country = event.country ?? ''
      const network = event.network ?? address
      const client = `${event.userAgent ?? ''} ${event.tls ?? ''}`
      note(countries, country, at, isLearning)
      note(networks, network, at, isLearning)
      note(clients, client, at, isLearning)
      recentNetworks.add(network, at)
      recentCountries.add(country, at)
      const distinct = recentNetworks.sizeAt(at)
      const manyCountries = judgeCountries(country, at, isLearning)
      if (isLearning) {
        usualNetworks = Math.max(usualNetworks, distinct)
        home = spotOf(event, country) ?? home
        return manyCountries
      }
      const reasons: Reason[] = [...judgeTravel(event, country), ...manyCountries, ...judgeNew(country, network, client, at)]
      const most = 3 * usualNetworks + 5
      if (distinct > most / 2 && distinct >= 6 && isNew(networks.get(network), at))
        reasons.push({
          code: 'many-networks',
          points: distinct / most,
          evidence: { networks: distinct, minutes: 10, usual: usualNetworks },
        })
      return reasons
    },
  }
}

const encode = (known: ReadonlyMap<string, Known>): EncodedKnown =>
  [...known].map(([name, { firstAt, count, lastAt }]) => [name, firstAt, count, lastAt])
const decode = (encoded: EncodedKnown = []): Map<string, Known> =>
  new Map(encoded.map(([name, firstAt, count, lastAt]) => [name, { firstAt, count, lastAt }]))

const settledSize = (known: ReadonlyMap<string, Known>, at: number): number => [...known.values()].filter((one) => !isNew(one, at)).length

/** Those that count as known. */
export const settled = (encoded: EncodedKnown): EncodedKnown =>
  encoded.filter(([, firstAt, count, lastAt]) => !isNew({ firstAt, count, lastAt }, lastAt))

/** What is learnt is known at once; later, what has been in order for a while. */
function note(known: Map<string, Known>, name: string, at: number, isLearning: boolean): void {
  const found = known.get(name)
  if (found === undefined) {
    if (known.size >= MAX_KNOWN) dropOne(known)
    known.set(name, { firstAt: at, lastAt: at, count: isLearning ? SETTLED : 1 })
    return
  }
  found.count += 1
  found.lastAt = at
  if (isLearning) found.count += SETTLED
  // Kept in order of use, so that the oldest is what was not used for long.
  known.delete(name)
  known.set(name, found)
}

/** What is settled last: a crowd must not push out where somebody always was. */
function dropOne(known: Map<string, Known>): void {
  for (const [name, { count }] of known) {
    if (count >= SETTLED) continue
    known.delete(name)
    return
  }
  const [oldest] = known.keys()
  if (oldest !== undefined) known.delete(oldest)
}

const isNew = (known: Known | undefined, at: number): boolean =>
  known === undefined || (known.count < SETTLED && at - known.firstAt < SETTLED_MS)

function isOddly(known: ReadonlyMap<string, Known>, name: string, at: number): boolean {
  const found = known.get(name)
  return found !== undefined && found.count >= AT_LEAST && isNew(found, at)
}

function spotOf({ at, latitude, longitude }: TrafficEvent, country: string): Spot | undefined {
  return latitude === undefined || longitude === undefined ? undefined : { at, country, latitude, longitude }
}

/** Along the great circle, in kilometres. */
function distance(one: Spot, other: Spot): number {
  const rad = Math.PI / 180
  const [a, b] = [one.latitude * rad, other.latitude * rad]
  const turn = (other.longitude - one.longitude) * rad
  const chord = Math.sin((b - a) / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(turn / 2) ** 2
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(chord)))
}
