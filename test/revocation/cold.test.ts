import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { assert, constantFrom, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createRevocationsOf, type RevocationsOptions } from '../../src/revocation/feed-client.ts'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'
import { targetsOf } from '../../src/revocation/looked-up.ts'
import { RevocationOutage, type Defer, type Revocable, type RevocationTarget } from '../../src/revocation/revocations.ts'
import { createSnapshot } from '../../src/revocation/snapshot.ts'
import { createTestShare, keyOf } from '../support/feed.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const LATER = Date.UTC(2036, 0, 1)
const ENTRIES = 100_000
const { REVOCATIONS } = env as unknown as Bindings

async function longFeed(): Promise<DurableObjectStub<RevocationFeed>> {
  const feed = REVOCATIONS.getByName(crypto.randomUUID())
  await runInDurableObject(feed, async (_object: RevocationFeed, { storage }) => {
    storage.sql.exec(
      `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${ENTRIES})
       insert into entries (entry, expires_at)
       select '{"target":{"type":"key","id":"k' || i || '"},"expiresAt":${LATER},"reason":"leaked"}', ${LATER} from n`,
    )
    storage.sql.exec('update total set entries = ?', ENTRIES)
  })
  return feed
}

/** An isolate, with what it read. */
function isolateOf(feed: DurableObjectStub<RevocationFeed>, options: Partial<RevocationsOptions> = {}) {
  const counted = { bytes: 0, calls: 0, isDown: false }
  async function count<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    if (counted.isDown) throw new Error('down')
    counted.calls += 1
    const answer = await call()
    counted.bytes += JSON.stringify(answer).length
    return answer
  }
  const tasks: (() => Promise<void>)[] = []
  const defer: Defer = ({ run }) => {
    tasks.push(run)
  }
  const revocations = createRevocationsOf(async (position, maxBytes) => count(async () => feed.since(position, maxBytes)), {
    boundSeconds: 5,
    lookUp: async (targets) => count(async () => feed.lookUp(targets)),
    now: () => NOW,
    ...options,
  })
  const snapshot = async (now = NOW) => revocations.snapshot(now, defer, 'edge.example')
  return { counted, tasks, snapshot, revocations }
}

describe('an isolate that begins on a long feed', () => {
  test('decides after at most 64 KiB, then holds all of it without another look-up', async () => {
    const feed = await longFeed()
    const { counted, tasks, snapshot } = isolateOf(feed)
    const first = await snapshot()
    expect(await first.find(keyOf('k99999'))).toBe('leaked')
    console.log(JSON.stringify({ entries: ENTRIES, ...counted })) // oxlint-disable-line no-console -- the measurement
    expect([counted.calls, counted.bytes < 64 * 1024]).toEqual([2, true])
    expect(await first.find(keyOf('good'))).toBeUndefined()
    // The same name again within the bound is known.
    expect(first.find(keyOf('good'))).toBeUndefined()
    expect(counted.calls).toBe(3)
    expect(tasks).toHaveLength(1)
    await tasks[0]?.()
    const { calls } = counted
    const whole = await snapshot()
    expect([whole.find(keyOf('k1')), whole.find(keyOf('k100000')), whole.find(keyOf('good'))]).toEqual(['leaked', 'leaked', undefined])
    expect(counted.calls).toBe(calls)
    console.log(JSON.stringify({ whole: counted })) // oxlint-disable-line no-console -- the measurement
  }, 60_000)

  test('the latest entries of another isolate take the place of the first page, and its copy that of the whole', async () => {
    const feed = await longFeed()
    const share = createTestShare()
    const one = isolateOf(feed, { share })
    await one.snapshot()
    for (const run of one.tasks) await run()
    await feed.append([{ target: { type: 'key', id: 'late' }, expiresAt: LATER, reason: 'late' }])
    const { counted, tasks, snapshot } = isolateOf(feed, { share })
    const first = await snapshot()
    expect(counted.calls).toBe(0)
    expect(await first.find(keyOf('late'))).toBe('late')
    expect(counted.calls).toBe(1)
    for (const run of tasks) await run()
    const { calls } = counted
    expect([calls < 4, (await snapshot()).find(keyOf('k500'))]).toEqual([true, 'leaked'])
  }, 60_000)

  test('what is looked up counts for the bound and no longer; an address and a change are looked up too', async () => {
    const feed = await longFeed()
    let now = NOW
    const { counted, snapshot } = isolateOf(feed, { now: () => now })
    const first = await snapshot()
    expect(await first.find(keyOf('later'))).toBeUndefined()
    await feed.append([{ target: { type: 'key', id: 'later' }, expiresAt: LATER, reason: 'leaked' }])
    await feed.append([{ target: { type: 'address', id: '192.0.2.7' }, expiresAt: LATER, reason: 'abuse' }])
    await feed.change({ target: { type: 'consumer', id: 'acme' }, patch: { plan: 'gold' }, expiresAt: LATER, reason: 'x' }, NOW)
    now = NOW + 4999
    expect((await snapshot(now)).find(keyOf('later'))).toBeUndefined()
    const { calls } = counted
    now = NOW + 5000
    const next = await snapshot(now)
    expect(await next.find(keyOf('later'))).toBe('leaked')
    expect(await next.findAddress('192.0.2.7', NOW)).toBe('abuse')
    expect(await next.changesOf({ kind: 'jwt', credentialId: 'x', consumer: 'acme' })).toMatchObject({
      consumer: { plan: { value: 'gold' } },
    })
    expect(counted.calls).toBe(calls + 3)
  }, 60_000)

  test('a feed that cannot be asked is an outage, never an answer', async () => {
    const feed = await longFeed()
    const { counted, snapshot } = isolateOf(feed)
    const first = await snapshot()
    counted.isDown = true
    await expect((async () => first.find(keyOf('k1')))()).rejects.toThrow(RevocationOutage)
  }, 60_000)
})

test('a look-up names everything that could stop a credential', () => {
  const word = constantFrom('a', 'b')
  const credential = record({
    kind: constantFrom('jwt', 'api-key', 'http-signature', 'mutual-tls', 'session'),
    issuer: word,
    subject: word,
    consumer: word,
    credentialId: word,
    generation: word,
  })
  const target = record(
    { type: constantFrom('key', 'generation', 'jti', 'session', 'subject', 'consumer', 'certificate'), id: word, issuer: word },
    { requiredKeys: ['type', 'id'] },
  )
  assert(
    property(credential, target, (of: Revocable, given) => {
      const isNarrow = ['jti', 'session', 'subject'].includes(given.type)
      const entry = (isNarrow ? given : { type: given.type, id: given.id }) as RevocationTarget
      const snapshot = createSnapshot()
      snapshot.add([{ target: entry, expiresAt: LATER, reason: 'leaked' }])
      const isNamed = targetsOf(of).some((one) => JSON.stringify(one) === JSON.stringify({ ...entry }))
      expect(snapshot.find(of) !== undefined).toBe(isNamed)
    }),
    { numRuns: 500 },
  )
})
