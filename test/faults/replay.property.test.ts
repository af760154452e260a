import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { array, assert, asyncProperty, boolean, constant, integer, oneof, record as recordOf } from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import type { ReplayShard } from '../../src/replay/replay-object.ts'
import { random, record } from '../support/replay-records.ts'

const { REPLAY } = env as unknown as Bindings
/** So far ahead that no alarm goes off by itself. */
const START = Date.UTC(2035, 0, 1)
const IDS = Array.from({ length: 5 }, random)

// Objects and tests share one isolate, and so its clock.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START }))
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

const use = recordOf({ id: integer({ min: 0, max: IDS.length - 1 }), life: oneof(integer({ min: 1, max: 400_000 }), constant(7_200_000)) })
const steps = array(
  oneof(
    {
      weight: 4,
      arbitrary: recordOf({ kind: constant('use' as const), uses: array(use, { minLength: 1, maxLength: 6 }), dies: boolean() }),
    },
    { weight: 2, arbitrary: recordOf({ kind: constant('wait' as const), ms: integer({ min: 1, max: 800_000 }) }) },
    { weight: 2, arbitrary: recordOf({ kind: constant('alarm' as const), times: integer({ min: 1, max: 2 }) }) },
    { weight: 1, arbitrary: recordOf({ kind: constant('evict' as const) }) },
    { weight: 1, arbitrary: recordOf({ kind: constant('crash' as const) }) },
  ),
  { maxLength: 14 },
)

/** The exact model: an id is used until the end that it was used with. What a crash left unanswered may have been written, or not. */
class Model {
  readonly #ends = new Map<number, number>()
  readonly #maybe = new Map<number, number[]>()

  /** Whether `answer` may be; what is known afterwards. `undefined`: none came. */
  hears(id: number, now: number, expiresAt: number, answer: string | undefined): boolean {
    const isUsed = (this.#ends.get(id) ?? 0) > now
    const maybe = (this.#maybe.get(id) ?? []).filter((end) => end > now)
    if (answer === undefined) {
      if (!isUsed) this.#maybe.set(id, [...maybe, expiresAt])
      return true
    }
    if (answer === 'replayed') return isUsed || maybe.length > 0
    if (isUsed) return false
    this.#maybe.delete(id)
    this.#ends.set(id, expiresAt)
    return true
  }
}

const stubOf = (name: string): DurableObjectStub<ReplayShard> => REPLAY.getByName(name)
/** The object is gone at once, with all that it had not written. */
async function crash(name: string): Promise<void> {
  await runInDurableObject(stubOf(name), (_shard, state) => {
    state.abort('crash')
  }).catch(() => undefined)
}

type Use = { readonly id: number; readonly life: number }
/** The answers that cannot be, of calls made at once; `dies`: with a crash among them. */
async function useAll(name: string, model: Model, now: number, { uses, dies }: { uses: readonly Use[]; dies: boolean }): Promise<string[]> {
  const calls = Promise.allSettled(
    uses.map(async ({ id, life }) => stubOf(name).use(record({ hash: IDS[id] ?? random(), expiresAt: now + life }), now)),
  )
  if (dies) await crash(name)
  const answers = (await calls).map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined))
  // Who heard `replayed` may have come after one that was never answered.
  const order = (answer: string | undefined): number => ['fresh', undefined, 'replayed'].indexOf(answer)
  return uses
    .map(({ id, life }, index) => ({ id, end: now + life, answer: answers[index] }))
    .toSorted((one, other) => order(one.answer) - order(other.answer))
    .filter(({ id, end, answer }) => !model.hears(id, now, end, answer))
    .map(({ id, answer }) => `id ${id} heard ${answer} at ${now - START}`)
}
async function ring(name: string, times: number): Promise<void> {
  for (let fired = 0; fired < times; fired += 1) await runInDurableObject(stubOf(name), async (shard) => shard.alarm())
}
async function evict(name: string): Promise<void> {
  await stubOf(name).stats()
  await evictDurableObject(stubOf(name))
}

test('calls, alarms that come early or twice, evictions, crashes in mid call and time, in any order: as a list of ends would answer', async () => {
  let run = 0
  await assert(
    asyncProperty(steps, async (taken) => {
      const name = `run-${(run += 1)}`
      const model = new Model()
      const wrong: string[] = []
      let now = START
      vi.setSystemTime(now)
      for (const step of taken) {
        if (step.kind === 'wait') vi.setSystemTime((now += step.ms))
        else if (step.kind === 'evict') await evict(name)
        else if (step.kind === 'crash') await crash(name)
        else if (step.kind === 'alarm') await ring(name, step.times)
        else wrong.push(...(await useAll(name, model, now, step)))
      }
      expect(wrong).toEqual([])
    }),
    { numRuns: 60 },
  )
}, 60_000)
