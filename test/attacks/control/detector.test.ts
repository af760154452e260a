import { describe, expect, test } from 'vitest'
import { answerOf, RECORD_ONLY, type AutomaticAnswer } from '../../../src/insight/abuse/answer.ts'
import { createDetector } from '../../../src/insight/abuse/detector.ts'
import { createBatchBook } from '../../../src/insight/batch-book.ts'
import type { Observation } from '../../../src/insight/observation.ts'
import type { AbuseConfig } from '../../../src/policy/policy.ts'

const NOW = Date.UTC(2026, 10, 2)
const ANSWERING: AbuseConfig = { ...RECORD_ONLY, answers: { slow: 0.6, limit: 0.8, block: 1 } }
/** The client of half the world. */
const POPULAR = { tls: 't13d1516h2', userAgent: 'okhttp/5.1', method: 'GET', route: 'GET /orders', durationMs: 3 }
const served = (at: number, index: number): Observation => ({
  ...POPULAR,
  requestId: `s${index}`,
  at,
  status: 200,
  code: 'forwarded',
  address: `198.51.100.${index % 200}`,
})
const refused = (at: number, index: number): Observation => ({
  ...POPULAR,
  requestId: `r${index}`,
  at,
  status: 401,
  code: 'credential-rejected',
  address: `203.0.113.${index % 20}`,
  presented: `guess-${index}`,
})

/** What is done about the kind of client in one minute of this traffic, told as an isolate tells it every ten seconds. */
function answersTo({ attack, others }: { readonly attack: number; readonly others: number }): ReadonlySet<AutomaticAnswer> {
  const detector = createDetector()
  const answers = new Set<AutomaticAnswer>()
  for (let from = 0; from < 60_000; from += 10_000) {
    const book = createBatchBook()
    const each = (count: number, make: typeof served): void => {
      for (let index = 0; index < count; index += 1) book.note(make(NOW + from + (10_000 * index) / count, index), '')
    }
    each(others, served)
    each(attack, refused)
    const found = book.cut().observations.flatMap((one) => detector.observe(one).map((finding) => ({ one, finding })))
    const ofClient = found.filter(({ finding }) => finding.kind === 'fingerprint')
    for (const { one, finding } of ofClient) answers.add(answerOf(finding, one, ANSWERING))
  }
  return answers
}

describe('a flood of guesses by the client that everybody has', () => {
  test.each([
    { attack: 300, others: 100 },
    { attack: 900, others: 100 },
    { attack: 20_000, others: 2000 },
    { attack: 100_000, others: 500 },
  ])('does not have everybody stopped: $attack beside $others', (traffic) => {
    expect(answersTo(traffic)).toEqual(new Set(['record']))
  })

  test('of a client that nobody else has it is stopped', () => {
    expect(answersTo({ attack: 300, others: 0 })).toContain('block')
    expect(answersTo({ attack: 20_000, others: 10 })).toContain('block')
  })
})
