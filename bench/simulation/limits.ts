import { LEASE_LIFE_MS, type Books } from '../../src/limits/account.ts'
import { emptyBooks, grantAll } from '../../src/limits/ledger.ts'
import type { LimitPolicy } from '../../src/limits/limiter.ts'
import { pauseOf } from '../../src/limits/limiter-memory.ts'
import { createPurse, type Purse } from '../../src/limits/purse.ts'
import { createAgenda, createRandom, zipf, type Agenda, type Random } from './random.ts'

/**
 * One limit under load: many isolates in many places spend the budgets of many subjects, with the purse and the ledger that the Worker
 * runs. Calls take time, isolates are evicted, answers get lost, and clocks are off.
 */
export interface Load {
  readonly limit: LimitPolicy
  readonly subjects: number
  readonly places: number
  readonly isolatesPerPlace: number
  readonly seconds: number
  /** What all subjects together ask for, in requests a second. */
  readonly requestsPerSecond: number
  /** Of each call's answer to be lost. */
  readonly lossRate: number
  /** Mean life of an isolate, in seconds. */
  readonly isolateLifeSeconds: number
}
export interface Outcome {
  readonly requests: number
  readonly admitted: number
  /** Let in beyond what the limit promises. */
  readonly overshoot: number
  readonly quotaOvershoot: number
  /** Refused although a limiter that knows everything at once would have let them in, as a share of all. */
  readonly falseRefusalRate: number
  /** Of the busiest subject, and of the quieter half of all. */
  readonly objectCallsPerRequest: { readonly hot: number; readonly cold: number; readonly all: number }
  /** Requests that waited for a call, as a share of all. */
  readonly waitedRate: number
}

interface Subject {
  readonly ledger: Books
  readonly ideal: Books
  /** Theoretical arrival time of a limit of `burst + rate × life`, which every request let in must conform to. */
  promisedAt: number
  requests: number
  admitted: number
  calls: number
}
interface Isolate {
  readonly name: string
  readonly skewMs: number
  readonly latencyMs: number
  readonly purses: Map<number, Purse>
  /** Until when a subject is refused from memory, by the isolate's clock. */
  readonly refusedUntil: Map<number, number>
}

const START = Date.UTC(2026, 10, 25, 12)

export function simulateLimit(load: Load, seed: number): Outcome {
  const random = createRandom(seed)
  const agenda = createAgenda()
  const subjects = Array.from({ length: load.subjects }, (): Subject => ({
    ledger: emptyBooks(),
    ideal: emptyBooks(),
    promisedAt: START,
    requests: 0,
    admitted: 0,
    calls: 0,
  }))
  const world = { load, random, agenda, subjects, isolates: isolatesOf(load, random), tally: { overshoot: 0, falseRefusals: 0, waited: 0 } }
  scheduleRequests(world)
  agenda.play()
  return outcomeOf(world)
}

interface World {
  readonly load: Load
  readonly random: Random
  readonly agenda: Agenda
  readonly subjects: readonly Subject[]
  readonly isolates: Isolate[]
  readonly tally: { overshoot: number; falseRefusals: number; waited: number }
}

function isolatesOf({ places, isolatesPerPlace }: Load, random: Random): Isolate[] {
  return Array.from({ length: places }, (_, place) => {
    const latencyMs = 2 + random.next() * 78
    return Array.from({ length: isolatesPerPlace }, (_unused, index) => newIsolate(`${place}.${index}`, latencyMs, random))
  }).flat()
}

function newIsolate(name: string, latencyMs: number, random: Random): Isolate {
  return { name, latencyMs, skewMs: (random.next() - 0.5) * 10_000, purses: new Map(), refusedUntil: new Map() }
}

/** Subjects come by Zipf's law, each mostly by a few places; isolates end and are replaced. */
function scheduleRequests(world: World): void {
  const { load, random, agenda, isolates } = world
  for (const [index, share] of zipf(load.subjects).entries()) {
    const homes = Math.max(1, Math.round(isolates.length * Math.min(1, share * 8)))
    const first = Math.floor(random.next() * isolates.length)
    const mean = 1000 / (load.requestsPerSecond * share)
    const come = (now: number): void => {
      if (now >= START + load.seconds * 1000) return
      arrive(world, index, (first + Math.floor(random.next() * homes)) % isolates.length, now)
      agenda.at(now + random.exponential(mean), come)
    }
    agenda.at(START + random.exponential(mean), come)
  }
  const churn = (now: number): void => {
    if (now >= START + load.seconds * 1000) return
    const index = Math.floor(random.next() * isolates.length)
    const old = isolates[index]
    if (old !== undefined) isolates[index] = newIsolate(`${old.name}+`, old.latencyMs, random)
    agenda.at(now + random.exponential((load.isolateLifeSeconds * 1000) / isolates.length), churn)
  }
  agenda.at(START + random.exponential((load.isolateLifeSeconds * 1000) / isolates.length), churn)
}

function arrive(world: World, subjectIndex: number, isolateIndex: number, now: number): void {
  const { load, subjects, isolates } = world
  const subject = subjects[subjectIndex]
  const isolate = isolates[isolateIndex]
  if (subject === undefined || isolate === undefined) return
  subject.requests += 1
  const ideal = spendIdeally(subject, load.limit, now)
  const purse = isolate.purses.get(subjectIndex) ?? createPurse(load.limit)
  isolate.purses.set(subjectIndex, purse)
  const local = now + isolate.skewMs
  if (purse.has(local)) {
    purse.spend(local)
    pass(world, subject, now)
    if (purse.wantsMore(local)) call(world, subject, isolate, purse, now, () => undefined)
    return
  }
  if ((isolate.refusedUntil.get(subjectIndex) ?? 0) > local) {
    if (ideal) world.tally.falseRefusals += 1
    return
  }
  world.tally.waited += 1
  call(world, subject, isolate, purse, now, (later, waitMs) => {
    const time = later + isolate.skewMs
    if (purse.has(time)) {
      purse.spend(time)
      pass(world, subject, later)
      return
    }
    if (ideal) world.tally.falseRefusals += 1
    isolate.refusedUntil.set(subjectIndex, time + Math.max(waitMs, pauseOf(load.limit)))
  })
}

/** There and back, each way with its own latency; a lost answer is noticed after a second. */
function call(
  world: World,
  subject: Subject,
  isolate: Isolate,
  purse: Purse,
  now: number,
  done: (now: number, waitMs: number) => void,
): void {
  const { agenda, random, load } = world
  const sentAt = now + isolate.skewMs
  const request = {
    holder: isolate.name,
    asks: [{ limit: load.limit, mode: 'lease' as const, want: purse.wanted(sentAt) }],
    settled: purse.takeSettled(sentAt),
  }
  subject.calls += 1
  agenda.at(now + random.latency(isolate.latencyMs), (arrived) => {
    const answer = grantAll(subject.ledger, request, arrived)
    const isLost = random.next() < load.lossRate
    agenda.at(arrived + (isLost ? 1000 : random.latency(isolate.latencyMs)), (back) => {
      const grant = answer.status === 'granted' && !isLost ? answer.grants[0] : undefined
      if (grant === undefined) purse.askedInVain()
      else purse.add(grant, sentAt)
      done(back, answer.status === 'refused' ? answer.waitMs : 0)
    })
  })
}

function spendIdeally({ ideal }: Subject, limit: LimitPolicy, now: number): boolean {
  return grantAll(ideal, { holder: '', asks: [{ limit, mode: 'spend', want: 1 }], settled: [] }, now).status === 'granted'
}

/** Counts the request, and whether it is one more than the promise allows. */
function pass({ load, tally }: World, subject: Subject, now: number): void {
  subject.admitted += 1
  const { rate } = load.limit
  if (rate === undefined) return
  const interval = (rate.seconds * 1000) / rate.count
  const next = Math.max(subject.promisedAt, now) + interval
  if (next - now > rate.burst * interval + LEASE_LIFE_MS + 0.01) tally.overshoot += 1
  else subject.promisedAt = next
}

function outcomeOf({ load, subjects, tally }: World): Outcome {
  const sum = (list: readonly Subject[], of: (subject: Subject) => number): number =>
    list.reduce((total, subject) => total + of(subject), 0)
  const requests = sum(subjects, (subject) => subject.requests)
  const callsPerRequest = (list: readonly Subject[]): number =>
    sum(list, ({ calls }) => calls) /
    Math.max(
      1,
      sum(list, (subject) => subject.requests),
    )
  const quota = load.limit.quota?.count ?? Number.POSITIVE_INFINITY
  return {
    requests,
    admitted: sum(subjects, ({ admitted }) => admitted),
    overshoot: tally.overshoot,
    quotaOvershoot: sum(subjects, ({ admitted }) => Math.max(0, admitted - quota)),
    falseRefusalRate: tally.falseRefusals / Math.max(1, requests),
    objectCallsPerRequest: {
      hot: callsPerRequest(subjects.slice(0, 1)),
      cold: callsPerRequest(subjects.slice(Math.floor(subjects.length / 2))),
      all: callsPerRequest(subjects),
    },
    waitedRate: tally.waited / Math.max(1, requests),
  }
}
