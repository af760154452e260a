import { describe, expect, test } from 'vitest'
import { loadPolicy } from '../../src/policy/load-policy.ts'

const KEY = { type: 'apiKey', in: 'header', name: 'X-API-Key', 'x-portcullis': { kind: 'api-key' } }

/** A policy of one route for keys, with one limit. */
function load(limit: Readonly<Record<string, unknown>>, own?: Readonly<Record<string, unknown>>, cost = 1) {
  return loadPolicy(
    {
      openapi: '3.1.0',
      info: { title: 'Limits', version: '1' },
      servers: [{ url: 'https://api.example.com' }],
      'x-portcullis': {
        origins: { main: { url: 'https://origin.example' } },
        defaults: { origin: 'main', limits: ['l'], cost },
        limits: { l: { by: ['consumer'], ...limit } },
        consumers: { acme: own === undefined ? {} : { limits: { l: own } } },
      },
      components: { securitySchemes: { app: KEY } },
      paths: { '/': { get: { security: [{ app: [] }] } } },
    },
    {},
    { isLocal: false },
  )
}
const problemsOf = (...given: Parameters<typeof load>): string[] => {
  const loaded = load(...given)
  return loaded.ok ? [] : loaded.problems.map(({ pointer, message }) => `${pointer}: ${message}`)
}
const policyOf = (...given: Parameters<typeof load>) => {
  const loaded = load(...given)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.policy
}
const AT = '/x-portcullis/limits/l'

describe('concurrent requests', () => {
  test('are held for 60 seconds at most, leased, and counted here while the ledger is down', () => {
    expect(policyOf({ concurrent: 20 }).limits).toEqual([
      {
        name: 'l',
        by: [['consumer']],
        concurrency: { count: 20, holdSeconds: 60 },
        chargeOn: 'request',
        consistency: 'leased',
        onOutage: 'local',
      },
    ])
  })

  test.each([
    [{ concurrent: 1, holdSeconds: 1 }],
    [{ concurrent: 1000, holdSeconds: 900 }],
    [{ concurrent: 5, consistency: 'strict', onOutage: 'closed' }],
  ])('%j holds', (limit) => {
    expect(problemsOf(limit)).toEqual([])
  })

  test.each([
    [{ concurrent: 0 }, `${AT}/concurrent: at least 1`],
    [{ concurrent: 1001 }, `${AT}/concurrent: at most 1000`],
    [{ concurrent: 1.5 }, `${AT}/concurrent: expected a whole number`],
    [{ concurrent: 1, holdSeconds: 0 }, `${AT}/holdSeconds: at least 1`],
    [{ concurrent: 1, holdSeconds: 901 }, `${AT}/holdSeconds: at most 900`],
    [{ rate: '1/second', holdSeconds: 5 }, `${AT}/holdSeconds: it belongs to concurrent requests`],
    [{ concurrent: 1, rate: '1/second' }, `${AT}: credits and concurrent requests are limits of their own`],
    [{ concurrent: 1, credits: 1 }, `${AT}: credits and concurrent requests are limits of their own`],
    [{ concurrent: 1, chargeOn: 'success' }, `${AT}/chargeOn: every request that was let in is in flight, however it ends`],
    [{ concurrent: 1, burst: 1 }, `${AT}/burst: a burst belongs to a rate`],
    [{}, `${AT}: a limit needs a rate or a quota, credits, or a number of concurrent requests`],
  ])('%j is refused', (limit, problem) => {
    expect(problemsOf(limit)).toEqual([problem])
  })

  test('a request is one request, whatever it costs', () => {
    expect(problemsOf({ concurrent: 1 }, undefined, 100)).toEqual([])
  })
})

describe('credits', () => {
  test('are strict, given back on failure, and closed while the ledger is down', () => {
    expect(policyOf({ credits: 1000 }).limits).toMatchObject([
      { credits: 1000, chargeOn: 'success', consistency: 'strict', onOutage: 'closed' },
    ])
  })

  test.each([[{ credits: 0 }], [{ credits: 1_000_000_000, consistency: 'leased', chargeOn: 'request' }]])('%j holds', (limit) => {
    expect(problemsOf(limit)).toEqual([])
  })

  test.each([
    [{ credits: -1 }, `${AT}/credits: at least 0`],
    [{ credits: 1_000_000_001 }, `${AT}/credits: at most 1000000000`],
    [{ credits: 1, quota: '1/day' }, `${AT}: credits and concurrent requests are limits of their own`],
    [{ credits: 1, by: ['consumer', 'subject'] }, `${AT}/by: credits belong to a consumer and to nothing else`],
    [{ credits: 1, by: ['consumer*route'] }, `${AT}/by: credits belong to a consumer and to nothing else`],
    [{ credits: 1, consistency: 'local' }, `${AT}/consistency: each isolate would give all credits away by itself`],
    [{ credits: 1, onOutage: 'local' }, `${AT}/onOutage: each isolate would give all credits away by itself`],
    [{ credits: 1, timeZone: 'UTC' }, `${AT}/timeZone: a time zone belongs to a quota`],
  ])('%j is refused', (limit, problem) => {
    expect(problemsOf(limit)).toEqual([problem])
  })
})

describe('a consumer’s own numbers', () => {
  test('replace permits and credits, and nothing else', () => {
    expect(policyOf({ concurrent: 5, holdSeconds: 9 }, { concurrent: 7 }).consumers?.[0]?.limits).toMatchObject([
      { concurrency: { count: 7, holdSeconds: 9 } },
    ])
    expect(policyOf({ credits: 5 }, { credits: 7 }).consumers?.[0]?.limits).toMatchObject([{ credits: 7, consistency: 'strict' }])
  })

  test.each([
    [{ credits: 5 }, { concurrent: 1 }, 'the limit has no number of concurrent requests to replace'],
    [{ concurrent: 5 }, { credits: 1 }, 'the limit has no credits to replace'],
    [{ concurrent: 5 }, { rate: '1/second' }, 'the limit has no rate to replace'],
    [{ credits: 5 }, {}, 'it replaces nothing'],
  ])('%j: %j is refused', (limit, own, problem) => {
    expect(problemsOf(limit, own)).toEqual([`/x-portcullis/consumers/acme/limits/l: ${problem}`])
  })
})
