import { describe, expect, test } from 'vitest'
import { createLabels } from '../../src/revocation/labels.ts'

const DAY = 86_400_000

describe('createLabels()', () => {
  test('entries of one end and reason share a label', () => {
    const labels = createLabels()
    const [one, other] = [labels.take(DAY, 'leaked'), labels.take(DAY + 1, 'leaked')]
    expect(labels.take(DAY, 'leaked')).toBe(one)
    expect(other).not.toBe(one)
    expect([labels.overCount(DAY - 1), labels.overCount(DAY), labels.overCount(DAY + 1)]).toEqual([0, 2, 3])
    labels.release(one)
    expect(labels.overCount(DAY)).toBe(1)
  })

  test('from the 4096th label on an end is rounded up to a day, and never down', () => {
    const labels = createLabels()
    for (let index = 1; index < 4096; index += 1) expect(labels.endOf(labels.take(index, 'r'))).toBe(index)
    expect(labels.endOf(labels.take(DAY + 1, 'r'))).toBe(2 * DAY)
    expect(labels.endOf(labels.take(4095, 'r'))).toBe(4095)
  })

  test('the 256th reason is kept, the next one is only `revoked`', () => {
    const labels = createLabels()
    for (let index = 1; index < 256; index += 1) labels.take(DAY, `r${index}`)
    expect(labels.reasonOf(labels.take(DAY, 'r255'))).toBe('r255')
    expect(labels.reasonOf(labels.take(DAY, 'one more'))).toBe('revoked')
    expect(labels.endOf(labels.take(DAY, 'one more'))).toBe(DAY)
  })

  test('with all 65,536 labels taken an entry has no end', () => {
    const labels = createLabels()
    for (let index = 1; index < 65_536; index += 1) labels.take(index * DAY, 'revoked')
    expect(labels.endOf(labels.take(65_535 * DAY, 'revoked'))).toBe(65_535 * DAY)
    expect(labels.endOf(labels.take(65_536 * DAY, 'revoked'))).toBe(Number.POSITIVE_INFINITY)
  })

  test('another isolate reads what was written', () => {
    const labels = createLabels()
    const label = labels.take(DAY, 'leaked')
    labels.take(Number.POSITIVE_INFINITY, 'for good')
    const read = createLabels(labels.encode())
    expect([read.endOf(label), read.reasonOf(label), read.overCount(DAY)]).toEqual([DAY, 'leaked', 1])
    expect(read.take(DAY, 'leaked')).toBe(label)
    expect(read.encode()).not.toEqual(labels.encode())
    labels.take(DAY, 'leaked')
    expect(read.encode()).toEqual(labels.encode())
  })
})
