import { describe, expect, test } from 'vitest'
import { createWatchedNames } from '../../../src/insight/watched-names.ts'
import type { Observation } from '../../../src/insight/observation.ts'
import type { DecisionRecord } from '../../../src/insight/record.ts'
import { createObserver } from '../../../src/observer.ts'
import type { Passage } from '../../../src/passage.ts'
import type { Authenticator, Principal, Shortfall } from '../../../src/schemes/authenticator.ts'
import { createControlGate } from '../../support/control.ts'
import { ROOT } from '../../support/sessions.ts'

const NOW = Date.UTC(2026, 10, 25)
const victim: Principal = {
  scheme: 'signed',
  kind: 'http-signature',
  issuer: 'portcullis',
  subject: 'acme',
  consumer: 'acme',
  credentialId: 'victim',
  scopes: new Set(),
  claims: {},
  expiresAt: Number.POSITIVE_INFINITY,
}
const authenticator: Authenticator = {
  name: 'signed',
  kind: 'http-signature',
  carriers: [{ in: 'header', name: 'x-key' }],
  read: () => undefined,
  remedy: async () => ({ challenges: [] }),
}

async function toldOf(shortfall: Shortfall | undefined): Promise<readonly [Observation, string] | undefined> {
  const noted: (readonly [Observation, string])[] = []
  const observe = createObserver({
    linked: { anyScheme: [[{ authenticator, scopes: [], consumerOptional: false }]] },
    names: createWatchedNames(ROOT),
    sink: { note: (...one) => noted.push(one), flush: async () => {} },
    now: () => NOW,
  })
  const request = new Request('https://api.example.com/v1/orders', { headers: { 'x-key': 'captured' } })
  const passage: Passage = { request, requestId: 'r', address: '192.0.2.9', now: NOW, deferred: [] }
  const record: DecisionRecord = {
    requestId: 'r',
    method: 'GET',
    route: 'GET /orders',
    status: shortfall === undefined ? 200 : 401,
    code: shortfall === undefined ? 'forwarded' : 'credential-replayed',
    at: NOW,
    caller: { principals: [victim], consumer: 'acme', expiresAt: Number.POSITIVE_INFINITY },
    tried: shortfall === undefined ? undefined : [{ alternative: 0, authenticator, shortfall }],
    fault: undefined,
  }
  observe(passage, record)
  for (const { run } of passage.deferred) await run()
  return noted[0]
}

describe('what is learnt of a credential', () => {
  test('is what its holder does: a request that is played back is refused, and says nothing of the victim', async () => {
    const [observation, counted] = (await toldOf({ status: 'rejected', reason: 'replayed' })) ?? []
    expect([observation?.credential, observation?.consumer, counted]).toEqual([undefined, undefined, ''])
    expect(observation?.presented).toBeTypeOf('string')
    const [own, ownCounted] = (await toldOf(undefined)) ?? []
    expect([own?.credential, own?.consumer, ownCounted]).toEqual(['victim', 'acme', 'victim'])
  })
})

describe('credentials that are tried at the gate’s own paths', () => {
  test.each(['/.portcullis/usage', '/.portcullis/console', '/.portcullis/portal', '/.portcullis/admin/v1/status'])(
    '%s takes so many requests of one address, and of others still',
    async (path) => {
      const gate = createControlGate({ now: () => NOW })
      const ask = async (address: string) =>
        (await gate.fetch(path, { headers: { 'x-api-key': 'guess', 'cf-connecting-ip': address } })).status
      const statuses = await Promise.all(Array.from({ length: 501 }, async () => ask('192.0.2.1')))
      expect(statuses.filter((status) => status === 429)).toHaveLength(1)
      expect(await ask('192.0.2.2')).not.toBe(429)
    },
    30_000,
  )
})
