import { describe, expect, test } from 'vitest'
import { createDetector, type Detector } from '../../../src/insight/abuse/detector.ts'
import { answerTo, type Finding, type TrafficEvent } from '../../../src/insight/abuse/traffic.ts'

const NOW = Date.UTC(2026, 10, 2)
const HOUR_MS = 3_600_000
const HOME = { address: '192.0.2.1', network: '64500', country: 'DE', latitude: 52.5, longitude: 13.4, userAgent: 'node/24', tls: 't13' }
const AWAY = {
  address: '198.51.100.9',
  network: '64501',
  country: 'BR',
  latitude: -23.5,
  longitude: -46.6,
  userAgent: 'node/24',
  tls: 't13',
}
const usual = { ...HOME, credential: 'key-1', route: 'GET /orders/{id}', status: 200 }

/** Two events a minute for eight hours: known well. Ids as honest ones are, far apart. */
function learnt(detector: Detector = createDetector()): { readonly detector: Detector; readonly at: number } {
  for (let index = 0; index < 960; index += 1)
    detector.observe({ ...usual, at: NOW + index * 30_000, objectId: String((index * 7919) % 100_000) })
  return { detector, at: NOW + 8 * HOUR_MS }
}

/** The strongest finding of `count` events, `gapMs` apart. */
function play(
  detector: Detector,
  from: number,
  count: number,
  gapMs: number,
  make: (index: number) => Omit<TrafficEvent, 'at'>,
): Finding | undefined {
  const findings: Finding[] = []
  for (let index = 0; index < count; index += 1) findings.push(...detector.observe({ at: from + index * gapMs, ...make(index) }))
  return findings.toSorted((one, other) => other.score - one.score)[0]
}
const codesOf = (finding: Finding | undefined): string[] => (finding?.reasons ?? []).map(({ code }) => code)

describe('answerTo()', () => {
  test.each([
    [0.39, undefined],
    [0.4, 'record'],
    [0.6, 'slow'],
    [0.8, 'limit'],
    [0.99, 'limit'],
    [1, 'block'],
  ])('%d is answered with %s', (score, answer) => expect(answerTo(score)).toBe(answer))
})

describe('an address', () => {
  const refused = (index: number): Omit<TrafficEvent, 'at'> => ({ ...HOME, presented: `hash-${index}`, route: 'GET /orders', status: 401 })

  test('AK-8: eleven refused credentials do not block it, twelve do', () => {
    expect(play(createDetector(), NOW, 11, 2000, refused)?.score).toBeLessThan(1)
    const found = play(createDetector(), NOW, 12, 2000, refused)
    expect(found).toMatchObject({ kind: 'address', subject: HOME.address, reasons: [{ code: 'credential-stuffing' }] })
    expect(found?.score).toBeGreaterThanOrEqual(1)
  })

  test('after an eviction eleven more do not block it, twelve do: that much evidence is lost at most', () => {
    play(createDetector(), NOW, 11, 2000, refused)
    const anew = createDetector()
    const again = (index: number): Omit<TrafficEvent, 'at'> => refused(index + 11)
    expect(play(anew, NOW + 22_000, 11, 2000, again)?.score).toBeLessThan(1)
    expect(play(anew, NOW + 44_000, 1, 2000, () => refused(22))?.score).toBeGreaterThanOrEqual(1)
  })

  test('one credential three times a second is blocked within a minute, once a second in thirty seconds is not', () => {
    expect(play(createDetector(), NOW, 150, 333, () => refused(0))?.score).toBeGreaterThanOrEqual(1)
    expect(play(createDetector(), NOW, 30, 1000, () => refused(0))).toBeUndefined()
  })

  test('one credential refused again and again is a mistake, and never blocked while it comes once a second', () => {
    expect(play(createDetector(), NOW, 720, 5000, () => refused(0))).toBeUndefined()
    expect(play(createDetector(), NOW, 3600, 1000, () => refused(0))?.score).toBeLessThan(1)
  })

  test('brute force of one account: the same name, three times a second', () => {
    const found = play(createDetector(), NOW, 900, 333, () => refused(0))
    expect(found).toMatchObject({ kind: 'address', reasons: [{ code: 'refusal-flood' }] })
    expect(found?.score).toBeGreaterThanOrEqual(1)
  })

  test('twelve mistakes among much that is in order are an office', () => {
    const found = play(createDetector(), NOW, 240, 1000, (index) => (index % 20 === 0 ? refused(index) : usual))
    expect(found?.kind === 'address' && found.score >= 1).toBe(false)
  })

  test('an IPv6 address counts as its /64', () => {
    const found = play(createDetector(), NOW, 12, 2000, (index) => ({ ...refused(index), address: `2001:db8::${index + 1}` }))
    expect(found?.subject).toBe('2001:db8:0:0::/64')
  })

  test('unknown paths one after another are a scan; a few are the internet', () => {
    const unknown = (): Omit<TrafficEvent, 'at'> => ({ ...HOME, status: 404 })
    expect(play(createDetector(), NOW, 7, 1000, unknown)).toBeUndefined()
    expect(codesOf(play(createDetector(), NOW, 30, 1000, unknown))).toEqual(['route-scanning'])
  })

  test('one kind of client from many addresses is found though each address does little', () => {
    const found = play(createDetector(), NOW, 60, 1000, (index) => ({
      ...refused(index),
      address: `203.0.113.${index % 50}`,
      userAgent: 'bot',
    }))
    expect(found).toMatchObject({ kind: 'fingerprint', subject: 't13 bot' })
    expect(found?.score).toBeGreaterThanOrEqual(1)
  })
})

describe('a credential', () => {
  test('nothing is unusual while it is learnt', () => {
    const found = play(createDetector(), NOW, 300, 1000, (index) => ({
      ...usual,
      ...(index % 2 === 0 ? AWAY : {}),
      objectId: String(index),
    }))
    expect(found).toBeUndefined()
  })

  test('what is wrong whoever does it is said from the first minute', () => {
    const blind = play(createDetector(), NOW, 60, 1000, (index) => ({
      ...usual,
      objectId: String(index),
      status: index % 2 === 0 ? 404 : 200,
    }))
    expect(blind).toMatchObject({ kind: 'credential', reasons: [{ code: 'object-enumeration' }] })
    const others = play(createDetector(), NOW, 60, 1000, (index) => ({ ...usual, objectId: `u-${index}`, status: 403 }))
    expect(others).toMatchObject({ kind: 'credential', reasons: [{ code: 'error-shift' }] })
    const countries = ['AR', 'BO', 'CL', 'DK', 'EE', 'FI', 'GR']
    const shared = play(createDetector(), NOW, 30, 1000, (index) => ({ ...usual, country: countries[index % 7] ?? '' }))
    expect(codesOf(shared)).toContain('many-countries')
  })

  test('how much a young credential does is learnt, not judged; the same later is blocked', () => {
    const sweep = (detector: Detector, from: number): Finding | undefined =>
      play(detector, from, 600, 500, (index) => ({ ...usual, objectId: `u-${index}` }))
    const young = createDetector()
    for (let index = 0; index < 240; index += 1) young.observe({ ...usual, at: NOW + index * 30_000, objectId: `o-${index % 40}` })
    expect(sweep(young, NOW + 2 * HOUR_MS)?.score ?? 0).toBeLessThan(1)
    const { detector, at } = learnt()
    expect(sweep(detector, at)?.score).toBeGreaterThanOrEqual(1)
  })

  test('where places are not told, another address and another client together are a stranger', () => {
    const bare = { credential: 'key-1', route: 'GET /orders', status: 200 } as const
    const detector = createDetector()
    for (let index = 0; index < 960; index += 1)
      detector.observe({ ...bare, address: '192.0.2.1', userAgent: 'node/24', at: NOW + index * 30_000 })
    const from = NOW + 8 * HOUR_MS
    expect(play(detector, from, 5, 1000, () => ({ ...bare, address: '198.51.100.9', userAgent: 'node/24' }))?.score).toBeLessThan(1)
    expect(
      play(detector, from + 60_000, 5, 1000, () => ({ ...bare, address: '203.0.113.9', userAgent: 'curl/8' }))?.score,
    ).toBeGreaterThanOrEqual(1)
  })

  test('in two places at once with another client: stolen', () => {
    const { detector, at } = learnt()
    const found = play(detector, at, 40, 5000, (index) =>
      index % 4 === 0 ? usual : { ...usual, ...AWAY, userAgent: 'curl', objectId: String(index * 997) },
    )
    expect(codesOf(found)).toEqual(expect.arrayContaining(['impossible-travel', 'new-country', 'new-client']))
    expect(found?.score).toBeGreaterThanOrEqual(1)
  })

  test('a journey with the same client does not block', () => {
    const { detector, at } = learnt()
    const found = play(detector, at + 14 * HOUR_MS, 100, 30_000, (index) => ({ ...usual, ...AWAY, objectId: String(index * 997) }))
    expect(found?.score ?? 0).toBeLessThan(0.8)
  })

  test('on many networks within minutes: shared', () => {
    const { detector, at } = learnt()
    const found = play(detector, at, 60, 1000, (index) => ({
      ...usual,
      network: String(index),
      address: `203.0.113.${index}`,
      objectId: String(index * 997),
    }))
    expect(codesOf(found)).toContain('many-networks')
    expect(found?.score).toBeGreaterThanOrEqual(1)
  })

  test('one object after another is found, and not for who always reads in rows', () => {
    const rows = (index: number): Omit<TrafficEvent, 'at'> => ({ ...usual, objectId: String(50_000 + index) })
    const { detector, at } = learnt()
    expect(play(detector, at, 60, 1000, rows)).toMatchObject({ reasons: [{ code: 'object-enumeration' }] })
    const exporter = createDetector()
    play(exporter, NOW, 8 * 1800, 2000, (index) => ({ ...usual, objectId: String(index) }))
    expect(play(exporter, NOW + 8 * HOUR_MS, 60, 2000, rows)).toBeUndefined()
  })

  test('honest requests in between do not hide a row', () => {
    const { detector, at } = learnt()
    const found = play(detector, at, 120, 500, (index) => ({
      ...usual,
      objectId: String(index % 2 === 0 ? 50_000 + index / 2 : (index * 7919) % 100_000),
    }))
    expect(codesOf(found)).toContain('object-enumeration')
  })

  test('refusals on ever other objects are somebody trying; content that is never right is a bug', () => {
    const { detector, at } = learnt()
    const found = play(detector, at, 60, 1000, (index) => ({ ...usual, objectId: String(index * 997), status: 403 }))
    expect(codesOf(found)).toContain('error-shift')
    const other = learnt()
    expect(
      play(other.detector, other.at, 200, 3000, () => ({ ...HOME, credential: 'key-1', route: 'GET /orders/{id}', status: 400 })),
    ).toBeUndefined()
  })

  test('one new route is a release, five at once are a search', () => {
    const { detector, at } = learnt()
    expect(play(detector, at, 20, 20_000, () => ({ ...HOME, credential: 'key-1', route: 'GET /reports', status: 200 }))).toBeUndefined()
    const found = play(detector, at + HOUR_MS, 12, 3000, (index) => ({
      ...HOME,
      credential: 'key-1',
      route: `GET /new/${index % 6}`,
      status: 403,
    }))
    expect(codesOf(found)).toContain('new-routes')
  })

  test('far more requests than ever are a surge', () => {
    const { detector, at } = learnt()
    const found = play(detector, at, 200, 200, () => ({ ...HOME, credential: 'key-1', route: 'GET /orders/{id}', status: 200 }))
    expect(found).toMatchObject({ score: 1, reasons: [{ code: 'rate-surge' }] })
  })

  test('is said once and not again for five minutes, unless it gets worse', () => {
    const { detector, at } = learnt()
    const findings = Array.from({ length: 200 }, (_, index) =>
      detector.observe({ ...HOME, at: at + index * 200, credential: 'key-1', route: 'GET /orders/{id}', status: 200 }),
    ).flat()
    expect(findings.map(({ score }) => answerTo(score))).toEqual(['record', 'slow', 'limit', 'block'])
  })

  test('accept(): what an operator calls fine is learnt anew', () => {
    const { detector, at } = learnt()
    const surge = (from: number): Finding | undefined =>
      play(detector, from, 200, 200, () => ({ ...HOME, credential: 'key-1', route: 'GET /orders/{id}', status: 200 }))
    expect(surge(at)?.score).toBe(1)
    detector.accept('credential', 'key-1')
    expect(surge(at + 60_000)).toBeUndefined()
  })
})
