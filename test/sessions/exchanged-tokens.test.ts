import { describe, expect, test } from 'vitest'
import { MAX_EXCHANGED } from '../../src/sessions/exchanged-tokens.ts'
import type { Exchanged } from '../../src/sessions/session.ts'
import { beginningOf, createFakeProvider, START, tokensOf, withKeeper } from '../support/sessions.ts'

const BILLING = JSON.stringify({ audience: 'billing' })
const MINUTE = 60_000
const audienceOf = (number: number): string => JSON.stringify({ audience: `origin-${number}` })

describe('RFC 8693: tokens that a session is given in exchange', () => {
  test('BF-6: one exchange for each audience, kept sealed, through an eviction', async () => {
    const provider = createFakeProvider()
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const [answers, dump] = await withKeeper(beginning.id, provider, async (keeper, { storage }, again) => {
      await keeper.start(beginning, START)
      const given = [await keeper.token(START, BILLING), await keeper.token(START, audienceOf(1)), await keeper.token(START)]
      given.push(await again().token(START + 1000, BILLING))
      return [given, JSON.stringify(storage.sql.exec('select * from exchanged').toArray())] as const
    })
    expect(answers.map((answer) => (answer.status === 'token' ? answer.token : answer.status))).toEqual([
      'access-1-for-billing',
      'access-1-for-origin-1',
      'access-1',
      'access-1-for-billing',
    ])
    expect(provider.exchanged).toEqual(['access-1 billing', 'access-1 origin-1'])
    expect(dump).not.toContain('access-1')
  })

  test('50 requests at once are one exchange', async () => {
    const provider = createFakeProvider()
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const answers = await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      return Promise.all(Array.from({ length: 50 }, async () => keeper.token(START, BILLING)))
    })
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['token']))
    expect(provider.exchanged).toHaveLength(1)
  })

  test('renewed ahead of its end while nobody waits, at its end while the request waits', async () => {
    const provider = createFakeProvider()
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const made = await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      await keeper.token(START, BILLING)
      const counts: number[] = []
      for (const at of [89_999, 90_000, 90_001, 209_999]) {
        expect((await keeper.token(START + at, BILLING)).status).toBe('token')
        counts.push(provider.exchanged.length)
      }
      return counts
    })
    // 120 s of life: from 90 s on another one is fetched, which counts until 210 s and is renewed from 180 s on.
    expect(made).toEqual([1, 2, 2, 3])
  })

  test('one whose end the provider does not say is kept for a minute', async () => {
    const provider = createFakeProvider()
    provider.giveInExchange = async () => ({ status: 'exchanged', token: 'endless' })
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const made = await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      const counts: number[] = []
      for (const at of [0, 29_999, MINUTE]) {
        await keeper.token(START + at, BILLING)
        counts.push(provider.exchanged.length)
      }
      return counts
    })
    expect(made).toEqual([1, 1, 2])
  })

  test('a refresh forgets what was exchanged for the token before', async () => {
    const provider = createFakeProvider()
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const answer = await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      provider.giveInExchange = async (accessToken) => ({
        status: 'exchanged',
        token: `${accessToken}-for-billing`,
        expiresAt: START + 3_600_000,
      })
      await keeper.token(START, BILLING)
      return keeper.token(START + 300_000, BILLING)
    })
    expect(answer).toMatchObject({ token: 'access-2-for-billing' })
  })

  test('what comes for the token before a refresh is not kept', async () => {
    const provider = createFakeProvider()
    const late = Promise.withResolvers<Exchanged>()
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const answer = await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      provider.giveInExchange = async () => late.promise
      const waiting = keeper.token(START, BILLING)
      await keeper.look(START + 300_000)
      late.resolve({ status: 'exchanged', token: 'late', expiresAt: START + 3_600_000 })
      await waiting
      provider.giveInExchange = async (accessToken) => ({ status: 'exchanged', token: `${accessToken}-new`, expiresAt: START + 3_600_000 })
      return keeper.token(START + 300_000, BILLING)
    })
    expect(answer).toMatchObject({ token: 'access-2-new' })
  })

  test('a session that ends while the provider answers gives nothing, and keeps nothing', async () => {
    const provider = createFakeProvider()
    const late = Promise.withResolvers<Exchanged>()
    provider.giveInExchange = async () => late.promise
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const [answer, tables] = await withKeeper(beginning.id, provider, async (keeper, { storage }) => {
      await keeper.start(beginning, START)
      const waiting = keeper.token(START, BILLING)
      await keeper.end()
      late.resolve({ status: 'exchanged', token: 'late' })
      return [await waiting, storage.sql.exec("select name from sqlite_master where name = 'exchanged'").toArray()]
    })
    expect(answer).toEqual({ status: 'over' })
    expect(tables).toEqual([])
  })

  test('never the token itself: a refusal is one, and is not asked for again within a second', async () => {
    const provider = createFakeProvider()
    const refusal = { status: 'refused', detail: 'the provider answered invalid_target' } as const
    provider.giveInExchange = async () => refusal
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const answers = await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      return [await keeper.token(START, BILLING), await keeper.token(START + 999, BILLING), await keeper.token(START + 1000, BILLING)]
    })
    expect(answers).toEqual([refusal, refusal, refusal])
    expect(provider.exchanged).toHaveLength(2)
  })

  test('a provider that is down costs nothing while the token holds, and is an outage after', async () => {
    const provider = createFakeProvider()
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const answers = await withKeeper(beginning.id, provider, async (keeper) => {
      await keeper.start(beginning, START)
      await keeper.token(START, BILLING)
      provider.giveInExchange = async () => Promise.reject(new Error('gone'))
      const given: string[] = []
      for (const at of [100_000, 119_999, 120_000, 121_000]) given.push((await keeper.token(START + at, BILLING)).status)
      return given
    })
    expect(answers).toEqual(['token', 'token', 'unavailable', 'unavailable'])
  })

  test.each([
    ['as many as are kept', MAX_EXCHANGED, MAX_EXCHANGED],
    ['one more, and the first is fetched again', MAX_EXCHANGED + 1, MAX_EXCHANGED + 2],
  ])('%s', async (_name, audiences, exchanges) => {
    const provider = createFakeProvider()
    const beginning = beginningOf({ tokens: tokensOf(1) })
    const kept = await withKeeper(beginning.id, provider, async (keeper, { storage }) => {
      await keeper.start(beginning, START)
      for (let number = 0; number < audiences; number++) await keeper.token(START + number, audienceOf(number))
      await keeper.token(START + audiences, audienceOf(0))
      return storage.sql.exec('select count(*) as kept from exchanged').one()['kept']
    })
    expect([kept, provider.exchanged.length]).toEqual([MAX_EXCHANGED, exchanges])
  })

  test('a token that is copied to another audience opens nothing there', async () => {
    const beginning = beginningOf({ tokens: tokensOf(1) })
    await withKeeper(beginning.id, createFakeProvider(), async (keeper, { storage }) => {
      await keeper.start(beginning, START)
      await keeper.token(START, BILLING)
      storage.sql.exec('update exchanged set target = ?', audienceOf(1))
      await expect(keeper.token(START, audienceOf(1))).rejects.toThrow('does not open')
    })
  })
})
