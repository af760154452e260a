import { array, assert, asyncProperty, constant, constantFrom, integer, oneof, record, type Arbitrary } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CLOCK_SKEW_MS, createRevocationsOf } from '../../src/revocation/feed-client.ts'
import type { Revocations } from '../../src/revocation/revocations.ts'
import { createTestFeed, createTestShare, keyOf } from '../support/feed.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const [BOUND, GRACE, RETRY] = [2000, 3000, 1000]
const STEPS = [1, CLOCK_SKEW_MS, 500, BOUND / 2 - 1, BOUND / 2, RETRY, BOUND - 1, BOUND]
/** Clocks of three isolates of one data centre, as far apart as they may be. */
const SKEWS = [0, CLOCK_SKEW_MS / 2, CLOCK_SKEW_MS]

const isolate = integer({ min: 0, max: SKEWS.length - 1 })
const action = oneof(
  { weight: 6, arbitrary: record({ type: constant('ask' as const), isolate }) },
  {
    weight: 3,
    arbitrary: record({ type: constant('advance' as const), ms: oneof(constantFrom(...STEPS), integer({ min: 0, max: 1200 })) }),
  },
  { weight: 2, arbitrary: record({ type: constant('append' as const) }) },
  { weight: 1, arbitrary: record({ type: constant('fill' as const), count: integer({ min: 1, max: 600 }) }) },
  /** Deferred work and reads that were held back go on. */
  { weight: 2, arbitrary: record({ type: constant('settle' as const) }) },
  { weight: 1, arbitrary: record({ type: constant('hold' as const) }) },
  { weight: 1, arbitrary: record({ type: constant('evict' as const), isolate }) },
  { weight: 1, arbitrary: record({ type: constant('renew' as const) }) },
  /** What once was in the cache is put back, or what is in it is lost. */
  {
    weight: 2,
    arbitrary: record({ type: constant('poison' as const), head: integer({ min: -1, max: 9 }), whole: integer({ min: -1, max: 3 }) }),
  },
  { weight: 1, arbitrary: record({ type: constant('outage' as const) }) },
  { weight: 1, arbitrary: record({ type: constant('recovery' as const) }) },
)
type Action = typeof action extends Arbitrary<infer One> ? One : never

/** Isolates over one feed and one cache, beside what must hold of them. */
function createWorld(graceMs: number) {
  const feed = createTestFeed(400)
  const share = createTestShare()
  const revokedAt = new Map<string, number>()
  let [now, isDown, downAt, filled] = [NOW, false, Number.NEGATIVE_INFINITY, 0]
  let held: (() => void)[] | undefined
  let tasks: (() => Promise<void>)[] = []
  const pending: Promise<void>[] = []
  const faults: string[] = []

  const read: typeof feed.read = async (position) => {
    if (isDown) throw new Error('down')
    const answer = await feed.read(position)
    const { promise, resolve } = Promise.withResolvers<void>()
    if (held === undefined) resolve()
    else held.push(resolve)
    await promise
    return answer
  }
  const create = (skew: number): Revocations =>
    createRevocationsOf(read, { boundSeconds: BOUND / 1000, graceSeconds: graceMs / 1000, share, now: () => now + skew })
  const isolates = SKEWS.map(create)

  /** `age`: how long it has been revoked, in milliseconds. */
  function check(id: string, age: number, isRefused: boolean, wasDown: boolean): void {
    if (!isRefused && age >= BOUND + (wasDown ? graceMs : 0))
      faults.push(`${id} was let in after ${age} ms${wasDown ? ', in an outage' : ''}`)
  }

  async function ask(index: number): Promise<void> {
    const at = now
    const defer = ({ run }: { run: () => Promise<void> }): void => {
      tasks.push(run)
    }
    try {
      const snapshot = await isolates[index]?.snapshot(at + (SKEWS[index] ?? 0), defer, 'edge.example')
      // Down within the time of a retry before the request, or while it waited for its read.
      const wasDown = isDown || at - downAt < RETRY
      for (const [id, since] of revokedAt) check(id, at - since, snapshot?.find(keyOf(id)) !== undefined, wasDown)
      if (snapshot?.find(keyOf('good')) !== undefined) faults.push('a key passes for revoked that never was')
    } catch (error) {
      // Down now, or when the read was sent that was held back.
      if (!(error instanceof Error && error.message === 'down')) faults.push(String(error))
    }
  }

  const step: { readonly [Type in Action['type']]: (one: Extract<Action, { type: Type }>) => void } = {
    ask: (one) => pending.push(ask(one.isolate)),
    advance: ({ ms }) => {
      if (isDown) downAt = now + ms
      now += ms
    },
    append: () => {
      const id = `k${revokedAt.size}`
      feed.append(id)
      revokedAt.set(id, now)
    },
    fill: ({ count }) => {
      for (let index = 0; index < count; index += 1) feed.append(`f${(filled += 1)}`)
    },
    settle: () => {
      for (const resolve of held ?? []) resolve()
      held = undefined
      // Work that fails is logged and no more.
      for (const run of tasks) pending.push(run().catch(() => undefined))
      tasks = []
    },
    hold: () => {
      held ??= []
    },
    evict: (one) => {
      isolates[one.isolate] = create(SKEWS[one.isolate] ?? 0)
    },
    renew: () => feed.renew(),
    poison: ({ head, whole }) =>
      share.plant(share.heads.at(head < 0 ? share.heads.length : head), share.wholes.at(whole < 0 ? share.wholes.length : whole)),
    outage: () => {
      isDown = true
      downAt = now
    },
    recovery: () => {
      isDown = false
    },
  }
  return {
    faults,
    async run(actions: readonly Action[]): Promise<void> {
      for (const one of actions) {
        ;(step[one.type] as (action: Action) => void)(one)
        await rest()
      }
      for (;;) {
        if (held === undefined && tasks.length === 0) break
        step.settle({ type: 'settle' })
        await rest()
      }
      await Promise.all(pending)
    },
  }
}

/** Everything that waits for nothing goes on. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve() // oxlint-disable-line no-await-in-loop -- turns follow each other
}

describe('feed and isolates, in any order of events', () => {
  test.each([0, GRACE])(
    'nothing revoked is let in after `effectiveBy`, or `latestBy` in an outage: grace of %i ms',
    async (graceMs) => {
      await assert(
        asyncProperty(array(action, { maxLength: 120, size: 'max' }), async (actions) => {
          const world = createWorld(graceMs)
          await world.run(actions)
          expect(world.faults).toEqual([])
        }),
        { numRuns: 200 },
      )
    },
    60_000,
  )
})
