import { describe, expect, test } from 'vitest'
import { createRevocationsOf } from '../../src/revocation/feed-client.ts'
import { NOW } from '../support/authenticators.ts'

const defer = (): void => undefined

describe('a clock that is set back', () => {
  const counted = () => {
    let reads = 0
    const revocations = createRevocationsOf(
      async () => {
        reads += 1
        return { from: 0, position: { mark: '', sequence: 0 }, entries: [], hasMore: false }
      },
      { boundSeconds: 5 },
    )
    return { revocations, reads: () => reads }
  }

  test('by an hour does not make an old snapshot fresh: the feed is read, and counts from then', async () => {
    const { revocations, reads } = counted()
    await revocations.snapshot(NOW, defer)
    await revocations.snapshot(NOW - 3_600_000, defer)
    expect(reads()).toBe(2)
    expect(revocations.snapshot(NOW - 3_600_000 + 1000, defer)).not.toBeInstanceOf(Promise)
    await revocations.snapshot(NOW - 3_600_000 + 5000, defer)
    expect(reads()).toBe(3)
  })

  test('by less than the bound is the time of a request that began before another one’s read', async () => {
    const { revocations, reads } = counted()
    await revocations.snapshot(NOW, defer)
    expect(revocations.snapshot(NOW - 4999, defer)).not.toBeInstanceOf(Promise)
    expect(reads()).toBe(1)
    await revocations.snapshot(NOW - 5000, defer)
    expect(reads()).toBe(2)
  })
})
