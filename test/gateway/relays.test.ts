import { env } from 'cloudflare:workers'
import document from '#policy'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createGate } from '../../src/gate.ts'
import { NOW } from '../support/authenticators.ts'
import { codeOf, VALUES } from '../support/orders.ts'

const root = parseRootSecret(VALUES.PORTCULLIS_ROOT_KEY, { gateway: 'test', environment: 'test' })
const all = env as unknown as Bindings
const NAMED = 'orders.example.net'

/** Isolates of one gate over objects that are the test's own; `asked`: relays by name, and the feed. */
function gateAt(host: string, relays?: number) {
  const feed = all.REVOCATIONS.getByName(crypto.randomUUID())
  const asked = { relays: new Set<string>(), ofRelay: 0, ofFeed: 0 }
  const state = { now: Date.now(), isRelayDown: false }
  const policy = {
    ...document,
    servers: [{ url: `https://${host}/v1` }],
    'x-portcullis': { ...document['x-portcullis'], ...(relays === undefined ? {} : { revocation: { relays } }) },
  }
  const read = async (...position: Parameters<typeof feed.since>) => {
    asked.ofFeed += 1
    return feed.since(...position)
  }
  const relay = {
    head: async () => {
      asked.ofRelay += 1
      if (state.isRelayDown) throw new Error('down')
      const { position, from, entries } = await feed.since(undefined)
      return { ageMs: 0, position, from, entries }
    },
    whole: async () => undefined,
  }
  const bindings = {
    ...all,
    ...VALUES,
    REVOCATIONS: { getByName: () => ({ since: read, lookUp: async (targets: readonly string[]) => feed.lookUp(targets) }) },
    RELAYS: {
      getByName: (name: string) => {
        asked.relays.add(name)
        return relay
      },
    },
  }
  const isolate = () => {
    const gate = createGate(policy, bindings as never, {
      now: () => state.now,
      log: () => undefined,
      fetch: async () => new Response('ok'),
    })
    return async (key: string): Promise<string> => {
      const request = new Request(`https://${host}/v1/orders/1`, { headers: { 'x-api-key': key } })
      const pending: Promise<unknown>[] = []
      const response = await gate.handle(request, { waitUntil: (promise) => pending.push(promise) })
      await Promise.all(pending)
      return response.status === 200 ? '200' : codeOf(response)
    }
  }
  const revoke = async (id: string): Promise<void> => {
    await feed.append([{ target: { type: 'key', id }, expiresAt: NOW * 2, reason: 'leaked' }])
  }
  return { asked, state, isolate, revoke }
}
const keyAt = async (now: number) => issueKey(root, 'api', { consumer: 'acme', scopes: ['orders:read'] }, now)

describe('relays, through the gate', () => {
  test.each([
    ['on workers.dev', 'orders.acme.workers.dev', undefined],
    ['on a host of its own whose policy names relays', NAMED, 2],
  ])('%s: isolates ask a relay in place of the feed, and know by it what was revoked', async (_where, host, relays) => {
    const { asked, state, isolate, revoke } = gateAt(host, relays)
    const { key, id } = await keyAt(state.now)
    const warm = isolate()
    expect([await warm(key), asked.ofRelay, asked.ofFeed]).toEqual(['200', 1, 0])
    await revoke(id)
    state.now += 5000
    expect([await warm(key), await isolate()(key)]).toEqual(['401 credential-revoked', '401 credential-revoked'])
    expect([asked.ofRelay, asked.ofFeed]).toEqual([3, 0])
  })

  test.each([
    ['on a host of its own', NAMED],
    ['on a host that only looks like workers.dev', 'workers.dev.example.net'],
    ['on a host whose name only ends alike', 'notworkers.dev'],
  ])('%s no relay is asked', async (_where, host) => {
    const { asked, state, isolate } = gateAt(host)
    const { key } = await keyAt(state.now)
    expect([await isolate()(key), asked.relays.size, asked.ofFeed]).toEqual(['200', 0, 1])
  })

  test.each([
    [undefined, 4],
    [1, 1],
    [3, 3],
  ])('an isolate draws one of them: policy %s, of %i', async (relays, count) => {
    const { asked, state, isolate } = gateAt('orders.acme.workers.dev', relays)
    const { key } = await keyAt(state.now)
    for (let begun = 0; begun < 60; begun += 1) await isolate()(key)
    expect([...asked.relays].toSorted()).toEqual(Array.from({ length: count }, (_, index) => `relay-${index}`))
  })

  test('a relay that is down costs a read of the feed itself, and lets nothing by', async () => {
    const { asked, state, isolate, revoke } = gateAt('orders.acme.workers.dev')
    const { key, id } = await keyAt(state.now)
    await revoke(id)
    state.isRelayDown = true
    expect([await isolate()(key), asked.ofFeed]).toEqual(['401 credential-revoked', 1])
  })
})
