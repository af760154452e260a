import { env } from 'cloudflare:workers'
import document from '#policy'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey, type KeyOptions } from '../../src/credentials/key-format.ts'
import { issueSigningKey } from '../../src/credentials/signing-key.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createGate } from '../../src/gate.ts'
import { decodeBase64Url } from '../../src/http/base64url.ts'
import { signature } from '../../src/testing/index.ts'
import { createTestIssuers } from '../../src/testing/test-issuer.ts'
import { NOW } from '../support/authenticators.ts'
import { AUDIENCE, codeOf, createOrdersGate, ISSUER, VALUES } from '../support/orders.ts'

const root = parseRootSecret(VALUES.PORTCULLIS_ROOT_KEY, { gateway: 'test', environment: 'test' })
const HOST = 'https://api.example.com'
const CHANGES = `${HOST}/.portcullis/admin/v1/changes`
const DAY = 86_400_000
const issuers = createTestIssuers(new Map())

/** The gate over real Durable Objects, with a clock of its own: an isolate. */
function isolate(now: () => number = () => NOW, policy: unknown = document): { answer: (request: Request) => Promise<Response> } {
  const gate = createGate(
    policy,
    { ...(env as unknown as Bindings), ...VALUES },
    { now, log: () => undefined, fetch: async (input) => (await issuers.answer(new Request(input).url)) ?? new Response('ok') },
  )
  return {
    async answer(request) {
      const pending: Promise<unknown>[] = []
      const response = await gate.handle(request, { waitUntil: (promise) => pending.push(promise) })
      await Promise.all(pending)
      return response
    },
  }
}
const adminKey = async (scopes = ['changes:write']): Promise<string> =>
  (await issueKey(root, 'admin', { consumer: 'admin', scopes }, NOW)).key
const apiKey = async (options: Partial<KeyOptions> = {}) => issueKey(root, 'api', { consumer: 'acme', ...options }, NOW)
const post = async (body: unknown, bearer?: string): Promise<Request> =>
  new Request(CHANGES, { method: 'POST', headers: { authorization: `Bearer ${bearer ?? (await adminKey())}` }, body: JSON.stringify(body) })
const order = (value: string, address?: string, method = 'GET'): Request =>
  new Request(`${HOST}/v1/orders/1`, {
    method,
    headers: { 'x-api-key': value, ...(address === undefined ? {} : { 'cf-connecting-ip': address }) },
  })
/** What an isolate that asks now answers once the change is there. */
async function after(change: object, request: Request, at = NOW): Promise<string> {
  const changed = await isolate(() => at).answer(await post(change))
  expect(changed.status).toBe(201)
  const response = await isolate(() => at).answer(request)
  return response.status === 200 ? '200' : codeOf(response)
}

describe('POST /.portcullis/admin/v1/changes', () => {
  test('a key is switched off and on again, in every isolate by `effectiveBy`', async () => {
    let now = NOW
    const busy = isolate(() => now)
    const { key, id } = await apiKey()
    expect((await busy.answer(order(key))).status).toBe(200)
    const off = await isolate().answer(await post({ type: 'key', id, disabled: true }))
    const { effectiveBy, latestBy, disabled } = await off.json<{ effectiveBy: string; latestBy: string; disabled: boolean }>()
    expect([Date.parse(effectiveBy), latestBy, disabled]).toEqual([NOW + 5000, effectiveBy, true])
    expect((await busy.answer(order(key))).status).toBe(200)
    now = NOW + 5000
    expect(await codeOf(await busy.answer(order(key)))).toBe('401 credential-disabled')
    expect(await after({ type: 'key', id, disabled: false }, order(key), NOW + 6000)).toBe('200')
    now = NOW + 11_000
    expect((await busy.answer(order(key))).status).toBe(200)
  })

  test('of a key that is not authentic nothing is told', async () => {
    const { key, id } = await apiKey()
    const forged = key.replace(/.$/u, (last) => (last === '0' ? '1' : '0'))
    expect(await after({ type: 'key', id, disabled: true }, order(forged))).toBe('401 credential-rejected')
  })

  test('scopes in place of its own, within those of its plan', async () => {
    const { key, id } = await apiKey({ scopes: ['orders:write'] })
    expect(await codeOf(await isolate().answer(order(key)))).toBe('403 scope-insufficient')
    expect(await after({ type: 'key', id, scopes: ['orders:read'] }, order(key))).toBe('200')
    expect(await after({ type: 'key', id, scopes: [] }, order(key), NOW + 1)).toBe('403 scope-insufficient')
    expect(await after({ type: 'key', id, scopes: null }, order(key), NOW + 2)).toBe('403 scope-insufficient')
    expect(await after({ type: 'key', id, plan: 'free', scopes: ['orders:write'] }, order(key), NOW + 3)).toBe('403 scope-insufficient')
  })

  test('another plan bounds the scopes; a plan that the policy lacks is refused', async () => {
    const { key, id } = await apiKey({ scopes: ['payments:write', 'orders:read'], plan: 'gone' })
    expect(await codeOf(await isolate().answer(order(key)))).toBe('401 credential-rejected')
    expect(await after({ type: 'key', id, plan: 'free' }, order(key))).toBe('200')
    const refused = await isolate().answer(await post({ type: 'key', id, plan: 'platinum' }))
    expect([refused.status, (await refused.json<{ errors: unknown }>()).errors]).toEqual([
      422,
      [{ pointer: '/plan', detail: 'the policy has no such plan' }],
    ])
  })

  test('only from its networks, and from nowhere where no address is known', async () => {
    const { key, id } = await apiKey()
    const addresses = ['192.0.2.0/24', '2001:db8::/48']
    expect(await after({ type: 'key', id, addresses }, order(key, '192.0.2.9'))).toBe('200')
    const asked = isolate()
    expect((await asked.answer(order(key, '2001:db8::9'))).status).toBe(200)
    expect(await codeOf(await asked.answer(order(key, '192.0.3.1')))).toBe('403 address-not-allowed')
    expect(await codeOf(await asked.answer(order(key)))).toBe('403 address-not-allowed')
  })

  test('RFC 9745, RFC 8594: a key that was replaced works until its time and says so, and not a moment longer', async () => {
    let now = NOW
    const busy = isolate(() => now)
    const { key, id } = await apiKey()
    const until = NOW + DAY
    expect(await after({ type: 'key', id, validUntil: new Date(until).toISOString() }, order(key))).toBe('200')
    const answer = await busy.answer(order(key))
    expect([answer.headers.get('deprecation'), answer.headers.get('sunset')]).toEqual([`@${NOW / 1000}`, new Date(until).toUTCString()])
    now = until - 1
    expect((await busy.answer(order(key))).status).toBe(200)
    now = until
    const over = await busy.answer(order(key))
    expect([await codeOf(over), over.headers.get('deprecation')]).toEqual(['401 credential-replaced', null])
    const { key: other } = await apiKey()
    expect((await busy.answer(order(other))).headers.get('deprecation')).toBeNull()
  })

  test('a consumer is switched off, and its plan changed', async () => {
    const { key } = await apiKey({ consumer: 'globex' })
    expect(await after({ type: 'consumer', id: 'globex', disabled: true }, order(key))).toBe('401 credential-disabled')
    expect(await after({ type: 'consumer', id: 'globex', disabled: false, plan: 'gold' }, order(key), NOW + 1)).toBe('200')
  })

  test('a plan that a consumer was given, and that the policy no longer has, is 401 on tokens and keys: never unlimited, never 500', async () => {
    const extensions = document['x-portcullis']
    const withSilver = { ...document, 'x-portcullis': { ...extensions, plans: { ...extensions.plans, silver: { limits: ['calls'] } } } }
    const signed = await issuers.sign({ issuer: ISSUER, audience: AUDIENCE, clientId: 'globex-app', scopes: ['orders:read'] }, NOW)
    const byToken = (): Request => new Request(`${HOST}/v1/orders/1`, { headers: { authorization: `Bearer ${signed}` } })
    const { key } = await apiKey({ consumer: 'globex', scopes: ['orders:read'] })
    const now = NOW + 2000
    expect((await isolate(() => now).answer(byToken())).status).toBe(200)
    const changed = await isolate(() => now, withSilver).answer(await post({ type: 'consumer', id: 'globex', plan: 'silver' }))
    const [had, lost] = [isolate(() => now, withSilver), isolate(() => now)]
    const answers = [await had.answer(byToken()), await had.answer(order(key)), await lost.answer(byToken()), await lost.answer(order(key))]
    expect([changed.status, ...(await Promise.all(answers.map(async (one) => (one.status === 200 ? '200' : codeOf(one)))))]).toEqual([
      201,
      '200',
      '200',
      '401 credential-rejected',
      '401 credential-rejected',
    ])
    expect(await after({ type: 'consumer', id: 'globex', plan: null }, byToken(), NOW + 3000)).toBe('200')
  })

  test('a derived signing key changes by its id', async () => {
    const gate = createOrdersGate()
    const { keyid, secret, id } = await issueSigningKey(root, { consumer: 'acme', scopes: ['payments:write'] }, NOW)
    const sign = signature({ keyid, secret: decodeBase64Url(secret) ?? new Uint8Array(), cover: [] })
    const pay = async (): Promise<Request> => sign(new Request(`${HOST}/v1/payments`, { method: 'POST', body: '{}' }), gate)
    const before = await isolate().answer(await pay())
    const changed = await isolate().answer(await post({ type: 'key', id, disabled: true }))
    expect(changed.status).toBe(201)
    const answer = await isolate().answer(await pay())
    expect([before.status, await codeOf(answer)]).toEqual([200, '401 credential-disabled'])
  })

  test('an admin key is switched off like any other', async () => {
    const admin = await issueKey(root, 'admin', { consumer: 'admin', scopes: ['changes:write'] }, NOW)
    expect((await isolate().answer(await post({ type: 'key', id: admin.id, disabled: true }))).status).toBe(201)
    expect(await codeOf(await isolate().answer(await post({ type: 'key', id: 'x', disabled: true }, admin.key)))).toBe(
      '401 credential-disabled',
    )
  })

  test('only with the scope', async () => {
    expect(await codeOf(await isolate().answer(await post({}, await adminKey(['revocations:write']))))).toBe('403 scope-insufficient')
    expect(await codeOf(await isolate().answer(new Request(CHANGES)))).toBe('405 method-not-allowed')
  })

  test.each([
    ['nothing that changes', { type: 'key', id: 'a' }, ''],
    ['addresses of a consumer', { type: 'consumer', id: 'a', addresses: ['192.0.2.1'] }, '/addresses'],
    ['no address at all', { type: 'key', id: 'a', addresses: [] }, '/addresses'],
    ['a network with bits beyond its prefix', { type: 'key', id: 'a', addresses: ['192.0.2.7/24'] }, '/addresses/0'],
    ['seventeen networks', { type: 'key', id: 'a', addresses: Array.from({ length: 17 }, () => '192.0.2.7') }, '/addresses'],
    ['a scope with a space', { type: 'key', id: 'a', scopes: ['a b'] }, '/scopes/0'],
    ['33 scopes', { type: 'key', id: 'a', scopes: Array.from({ length: 33 }, () => 'a') }, '/scopes'],
    ['an instant that is none', { type: 'key', id: 'a', validUntil: 'soon' }, '/validUntil'],
    ['a token', { type: 'jti', id: 'a', disabled: true }, '/type'],
    ['what is over', { type: 'key', id: 'a', disabled: true, expiresAt: '2026-11-25T12:00:00Z' }, '/expiresAt'],
    ['a whole key', { type: 'key', id: 'pck_a_b', disabled: true }, '/id'],
  ])('refuses %s', async (_what, body, pointer) => {
    const refused = await isolate().answer(await post(body))
    const { errors } = await refused.json<{ errors: { pointer: string }[] }>()
    expect([refused.status, errors[0]?.pointer]).toEqual([422, pointer])
  })
})
