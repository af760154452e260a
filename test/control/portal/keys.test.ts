import { beforeEach, describe, expect, test } from 'vitest'
import { readPublicKey } from '../../../src/control/portal/public-key.ts'
import { createTestPortal, START } from '../../support/portal.ts'

type Portal = ReturnType<typeof createTestPortal>
let portal: Portal
let ada: ReturnType<Portal['as']>
let app: string
const X = 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs'
const KEY = { name: 'Production', scopes: 'read', life: '2592000' }

beforeEach(async () => {
  portal = createTestPortal()
  ada = portal.as('ada')
  const organisation = await ada.made('/organisations/new', { name: 'Acme' })
  app = await ada.made(`${organisation}/apps/new`, { name: 'Export', plan: 'gold' })
})
const onlyKey = () => [...portal.accounts.keysById.values()][0]

describe('a new key', () => {
  test('is shown once, in the answer alone, with a command that works', async () => {
    const response = await ada.post(`${app}/keys/new`, { ...KEY, addresses: '203.0.113.0/24\n2001:db8::/32', origins: 'https://a.example' })
    const text = await response.text()
    const { id = '' } = onlyKey() ?? {}
    expect([response.status, response.headers.get('location'), response.headers.get('cache-control')]).toEqual([200, null, 'no-store'])
    expect(text).toContain(`value="pck_secretof_${id}"`)
    expect(text).toContain(`curl -H &#39;X-API-Key: pck_secretof_${id}&#39;`)
    expect(text).toContain('https://api.example.com/v1/orders/42')
    expect(onlyKey()).toMatchObject({
      scopes: ['read'],
      addresses: ['203.0.113.0/24', '2001:db8::/32'],
      origins: ['https://a.example'],
      expiresAt: START + 30 * 86_400_000,
    })
  })
  test('with everything that the plan may has the scopes of the plan, whichever that is', async () => {
    await ada.post(`${app}/keys/new`, { ...KEY, scopes: ['read', 'write'] })
    expect(onlyKey()).not.toHaveProperty('scopes')
  })
  test.each([
    ['scopes that the plan does not have', { scopes: 'admin' }],
    ['no scope', { scopes: [] }],
    ['a life that is not offered', { life: '999999999' }],
    ['a network that is none', { addresses: 'everywhere' }],
    ['too many networks', { addresses: Array.from({ length: 21 }, (_, index) => `10.0.0.${index}`).join('\n') }],
  ])('%s: is not made, and keeps what was typed', async (_name, wrong: Record<string, string | readonly string[]>) => {
    const response = await ada.post(`${app}/keys/new`, { ...KEY, name: 'Kept', ...wrong })
    const text = await response.text()
    expect([response.status, portal.accounts.keysById.size]).toEqual([422, 0])
    expect(text).toContain('value="Kept"')
    expect(text).toContain('aria-invalid="true"')
  })
  test('an app has no more than it may; revoked ones do not count', async () => {
    for (const name of ['One', 'Two']) expect((await ada.post(`${app}/keys/new`, { ...KEY, name })).status).toBe(200)
    const third = await ada.post(`${app}/keys/new`, { ...KEY, name: 'Three' })
    expect([third.status, (await third.text()).includes('may have no more')]).toEqual([422, true])
    await ada.made(`/keys/${onlyKey()?.id ?? ''}/revoke`, {})
    expect((await ada.post(`${app}/keys/new`, { ...KEY, name: 'Three' })).status).toBe(200)
  })
  test('that no part of the gate was told of yet says so', async () => {
    portal.accounts.inForce = 'pending'
    expect(await (await ada.post(`${app}/keys/new`, KEY)).text()).toContain('Until every part of the gate has been told')
  })
})

describe('a public key', () => {
  const typed = JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: X, kid: 'mine' })
  test('is known by what makes it one alone, and has no secret', async () => {
    const path = await ada.made(`${app}/keys/public`, { name: 'Signer', publicKey: typed })
    expect(path).toBe(`/keys/${onlyKey()?.id ?? ''}`)
    expect(onlyKey()?.kind).toBe('public')
    expect((await ada.get(`${path}/rotate`)).status).toBe(404)
  })
  test('a private one is refused and not sent back', async () => {
    const response = await ada.post(`${app}/keys/public`, {
      name: 'Kept',
      publicKey: JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: X, d: 'c2VjcmV0' }),
    })
    const text = await response.text()
    expect([response.status, portal.accounts.keysById.size]).toEqual([422, 0])
    expect(text).toContain('This is a private key')
    expect(text).not.toContain('c2VjcmV0')
    expect(text).toContain('value="Kept"')
  })
  test.each([
    ['', 'Paste'],
    ['x', 'no JWK'],
    ['[]', 'no JWK'],
    ['null', 'no JWK'],
    ['-----BEGIN PRIVATE KEY-----', 'private key'],
    ['{"kty":"RSA","n":"x","e":"AQAB"}', 'Neither'],
    ['{"kty":"oct","k":"c2VjcmV0"}', 'private key'],
    ['{"kty":"EC","crv":"P-384","x":"x","y":"y"}', 'Neither'],
    [`{"kty":"EC","crv":"P-256","x":"${X}"}`, 'Neither'],
    [`{"kty":"OKP","crv":"Ed25519","x":"${X}A"}`, 'Neither'],
    [`{"kty":"OKP","crv":"X25519","x":"${X}"}`, 'Neither'],
    ['x'.repeat(2049), 'At most'],
  ])('%s: %s', (text, words) => {
    const read = readPublicKey(text)
    expect('fault' in read && read.fault).toContain(words)
  })
  test('only what a public key is made of goes on', () => {
    expect(readPublicKey(typed)).toEqual({ jwk: { kty: 'OKP', crv: 'Ed25519', x: X } })
    expect(readPublicKey(`{"kty":"EC","crv":"P-256","x":"${X}","y":"${X}","use":"sig"}`)).toEqual({
      jwk: { kty: 'EC', crv: 'P-256', x: X, y: X },
    })
  })
})

describe('a key that is there', () => {
  let key: string
  beforeEach(async () => {
    await ada.post(`${app}/keys/new`, KEY)
    key = `/keys/${onlyKey()?.id ?? ''}`
  })
  test('rotates: the new secret once, and when the old one ends', async () => {
    const response = await ada.post(`${key}/rotate`, { overlapSeconds: '86400' })
    const text = await response.text()
    expect([response.status, response.headers.get('location')]).toEqual([200, null])
    expect(text).toContain('pck_secretof_bbb')
    expect(text).toContain('26 Nov 2026, 12:30')
    const shown = await (await ada.get(app)).text()
    expect(shown).toContain('Being replaced')
    expect((await ada.post(`${key}/rotate`, { overlapSeconds: '86400' })).status).toBe(404)
  })
  test.each(['1', '', '-1', 'x', '99999999'])('an overlap of %j is not offered', async (overlapSeconds) => {
    expect((await ada.post(`${key}/rotate`, { overlapSeconds })).status).toBe(422)
  })
  test('is disabled and enabled', async () => {
    await ada.made(`${key}/state`, { state: 'disabled' })
    expect(onlyKey()?.state).toBe('disabled')
    await ada.made(`${key}/state`, { state: 'active' })
    expect(onlyKey()?.state).toBe('active')
    expect((await ada.post(`${key}/state`, { state: 'revoked' })).status).toBe(422)
  })
  test('is changed: an empty list lifts what kept it to some addresses', async () => {
    await ada.made(`${key}/settings`, { name: 'New name', scopes: 'write', addresses: '10.0.0.1' })
    expect(onlyKey()).toMatchObject({ name: 'New name', scopes: ['write'], addresses: ['10.0.0.1'] })
    await ada.made(`${key}/settings`, { name: 'New name', scopes: ['read', 'write'], addresses: '' })
    expect(onlyKey()).not.toHaveProperty('addresses')
    expect(onlyKey()).not.toHaveProperty('scopes')
    expect((await ada.post(`${key}/settings`, { name: 'New name', scopes: 'admin' })).status).toBe(422)
  })
  test('that is revoked is seen, and offers nothing more', async () => {
    await ada.made(`${key}/revoke`, {})
    const text = await (await ada.get(key)).text()
    expect(text).toContain('Revoked')
    expect(text).not.toContain(`${key}/rotate`)
  })
})
