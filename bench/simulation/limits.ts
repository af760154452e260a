import { setImmediate } from 'node:timers/promises'
import { LEASE_LIFE_MS, type Books } from '../../src/limits/account.ts'
import { createLimiter } from '../../src/limits/leased-limiter.ts'
import { emptyBooks, grantAll } from '../../src/limits/ledger.ts'
import type { LedgerCalls } from '../../src/limits/ledger-calls.ts'
import type { Admission, Limiter, LimitPolicy } from '../../src/limits/limiter.ts'
import { LedgerHost, type Bill } from './ledger-host.ts'
import { createAgenda, createRandom, zipf, type Agenda, type Random } from './random.ts'

/**
 * One limit under load: many isolates in many places spend the budgets of many subjects, with the limiter, the ledger and its journal
 * that the Worker runs. Calls take time, isolates and objects are evicted, answers get lost, places are cut off, and clocks are off.
 */
export interface Load {
  readonly limit: LimitPolicy
  readonly subjects: number
  readonly places: number
  readonly isolatesPerPlace: number
  readonly seconds: number
  /** Calls, rows and waits are counted afterwards: by then the isolates that were there at first know how fast each subject comes. */
  readonly warmUpSeconds: number
  /** What all subjects together ask for, in requests a second. */
  readonly requestsPerSecond: number
  /** What a request counts as: each of these as often as any other. */
  readonly costs: readonly number[]
  /** Of each call's answer to be lost. */
  readonly lossRate: number
  /** Mean life of an isolate, in seconds. */
  readonly isolateLifeSeconds: number
  /** Mean time between evictions of an object that is in use, in seconds. */
  readonly objectLifeSeconds: number
  /** How often a place is cut off for ten seconds, a mean in seconds over all places. */
  readonly partitionEverySeconds: number
}
export interface Outcome {
  readonly requests: number
  readonly admitted: number
  /** Let in beyond what the limit promises. */
  readonly overshoot: number
  readonly quotaOvershoot: number
  /** The most that was let in beyond `burst + rate × W`, as a share of the `rate × life` that is promised at most. */
  readonly bursting: number
  /** Refused although a limiter that knows everything at once would have let them in, as a share of all. */
  readonly falseRefusalRate: number
  /** Answered with 503, because a call got lost. */
  readonly unavailableRate: number
  /** Of the busiest subject, of the quieter half, and of all. */
  readonly objectCallsPerRequest: { readonly hot: number; readonly cold: number; readonly all: number }
  /** The same of rows written, alarms among them. */
  readonly rowsPerRequest: { readonly hot: number; readonly cold: number; readonly all: number }
  /** Of all: calls and alarms, by what each is billed. */
  readonly alarmsPerRequest: number
  /** Requests that waited for a call, as a share of all. */
  readonly waitedRate: number
  /** Of the busiest object, in its busiest second. */
  readonly mostCallsPerSecond: number
  readonly evictions: number
}

interface Subject {
  readonly name: string
  readonly ledger: LedgerHost
  readonly ideal: Books
  /** Theoretical arrival time, which every request let in must conform to with a burst of `burst + rate × life`. */
  promisedAt: number
  requests: number
  admitted: number
  spent: number
  /** What there was when the warm-up ended. */
  before: { readonly requests: number; readonly bill: Readonly<Bill> }
  readonly callsInSecond: Map<number, number>
}
interface Isolate {
  readonly name: string
  readonly place: number
  readonly skewMs: number
  readonly latencyMs: number
  readonly limiter: Limiter
}
interface World {
  readonly load: Load
  readonly random: Random
  readonly agenda: Agenda
  readonly subjects: readonly Subject[]
  readonly byName: ReadonlyMap<string, Subject>
  readonly isolates: Isolate[]
  readonly cutOffUntil: number[]
  readonly tally: { overshoot: number; bursting: number; falseRefusals: number; unavailable: number; waited: number }
  now: number
}

const START = Date.UTC(2026, 10, 25, 12)
const LOST_MS = 1000
const CUT_OFF_MS = 10_000

export async function simulateLimit(load: Load, seed: number): Promise<Outcome> {
  const random = createRandom(seed)
  const agenda = createAgenda()
  const tally = { overshoot: 0, bursting: 0, falseRefusals: 0, unavailable: 0, waited: 0 }
  const subjects = Array.from({ length: load.subjects }, (_, index) => newSubject(index, agenda))
  const byName = new Map(subjects.map((subject) => [subject.name, subject]))
  const world: World = { load, random, agenda, subjects, byName, isolates: [], cutOffUntil: [], tally, now: START }
  for (let place = 0; place < load.places; place += 1) {
    const latencyMs = 2 + random.next() * 78
    for (let index = 0; index < load.isolatesPerPlace; index += 1)
      world.isolates.push(newIsolate(world, `${place}.${index}`, place, latencyMs))
  }
  scheduleRequests(world)
  scheduleMishaps(world)
  agenda.at(START + load.warmUpSeconds * 1000, () => {
    tally.waited = 0
    for (const subject of subjects) subject.before = { requests: subject.requests, bill: { ...subject.ledger.bill } }
  })
  await agenda.play()
  return outcomeOf(world)
}

function newSubject(index: number, agenda: Agenda): Subject {
  const ledger: LedgerHost = new LedgerHost((at) => agenda.at(at, (now) => ledger.ring(now)))
  return {
    name: `subject=${index}`,
    ledger,
    ideal: emptyBooks(),
    promisedAt: START,
    requests: 0,
    admitted: 0,
    spent: 0,
    before: { requests: 0, bill: { ...ledger.bill } },
    callsInSecond: new Map(),
  }
}

function newIsolate(world: World, name: string, place: number, latencyMs: number): Isolate {
  const callsOf = (subject: Subject): LedgerCalls => ({
    grant: async (request) => call(world, isolate, subject, (now) => subject.ledger.grant(request, now)),
    refund: async (receipts) => call(world, isolate, subject, (now) => subject.ledger.refund(receipts, now)),
  })
  const limiter = createLimiter(
    (subject) => {
      const found = world.byName.get(subject)
      if (found === undefined) throw new RangeError(subject)
      return callsOf(found)
    },
    async (ms) => wait(world, ms),
  )
  const isolate: Isolate = { name, place, latencyMs, skewMs: Math.round((world.random.next() - 0.5) * 10_000), limiter }
  return isolate
}

/** There and back, each way with its own latency, and a turn in the object's queue; a lost answer is noticed after a second. */
async function call<Answer>(world: World, { place, latencyMs }: Isolate, subject: Subject, act: (now: number) => Answer): Promise<Answer> {
  const { agenda, random, load } = world
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const second = Math.floor(world.now / 1000)
  subject.callsInSecond.set(second, (subject.callsInSecond.get(second) ?? 0) + 1)
  const lose = (now: number): void =>
    agenda.at(now, () => {
      reject(new Error('lost'))
      return setImmediate()
    })
  if ((world.cutOffUntil[place] ?? 0) > world.now) lose(world.now + LOST_MS)
  else
    agenda.at(world.now + random.latency(latencyMs), (arrived) =>
      agenda.at(subject.ledger.serve(arrived), (now) => {
        const answer = act(now)
        if (random.next() < load.lossRate || (world.cutOffUntil[place] ?? 0) > now) return lose(now + LOST_MS)
        agenda.at(now + random.latency(latencyMs), (back) => {
          world.now = back
          resolve(answer)
          return setImmediate()
        })
        return undefined
      }),
    )
  return promise
}

async function wait(world: World, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  world.agenda.at(world.now + ms, (now) => {
    world.now = now
    resolve(undefined)
    return setImmediate()
  })
  await promise
}

/** Subjects come by Zipf's law, each mostly by a few places. */
function scheduleRequests(world: World): void {
  const { load, random, agenda, isolates, subjects } = world
  for (const [index, share] of zipf(load.subjects).entries()) {
    const subject = subjects[index]
    const homes = Math.max(1, Math.round(isolates.length * Math.min(1, share * 8)))
    const first = Math.floor(random.next() * isolates.length)
    const mean = 1000 / (load.requestsPerSecond * share)
    const come = (now: number): void | Promise<void> => {
      if (now >= START + load.seconds * 1000 || subject === undefined) return undefined
      const isolate = isolates[(first + Math.floor(random.next() * homes)) % isolates.length]
      agenda.at(now + random.exponential(mean), come)
      return isolate === undefined ? undefined : arrive(world, subject, isolate, now)
    }
    agenda.at(START + random.exponential(mean), come)
  }
}

/** Isolates end and are replaced, objects are evicted, places are cut off. */
function scheduleMishaps(world: World): void {
  const { load, random, agenda, isolates, subjects, cutOffUntil } = world
  const every = (meanSeconds: number, happen: (now: number) => void): void => {
    const next = (now: number): void => {
      if (now >= START + load.seconds * 1000) return
      happen(now)
      agenda.at(now + random.exponential(meanSeconds * 1000), next)
    }
    agenda.at(START + random.exponential(meanSeconds * 1000), next)
  }
  const some = (count: number): number => Math.floor(random.next() * count)
  every(load.isolateLifeSeconds / isolates.length, () => {
    const index = some(isolates.length)
    const old = isolates[index]
    if (old !== undefined) isolates[index] = newIsolate(world, `${old.name}+`, old.place, old.latencyMs)
  })
  every(load.objectLifeSeconds / subjects.length, () => subjects[some(subjects.length)]?.ledger.evict())
  every(load.partitionEverySeconds, (now) => {
    cutOffUntil[some(load.places)] = now + CUT_OFF_MS
  })
}

function arrive(world: World, subject: Subject, { limiter, skewMs }: Isolate, now: number): void | Promise<void> {
  const { load, random, tally } = world
  world.now = now
  subject.requests += 1
  const cost = load.costs[load.costs.length === 1 ? 0 : Math.floor(random.next() * load.costs.length)] ?? 1
  const fits = spendIdeally(subject, load.limit, cost, now)
  const charge = { limit: load.limit, subject: subject.name, cost }
  const settle = (admission: Admission): void => {
    if (admission.status === 'admitted') pass(world, subject, cost)
    else if (fits) tally.falseRefusals += 1
  }
  const early = limiter.refuseEarly([charge], now + skewMs)
  const answer = early ?? limiter.admit([charge], now + skewMs, ({ run }) => void run().catch(() => undefined))
  if (!(answer instanceof Promise)) {
    settle(answer)
    return undefined
  }
  tally.waited += 1
  void answer.then(settle, () => {
    tally.unavailable += 1
  })
  // Until it waits for virtual time.
  return setImmediate()
}

function spendIdeally({ ideal }: Subject, limit: LimitPolicy, cost: number, now: number): boolean {
  const asks = [{ limit, mode: 'spend' as const, want: cost, needed: cost }]
  return grantAll(ideal, { holder: '', asks, settled: [] }, now).status === 'granted'
}

/** Counts the request, and whether it is one more than the promise allows. */
function pass({ load: { limit }, tally, now }: World, subject: Subject, cost: number): void {
  subject.admitted += 1
  subject.spent += cost
  if (limit.rate === undefined) return
  const { count, seconds, burst } = limit.rate
  const interval = (seconds * 1000) / count
  subject.promisedAt = Math.max(subject.promisedAt, now) + cost * interval
  const beyondMs = subject.promisedAt - now - burst * interval
  tally.bursting = Math.max(tally.bursting, beyondMs / LEASE_LIFE_MS)
  if (beyondMs > LEASE_LIFE_MS + 0.01) tally.overshoot += 1
}

function outcomeOf({ load, subjects, tally }: World): Outcome {
  const sum = (list: readonly Subject[], of: (subject: Subject) => number): number =>
    list.reduce((total, subject) => total + of(subject), 0)
  const requests = sum(subjects, (subject) => subject.requests)
  const warm = sum(subjects, (subject) => subject.requests - subject.before.requests)
  const perRequest = (kind: keyof Bill): Outcome['objectCallsPerRequest'] => {
    const share = (list: readonly Subject[]): number => {
      const count = sum(list, (subject) => subject.requests - subject.before.requests)
      return sum(list, ({ ledger, before }) => ledger.bill[kind] - before.bill[kind]) / Math.max(1, count)
    }
    return { hot: share(subjects.slice(0, 1)), cold: share(subjects.slice(Math.floor(subjects.length / 2))), all: share(subjects) }
  }
  const quota = load.limit.quota?.count ?? Number.POSITIVE_INFINITY
  return {
    requests,
    admitted: sum(subjects, ({ admitted }) => admitted),
    overshoot: tally.overshoot,
    quotaOvershoot: sum(subjects, ({ spent }) => Math.max(0, spent - quota)),
    bursting: tally.bursting,
    falseRefusalRate: tally.falseRefusals / Math.max(1, requests),
    unavailableRate: tally.unavailable / Math.max(1, requests),
    objectCallsPerRequest: perRequest('calls'),
    rowsPerRequest: perRequest('rows'),
    alarmsPerRequest: perRequest('alarms').all,
    waitedRate: tally.waited / Math.max(1, warm),
    mostCallsPerSecond: Math.max(0, ...(subjects[0]?.callsInSecond.values() ?? [])),
    evictions: sum(subjects, ({ ledger }) => ledger.evictions),
  }
}
