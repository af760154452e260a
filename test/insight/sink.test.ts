import { describe, expect, test } from 'vitest'
import { MAX_COUNTS } from '../../src/insight/batch-book.ts'
import { MAX_OBSERVATIONS, type Batch } from '../../src/insight/observation.ts'
import { createInsightSink, FLUSH_MS } from '../../src/insight/sink.ts'
import { NOW } from '../support/authenticators.ts'
import { observation } from '../support/observations.ts'

type Send = (batch: Batch) => Promise<{ readonly nextMs: number }>

function sinkWith(answer: Send = async () => ({ nextMs: FLUSH_MS })) {
  let now = NOW
  const sent: Batch[] = []
  const log: string[] = []
  const waits: { ms: number; end: () => void }[] = []
  const sink = createInsightSink({
    now: () => now,
    wait: async (ms) => new Promise<void>((resolve) => waits.push({ ms, end: resolve })),
    log: (line) => log.push(line),
    send: async (batch) => {
      sent.push(structuredClone(batch))
      return answer(batch)
    },
  })
  return {
    sink,
    sent,
    log,
    waits,
    advance: (ms: number) => {
      now += ms
    },
    requests: () => sent.flatMap(({ usage }) => usage).reduce((sum, { requests }) => sum + requests, 0),
  }
}
/** All that can go on without time or an answer. */
const settled = async (): Promise<void> => scheduler.wait(0)

describe('createInsightSink()', () => {
  test('nothing is sent before its time, and the first request waits for it: many requests, one call', async () => {
    const { sink, sent, waits, advance, requests } = sinkWith()
    for (let request = 0; request < 50; request += 1) {
      sink.note(observation(), 'key-1')
      void sink.flush()
    }
    await settled()
    expect([sent.length, waits.map(({ ms }) => ms)]).toEqual([0, [FLUSH_MS]])
    advance(FLUSH_MS)
    waits[0]?.end()
    await settled()
    expect([sent.length, requests(), sent[0]?.usage.length, sent[0]?.sequence]).toEqual([1, 50, 1, 1])
  })

  test('of requests that end together one sends, and none sends what another has', async () => {
    const answers: (() => void)[] = []
    const { sink, sent, advance, requests } = sinkWith(async () => {
      await new Promise<void>((resolve) => answers.push(resolve))
      return { nextMs: FLUSH_MS }
    })
    sink.note(observation(), '')
    advance(FLUSH_MS)
    const flushes = Array.from({ length: 20 }, async () => sink.flush())
    sink.note(observation(), '')
    void sink.flush()
    expect(sent).toHaveLength(1)
    answers[0]?.()
    await Promise.race([Promise.all(flushes.slice(1)), settled()])
    await settled()
    advance(FLUSH_MS)
    void sink.flush()
    await settled()
    expect([sent.length, requests(), sent.map(({ sequence }) => sequence)]).toEqual([2, 2, [1, 2]])
    expect(new Set(sent.map(({ isolate }) => isolate)).size).toBe(1)
  })

  test('a call that failed is made again as it was; what was noted meanwhile comes with the next', async () => {
    let isDown = true
    const { sink, sent, log, waits, advance } = sinkWith(async () => {
      if (isDown) throw new Error('down')
      return { nextMs: FLUSH_MS }
    })
    sink.note(observation(), '')
    advance(FLUSH_MS)
    void sink.flush()
    await settled()
    sink.note(observation({ status: 404 }), '')
    isDown = false
    advance(2 * FLUSH_MS)
    void sink.flush()
    await settled()
    expect(sent).toHaveLength(2)
    expect(sent[1]).toEqual(sent[0])
    expect(log.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['outage'])
    advance(FLUSH_MS)
    for (const { end } of waits) end()
    await settled()
    expect(sent.map(({ sequence, usage }) => [sequence, usage.map(({ status }) => status)])).toEqual([
      [1, [200]],
      [1, [200]],
      [2, [404]],
    ])
  })

  test('a call that nothing is heard of is made again after 15 s, not before', async () => {
    const { sink, sent, advance } = sinkWith(async () => new Promise(() => undefined))
    sink.note(observation(), '')
    advance(FLUSH_MS)
    void sink.flush()
    advance(14_999)
    void sink.flush()
    expect(sent).toHaveLength(1)
    advance(1)
    void sink.flush()
    expect(sent.map(({ sequence }) => sequence)).toEqual([1, 1])
  })

  test('the object says when to come again', async () => {
    const { sink, sent, advance } = sinkWith(async () => ({ nextMs: 60_000 }))
    sink.note(observation(), '')
    advance(FLUSH_MS)
    await sink.flush()
    sink.note(observation(), '')
    advance(59_999)
    await Promise.race([sink.flush(), settled()])
    expect(sent).toHaveLength(1)
    advance(1)
    await sink.flush()
    expect(sent).toHaveLength(2)
  })

  test('a full book is sent at once, though not again within a second', async () => {
    const { sink, sent, advance } = sinkWith()
    const fill = (count: number): void => {
      for (let request = 0; request < count; request += 1) sink.note(observation(), '')
    }
    fill(MAX_OBSERVATIONS - 1)
    void sink.flush()
    expect(sent).toHaveLength(0)
    fill(1)
    void sink.flush()
    await settled()
    expect(sent).toHaveLength(1)
    fill(MAX_OBSERVATIONS)
    advance(999)
    void sink.flush()
    expect(sent).toHaveLength(1)
    advance(1)
    void sink.flush()
    expect(sent).toHaveLength(2)
  })

  test('in a long outage what there is room for is kept, and the rest counted', async () => {
    let isDown = true
    const { sink, log, advance, sent } = sinkWith(async () => {
      if (isDown) throw new Error('down')
      return { nextMs: FLUSH_MS }
    })
    sink.note(observation({ consumer: 'first' }), '')
    advance(FLUSH_MS)
    void sink.flush()
    await settled()
    for (let consumer = 0; consumer < MAX_COUNTS + 7; consumer += 1) sink.note(observation({ consumer: `c${consumer}` }), '')
    sink.note(observation({ consumer: 'c0' }), '')
    isDown = false
    advance(60_000)
    void sink.flush()
    await settled()
    advance(60_000)
    void sink.flush()
    await settled()
    expect(log.map((line) => JSON.parse(line) as object)).toContainEqual({ event: 'usage-dropped', requests: 7 })
    expect(sent.at(-1)?.usage).toHaveLength(MAX_COUNTS)
    expect(sent.at(-1)?.usage[0]).toMatchObject({ consumer: 'c0', requests: 2 })
  })

  test('a clock that is set back keeps nothing for longer', async () => {
    const { sink, sent, advance } = sinkWith()
    sink.note(observation(), '')
    advance(-3_600_000)
    void sink.flush()
    await settled()
    expect(sent).toHaveLength(1)
  })
})

describe('a batch', () => {
  test('has refusals first, but for a tenth, then the others, in the order of time', async () => {
    const { sink, sent, advance } = sinkWith()
    for (let request = 0; request < 990; request += 1) sink.note(observation({ status: 401, at: NOW + request, requestId: 'refused' }), '')
    for (let request = 0; request < 5000; request += 1) sink.note(observation({ at: NOW + request / 8 }), '')
    advance(FLUSH_MS)
    await sink.flush()
    const { observations = [] } = sent[0] ?? {}
    expect(observations).toHaveLength(MAX_OBSERVATIONS)
    expect(observations.filter(({ requestId }) => requestId === 'refused')).toHaveLength(900)
    expect(observations.map(({ at }) => at)).toEqual(observations.map(({ at }) => at).toSorted((one, other) => one - other))
  })

  test('counts by minute, consumer, credential, route, status and code, and how long it took', async () => {
    const { sink, sent, advance } = sinkWith()
    sink.note(observation({ consumer: 'acme', durationMs: 10 }), 'key-1')
    sink.note(observation({ consumer: 'acme', durationMs: 10.5 }), 'key-1')
    sink.note(observation({ consumer: 'acme', durationMs: 10_001 }), 'key-1')
    sink.note(observation({ at: NOW + 60_000 }), '')
    advance(FLUSH_MS)
    await sink.flush()
    const [first, second] = sent[0]?.usage ?? []
    expect(first).toMatchObject({ consumer: 'acme', credential: 'key-1', requests: 3, latency: [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1] })
    expect(second).toMatchObject({ consumer: '', credential: '', requests: 1, minute: (first?.minute ?? 0) + 60_000 })
  })
})
