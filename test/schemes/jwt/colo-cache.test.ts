import { describe, expect, test } from 'vitest'
import { parseRootSecret, type RootSecret } from '../../../src/credentials/root-secret.ts'
import { encodeBase64Url, encodeHex } from '../../../src/http/base64url.ts'
import { createColoCache } from '../../../src/schemes/jwt/colo-cache.ts'
import type { Fetched } from '../../../src/schemes/jwt/key-set-source.ts'
import { NOW } from '../../support/authenticators.ts'
import { createScene, createSigner, ISSUER, outcomeOf } from './scene.ts'

const NAME = 'an issuer'
const random = (): string => encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
const secretOf = (text: string): RootSecret => parseRootSecret(text, { gateway: 'edge', environment: 'test' })
const SECRET = secretOf(`g1:${random()}`)
const VALUE: Fetched = { text: '{"keys":[]}', fetchedAt: NOW, freshUntil: NOW + 300_000, isShareable: true }
/** A host of its own for every test: what another test put is not there. */
const host = (): string => `${crypto.randomUUID()}.example`
const cacheOf = async (): Promise<Cache> => caches.open('portcullis')
async function addressOf(authority: string, name = NAME): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name)))
  return `https://${authority}/.portcullis/key-sets/${encodeHex(digest)}`
}
const stored = async (authority: string): Promise<string | undefined> => (await (await cacheOf()).match(await addressOf(authority)))?.text()
const plant = async (authority: string, text: string, name = NAME): Promise<void> =>
  (await cacheOf()).put(await addressOf(authority, name), new Response(text, { headers: { 'cache-control': 'max-age=300' } }))
async function shared(authority: string, value: Fetched = VALUE): Promise<string> {
  await createColoCache(NAME, SECRET).put(authority, value)
  return (await stored(authority)) ?? ''
}

describe('createColoCache()', () => {
  test('hands a value to another isolate under the same root secret', async () => {
    const authority = host()
    await shared(authority)
    expect(await createColoCache(NAME, SECRET).get(authority, NOW)).toEqual(VALUE)
  })

  test('is a miss under another root secret, name or host', async () => {
    const authority = host()
    await shared(authority)
    expect(await createColoCache(NAME, secretOf(`g1:${random()}`)).get(authority, NOW)).toBeUndefined()
    expect(await createColoCache('another issuer', SECRET).get(authority, NOW)).toBeUndefined()
    expect(await createColoCache(NAME, SECRET).get(host(), NOW)).toBeUndefined()
  })

  test('JB-6: the value of one issuer in the place of another is a miss', async () => {
    const authority = host()
    await plant(authority, await shared(authority), 'another issuer')
    expect(await createColoCache('another issuer', SECRET).get(authority, NOW)).toBeUndefined()
  })

  test.each<[string, (value: string) => string]>([
    ['a key more', (value) => value.replace('[]', '[{}]')],
    ['a later end', (value) => value.replace(String(NOW + 300_000), String(NOW + 900_000))],
    ['an earlier beginning', (value) => value.replace(`.${NOW}.`, `.${NOW - 1}.`)],
    ['a number moved into the text', (value) => value.replace(/\.([0-9]+)\.([0-9]+)\./u, '.$1.$2$&')],
    ['another MAC', (value) => `${random()}${value.slice(43)}`],
    ['no MAC', (value) => value.slice(43)],
    ['a MAC of zeros', (value) => `${'A'.repeat(43)}${value.slice(43)}`],
    ['a MAC respelt', (value) => `${value.slice(0, 42)}!${value.slice(43)}`],
    ['a character more at the end', (value) => `${value} `],
    ['nothing', () => ''],
    ['a key set alone', () => VALUE.text],
  ])('a value with %s is a miss', async (_, change) => {
    const authority = host()
    const value = await shared(authority)
    await plant(authority, value)
    expect(await createColoCache(NAME, SECRET).get(authority, NOW)).toEqual(VALUE)
    const changed = change(value)
    expect(changed).not.toBe(value)
    await plant(authority, changed)
    expect(await createColoCache(NAME, SECRET).get(authority, NOW)).toBeUndefined()
  })

  test('a value that is put back late is a miss: its end is its own', async () => {
    const authority = host()
    await plant(authority, await shared(authority))
    expect(await createColoCache(NAME, SECRET).get(authority, NOW + 299_999)).toEqual(VALUE)
    expect(await createColoCache(NAME, SECRET).get(authority, NOW + 300_000)).toBeUndefined()
  })

  test('a value from the future is a miss, beyond a minute of disagreeing clocks', async () => {
    for (const [ahead, isTaken] of [
      [60_000, true],
      [60_001, false],
    ] as const) {
      const authority = host()
      await shared(authority, { ...VALUE, fetchedAt: NOW + ahead })
      expect((await createColoCache(NAME, SECRET).get(authority, NOW)) !== undefined).toBe(isTaken)
    }
  })

  test('nothing is put that is not to be shared, or without a root secret', async () => {
    const [own, none] = [host(), host()]
    await shared(own, { ...VALUE, isShareable: false })
    expect(await stored(own)).toBeUndefined()
    const without = createColoCache(NAME, { ...SECRET, generations: [] })
    await without.put(none, VALUE)
    expect(await stored(none)).toBeUndefined()
    expect(await without.get(none, NOW)).toBeUndefined()
  })
})

describe('gates of one data centre', () => {
  test('ask the issuer once, and a new key is still found', async () => {
    const [signer, next] = await Promise.all([createSigner('Ed25519', 'k1'), createSigner('Ed25519', 'k2')])
    const secret = secretOf(`g1:${random()}`)
    const first = createScene({ [ISSUER]: [signer.jwk] }, {}, secret)
    expect(outcomeOf(await first.verify(await signer.sign()))).toBe('verified')
    expect(first.deferred.map(({ name }) => name)).toEqual(['share key set'])
    await first.runDeferred()

    const second = createScene({ [ISSUER]: [signer.jwk, next.jwk] }, {}, secret)
    expect(outcomeOf(await second.verify(await signer.sign()))).toBe('verified')
    expect(second.fetched).toEqual([])
    expect(outcomeOf(await second.verify(await next.sign()))).toBe('verified')
    expect(second.fetched).toHaveLength(2)
  })

  test('refresh from each other before they ask the issuer', async () => {
    const signer = await createSigner('Ed25519', 'k1')
    const secret = secretOf(`g1:${random()}`)
    const gates = [createScene({ [ISSUER]: [signer.jwk] }, {}, secret), createScene({ [ISSUER]: [signer.jwk] }, {}, secret)]
    const token = await signer.sign({ exp: NOW / 1000 + 10_000 })
    for (const gate of gates) {
      expect(outcomeOf(await gate.verify(token))).toBe('verified')
      await gate.runDeferred()
    }
    for (const gate of gates) {
      gate.fetched.splice(0)
      expect(outcomeOf(await gate.verify(token, NOW + 300_000))).toBe('verified')
      await gate.runDeferred()
    }
    expect(gates.map(({ fetched }) => fetched.length)).toEqual([1, 0])
    expect(outcomeOf(await gates[1]!.verify(token, NOW + 599_999))).toBe('verified')
    expect(gates[1]!.deferred).toEqual([])
  })
})
