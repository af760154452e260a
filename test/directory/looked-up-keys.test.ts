import { describe, expect, test, vi } from 'vitest'
import type { DirectoryKey, KeyLookUp, LookUpContext } from '../../src/directory/key-look-up.ts'
import { createLookedUpKeys, PER_ADDRESS, PER_ISOLATE, UNKNOWN_MS } from '../../src/directory/looked-up-keys.ts'
import type { ProjectionStore } from '../../src/directory/projection.ts'
import { root, rootOf, G2 } from '../support/api-keys.ts'

const KEY: DirectoryKey = { id: 'key_aaaaaaaaaaaaaaaaaaaa', consumer: 'app_aaaaaaaaaaaaaaaaaaaa', plan: 'gold', scopes: ['read'] }
const OTHER: DirectoryKey = { id: 'key_bbbbbbbbbbbbbbbbbbbb', consumer: 'app_bbbbbbbbbbbbbbbbbbbb', plan: 'free' }
const DIGEST = `digest:${'a'.repeat(64)}`
const GUESS = (index: number): string => `digest:${String(index).padStart(64, '0')}`

/** KV, as another isolate or an attacker also sees it. */
function createStore() {
  const values = new Map<string, string>()
  const get = vi.fn<(name: string) => Promise<string | null>>(async (name) => values.get(name) ?? null)
  const put = vi.fn<(name: string, value: string) => Promise<void>>(async (name, value) => void values.set(name, value))
  return { values, get, put, store: { get, put } as unknown as ProjectionStore }
}
function scene(known: Readonly<Record<string, DirectoryKey>> = { [DIGEST]: KEY }, kv = createStore(), rootSecret = root) {
  const directory = new Map(Object.entries(known))
  const ask = vi.fn<KeyLookUp>(async (lookups) => lookups.map((lookup) => directory.get(lookup)).find((key) => key !== undefined))
  const keys = createLookedUpKeys({ projection: kv.store, rootSecret, ask })
  return {
    kv,
    ask,
    directory,
    /** With all that is left for after the response. */
    find: async (lookup: string | readonly string[] = DIGEST, now = 0, address = '192.0.2.1'): Promise<DirectoryKey | undefined> => {
      const later: (() => Promise<void>)[] = []
      const context: LookUpContext = { now, address, defer: ({ run }) => void later.push(run) }
      const key = await keys.find(typeof lookup === 'string' ? [lookup] : lookup, context)
      await Promise.all(later.map(async (run) => run()))
      return key
    },
  }
}

describe('createLookedUpKeys()', () => {
  test('the object is asked once; then memory answers here and the projection elsewhere', async () => {
    const here = scene()
    expect(await here.find()).toEqual(KEY)
    expect(await here.find()).toEqual(KEY)
    expect(here.ask).toHaveBeenCalledTimes(1)
    expect(here.kv.get).toHaveBeenCalledTimes(1)
    const elsewhere = scene({}, here.kv)
    expect(await elsewhere.find()).toEqual(KEY)
    expect(elsewhere.ask).not.toHaveBeenCalled()
  })

  test('a key that is hashed under an older generation is found as well', async () => {
    const { find } = scene()
    expect(await find([`digest:${'b'.repeat(64)}`, DIGEST])).toEqual(KEY)
  })

  test('nothing of a key stands in the projection by a name that tells it, and nothing secret', async () => {
    const { find, kv } = scene()
    await find()
    expect([...kv.values.keys()]).toEqual([DIGEST])
  })

  describe('whoever can write into the projection', () => {
    test.each<[string, (value: string, kv: ReturnType<typeof createStore>) => string]>([
      ['cannot change what stands there', (value) => value.replace('"read"', '"write"')],
      ['cannot write without a MAC', () => JSON.stringify(KEY)],
      ['cannot write with a MAC of nothing', (value) => value.slice(value.indexOf('.'))],
      ['cannot write rubbish', () => '.....'],
    ])('%s', async (_, change) => {
      const { find, kv } = scene()
      await find()
      kv.values.set(DIGEST, change(kv.values.get(DIGEST) ?? '', kv))
      const elsewhere = scene({ [DIGEST]: OTHER }, kv)
      expect(await elsewhere.find()).toEqual(OTHER)
      expect(elsewhere.ask).toHaveBeenCalledTimes(1)
    })

    test('cannot make one key stand for another by its place', async () => {
      const { find, kv } = scene({ [DIGEST]: KEY, [GUESS(1)]: OTHER })
      await find()
      kv.values.set(GUESS(1), kv.values.get(DIGEST) ?? '')
      const elsewhere = scene({ [GUESS(1)]: OTHER }, kv)
      expect(await elsewhere.find(GUESS(1))).toEqual(OTHER)
    })

    test('of another root secret, or a generation that is no longer the newest, is not believed', async () => {
      const { find, kv } = scene()
      await find()
      const elsewhere = scene({ [DIGEST]: OTHER }, kv, rootOf(G2))
      expect(await elsewhere.find()).toEqual(OTHER)
    })
  })

  test('a directory that names somebody who is no app is not believed', async () => {
    const { find } = scene({ [DIGEST]: { ...KEY, consumer: 'acme' } })
    expect(await find()).toBeUndefined()
  })

  test('a name that was nobody’s is asked for again in time: a fresh key works by then', async () => {
    const { find, ask, directory } = scene({})
    expect(await find(DIGEST, 0)).toBeUndefined()
    directory.set(DIGEST, KEY)
    expect(await find(DIGEST, UNKNOWN_MS - 1)).toBeUndefined()
    expect(ask).toHaveBeenCalledTimes(1)
    expect(await find(DIGEST, UNKNOWN_MS)).toEqual(KEY)
  })

  test('a key that is looked for while it is being added is not kept from its holder afterwards', async () => {
    const { find, ask } = scene({})
    let answer: (key: DirectoryKey | undefined) => void = () => undefined
    ask.mockImplementationOnce(async () => new Promise((resolve) => (answer = resolve)))
    const early = find(DIGEST, 0)
    await vi.waitFor(() => expect(ask).toHaveBeenCalledTimes(1))
    ask.mockImplementation(async () => KEY)
    expect(await find(DIGEST, 1)).toEqual(KEY)
    answer(undefined)
    expect(await early).toBeUndefined()
    expect(await find(DIGEST, 2)).toEqual(KEY)
  })

  test('while the projection is down the object answers', async () => {
    const { find, kv } = scene()
    kv.get.mockRejectedValue(new Error('KV is down'))
    kv.put.mockResolvedValue()
    expect(await find()).toEqual(KEY)
  })

  test('while the object is down nobody is told that the key is none', async () => {
    const { find, ask } = scene()
    ask.mockRejectedValue(new Error('an object did not answer in time'))
    await expect(find()).rejects.toThrow('did not answer')
    ask.mockResolvedValue(KEY)
    expect(await find()).toEqual(KEY)
  })

  test('guesses from one address ask the object so many times, and then it is an outage for that address alone', async () => {
    const { find, ask } = scene()
    for (let index = 0; index < PER_ADDRESS.burst; index += 1) expect(await find(GUESS(index))).toBeUndefined()
    await expect(find(GUESS(100))).rejects.toThrow('more keys that nobody knows')
    expect(ask).toHaveBeenCalledTimes(PER_ADDRESS.burst)
    expect(await find(DIGEST, 0, '192.0.2.2')).toEqual(KEY)
    expect(await find(GUESS(101), PER_ADDRESS.everyMs)).toBeUndefined()
    await expect(find(GUESS(102), PER_ADDRESS.everyMs)).rejects.toThrow('more keys')
  })

  test('guesses from many addresses together as well; keys that are known go on', async () => {
    const { find, ask } = scene()
    await find()
    for (let index = 1; index < PER_ISOLATE.burst; index += 1) await find(GUESS(index), 0, `2001:db8::${index}`)
    await expect(find(GUESS(1000), 0, '2001:db8::ffff')).rejects.toThrow('more keys')
    expect(ask).toHaveBeenCalledTimes(PER_ISOLATE.burst)
    expect(await find()).toEqual(KEY)
    expect(await find(GUESS(1001), PER_ISOLATE.everyMs, '2001:db8::fffe')).toBeUndefined()
  })

  test('guesses displace no key that is known', async () => {
    const { find, ask, kv } = scene()
    await find()
    kv.get.mockImplementation(async () => null)
    for (let index = 0; index < 5000; index += 1) await find(GUESS(index), index * 100, `2001:db8::${index}`)
    ask.mockClear()
    expect(await find(DIGEST, 500_000)).toEqual(KEY)
    expect(ask).not.toHaveBeenCalled()
  })
})
