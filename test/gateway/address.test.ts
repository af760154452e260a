import { env } from 'cloudflare:workers'
import document from '#policy'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createGate } from '../../src/gate.ts'
import { createRevocationsOf, type ReadFeed } from '../../src/revocation/feed-client.ts'
import type { Revocation, Revocations } from '../../src/revocation/revocations.ts'
import { NOW } from '../support/authenticators.ts'
import { codeOf, createOrdersGate, get, key, prepare, VALUES } from '../support/orders.ts'

const ROOT = VALUES.PORTCULLIS_ROOT_KEY
const HOST = 'https://api.example.com'
const [PROTECTED, OPEN] = ['/v1/orders/1', '/v1/status']
const [BAD, GOOD] = ['192.0.2.7', '192.0.2.8']
const BLOCKED = '403 address-blocked'

/** A feed in memory, an isolate that reads it, and its clock. */
function scripted() {
  const state = { now: NOW, reads: 0, isDown: false, forwarded: 0, entries: [] as Revocation[], log: [] as string[] }
  const read: ReadFeed = async (position) => {
    state.reads += 1
    if (state.isDown) throw new Error('down')
    const entries = state.entries.slice(position?.sequence ?? 0)
    return { from: 0, position: { mark: 'e', sequence: state.entries.length }, entries, hasMore: false }
  }
  const isolate = (revocations: Revocations = createRevocationsOf(read, { boundSeconds: 5 })) => {
    const gate = createGate(
      document,
      { ...(env as unknown as Bindings), ...VALUES },
      {
        revocations,
        now: () => state.now,
        log: (line) => state.log.push(line),
        fetch: async () => {
          state.forwarded += 1
          return new Response('ok')
        },
      },
    )
    return async (path: string, address?: string, more: Readonly<Record<string, string>> = {}): Promise<string> => {
      const pending: Promise<unknown>[] = []
      const headers = { ...more, ...(address === undefined ? {} : { 'cf-connecting-ip': address }) }
      const response = await gate.handle(new Request(HOST + path, { headers }), { waitUntil: (promise) => pending.push(promise) })
      await Promise.all(pending)
      return response.status === 200 ? '200' : codeOf(response)
    }
  }
  const block = (id: string, expiresAt: number): void => {
    state.entries.push({ sequence: state.entries.length + 1, target: { type: 'address', id }, expiresAt, reason: 'floods us' })
  }
  return { state, isolate, block }
}
const withKey = async (): Promise<Record<string, string>> => ({
  'x-api-key': (await issueKey(parseRootSecret(ROOT, { gateway: 'test', environment: 'test' }), 'api', { consumer: 'acme' }, NOW)).key,
})

describe('a blocked address', () => {
  test('is refused on protected and open routes, whatever it presents; its neighbour is not', async () => {
    const { state, isolate, block } = scripted()
    block(BAD, NOW + 60_000)
    const ask = isolate()
    const headers = await withKey()
    expect(await ask(PROTECTED, BAD, headers)).toBe(BLOCKED)
    expect(await ask(PROTECTED, GOOD, headers)).toBe('200')
    expect(await ask(PROTECTED, undefined, headers)).toBe('200')
    expect(await ask(OPEN, BAD)).toBe(BLOCKED)
    expect(await ask(OPEN, GOOD)).toBe('200')
    expect(state.forwarded).toBe(3)
    expect(state.log.filter((line) => line.includes('address-blocked'))).toHaveLength(2)
    expect(state.log[0]).toContain('floods us')
  })

  test.each(['/nowhere', '//', '/v1/../x'])('is refused before the path %s is looked at', async (path) => {
    const { isolate, block } = scripted()
    block(BAD, NOW + 60_000)
    const ask = isolate()
    await ask(PROTECTED, GOOD)
    expect(await ask(path, BAD)).toBe(BLOCKED)
    expect(await ask(path, GOOD)).not.toBe(BLOCKED)
  })

  test('lapses at its end: blocked just before, free at it', async () => {
    const { state, isolate, block } = scripted()
    block(BAD, NOW + 60_000)
    const ask = isolate()
    const headers = await withKey()
    state.now = NOW + 59_999
    expect([await ask(PROTECTED, BAD, headers), await ask(OPEN, BAD)]).toEqual([BLOCKED, BLOCKED])
    state.now = NOW + 60_000
    expect([await ask(PROTECTED, BAD, headers), await ask(OPEN, BAD)]).toEqual(['200', '200'])
  })

  test('of IPv6 is a /64: neighbours in it are blocked, the next network is not', async () => {
    const { isolate, block } = scripted()
    block('2001:db8:0:1::/64', NOW + 60_000)
    const ask = isolate()
    const headers = await withKey()
    for (const address of ['2001:db8:0:1::1', '2001:DB8::1:ffff:0:0:1', '2001:db8:0:1:ffff:ffff:ffff:ffff'])
      expect([address, await ask(PROTECTED, address, headers)]).toEqual([address, BLOCKED])
    for (const address of ['2001:db8::1', '2001:db8:0:2::', '2001:db8:0:0:ffff:ffff:ffff:ffff', '1::1'])
      expect([address, await ask(PROTECTED, address, headers)]).toEqual([address, '200'])
  })

  test('of IPv4 is the same when it is mapped into IPv6', async () => {
    const { isolate, block } = scripted()
    block(BAD, NOW + 60_000)
    expect(await isolate()(PROTECTED, `::ffff:${BAD}`, await withKey())).toBe(BLOCKED)
  })

  test.each(['', 'unknown', `${BAD}, ${GOOD}`, `${BAD}:443`])('%j is no address, and blocked by nothing', async (address) => {
    const { isolate, block } = scripted()
    block(BAD, NOW + 60_000)
    expect(await isolate()(PROTECTED, address, await withKey())).toBe('200')
  })

  test('what a client says of its address in other fields is not read', async () => {
    const { isolate, block } = scripted()
    block(BAD, NOW + 60_000)
    const forged = (address: string) => ({ 'x-forwarded-for': address, 'x-real-ip': address, forwarded: `for=${address}` })
    const ask = isolate()
    const headers = await withKey()
    expect(await ask(PROTECTED, BAD, { ...headers, ...forged(GOOD) })).toBe(BLOCKED)
    expect(await ask(PROTECTED, GOOD, { ...headers, ...forged(BAD) })).toBe('200')
  })
})

describe('an open route', () => {
  test('goes by what is in memory, without waiting, and has it refreshed after the response', async () => {
    const { state, isolate, block } = scripted()
    block(BAD, NOW + 60_000)
    const ask = isolate()
    expect(await ask(OPEN, BAD)).toBe('200')
    expect(state.reads).toBe(1)
    expect(await ask(OPEN, BAD)).toBe(BLOCKED)
    block(GOOD, NOW + 60_000)
    state.now = NOW + 2499
    expect(await ask(OPEN, GOOD)).toBe('200')
    expect(state.reads).toBe(1)
    state.now = NOW + 2500
    expect([await ask(OPEN, GOOD), await ask(OPEN, GOOD)]).toEqual(['200', BLOCKED])
    expect(state.reads).toBe(2)
  })

  test('of a gate whose feed is down is open, asks once a second, and still knows what it knew', async () => {
    const { state, isolate, block } = scripted()
    block(BAD, NOW + 60_000)
    const ask = isolate()
    await ask(PROTECTED, GOOD)
    state.isDown = true
    state.now = NOW + 30_000
    expect([await ask(OPEN, GOOD), await ask(OPEN, GOOD), await ask(OPEN, BAD)]).toEqual(['200', '200', BLOCKED])
    expect(state.reads).toBe(2)
    state.now += 1000
    await ask(OPEN, GOOD)
    expect(state.reads).toBe(3)
  })

  test('of a gate whose clock was set back reads the feed anew', async () => {
    const { state, isolate } = scripted()
    const ask = isolate()
    await ask(OPEN, GOOD)
    state.now = NOW - 4999
    await ask(OPEN, GOOD)
    expect(state.reads).toBe(1)
    state.now = NOW - 5000
    await ask(OPEN, GOOD)
    expect(state.reads).toBe(2)
  })

  test('never waits: an answer comes while the feed is silent', async () => {
    const { isolate } = scripted()
    const silent = createRevocationsOf(async () => new Promise(() => undefined), { boundSeconds: 5 })
    const gate = isolate({ ...silent, keepFresh: () => undefined })
    expect(await gate(OPEN, BAD)).toBe('200')
  })
})

test('the warm path looks in the snapshot at once: nothing is awaited before the refusal', async () => {
  const { isolate } = scripted()
  const asked: string[] = []
  const held = {
    find: () => undefined,
    changesOf: () => ({}),
    findRestriction: () => undefined,
    findAddress: (address: string) => {
      asked.push(address)
      return 'abuse'
    },
  }
  const answer = isolate({ snapshot: () => Promise.reject(new Error('not asked')), held: () => held })(PROTECTED, BAD)
  expect(asked).toEqual([BAD])
  expect(await answer).toBe(BLOCKED)
})

test('a gate under test blocks an address for a day', async () => {
  const gate = createOrdersGate()
  gate.revoke({ type: 'address', id: '2001:db8::7' })
  const ask = async (): Promise<Response> =>
    gate.fetch(await prepare(gate, get(gate, PROTECTED, { 'cf-connecting-ip': '2001:db8::8' }), [key('acme')]))
  gate.advance(86_399)
  expect(await codeOf(await ask())).toBe(BLOCKED)
  gate.advance(1)
  expect((await ask()).status).toBe(200)
  expect(() => gate.revoke({ type: 'address', id: '192.0.2.0/64' })).toThrow('not an address')
})

test('the admin API takes an address, and is open to one that is blocked', async () => {
  const bindings = { ...(env as unknown as Bindings), ...VALUES }
  const gate = createGate(document, bindings, { now: () => NOW, log: () => undefined, fetch: async () => new Response('ok') })
  const root = parseRootSecret(ROOT, { gateway: 'test', environment: 'test' })
  const { key: admin } = await issueKey(root, 'admin', { consumer: 'admin', scopes: ['revocations:write'] }, NOW)
  const post = async (id: string): Promise<Response> =>
    gate.handle(
      new Request(`${HOST}/.portcullis/admin/v1/revocations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${admin}`, 'cf-connecting-ip': '198.51.100.9' },
        body: JSON.stringify({ type: 'address', id }),
      }),
      { waitUntil: () => undefined },
    )
  const blocked = await post('198.51.100.9')
  expect(blocked.status).toBe(201)
  const end = new Date(NOW + 86_400_000).toISOString()
  expect(await blocked.json()).toMatchObject({ revocations: [{ type: 'address', id: '198.51.100.9', expiresAt: end }] })
  expect(await (await post('2001:DB8::5')).json()).toMatchObject({ revocations: [{ id: '2001:db8:0:0::/64' }] })
  expect((await post('198.51.100.10')).status).toBe(201)
})
