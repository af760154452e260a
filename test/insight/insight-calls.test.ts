import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { analyticsPoint } from '../../src/insight/analytics.ts'
import { sinkOf } from '../../src/insight/insight-calls.ts'
import { observation } from '../support/observations.ts'

const parts = { now: () => 0, wait: async () => undefined, log: () => undefined, abuse: {} as never }
const INSIGHT = { getByName: () => ({ ingest: async () => ({ nextMs: 10_000 }) }) } as unknown as Bindings['INSIGHT']

describe('sinkOf()', () => {
  test('without the object there is none', () => {
    expect(sinkOf({}, parts)).toBeUndefined()
  })

  test('every request is a data point where the account has Analytics Engine', () => {
    const points: AnalyticsEngineDataPoint[] = []
    const sink = sinkOf({ INSIGHT, ANALYTICS: { writeDataPoint: (point = {}) => void points.push(point) } }, parts)
    sink?.note(observation({ consumer: 'acme' }), '')
    sink?.note(observation(), '')
    expect(points.map(({ indexes }) => indexes)).toEqual([['acme'], ['']])
  })

  test('one that the platform does not take disturbs nothing', () => {
    const ANALYTICS = {
      writeDataPoint: () => {
        throw new TypeError('too many')
      },
    }
    const sink = sinkOf({ INSIGHT, ANALYTICS }, parts)
    expect(() => sink?.note(observation(), '')).not.toThrow()
  })
})

describe('analyticsPoint()', () => {
  test('has the columns that docs/usage.md names', () => {
    expect(
      analyticsPoint(
        observation({
          consumer: 'acme',
          credential: 'k',
          plan: 'gold',
          country: 'NL',
          network: '64496',
          userAgent: 'curl/8',
          durationMs: 7,
        }),
      ),
    ).toEqual({
      indexes: ['acme'],
      blobs: ['acme', 'k', 'GET /orders', 'GET', 'forwarded', 'NL', '64496', 'gold', 'curl/8', 'r'],
      doubles: [200, 7],
    })
  })

  test.each([
    ['a'.repeat(96), 96],
    ['a'.repeat(97), 96],
    [`${'a'.repeat(95)}ü`, 95],
  ])('the index has at most 96 bytes', (consumer, bytes) => {
    const [index] = analyticsPoint(observation({ consumer })).indexes ?? []
    expect(new TextEncoder().encode(index as string)).toHaveLength(bytes)
  })
})
