import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'
import { FEED_NAME } from '../../src/revocation/feed.ts'
import { createFaultGate } from '../support/fault-gate.ts'
import { createOrdersGate, get, VALUES } from '../support/orders.ts'

const { BACKUP, REVOCATIONS } = env as unknown as Bindings
/** The objects' clock is so far ahead that no alarm goes off by itself. */
const NOW = Date.UTC(2035, 0, 1)
const END = NOW + 86_400_000
const OUTAGE = '503 dependency-unavailable retry'
const REVOKED = '401 credential-revoked'
const helper = createOrdersGate()
const secret = parseRootSecret(VALUES.PORTCULLIS_ROOT_KEY, { gateway: 'test', environment: 'test' })

const feedOf = (): DurableObjectStub<RevocationFeed> => REVOCATIONS.getByName(FEED_NAME)
const backUp = async (): Promise<void> => runInDurableObject(feedOf(), async (feed: RevocationFeed) => feed.alarm())
const manifestName = (): string => `revocation-feed:${feedOf().id.toString()}`

/** The feed's object has nothing but its second copy. */
async function loseStorage(): Promise<void> {
  await runInDurableObject(feedOf(), async (_feed, { storage }) => storage.deleteAll())
  await evictDurableObject(feedOf())
}
/** A key of an API that was revoked, and the answer to it of an isolate that begins. */
async function revokedKey(): Promise<() => Promise<string>> {
  const issued = await issueKey(secret, 'api', { consumer: 'acme', scopes: ['orders:read'] }, NOW)
  await feedOf().append([{ target: { type: 'key', id: issued.id }, expiresAt: END, reason: 'leaked' }])
  const request = get(helper, '/v1/orders/1', { 'x-api-key': issued.key })
  return async () => createFaultGate({ now: Date.now, fetch: async () => new Response('ok') }).told(request)
}
/** What reads of KV give meanwhile: `answer`, where that is not undefined. */
function reading(answer: (key: string) => Promise<unknown> | undefined): void {
  const real = BACKUP.get.bind(BACKUP) as (key: string, type: string) => Promise<unknown>
  vi.spyOn(BACKUP, 'get').mockImplementation((async (key: string, type: string) => answer(key) ?? real(key, type)) as never)
}
const isManifest = (key: string): boolean => key === manifestName()
const down = async (): Promise<never> => Promise.reject(new Error('KV is down'))

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOW }))
afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await (await caches.open('portcullis')).delete('https://api.example.com/.portcullis/revocations/head')
  await reset()
})

describe('the storage of the feed is lost, and KV', () => {
  test.each<readonly [string, (key: string) => Promise<unknown> | undefined]>([
    ['cannot be read', down],
    ['gives the manifest, and no chunk', (key) => (isManifest(key) ? undefined : down())],
    ['has no chunk yet', (key) => (isManifest(key) ? undefined : Promise.resolve(null))],
    ['gives a part of a chunk', (key) => (isManifest(key) ? undefined : Promise.resolve([]))],
    ['gives what is no JSON', async () => Promise.reject(new SyntaxError('Unexpected end of JSON input'))],
    ['gives another version', (key) => (isManifest(key) ? Promise.resolve({ version: 2, chunks: [] }) : undefined)],
  ])('%s: 503 on protected routes, never an empty feed; what was revoked is so again once it can be read', async (_what, answer) => {
    const told = await revokedKey()
    await backUp()
    await loseStorage()
    reading(answer)
    expect(await told()).toBe(OUTAGE)
    vi.restoreAllMocks()
    expect(await told()).toBe(REVOKED)
  })

  test('says that there is no manifest, as it may for a minute: the chunks that it lists are the feed', async () => {
    const told = await revokedKey()
    await backUp()
    await loseStorage()
    reading((key) => (isManifest(key) ? Promise.resolve(null) : undefined))
    expect(await told()).toBe(REVOKED)
  })

  test('gives an older manifest: the chunks that it lists beyond that are part of the feed', async () => {
    const first = await revokedKey()
    await backUp()
    const old: unknown = await BACKUP.get(manifestName(), 'json')
    const second = await revokedKey()
    await backUp()
    await loseStorage()
    reading((key) => (isManifest(key) ? Promise.resolve(old) : undefined))
    expect([await first(), await second()]).toEqual([REVOKED, REVOKED])
    vi.restoreAllMocks()
    // The copy goes on from there, and what isolates told each other is too old by then.
    vi.setSystemTime(NOW + 10_000)
    const third = await revokedKey()
    await backUp()
    await loseStorage()
    expect([await first(), await second(), await third()]).toEqual([REVOKED, REVOKED, REVOKED])
  })

  test('says that there is no manifest, and cannot list: 503', async () => {
    const told = await revokedKey()
    await backUp()
    await loseStorage()
    reading((key) => (isManifest(key) ? Promise.resolve(null) : undefined))
    vi.spyOn(BACKUP, 'list').mockRejectedValue(new Error('KV is down'))
    expect(await told()).toBe(OUTAGE)
  })

  test('has nothing at all, as for a new gate: the feed is empty', async () => {
    expect(await feedOf().status()).toEqual({ entries: 0, latest: 0 })
  })
})

describe('KV while the storage of the feed is there', () => {
  test('cannot be read: the feed goes on, and so does what it says', async () => {
    const told = await revokedKey()
    await backUp()
    await evictDurableObject(feedOf())
    reading(down)
    expect(await told()).toBe(REVOKED)
  })

  test('cannot be written: nobody notices, and the copy is written later', async () => {
    const told = await revokedKey()
    vi.spyOn(BACKUP, 'put').mockRejectedValue(new Error('KV is down'))
    await runInDurableObject(feedOf(), async (feed: RevocationFeed) => {
      await expect(feed.alarm()).rejects.toThrow('KV is down')
    })
    expect(await told()).toBe(REVOKED)
    vi.restoreAllMocks()
    await backUp()
    await loseStorage()
    expect(await told()).toBe(REVOKED)
  })
})
