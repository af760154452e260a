import { runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { encodeBase64 } from '../../src/http/base64url.ts'
import { createEvents } from '../../src/insight/events.ts'
import { signedRequest, type Signer } from '../schemes/http-signature/signing-client.ts'
import { controlPolicy, createControlGate } from '../support/control.ts'
import { codeOf } from '../support/orders.ts'
import { HOST } from '../support/session-gate.ts'
import { ROOT } from '../support/sessions.ts'

const { DIRECTORY, EVENTS, PROJECTION } = env as unknown as Bindings
const scannerPair = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])) as CryptoKeyPair
const scannerKey = encodeBase64(new Uint8Array((await crypto.subtle.exportKey('spki', scannerPair.publicKey)) as ArrayBuffer))
const policy = controlPolicy((document) => {
  document.components.securitySchemes.signed = { type: 'http', scheme: 'Signature' }
  document.paths['/signed'] = { get: { security: [{ signed: ['read'] }] } }
  document['x-portcullis'].control.secretScanning = [
    { name: 'ours', keys: [{ id: 'k1', publicKey: `-----BEGIN PUBLIC KEY-----\n${scannerKey}\n-----END PUBLIC KEY-----` }] },
  ]
})
const isolate = (bindings: Partial<Bindings> = {}) => createControlGate({ policy, bindings })
const admin = isolate()
const events = createEvents(EVENTS)

async function app(): Promise<string> {
  const { id: organisation } = await admin.json<{ id: string }>('POST', '/organisations', { name: 'Acme' })
  return (await admin.json<{ id: string }>('POST', '/apps', { organisation, name: 'web', plan: 'free' })).id
}
const imported = (): string => `legacy-${crypto.randomUUID()}`
const add = async (of: string, body: object): Promise<{ id: string }> => admin.json('POST', `/apps/${of}/keys`, { name: 'old', ...body })
const use = async (gate: ReturnType<typeof isolate>, key: string, address = '192.0.2.1') => {
  const response = await gate.fetch('/v1/keyed', { headers: { 'x-api-key': key, 'cf-connecting-ip': address } })
  return response.status === 200 ? '200' : codeOf(response)
}

beforeEach(() => void vi.spyOn(console, 'log').mockImplementation(() => undefined))
afterEach(() => void vi.restoreAllMocks())

describe('a key that was made elsewhere', () => {
  test('works once it is added, in every isolate, and stops when it is revoked', async () => {
    const key = imported()
    expect(await use(isolate(), key)).toBe('401 credential-rejected')
    const { id } = await add(await app(), { imported: key })
    const busy = isolate()
    expect(await use(busy, key)).toBe('200')
    expect(await use(isolate(), key)).toBe('200')
    await admin.json('DELETE', `/keys/${id}`)
    expect(await use(isolate(), key)).toBe('401 credential-revoked')
  })

  test('is what it has become, whatever copy of it an isolate reads', async () => {
    const key = imported()
    const of = await app()
    const { id } = await add(of, { imported: key, scopes: ['read'] })
    expect(await use(isolate(), key)).toBe('200')
    await admin.json('PATCH', `/keys/${id}`, { scopes: ['write'] }, { 'if-match': '*' })
    expect(await use(isolate(), key)).toBe('403 scope-insufficient')
    await admin.json('PATCH', `/keys/${id}`, { scopes: null }, { 'if-match': '*' })
    expect(await use(isolate(), key)).toBe('200')
    await admin.json('PATCH', `/apps/${of}`, { state: 'disabled' }, { 'if-match': '*' })
    expect(await use(isolate(), key)).toBe('401 credential-disabled')
  })

  test('a copy that was tampered with changes nothing', async () => {
    const key = imported()
    await add(await app(), { imported: key, scopes: [] })
    expect(await use(isolate(), key)).toBe('403 scope-insufficient')
    const { keys } = await PROJECTION.list()
    const copies = await Promise.all(keys.map(async ({ name }) => ({ name, value: (await PROJECTION.get(name)) ?? '' })))
    const own = copies.filter(({ value }) => value.includes('"scopes":[]'))
    expect(own).toHaveLength(1)
    for (const { name, value } of own) await PROJECTION.put(name, value.replace('"scopes":[]', '"scopes":["read"]'))
    expect(await use(isolate(), key)).toBe('403 scope-insufficient')
  })

  test('while the directory does not answer, a key that it may know is 503 and not 401; others are as ever', async () => {
    const down = { getByName: () => ({ findKey: async () => Promise.reject(new Error('the directory is down')) }) }
    const gate = isolate({ DIRECTORY: down as unknown as Bindings['DIRECTORY'] })
    const known = imported()
    await add(await app(), { imported: known })
    expect(await use(isolate(), known)).toBe('200')
    expect(await use(gate, imported())).toBe('503 dependency-unavailable')
    expect(await use(gate, known)).toBe('200')
    expect(await use(gate, 'short')).toBe('401 credential-rejected')
  })
})

describe('a public key of an app', () => {
  test.each([
    ['Ed25519', { name: 'Ed25519' }, 'Ed25519'],
    ['P-256', { name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }],
  ] as const)('%s: its holder signs; nobody else does, and not after it is revoked', async (_, generate, algorithm) => {
    const [own, other] = (await Promise.all(
      [1, 2].map(async () => crypto.subtle.generateKey(generate, true, ['sign', 'verify'])),
    )) as CryptoKeyPair[]
    const { kty, crv, x, y } = (await crypto.subtle.exportKey('jwk', (own as CryptoKeyPair).publicKey)) as JsonWebKey
    const { id } = await add(await app(), { publicKey: y === undefined ? { kty, crv, x } : { kty, crv, x, y } })
    const ask = async (pair: CryptoKeyPair | undefined) => {
      const signer: Signer = {
        keyid: id,
        sign: async (base) =>
          new Uint8Array(await crypto.subtle.sign(algorithm, (pair as CryptoKeyPair).privateKey, new TextEncoder().encode(base))),
      }
      const created = String(Math.floor(Date.now() / 1000))
      const { headers } = await signedRequest(signer, { url: `${HOST}/v1/signed`, parameters: { created } })
      const response = await isolate().fetch('/v1/signed', { headers: Object.fromEntries(headers) })
      return response.status === 200 ? '200' : codeOf(response)
    }
    expect(await ask(own)).toBe('200')
    expect(await ask(other)).toBe('401 credential-rejected')
    await admin.json('DELETE', `/keys/${id}`)
    expect(await ask(own)).toBe('401 credential-revoked')
  })
})

describe('a key of an app that the directory never gave', () => {
  test('works, as the root secret says, and the operators are told once; one that it gave is nothing to tell', async () => {
    const of = await app()
    const given = await admin.json<{ id: string; secret: string }>('POST', `/apps/${of}/keys`, { name: 'ci' })
    const forged = await issueKey(ROOT, 'api', { consumer: of, plan: 'free' }, Date.now())
    const gate = isolate()
    for (const key of [given.secret, forged.key, forged.key]) expect(await use(gate, key)).toBe('200')
    await vi.waitFor(async () => {
      const told = (await events.list({ type: 'key.forged' })).items.filter(({ consumer }) => consumer === of)
      expect(told).toMatchObject([{ id: `evt_forged_${forged.id}`, data: { key: forged.id, severity: 'critical' } }])
    })
  })
})

test('what becomes of keys and apps is told, after whoever changed it has the answer, and without any secret', async () => {
  const of = await app()
  const key = await admin.json<{ id: string; secret: string }>('POST', `/apps/${of}/keys`, { name: 'ci' })
  const fresh = await admin.json<{ id: string; secret: string }>('POST', `/keys/${key.id}/rotate`, { overlapSeconds: 60 })
  await admin.json('DELETE', `/keys/${key.id}`)
  await admin.json('PATCH', `/apps/${of}`, { plan: 'gold' }, { 'if-match': '*' })
  await runDurableObjectAlarm(DIRECTORY.getByName('directory'))
  await runDurableObjectAlarm(DIRECTORY.getByName('directory'))
  const told = (await events.list({})).items.filter(({ consumer }) => consumer === of).toReversed()
  expect(told.map(({ type, data }) => [type, data['key'] ?? data['app']])).toEqual([
    ['key.created', key.id],
    ['key.created', fresh.id],
    ['key.rotated', key.id],
    ['key.revoked', key.id],
    ['app.changed', of],
  ])
  expect(told.every(({ organisation }) => organisation?.startsWith('org_') === true)).toBe(true)
  expect(JSON.stringify(told)).not.toMatch(/pck_/u)
})

describe('a leaked key', () => {
  test('is over by the word of a scanner, and its organisation is told', async () => {
    const of = await app()
    const { id, secret } = await admin.json<{ id: string; secret: string }>('POST', `/apps/${of}/keys`, { name: 'ci' })
    const body = JSON.stringify([{ token: secret, type: 'portcullis_api_key', url: 'https://git.example/x', source: 'content' }])
    const raw = new Uint8Array(
      await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, scannerPair.privateKey, new TextEncoder().encode(body)),
    )
    const headers = { 'github-public-key-identifier': 'k1', 'github-public-key-signature': encodeBase64(derOf(raw)) }
    const response = await isolate().fetch('/.portcullis/leaks', { method: 'POST', headers, body })
    expect(await response.json()).toMatchObject([{ label: 'true_positive' }])
    expect(await use(isolate(), secret)).toBe('401 credential-revoked')
    const event = (await events.list({ type: 'key.leaked' })).items.find(({ consumer }) => consumer === of)
    expect(event).toMatchObject({ organisation: expect.stringMatching(/^org_/u) as string, data: { key: id, scanner: 'ours' } })
    expect((await isolate().fetch('/.portcullis/leaks', { method: 'POST', body })).status).toBe(401)
  })

  test('how keys look is published', async () => {
    const response = await isolate().fetch('/.well-known/portcullis/key-format.json')
    expect(await response.json()).toMatchObject({ patterns: [{ type: 'portcullis_api_key' }, { type: 'portcullis_admin_key' }] })
  })
})

function derOf(raw: Uint8Array): Uint8Array {
  const numbers = [raw.subarray(0, 32), raw.subarray(32)].map((number) => {
    const digits = Array.from(number.subarray(number.findIndex((byte) => byte !== 0)))
    const whole = (digits[0] ?? 0) >= 0x80 ? [0].concat(digits) : digits
    return [2, whole.length].concat(whole)
  })
  return new Uint8Array([0x30, numbers.flat().length].concat(numbers.flat()))
}
