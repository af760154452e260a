import { array, assert, constantFrom, integer, nat, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { createDetector, type Detector, type KnownCredential } from '../../../src/insight/abuse/detector.ts'
import type { TrafficEvent } from '../../../src/insight/abuse/traffic.ts'

const NOW = Date.UTC(2026, 10, 2)
const KEY = 'key-1'
const PLACES = [
  { address: '192.0.2.1', network: '64500', country: 'DE', latitude: 52.5, longitude: 13.4, userAgent: 'node/24', tls: 't1' },
  { address: '198.51.100.9', network: '64501', country: 'BR', latitude: -23.5, longitude: -46.6, userAgent: 'curl/8', tls: 't2' },
  { address: '203.0.113.9', network: '64502', country: 'JP', latitude: 35.7, longitude: 139.7, userAgent: 'bot' },
] as const

/** Phases of any use, ordinary and not: many requests of one manner each. */
const phase = record({
  place: constantFrom(...PLACES),
  route: constantFrom('GET /orders/{id}', 'GET /orders', 'new'),
  status: constantFrom(200, 200, 403, 404, 400),
  gapMs: integer({ min: 50, max: 400_000 }),
  count: integer({ min: 1, max: 150 }),
  ids: constantFrom('row', 'far'),
})

function* eventsOf(phases: readonly { place: object; route: string; status: number; gapMs: number; count: number; ids: string }[]) {
  let at = NOW
  let id = 1
  for (const { place, route, status, gapMs, count, ids } of phases) {
    for (let index = 0; index < count; index += 1) {
      at += gapMs
      id = ids === 'row' ? id + 1 : (id * 7919) % 100_003
      const own = route === 'new' ? `GET /new/${index % 9}` : route
      yield { ...place, at, credential: KEY, route: own, objectId: String(id), status } as TrafficEvent
    }
  }
}
const learnt = Array.from({ length: 200 }, () => ({
  place: PLACES[0],
  route: 'GET /orders/{id}',
  status: 200,
  gapMs: 120_000,
  count: 1,
  ids: 'far',
}))
const ofKey = (detector: Detector, event: TrafficEvent) => detector.observe(event).filter(({ kind }) => kind === 'credential')

test('property: a detector that is restored at any point says what the uninterrupted one says', () => {
  let said = 0
  assert(
    property(array(phase, { minLength: 1, maxLength: 6 }), array(nat(1000), { maxLength: 4 }), (phases, cuts) => {
      const whole = createDetector()
      let restored = createDetector()
      for (const [index, event] of [...eventsOf([...learnt, ...phases])].entries()) {
        if (index > 0 && cuts.includes(index)) {
          const text = JSON.stringify(restored.known(KEY))
          restored = createDetector({ load: () => JSON.parse(text) as KnownCredential, keep: () => undefined })
        }
        const expected = ofKey(whole, event)
        said += expected.length
        expect(ofKey(restored, event)).toEqual(expected)
      }
    }),
    { numRuns: 60 },
  )
  expect(said).toBeGreaterThan(0)
})

test('what is known of a credential fits into a row, whatever it did', () => {
  const detector = createDetector()
  for (let index = 0; index < 5000; index += 1)
    detector.observe({
      at: NOW + index * 10,
      address: `192.0.${index % 200}.1`,
      network: String(index % 500),
      country: 'DE',
      userAgent: `agent ${index}`.padEnd(200, 'x'),
      credential: KEY,
      route: `GET /some/long/route/${index}/{id}`,
      objectId: `0198a1b2-0000-7000-8000-${index}`,
      status: 404,
    })
  expect(JSON.stringify(detector.known(KEY)).length).toBeLessThan(64 * 1024)
})
