import { LATENCY_BOUNDS, MAX_OBSERVATIONS, type Batch, type Observation, type UsageCount } from './observation.ts'

/** Kinds of requests counted at a time; further ones are not counted until these are sent. */
export const MAX_COUNTS = 10_000
const MINUTE_MS = 60_000

/** What is to be told next. Bounded, and in the memory of one isolate alone. */
export interface BatchBook {
  /** `credential`: what it is counted by; empty: none. */
  note(observation: Observation, credential: string): void
  readonly isEmpty: boolean
  /** More than this would not be told one by one. */
  readonly isFull: boolean
  /** All of it; the book is empty then. */
  cut(): Pick<Batch, 'usage' | 'observations'>
  /** Requests that were not counted, for want of room, since this was asked last. */
  takeDropped(): number
}

/** Of what was not refused so much is told in any flood of refusals: what is shared with others would look like the attacker's alone. */
const LEAST_OTHERS = MAX_OBSERVATIONS / 10

interface Count extends UsageCount {
  requests: number
  readonly latency: number[]
}

export function createBatchBook(random: () => number = Math.random): BatchBook {
  let counts = new Map<string, Count>()
  let refused: Sample = createSample(random)
  let others: Sample = createSample(random)
  let dropped = 0

  function count({ at, consumer = '', route = '', status, code, durationMs }: Observation, credential: string): void {
    const minute = Math.floor(at / MINUTE_MS) * MINUTE_MS
    const key = `${minute}\n${consumer}\n${credential}\n${route}\n${status}\n${code}`
    let known = counts.get(key)
    if (known === undefined) {
      if (counts.size >= MAX_COUNTS) {
        dropped += 1
        return
      }
      known = { minute, consumer, credential, route, status, code, requests: 0, latency: LATENCY_BOUNDS.map(() => 0).concat(0) }
      counts.set(key, known)
    }
    known.requests += 1
    const bucket = latencyBucket(durationMs)
    known.latency[bucket] = (known.latency[bucket] ?? 0) + 1
  }

  return {
    note(observation, credential) {
      count(observation, credential)
      const sample = observation.status >= 400 ? refused : others
      sample.add(observation)
    },
    get isEmpty() {
      return counts.size === 0
    },
    get isFull() {
      return refused.seen + others.seen >= MAX_OBSERVATIONS || counts.size * 2 >= MAX_COUNTS
    },
    cut() {
      const least = Math.min(others.taken.length, LEAST_OTHERS)
      const first = refused.taken.slice(0, MAX_OBSERVATIONS - least)
      const rest = others.taken.slice(0, MAX_OBSERVATIONS - first.length)
      const observations = [...first, ...rest].toSorted((one, other) => one.at - other.at)
      const usage = [...counts.values()]
      counts = new Map()
      refused = createSample(random)
      others = createSample(random)
      return { usage, observations }
    },
    takeDropped() {
      const taken = dropped
      dropped = 0
      return taken
    },
  }
}

/** `MAX_OBSERVATIONS` of all that were seen, each as likely as any other. */
interface Sample {
  readonly taken: readonly Observation[]
  readonly seen: number
  add(observation: Observation): void
}
function createSample(random: () => number): Sample {
  const taken: Observation[] = []
  let seen = 0
  return {
    taken,
    get seen() {
      return seen
    },
    add(observation) {
      seen += 1
      if (taken.length < MAX_OBSERVATIONS) taken.push(observation)
      else {
        const place = Math.floor(random() * seen)
        if (place < MAX_OBSERVATIONS) taken[place] = observation
      }
    },
  }
}

export function latencyBucket(durationMs: number): number {
  const found = LATENCY_BOUNDS.findIndex((bound) => durationMs <= bound)
  return found === -1 ? LATENCY_BOUNDS.length : found
}
