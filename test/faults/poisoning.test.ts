import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createColoCache } from '../../src/credentials/colo-cache.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { encodeHex } from '../../src/http/base64url.ts'
import { FEED_NAME } from '../../src/revocation/feed.ts'
import { createSigner, SECONDS } from '../schemes/jwt/scene.ts'
import { NOW } from '../support/authenticators.ts'
import { createFaultGate, type FaultGate } from '../support/fault-gate.ts'
import { AUDIENCE, createOrdersGate, get, VALUES } from '../support/orders.ts'

const AUTHORITY = 'api.example.com'
const LIFE = { headers: { 'cache-control': 'max-age=300' } }
const secret = parseRootSecret(VALUES.PORTCULLIS_ROOT_KEY, { gateway: 'test', environment: 'test' })
const helper = createOrdersGate()
const [good, attacker] = await Promise.all([createSigner('Ed25519', 'k'), createSigner('Ed25519', 'k')])

async function addressOf(folder: string, name: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name)))
  return `https://${AUTHORITY}/.portcullis/${folder}/${encodeHex(digest)}`
}
const cache = async (): Promise<Cache> => caches.open('portcullis')
async function textAt(address: string): Promise<string> {
  const found = await (await cache()).match(address)
  if (found === undefined) throw new Error('nothing was put in the cache')
  return found.text()
}

/** What another Worker of the zone can put where a value of the gate was. `value`: that value; `content`: without its MAC. */
type Poison = (place: { readonly folder: string; readonly name: string; readonly value: string }) => Promise<Response>
const contentOf = (value: string): string => value.slice(value.indexOf('.') + 1)
/** The content under the right MAC of another purpose, or another name. */
async function underMacOf(purpose: string, name: string, value: string): Promise<Response> {
  await createColoCache(secret, { purpose, folder: 'elsewhere', maxBytes: 2 ** 20 }).put(AUTHORITY, name, contentOf(value), 300)
  return new Response(await textAt(await addressOf('elsewhere', name)), LIFE)
}
const POISONS: readonly (readonly [string, Poison])[] = [
  ['one byte changed', async ({ value }) => new Response(`${value.slice(0, -3)}~${value.slice(-2)}`, LIFE)],
  ['other bytes', async () => new Response(JSON.stringify({ keys: [attacker.jwk], readAt: NOW, entries: [] }), LIFE)],
  ['cut off', async ({ value }) => new Response(value.slice(0, value.length / 2), LIFE)],
  ['only a MAC', async ({ value }) => new Response(value.slice(0, 44), LIFE)],
  ['nothing', async () => new Response('', LIFE)],
  ['the value under the MAC of another purpose', async ({ name, value }) => underMacOf('fault-cache', name, value)],
  [
    'a value of the other user of the cache, under its MAC',
    async ({ folder, name, value }) => underMacOf(folder === 'key-sets' ? 'revocation-cache' : 'jwks-cache', name, value),
  ],
  [
    'the value under the MAC of another name',
    async ({ folder, value }) => underMacOf(folder === 'key-sets' ? 'jwks-cache' : 'revocation-cache', 'another', value),
  ],
  ['longer than any value', async ({ value }) => new Response(`${value}${' '.repeat(25 * 2 ** 20)}`, LIFE)],
]

/** The address is poisoned; the gate's own answer to nobody. */
async function poison(folder: string, name: string, make: Poison): Promise<void> {
  const address = await addressOf(folder, name)
  const response = await make({ folder, name, value: await textAt(address) })
  await (await cache()).put(address, response)
}

afterEach(async () => {
  await (await cache()).delete(await addressOf('revocations', 'head'))
  await reset()
})

describe('the key set in the cache of the data centre', () => {
  /** One data centre with an issuer that no other test knows. */
  function scene() {
    const issuer = `https://${crypto.randomUUID()}.example`
    const state = { now: NOW, keys: [good.jwk], fetched: 0 }
    const isolate = (): FaultGate =>
      createFaultGate({
        bindings: { ISSUER: issuer },
        now: () => state.now,
        async fetch(input) {
          const url = new Request(input).url
          if (url === `${issuer}/jwks`) {
            state.fetched += 1
            return Response.json({ keys: state.keys }, LIFE)
          }
          return url.startsWith(issuer) ? Response.json({ issuer, jwks_uri: `${issuer}/jwks` }) : new Response('ok')
        },
      })
    const tokenOf = async (signer: typeof good): Promise<Request> => {
      const token = await signer.sign({ iss: issuer, aud: AUDIENCE, client_id: 'acme-app', scope: 'orders:read', exp: SECONDS + 9000 })
      return get(helper, '/v1/orders/1', { authorization: `Bearer ${token}` })
    }
    return { state, isolate, tokenOf, name: JSON.stringify([issuer, `${issuer}/.well-known/openid-configuration`]) }
  }

  test('untouched, it spares the next isolate the way to the issuer', async () => {
    const { state, isolate, tokenOf } = scene()
    const request = await tokenOf(good)
    expect([await isolate().told(request), await isolate().told(request), state.fetched]).toEqual(['200', '200', 1])
  })

  test.each(POISONS)('%s: a miss; the issuer is asked once, and no forged token passes', async (_what, make) => {
    const { state, isolate, tokenOf, name } = scene()
    const request = await tokenOf(good)
    expect(await isolate().told(request)).toBe('200')
    await poison('key-sets', name, make)
    const cold = isolate()
    expect([await cold.told(request), state.fetched]).toEqual(['200', 2])
    expect(await cold.told(await tokenOf(attacker))).toBe('401 credential-rejected')
  })

  test('an older copy, put back when its time is over: a miss; a key that was withdrawn lets nobody in', async () => {
    const { state, isolate, tokenOf, name } = scene()
    const request = await tokenOf(good)
    await isolate().told(request)
    const old = await textAt(await addressOf('key-sets', name))
    state.keys = [attacker.jwk]
    state.now = NOW + 300_000
    await (await cache()).put(await addressOf('key-sets', name), new Response(old, LIFE))
    expect([await isolate().told(request), state.fetched]).toEqual(['401 credential-rejected', 2])
  })
})

describe('the feed in the cache of the data centre', () => {
  const { REVOCATIONS } = env as unknown as Bindings
  /** Isolates of one data centre, and a key that is revoked in the object. */
  async function scene() {
    const state = { now: NOW, reads: 0 }
    const counting = {
      getByName: (name: string) => ({
        since: async (...values: Parameters<ReturnType<typeof REVOCATIONS.getByName>['since']>) => {
          state.reads += 1
          return REVOCATIONS.getByName(name).since(...values)
        },
      }),
    }
    const isolate = (): FaultGate =>
      createFaultGate({ bindings: { REVOCATIONS: counting }, now: () => state.now, fetch: async () => new Response('ok') })
    const issued = await issueKey(secret, 'api', { consumer: 'acme', scopes: ['orders:read'] }, NOW)
    const request = get(helper, '/v1/orders/1', { 'x-api-key': issued.key })
    const revoke = async (): Promise<void> => {
      const entry = { target: { type: 'key' as const, id: issued.id }, expiresAt: NOW * 2, reason: 'leaked' }
      await REVOCATIONS.getByName(FEED_NAME).append([entry])
    }
    return { state, isolate, request, revoke }
  }

  test('untouched, it spares the next isolate the way to the object', async () => {
    const { state, isolate, request, revoke } = await scene()
    await revoke()
    expect([await isolate().told(request), await isolate().told(request)]).toEqual(['401 credential-revoked', '401 credential-revoked'])
    expect(state.reads).toBe(1)
  })

  test.each(POISONS)('%s: a miss; the object is read once, and what is revoked stays so', async (_what, make) => {
    const { state, isolate, request, revoke } = await scene()
    await revoke()
    await isolate().told(request)
    await poison('revocations', 'head', make)
    expect([await isolate().told(request), state.reads]).toEqual(['401 credential-revoked', 2])
  })

  test('an older copy, of before the revocation: believed for no longer than the bound, by a cold isolate or a warm one', async () => {
    const { state, isolate, request, revoke } = await scene()
    const warm = isolate()
    expect(await warm.told(request)).toBe('200')
    const address = await addressOf('revocations', 'head')
    const old = await textAt(address)
    await revoke()
    state.now = NOW + 5000
    await (await cache()).put(address, new Response(old, LIFE))
    expect(await warm.told(request)).toBe('401 credential-revoked')
    await (await cache()).put(address, new Response(old, LIFE))
    expect(await isolate().told(request)).toBe('401 credential-revoked')
  })
})
