import { describe, expect, test } from 'vitest'
import type { Refreshed } from '../../src/sessions/session.ts'
import { beginningOf, createFakeProvider, lookAt, START, tokensOf, withKeeper } from '../support/sessions.ts'

const SECOND = 1000
const HOUR = 3_600_000

/** An answer that comes when the test says so. */
function held(): { readonly answer: Promise<Refreshed>; give(answer: Refreshed): void; lose(): void } {
  const { promise, resolve, reject } = Promise.withResolvers<Refreshed>()
  return { answer: promise, give: resolve, lose: () => reject(new Error('the connection broke')) }
}

describe('a session', () => {
  test('is what was begun, without its tokens', async () => {
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const session = await withKeeper(beginning.id, createFakeProvider(), async (keeper) => {
      await keeper.start(beginning, START)
      return lookAt(keeper, START + SECOND)
    })
    const { tokens: _tokens, ...signIn } = beginning.signIn
    expect(session).toEqual({ id: beginning.id, signIn, startedAt: START, expiresAt: START + SECOND + HOUR })
  })

  test.each([
    ['just under its idle time', [HOUR - 1], 'object'],
    ['at its idle time', [HOUR], 'string'],
    ['used again and again', Array.from({ length: 12 }, (_, index) => (index + 1) * (HOUR - 1)), 'object'],
    ['at its absolute end, however much it is used', [...Array.from({ length: 12 }, (_, index) => (index + 1) * (HOUR - 1)), 12 * HOUR], 'string'], // prettier-ignore
  ])('BF-7: %s', async (_name, looks, kind) => {
    const beginning = beginningOf()
    const last = await withKeeper(beginning.id, createFakeProvider(), async (keeper) => {
      await keeper.start(beginning, START)
      let seen: unknown
      for (const at of looks) seen = await lookAt(keeper, START + at)
      return seen
    })
    expect(typeof last).toBe(kind)
  })

  test('ends when the provider says so', async () => {
    const beginning = beginningOf({ endsAt: START + 60_000 })
    const seen = await withKeeper(beginning.id, createFakeProvider(), async (keeper) => {
      await keeper.start(beginning, START)
      return [await lookAt(keeper, START + 59_999), await lookAt(keeper, START + 60_000)]
    })
    expect(seen).toMatchObject([{ expiresAt: START + 60_000 }, 'over'])
  })

  test('one that idled too long is not revived by a clock that was set back', async () => {
    const beginning = beginningOf()
    const seen = await withKeeper(beginning.id, createFakeProvider(), async (keeper, _state, again) => {
      await keeper.start(beginning, START)
      await lookAt(keeper, START + HOUR)
      await keeper.look(START + 10)
      return lookAt(again(), START + HOUR)
    })
    expect(seen).toBe('over')
  })

  test('writes when it was last seen once a minute at most', async () => {
    const beginning = beginningOf()
    const written = await withKeeper(beginning.id, createFakeProvider(), async (keeper, { storage }) => {
      await keeper.start(beginning, START)
      const seen = new Set<unknown>()
      for (let at = 0; at <= 600; at += 5) {
        await keeper.look(START + at * SECOND)
        seen.add(storage.sql.exec('select last_seen from session').one()['last_seen'])
      }
      return seen.size
    })
    expect(written).toBe(11)
  })

  test('a dump of the storage holds no token, no name and no subject', async () => {
    const beginning = beginningOf({ tokens: tokensOf(1), subject: 'ada-the-subject' })
    const dump = await withKeeper(beginning.id, createFakeProvider(), async (keeper, { storage }) => {
      await keeper.start(beginning, START)
      return JSON.stringify(storage.sql.exec('select * from session').toArray())
    })
    expect(dump).toContain(beginning.id)
    for (const secret of ['access-1', 'refresh-1', 'id-1', 'Ada', 'ada-the-subject']) expect(dump).not.toContain(secret)
  })

  test('a row that was copied to another session opens nothing', async () => {
    const [one, other] = [beginningOf({ tokens: tokensOf(1) }), beginningOf()]
    const row = await withKeeper(one.id, createFakeProvider(), async (keeper, { storage }) => {
      await keeper.start(one, START)
      return storage.sql.exec('select sign_in from session').one()['sign_in'] as string
    })
    await withKeeper(other.id, createFakeProvider(), async (keeper, { storage }) => {
      await keeper.start(other, START)
      storage.sql.exec('update session set sign_in = ?', row)
      await expect(keeper.look(START)).rejects.toThrow('does not open')
    })
  })

  test('more than can be kept is refused, and nothing of it is', async () => {
    const beginning = beginningOf({ claims: { note: 'x'.repeat(32_768) } })
    await withKeeper(beginning.id, createFakeProvider(), async (keeper) => {
      await expect(keeper.start(beginning, START)).rejects.toThrow('32768 bytes')
      expect(await lookAt(keeper, START)).toBe('over')
    })
  })
})

describe('the end of a session', () => {
  test('is at once, gives what the provider needs, and the refresh token back', async () => {
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const provider = createFakeProvider()
    await withKeeper(beginning.id, provider, async (keeper, { storage }, again) => {
      await keeper.start(beginning, START)
      const ended = await keeper.end()
      expect(ended).toMatchObject({ idToken: 'id-1' })
      expect(JSON.parse(ended?.signIn ?? '')).toMatchObject({ subject: 'ada' })
      expect([await lookAt(keeper, START), await lookAt(again(), START), await keeper.end()]).toEqual(['over', 'over', undefined])
      expect(await storage.getAlarm()).toBeNull()
    })
    expect(provider.revoked).toEqual(['refresh-1'])
  })

  test.each([
    ["by the provider's session", { providerSession: 'sid-1' }, true],
    ['by the subject', { subject: 'ada' }, true],
    ['by both', { subject: 'ada', providerSession: 'sid-1' }, true],
    ['of another subject', { subject: 'eve', providerSession: 'sid-1' }, false],
    ['of another session', { providerSession: 'sid-2' }, false],
  ])('%s', async (_name, named, isEnded) => {
    const beginning = beginningOf({ providerSession: 'sid-1' })
    const issuer = beginning.signIn.issuer
    await withKeeper(beginning.id, createFakeProvider(), async (keeper) => {
      await keeper.start(beginning, START)
      expect((await keeper.end({ issuer: 'https://other.example', ...named })) === undefined).toBe(true)
      expect((await keeper.end({ issuer, ...named })) !== undefined).toBe(isEnded)
    })
  })

  test('a logout that comes before the session has begun ends it all the same', async () => {
    const beginning = beginningOf()
    await withKeeper(beginning.id, createFakeProvider(), async (keeper) => {
      await keeper.end({ issuer: beginning.signIn.issuer, subject: 'ada' })
      expect(await keeper.start(beginning, START)).toBe('over')
      expect(await lookAt(keeper, START)).toBe('over')
    })
  })

  test('the alarm forgets what is over, and gives the refresh token back', async () => {
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const provider = createFakeProvider()
    await withKeeper(beginning.id, provider, async (keeper, { storage }, again) => {
      await keeper.start(beginning, START)
      expect(await storage.getAlarm()).toBe(START + HOUR)
      await again().alarm(START + HOUR - 1)
      expect(provider.revoked).toEqual([])
      await again().alarm(START + HOUR)
      expect(storage.sql.exec("select name from sqlite_master where name = 'session'").toArray()).toEqual([])
    })
    expect(provider.revoked).toEqual(['refresh-1'])
  })
})

describe('refresh', () => {
  const begun = () => beginningOf({ tokens: tokensOf(1) })

  test('OC-8: 50 requests at the end of the access token are one refresh, and all succeed', async () => {
    const beginning = begun()
    const provider = createFakeProvider()
    await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      const looked = await Promise.all(Array.from({ length: 50 }, async () => keeper.look(START + 300_000)))
      expect(new Set(looked.map(({ status }) => status))).toEqual(new Set(['active']))
      expect(provider.refreshed).toEqual(['refresh-1'])
      await keeper.look(START + 600_000)
      expect(provider.refreshed).toEqual(['refresh-1', 'refresh-2'])
    })
  })

  test('ahead of its end nobody waits', async () => {
    const beginning = begun()
    const provider = createFakeProvider()
    const slow = held()
    provider.answer = async () => slow.answer
    await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      expect(await lookAt(keeper, START + 269_999)).toMatchObject({ id: beginning.id })
      expect(provider.refreshed).toEqual([])
      expect(await lookAt(keeper, START + 270_000)).toMatchObject({ id: beginning.id })
      expect(await keeper.token(START + 270_000)).toMatchObject({ token: 'access-1' })
      slow.give({ status: 'refreshed', tokens: tokensOf(2) })
      await keeper.look(START + 300_000)
      expect(await keeper.token(START + 300_000)).toEqual({ status: 'token', token: 'access-2', usableUntil: START + 570_000 })
      expect(provider.refreshed).toEqual(['refresh-1'])
    })
  })

  test('invalid_grant ends the session', async () => {
    const beginning = begun()
    const provider = createFakeProvider()
    provider.answer = async () => ({ status: 'ended' })
    await withKeeper(beginning.id, provider, async (keeper, _state, again) => {
      await keeper.start(beginning, START)
      expect(await lookAt(keeper, START + 300_000)).toBe('over')
      expect(await lookAt(again(), START)).toBe('over')
    })
  })

  test('a provider that is down is no end: 503 meanwhile, and the session is there afterwards', async () => {
    const beginning = begun()
    const provider = createFakeProvider()
    const { answer } = provider
    provider.answer = async () => ({ status: 'unavailable' })
    await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      expect(await lookAt(keeper, START + 300_000)).toBe('unavailable')
      expect(await lookAt(keeper, START + 300_999)).toBe('unavailable')
      expect(provider.refreshed).toHaveLength(1)
      provider.answer = answer
      expect(await lookAt(keeper, START + 301_000)).toMatchObject({ id: beginning.id })
    })
  })

  test('a refresh that throws is an outage', async () => {
    const beginning = begun()
    const provider = createFakeProvider()
    provider.answer = async () => Promise.reject(new Error('a bug'))
    await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      expect(await lookAt(keeper, START + 300_000)).toBe('unavailable')
    })
  })

  test('an eviction in the middle: the alarm sends the old token again at once, while providers still take it', async () => {
    const beginning = begun()
    const provider = createFakeProvider()
    const lost = held()
    provider.answer = async () => lost.answer
    await withKeeper(beginning.id, provider, async (keeper, { storage }, again) => {
      await keeper.start(beginning, START)
      await keeper.look(START + 270_000)
      await keeper.look(START + 271_000)
      expect(provider.refreshed).toEqual(['refresh-1'])
      expect((await storage.getAlarm()) ?? 0).toBeLessThanOrEqual(Date.now() + 5000)
      // What is left of the first keeper is what it has written.
      provider.answer = async () => ({ status: 'refreshed', tokens: tokensOf(2) })
      const restarted = again()
      expect(await restarted.token(START + 269_000)).toMatchObject({ token: 'access-1' })
      await restarted.alarm(START + 275_000)
      expect(provider.refreshed).toEqual(['refresh-1', 'refresh-1'])
      expect(await restarted.token(START + 300_000)).toMatchObject({ token: 'access-2' })
      expect((await storage.getAlarm()) ?? 0).toBeGreaterThan(Date.now() + 60_000)
      lost.lose()
    })
  })

  test('an answer that is lost three times waits for the next request', async () => {
    const beginning = begun()
    const provider = createFakeProvider()
    provider.answer = async () => ({ status: 'unavailable' })
    await withKeeper(beginning.id, provider, async (keeper, { storage }) => {
      await keeper.start(beginning, START)
      await keeper.look(START + 300_000)
      await keeper.alarm(START + 305_000)
      await keeper.alarm(START + 310_000)
      expect(provider.refreshed).toHaveLength(3)
      expect((await storage.getAlarm()) ?? 0).toBeGreaterThan(Date.now() + 60_000)
    })
  })

  test('tokens that come for a session which ended meanwhile are given back', async () => {
    const beginning = begun()
    const provider = createFakeProvider()
    const slow = held()
    provider.answer = async () => slow.answer
    await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      const looking = lookAt(keeper, START + 300_000)
      await keeper.look(START + 271_000)
      await keeper.end()
      slow.give({ status: 'refreshed', tokens: tokensOf(2) })
      expect(await looking).toBe('over')
    })
    expect(provider.revoked).toEqual(['refresh-1', 'refresh-2'])
  })

  test('what a refresh says of the person is kept', async () => {
    const beginning = begun()
    const provider = createFakeProvider()
    provider.answer = async () => ({
      status: 'refreshed',
      tokens: tokensOf(2),
      signIn: { claims: { name: 'Ada L.' }, groups: [], scopes: [] },
    })
    await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      expect(await lookAt(keeper, START + 300_000)).toMatchObject({ signIn: { subject: 'ada', claims: { name: 'Ada L.' }, scopes: [] } })
    })
  })

  test('a session that does not follow its tokens outlives them, and its token is renewed when an origin needs it', async () => {
    const beginning = beginningOf({ tokens: tokensOf(1) }, { followsTokens: false })
    const provider = createFakeProvider()
    await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      expect(await lookAt(keeper, START + 400_000)).toMatchObject({ id: beginning.id })
      expect(provider.refreshed).toEqual([])
      expect(await keeper.token(START + 400_000)).toMatchObject({ token: 'access-2' })
      provider.answer = async () => ({ status: 'ended' })
      expect(await keeper.token(START + 700_000)).toEqual({ status: 'over' })
      expect(await lookAt(keeper, START + 700_000)).toMatchObject({ id: beginning.id })
    })
  })

  test('a token that is bound to a key is for no origin', async () => {
    const beginning = beginningOf({ tokens: tokensOf(1, { tokenType: 'dpop' }) })
    await withKeeper(beginning.id, createFakeProvider(), async (keeper) => {
      await keeper.start(beginning, START)
      expect(await keeper.token(START)).toEqual({ status: 'over' })
    })
  })
})
