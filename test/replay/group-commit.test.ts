import { describe, expect, test } from 'vitest'
import { GATHER_MS, GroupCommit, MAX_BATCH, WRITES_AT_ONCE } from '../../src/replay/group-commit.ts'

const NOW = Date.UTC(2026, 10, 25, 12)

/** Writes are recorded; timers run when the test says so. */
function createBench(write = async (): Promise<void> => undefined) {
  const batches: (readonly number[])[] = []
  const timers: { readonly milliseconds: number; readonly run: () => void }[] = []
  const commits = new GroupCommit<number>(
    async (items) => {
      batches.push([...items])
      await write()
    },
    (milliseconds, run) => void timers.push({ milliseconds, run }),
  )
  const elapse = (): void => {
    for (const { run } of timers.splice(0)) run()
  }
  const exhaust = async (now: number): Promise<void> => {
    for (let item = 0; item < WRITES_AT_ONCE; item++) await commits.add(item, now)
    batches.splice(0)
  }
  return { commits, batches, timers, elapse, exhaust }
}

describe('GroupCommit', () => {
  test('ten in a row are written at once, the eleventh waits for others', async () => {
    const { commits, batches, timers } = createBench()
    const added = Array.from({ length: WRITES_AT_ONCE + 1 }, async (_, item) => commits.add(item, NOW))
    await Promise.all(added.slice(0, -1))
    expect(batches).toEqual(Array.from({ length: WRITES_AT_ONCE }, (_, item) => [item]))
    expect(timers.map(({ milliseconds }) => milliseconds)).toEqual([GATHER_MS])
  })

  test('what gathers is written as one, and nobody hears before', async () => {
    const disk = Promise.withResolvers<void>()
    let isSlow = false
    const { commits, batches, elapse, exhaust } = createBench(async () => (isSlow ? disk.promise : undefined))
    await exhaust(NOW)
    isSlow = true
    const heard: number[] = []
    const added = [1, 2, 3].map(async (item) => {
      await commits.add(item, NOW + item)
      heard.push(item)
    })
    expect(batches).toEqual([])
    elapse()
    await Promise.resolve()
    expect(batches).toEqual([[1, 2, 3]])
    expect(heard).toEqual([])
    disk.resolve()
    await Promise.all(added)
    expect(heard).toEqual([1, 2, 3])
  })

  test.each([
    [99, 0],
    [100, 1],
  ])('%i ms after a busy time %i may go out at once', async (pause, expected) => {
    const { commits, batches, elapse, exhaust } = createBench()
    await exhaust(NOW)
    const last = commits.add(1, NOW)
    elapse()
    await last
    batches.splice(0)
    const added = [2, 3].map(async (item) => commits.add(item, NOW + pause))
    expect(batches).toHaveLength(expected)
    elapse()
    await Promise.all(added)
  })

  test('a pause of any length allows no more than ten at once, a clock that goes back none', async () => {
    const { commits, batches, elapse, exhaust } = createBench()
    await exhaust(NOW)
    const back = commits.add(0, NOW - 3_600_000)
    expect(batches).toEqual([])
    elapse()
    await back
    batches.splice(0)
    const added = Array.from({ length: 50 }, async (_, item) => commits.add(item, NOW + 86_400_000))
    expect(batches).toHaveLength(WRITES_AT_ONCE)
    elapse()
    await Promise.all(added)
    expect(batches.map(({ length }) => length)).toEqual([...Array.from({ length: WRITES_AT_ONCE }, () => 1), 40])
  })

  test.each([
    [MAX_BATCH - 1, 0],
    [MAX_BATCH, 1],
  ])('a batch of %i is written before its time %i times; its timer does nothing then', async (length, expected) => {
    const { commits, batches, elapse, exhaust } = createBench()
    await exhaust(NOW)
    const added = Array.from({ length }, async (_, item) => commits.add(item, NOW))
    expect(batches).toHaveLength(expected)
    const late = expected === 1 ? commits.add(-1, NOW) : undefined
    elapse()
    await Promise.all([...added, late])
    expect(batches.flat()).toHaveLength(length + expected)
  })

  test('a write that fails fails for all of its batch and for nobody else', async () => {
    let isBroken = false
    const { commits, elapse, exhaust } = createBench(async () => {
      if (isBroken) throw new Error('disk')
    })
    await exhaust(NOW)
    isBroken = true
    const lost = Promise.allSettled([1, 2].map(async (item) => commits.add(item, NOW)))
    elapse()
    expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    isBroken = false
    const next = commits.add(3, NOW)
    elapse()
    await expect(next).resolves.toBeUndefined()
  })

  test('1,000 a second for ten seconds take at most 0.05 writes each, and wait 25 ms in the mean', async () => {
    const timers: { readonly at: number; readonly run: () => void }[] = []
    let [now, writes, waited] = [NOW, 0, 0]
    const commits = new GroupCommit<number>(
      async (arrivals) => {
        writes += 1
        for (const arrival of arrivals) waited += now - arrival
      },
      (milliseconds, run) => void timers.push({ at: now + milliseconds, run }),
    )
    const added: Promise<void>[] = []
    for (; now < NOW + 10_000; now++) {
      while ((timers[0]?.at ?? Infinity) <= now) timers.shift()?.run()
      // Half of them: the ids of a scope spread over two shards.
      if (now % 2 === 0) added.push(commits.add(now, now))
    }
    for (const { run } of timers) run()
    await Promise.all(added)
    expect(added).toHaveLength(5000)
    expect(writes / added.length).toBeLessThanOrEqual(0.05)
    expect(waited / added.length).toBeLessThanOrEqual(26)
  })
})
