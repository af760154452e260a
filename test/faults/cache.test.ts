import { afterEach, describe, expect, test, vi } from 'vitest'
import { createColoCache } from '../../src/credentials/colo-cache.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { VALUES } from '../support/orders.ts'

const cache = createColoCache(parseRootSecret(VALUES.PORTCULLIS_ROOT_KEY, { gateway: 'test', environment: 'test' }), {
  purpose: 'fault-cache',
  folder: 'faults',
  maxBytes: 100,
})

/** A cache that finds this. */
const finding = (match: () => Promise<Response | undefined>): void =>
  void vi.spyOn(caches, 'open').mockResolvedValue({ match } as unknown as Cache)

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('the cache of the data centre', () => {
  test('does not answer: a miss after its time limit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const asked = Promise.withResolvers<void>()
    finding(async () => {
      asked.resolve()
      return new Promise(() => undefined)
    })
    const found = cache.get('a.example', 'x')
    await asked.promise
    await vi.advanceTimersByTimeAsync(500)
    expect(await found).toBeUndefined()
  })

  test('begins a value and never ends it: a miss after its time limit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const read = Promise.withResolvers<void>()
    const pull = async (): Promise<void> => {
      read.resolve()
      return new Promise(() => undefined)
    }
    finding(async () => new Response(new ReadableStream({ pull }, { highWaterMark: 0 })))
    const found = cache.get('a.example', 'x')
    await read.promise
    await vi.advanceTimersByTimeAsync(2000)
    expect(await found).toBeUndefined()
  })

  test('holds a giant that does not state its length: a miss, read no further than the bound', async () => {
    let pulled = 0
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      pulled += 1
      controller.enqueue(new Uint8Array(40))
    }
    finding(async () => new Response(new ReadableStream({ pull }, { highWaterMark: 0 })))
    expect(await cache.get('a.example', 'x')).toBeUndefined()
    expect(pulled).toBeLessThanOrEqual(4)
  })

  test('fails: a miss', async () => {
    finding(async () => {
      throw new Error('cache')
    })
    expect(await cache.get('a.example', 'x')).toBeUndefined()
  })
})
