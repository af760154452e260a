import { runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createHostileProvider, SUBJECT } from '../support/hostile-provider.ts'
import { beginningOf, SESSION, START, tokensOf } from '../support/sessions.ts'

/** As the Worker's own policy has it: the object refreshes at this provider. */
const ISSUER = 'https://idp.example.com'

/** One for all tests: its keys are kept by what refreshes. */
const provider = await createHostileProvider({ clientId: 'portcullis', issuer: ISSUER, now: Date.now })

async function begin(): Promise<string> {
  delete provider.ways.token
  provider.calls.length = 0
  vi.stubGlobal('fetch', async (input: string, init?: RequestInit) => provider.fetch(input, init))
  const tokens = tokensOf(1, { expiresAt: START + 60_000 })
  const { idToken: _none, ...others } = tokens
  const beginning = beginningOf({ provider: 'staff', issuer: ISSUER, subject: SUBJECT, tokens: others })
  await SESSION.getByName(beginning.id).start(JSON.stringify(beginning), START)
  return beginning.id
}
const refreshes = (): number => provider.calls.filter((call) => call === 'POST /token').length

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('the object of the Worker', () => {
  test('OC-8: 50 calls through five stubs at the end of the token are one refresh, and all succeed', async () => {
    const id = await begin()
    const stubs = Array.from({ length: 5 }, () => SESSION.getByName(id))
    const looked = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => (stubs[index % 5] ?? SESSION.getByName(id)).look(START + 60_000)),
    )
    expect(new Set(looked.map(({ status }) => status))).toEqual(new Set(['active']))
    expect(refreshes()).toBe(1)
  })

  test('an eviction in the middle of a refresh: the next request asks again', async () => {
    const id = await begin()
    let isLost = true
    provider.ways.token = async (right) => {
      if (!isLost) return Response.json(right)
      isLost = false
      await runInDurableObject(SESSION.getByName(id), (_object, state) => state.abort('evicted')).catch(() => undefined)
      return Response.json(right)
    }
    await expect((async () => SESSION.getByName(id).look(START + 60_000))()).rejects.toThrow('evicted')
    expect((await SESSION.getByName(id).look(START + 60_000)).status).toBe('active')
    expect(refreshes()).toBe(2)
  })

  test('invalid_grant ends it; an outage does not', async () => {
    const id = await begin()
    provider.ways.token = () => new Response(null, { status: 503 })
    expect((await SESSION.getByName(id).look(START + 60_000)).status).toBe('unavailable')
    provider.ways.token = () => Response.json({ error: 'invalid_grant' }, { status: 400 })
    expect((await SESSION.getByName(id).look(START + 62_000)).status).toBe('over')
  })

  test('BF-7: its end gives the refresh token back', async () => {
    const id = await begin()
    expect(await SESSION.getByName(id).end()).toMatchObject({ signIn: expect.stringContaining(SUBJECT) as string })
    await vi.waitFor(() => expect(provider.calls).toContain('POST /revoke'))
  })
})
