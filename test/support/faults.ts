/** How a call to an object goes wrong. `never`: no answer comes, whether it was done or not. */
export interface CallFault {
  readonly at: 'before' | 'after'
  readonly does: 'throw' | 'never'
  /** What the platform puts on the error. */
  readonly marks?: object
  /** Calls that it meets; default: all. */
  readonly times?: number
}

export const CALL_FAULTS = {
  overloaded: { at: 'before', does: 'throw', marks: { overloaded: true, retryable: true } },
  'not reachable, twice': { at: 'before', does: 'throw', marks: { retryable: true }, times: 2 },
  'reset before it was done': { at: 'before', does: 'throw', marks: { durableObjectReset: true } },
  'reset after it was done': { at: 'after', does: 'throw', marks: { durableObjectReset: true } },
  'late, never begun': { at: 'before', does: 'never' },
  'late, and done': { at: 'after', does: 'never' },
} as const satisfies Readonly<Record<string, CallFault>>

export interface Faulty<Namespace> {
  readonly namespace: Namespace
  /** From now on; `undefined`: calls go well. */
  set(fault: CallFault | undefined): void
  calls(): number
  /** Resolves once a call has met a fault that never answers. */
  readonly hangs: () => Promise<void>
}

/** Real objects whose calls fail as they are told to. */
export function faulty<Namespace extends { getByName(name: string): unknown }>(real: Namespace): Faulty<Namespace> {
  let fault: CallFault | undefined
  let left = 0
  let calls = 0
  let hanging = Promise.withResolvers<void>()
  const meet = async (met: CallFault): Promise<never> => {
    if (met.does === 'throw') throw Object.assign(new Error('fault'), met.marks)
    hanging.resolve()
    return new Promise(() => undefined)
  }
  const call =
    (name: string, method: string) =>
    async (...values: readonly unknown[]): Promise<unknown> => {
      calls += 1
      const met = left > 0 ? fault : undefined
      left -= 1
      if (met?.at === 'before') return meet(met)
      const stub = real.getByName(name) as Record<string, (...values: readonly unknown[]) => Promise<unknown>>
      const answer = await stub[method]?.(...values)
      return met === undefined ? answer : meet(met)
    }
  const getByName = (name: string): unknown => new Proxy({}, { get: (_target, method) => call(name, String(method)) })
  return {
    namespace: { getByName } as unknown as Namespace,
    set(next) {
      fault = next
      left = next === undefined ? 0 : (next.times ?? Number.POSITIVE_INFINITY)
      hanging = Promise.withResolvers()
    },
    calls: () => calls,
    hangs: async () => hanging.promise,
  }
}
