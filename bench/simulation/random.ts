/** A small generator with a seed (mulberry32): every run of one seed is the same run. */
export interface Random {
  /** 0 up to, not including, 1. */
  next(): number
  /** Time until the next event of a Poisson process, in the unit of `mean`. */
  exponential(mean: number): number
  /** Milliseconds for one way of a call: mostly near `median`, sometimes several times as long. */
  latency(median: number): number
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    exponential: (mean) => -Math.log(1 - next()) * mean,
    latency(median) {
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
      return median * Math.exp(0.6 * normal)
    },
  }
}

/** How often each of `count` subjects comes, by Zipf's law; sums to 1. */
export function zipf(count: number, exponent = 1): readonly number[] {
  const weights = Array.from({ length: count }, (_, index) => 1 / (index + 1) ** exponent)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / total)
}

/** Events in the order of their time. */
export interface Agenda {
  /** What `run` returns is waited for before the next event: promises that it resolved go on at their time. */
  at(time: number, run: (now: number) => void | Promise<void>): void
  /** Until nothing is left. */
  play(): Promise<void>
}

export function createAgenda(): Agenda {
  const heap: { readonly time: number; readonly order: number; readonly run: (now: number) => void | Promise<void> }[] = []
  let order = 0
  const isBefore = (one: number, other: number): boolean => {
    const [left, right] = [heap[one], heap[other]]
    return left !== undefined && right !== undefined && (left.time - right.time || left.order - right.order) < 0
  }
  const swap = (one: number, other: number): void => {
    const [left, right] = [heap[one], heap[other]]
    if (left !== undefined && right !== undefined) [heap[one], heap[other]] = [right, left]
  }
  const sink = (start: number): void => {
    let index = start
    for (;;) {
      const [left, right] = [2 * index + 1, 2 * index + 2]
      let least = index
      if (isBefore(left, least)) least = left
      if (isBefore(right, least)) least = right
      if (least === index) return
      swap(index, least)
      index = least
    }
  }
  return {
    at(time, run) {
      heap.push({ time, order: order++, run })
      for (let index = heap.length - 1; index > 0 && isBefore(index, (index - 1) >> 1); index = (index - 1) >> 1)
        swap(index, (index - 1) >> 1)
    },
    async play() {
      for (let first = heap[0]; first !== undefined; first = heap[0]) {
        const last = heap.pop()
        if (last !== undefined && heap.length > 0) {
          heap[0] = last
          sink(0)
        }
        const goingOn = first.run(first.time)
        if (goingOn !== undefined) await goingOn
      }
    },
  }
}
